//! What the benchmarks share: objects to work on, a job from its creation to its end, a stub store that
//! accepts every call at once or at a set speed, a proxy that adds distance, other clients, the usage
//! of processes, and tables of several rounds.
//!
//! A benchmark of the whole service starts it as users do, by [`Scenario`](brigade_tests::Scenario) on a
//! [`Server`](brigade_tests::Server), and measures it from outside: by its log, and by what Linux counts
//! for its process. Times are real times, and a figure that cannot be taken is a panic.

pub mod client;
pub mod figures;
pub mod job;
pub mod objects;
pub mod peer;
pub mod proxy;
pub mod stub;
pub mod usage;

pub use figures::Figures;
pub use job::JobRun;
pub use objects::Objects;
pub use proxy::Proxy;
pub use stub::{Conduct, Stub};
pub use usage::Usage;
