//! Dry runs: the operations run unchanged, before a store that answers every call that would
//! change something by itself, and counts what it is asked.
//!
//! ```text
//! task -> operation -> dry run (counts; reads pass, writes are answered) -> the job's store
//! ```
//!
//! - A read that the operation needs goes through: so a missing object fails its task where the
//!   operation would have looked at it, and only there. No read is made for the dry run's sake.
//! - No byte of an object is read: a copy that passes through us gets zeros in its place.
//! - The requests of a task stand in its outcome's message ([`requests`]), so they are recorded
//!   exactly once whatever crashes, and the sum of the job ([`mod@sum`]) is the sum of its rows.
//!
//! The job store learns nothing that a dry run could leave behind but outcomes; no task may have
//! had an effect, so nothing has to be looked at, and nothing is `Unconfirmed`.

mod estimate;
mod requests;
mod store;
mod sum;

pub use estimate::{Load, estimate};
pub use requests::Requests;
pub(crate) use store::DryRun;
pub(crate) use sum::sum;
