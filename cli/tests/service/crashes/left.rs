//! Reads what a dead process left in its data directory, from a copy, so that its successor finds
//! everything unchanged.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use brigade_engine::outcomes::SliceOutcomes;
use brigade_model::ports::JobStore;
use brigade_model::ports::job_store::SliceRow;
use brigade_model::{Job, JobId, Outcome};
use brigade_runtime::SystemClock;
use brigade_store::sqlite::SqliteStore;

/// More slices than any job of these tests has.
const SLICES_MAX: usize = 10_000;

/// A job, its slices, and what is recorded of its tasks.
#[derive(Debug, Clone)]
pub(crate) struct Left {
    pub(crate) job: Option<Job>,
    pub(crate) slices: Vec<SliceRow>,
    /// By the number of the task.
    pub(crate) outcomes: BTreeMap<u64, Outcome>,
    /// What does not fit together.
    pub(crate) flaws: Vec<String>,
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
        let job = store.job(id).await.unwrap();
        let slices = store.slices(id, 0, SLICES_MAX).await.unwrap();
        let mut left = Self { job, slices, outcomes: BTreeMap::new(), flaws: Vec::new() };
        for slice in left.slices.clone() {
            let parts = store.parts(id, slice.index).await.unwrap();
            left.add(&slice, &parts);
        }
        left
    }

    fn add(&mut self, slice: &SliceRow, parts: &[(u64, bytes::Bytes)]) {
        let outcomes = match SliceOutcomes::of_parts(slice.tasks, parts) {
            Ok(outcomes) => outcomes,
            Err(error) => return self.flaws.push(format!("slice {}: {error}", slice.index)),
        };
        let known = (0..slice.tasks).filter_map(|offset| Some((offset, outcomes.get(offset)?.clone())));
        let known: Vec<_> = known.collect();
        let succeeded = known.iter().filter(|(_, outcome)| outcome.is_success()).count();
        let held = (succeeded, known.len() - succeeded);
        if held != (slice.succeeded as usize, slice.failed as usize) {
            self.flaws.push(format!("{slice:?} counts otherwise than its parts: {held:?}"));
        }
        self.outcomes
            .extend(known.into_iter().map(|(offset, outcome)| (slice.first_task + u64::from(offset), outcome)));
    }

    /// The slice of a task.
    pub(crate) fn slice_of(&self, task: u64) -> Option<u32> {
        self.slices.iter().rev().find(|slice| slice.first_task <= task).map(|slice| slice.index)
    }
}
