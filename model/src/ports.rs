//! The ports: the traits through which the engine and the service reach the outside world.
//!
//! Each has a body for production and one for tests; one conformance suite runs on all bodies
//! of a port.

pub mod change_job;
pub mod clock;
pub mod entropy;
pub mod function;
pub mod grantees;
pub mod job_store;
pub mod object_store;
pub mod spawn;
pub mod spool;

pub use change_job::change_job;
pub use clock::{Clock, Monotonic};
pub use entropy::Entropy;
pub use function::Function;
pub use grantees::{Grantees, OwnIds, UnknownGrantee};
pub use job_store::JobStore;
pub use object_store::ObjectStore;
pub use spawn::{Spawn, Spawned};
pub use spool::Spool;
