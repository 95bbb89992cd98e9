//! Reads what a dead process left in its data directory, from a copy, so that its successor finds
//! everything unchanged.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use brigade_judge::Records;
use brigade_model::{Job, JobId, Outcome};
use brigade_runtime::SystemClock;
use brigade_store::sqlite::SqliteStore;

/// A job, its slices, and what is recorded of its tasks.
#[derive(Debug, Clone)]
pub(crate) struct Left {
    /// `None`: the job is lost.
    pub(crate) records: Option<Records>,
    /// By the number of the task.
    pub(crate) outcomes: BTreeMap<u64, Outcome>,
}

impl Left {
    /// Looks into the data directory of a process that is dead.
    pub(crate) async fn of(data: &Path, id: JobId, clock: Arc<SystemClock>) -> Self {
        let copy = tempfile::tempdir().unwrap();
        for name in ["brigade.db", "brigade.db-wal"] {
            // There is no log of a database that was closed.
            if data.join(name).exists() {
                fs::copy(data.join(name), copy.path().join(name)).unwrap();
            }
        }
        let store = SqliteStore::open(copy.path(), clock).unwrap();
        let records = Records::read(&store, id).await.unwrap();
        let outcomes = records.as_ref().map(Records::outcomes).unwrap_or_default();
        Self { records, outcomes }
    }

    pub(crate) fn job(&self) -> Option<&Job> {
        self.records.as_ref().map(|records| &records.job)
    }

    /// The slice of a task.
    pub(crate) fn slice_of(&self, task: u64) -> Option<u32> {
        self.records.as_ref()?.slice_of(task)
    }
}
