//! Dry runs: the operations run unchanged on a store that counts every call, answers by itself each
//! one that would change something, and passes reads on.
//!
//! ```text
//! task -> operation -> dry run (counts; reads pass, writes are answered) -> the job's store
//! ```
//!
//! - A read that the operation needs goes through, so a missing object fails its task where the
//!   operation would have read it, and only there. The dry run adds no read of its own.
//! - No byte of an object is read: a copy through this process gets zeros in place of the bytes.
//! - The requests of a task stand in its outcome's message ([`requests`]), so they are recorded
//!   exactly once whatever crashes, and the sum of the job ([`mod@sum`]) is the sum of its rows.
//!
//! A dry run stores outcomes and nothing else; none of its tasks can have had an effect, so no
//! worker has to check one, and no outcome is `Unconfirmed`.

mod estimate;
mod requests;
mod store;
mod sum;

pub use estimate::{Load, estimate};
pub use requests::Requests;
pub(crate) use store::DryRun;
pub(crate) use sum::sum;
