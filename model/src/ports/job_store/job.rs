//! Jobs as they are changed, listed and scheduled.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::fence::Fence;
use crate::job::{Change, Dialect, JobId};
use crate::names::{AccountId, EndpointName};
use crate::service_clock::ServiceTime;
use crate::status::Status;

/// Recognises a change that is sent again after its answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChangeId(pub Uuid);

/// A change to apply.
#[derive(Debug, Clone)]
pub struct Apply {
    /// Which job.
    pub job: JobId,
    /// The revision that the decision was made on.
    pub revision: u64,
    /// Names this change.
    pub id: ChangeId,
    /// What happens.
    pub change: Change,
    /// The fence of the stage lease that the change is made under; `None` for what users and
    /// the scheduler do.
    pub stage_fence: Option<Fence>,
}

/// Which jobs to list.
#[derive(Debug, Clone)]
pub struct ListJobs {
    /// Whose.
    pub account: AccountId,
    /// By which wire.
    pub dialect: Dialect,
    /// In which statuses; empty for all.
    pub statuses: Vec<Status>,
    /// After this position in the order asked for, which need not be a job.
    pub after: Option<JobId>,
    /// The newest first, and not the oldest.
    pub is_newest_first: bool,
    /// Jobs that ended before this are left out.
    pub ended_since: ServiceTime,
    /// How many at most.
    pub limit: usize,
}

/// A job as the scheduler sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobHead {
    /// Which job.
    pub id: JobId,
    /// Whose.
    pub account: AccountId,
    /// Where its calls go.
    pub endpoint: EndpointName,
    /// Where it stands.
    pub status: Status,
    /// How urgent.
    pub priority: i32,
    /// The revision this was read at.
    pub revision: u64,
    /// Paused by its user.
    pub held_by_user: bool,
    /// Until when the service holds it, or its next round begins; `None` when it does not wait so.
    pub held_until: Option<ServiceTime>,
    /// When it came to stand there.
    pub since: ServiceTime,
    /// The job whose tasks are its own, once that one has ended.
    pub retry_of: Option<JobId>,
    /// Whether its stage has a lease that has not expired.
    pub is_stage_leased: bool,
}
