//! What figures of the whole service share: objects to work on, a job from its creation to its
//! end, a store that says yes at once or as slowly as it is told, a proxy that adds distance, other clients, what processes have used, and tables of several rounds.
//!
//! A figure of the whole service starts the service as its users do, by [`Scene`](brigade_tests::Scene) on a
//! [`Server`](brigade_tests::Server), and looks at it from outside: at its log, and at what Linux
//! counts for its process. Times are real times here, and a figure that cannot be taken is a panic.

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
