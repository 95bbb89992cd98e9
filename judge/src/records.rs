//! What the job store holds of a job.

use std::collections::BTreeMap;

use brigade_engine::outcomes::SliceOutcomes;
use brigade_model::ports::JobStore;
use brigade_model::ports::job_store::{SliceRow, StoreError};
use brigade_model::{Job, JobId, Outcome};
use bytes::Bytes;

/// The index of a slice is a `u32`.
const SLICES_MAX: usize = u32::MAX as usize;

/// A job, its slices, and what is recorded of its tasks.
#[derive(Debug, Clone)]
pub struct Records {
    /// The job.
    pub job: Job,
    /// Its slices, in order.
    pub slices: Vec<SliceRow>,
    /// The recorded parts of each slice.
    pub parts: Vec<Vec<(u64, Bytes)>>,
    /// How many slices are leased.
    pub leased: u64,
}

impl Records {
    /// Reads them; `None` when there is no such job.
    ///
    /// # Errors
    /// The store's.
    pub async fn read(store: &dyn JobStore, id: JobId) -> Result<Option<Self>, StoreError> {
        let Some(job) = store.job(id).await? else { return Ok(None) };
        let slices = store.slices(id, 0, SLICES_MAX).await?;
        let mut parts = Vec::new();
        for slice in &slices {
            parts.push(store.parts(id, slice.index).await?);
        }
        Ok(Some(Self { job, slices, parts, leased: store.count_leased(id).await? }))
    }

    /// What was recorded of each task.
    #[must_use]
    pub fn outcomes(&self) -> BTreeMap<u64, Outcome> {
        let mut all = BTreeMap::new();
        for (slice, outcomes) in self.outcomes_by_slice() {
            let Ok(outcomes) = outcomes else { continue };
            let recorded = |offset| Some((slice.first_task + u64::from(offset), outcomes.get(offset)?.clone()));
            all.extend((0..slice.tasks).filter_map(recorded));
        }
        all
    }

    /// The slice of a task.
    #[must_use]
    pub fn slice_of(&self, task: u64) -> Option<u32> {
        self.slices.iter().rev().find(|slice| slice.first_task <= task).map(|slice| slice.index)
    }

    /// Slices whose counters are not the sums of their outcomes, or whose outcomes cannot be read.
    #[must_use]
    pub fn miscounted(&self) -> Vec<String> {
        let wrong = self.outcomes_by_slice().filter_map(|(slice, outcomes)| {
            let outcomes = match outcomes {
                Ok(outcomes) => outcomes,
                Err(error) => return Some(format!("slice {}: {error}", slice.index)),
            };
            let (succeeded, failed): (Vec<_>, Vec<_>) =
                (0..slice.tasks).filter_map(|offset| outcomes.get(offset)).partition(|outcome| outcome.is_success());
            let (held, counted) = ((succeeded.len(), failed.len()), (slice.succeeded as usize, slice.failed as usize));
            (held != counted).then(|| format!("slice {} counts {counted:?}, its parts hold {held:?}", slice.index))
        });
        wrong.collect()
    }

    fn outcomes_by_slice(&self) -> impl Iterator<Item = (&SliceRow, Result<SliceOutcomes, String>)> {
        let read = |(slice, parts): (_, &Vec<_>)| {
            let slice: &SliceRow = slice;
            (slice, SliceOutcomes::of_parts(slice.tasks, parts).map_err(|error| error.to_string()))
        };
        self.slices.iter().zip(&self.parts).map(read)
    }
}
