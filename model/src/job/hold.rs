//! A hold by the service: tasks of the job fail by what a person must change at the store or in the
//! configuration. The job waits without its slot, and one of its tasks is tried from time to time.
//!
//! The hold stands in the job's row, so that it outlives the process that found it. While
//! [`Hold::next_try`] lies ahead the job wants no slot; without one the job is *on trial*: it wants a
//! slot, and one of its tasks decides whether the hold is lifted.

use serde::{Deserialize, Serialize};

use super::failure::JobFailure;
use crate::service_clock::ServiceTime;

/// What a held job says before the failure that holds it.
pub const REASON_HELD: &str = "held; a task is tried each minute";

/// Why the service holds a job, and when it tries again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The failure that its tasks have in common: the job's own, if patience ends.
    pub why: JobFailure,
    /// Since when it holds for this code: what patience is counted from.
    pub since: ServiceTime,
    /// When a task is tried next; `None` while the job is on trial.
    pub next_try: Option<ServiceTime>,
}

impl Hold {
    /// What the job says.
    pub(super) fn sentence(&self) -> String {
        format!("{REASON_HELD}: {}", self.why.sentence())
    }
}
