//! A job: what the client asked ([`JobSpec`]), its row ([`Job`]) and the changes that move it
//! ([`Change`]).

mod change;
pub mod failure;
mod follow;
mod hold;
mod id;
mod retry;
mod rounds;
mod spec;
mod state;

pub use change::{Change, IllegalChange, REASON_COMPLETE, REASON_PAUSED, REASON_ROUND, SUSPENDED_CAUSE};
pub use failure::JobFailure;
pub use follow::{CannotFollow, Follow};
pub use hold::{Hold, REASON_HELD};
pub use id::{JobId, NotAJobId};
pub use retry::{CannotRetry, Retry, Unconfirmed, UnknownWay};
pub use rounds::Rounds;
pub use spec::{Dialect, JobSpec, Spelled, Taken};
pub use state::{Job, Prepared};

#[cfg(test)]
mod tests;
