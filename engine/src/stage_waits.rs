//! Why stages of this process were left, to be entered again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use brigade_model::waiting::JOB;
use brigade_model::{JobId, Timestamp, WaitCause, Waiting};

/// Why stages were left, to be entered again, by job. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct StageWaits(Arc<Mutex<BTreeMap<JobId, (Timestamp, String)>>>);

impl StageWaits {
    fn jobs(&self) -> MutexGuard<'_, BTreeMap<JobId, (Timestamp, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stage begins again for that reason; since the first time that it said something.
    pub(crate) fn note(&self, job: JobId, reason: &str, now: Timestamp) {
        self.jobs().entry(job).or_insert_with(|| (now, String::new())).1 = reason.to_owned();
    }

    /// The stage goes on.
    pub(crate) fn forget(&self, job: JobId) {
        self.jobs().remove(&job);
    }

    /// For what the stage of the job waits.
    pub(crate) fn of(&self, job: JobId) -> Option<Waiting> {
        let (since, what) = self.jobs().get(&job)?.clone();
        Some(Waiting { who: JOB.to_owned(), cause: WaitCause::Retry, what, since: Some(since), name: String::new() })
    }
}
