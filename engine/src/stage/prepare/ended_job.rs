//! Makes the slices of a job whose tasks are those of an ended one, in manifest order: a retry takes the
//! tasks that did not succeed, and a job that follows takes those that did.
//!
//! The other job has ended, so its slices and outcomes no longer change, and slicing is a function
//! of them: a worker that takes over cuts the same slices. It holds one slice and its outcomes at a
//! time. Rows are copied as they were written, with what the other job's preparation found about
//! all of them: the whole manifest decides whether an empty version is in doubt.

use brigade_model::job::{Prepared, Taken, Unconfirmed, failure};
use brigade_model::outcome::TaskEffect;
use brigade_model::ports::job_store::SliceRow;
use brigade_model::{BucketName, Job, JobFailure, JobId, Outcome, Timestamp};

use super::context::Prepare;
use super::sample::Sample;
use crate::manifest::row::Row;
use crate::outcomes::SliceOutcomes;
use crate::pace::{Pace, ROW_BYTES};
use crate::slice::slicer::{SLICES_PAGE, Slicer};
use crate::slice::{open_as_written, unreadable};
use crate::stage_error::StageError;

/// Makes the slices of a job that takes the tasks of `source`; gives a sample of its rows, too.
pub(super) async fn read_tasks(what: Prepare<'_>, source: JobId) -> Result<(Prepared, Sample<Row>), StageError> {
    let source = find_ended(what, source).await?;
    let wanted = match what.job.spec.takes {
        Taken::Unfinished => source.count_to_retry().map_err(|error| fail(&source, error))?,
        Taken::Succeeded => source.count_succeeded().map_err(|error| {
            let reason = format!("job {}, which restores what this one waits for: {error}", source.id);
            StageError::Failed(JobFailure::new(failure::FOLLOWED_JOB_NOT_FOUND, reason))
        })?,
    };
    let some_rows_have_versions = source.prepared.as_ref().is_some_and(|prepared| prepared.some_rows_have_versions);
    let mut taking = Taking {
        what,
        source: &source,
        slicer: Slicer::begin(what.slicing()).await?,
        tasks: 0,
        source_bucket: source.prepared.as_ref().and_then(|prepared| prepared.source_bucket.clone()),
        sample: Sample::new(what.job.id),
        pace: Pace::default(),
    };
    let read = taking.add_slices(wanted).await;
    let (tasks, slices) = taking.slicer.leave(read).await?;
    let source_bucket = taking.source_bucket;
    Ok((Prepared { tasks, slices, some_rows_have_versions, source_bucket, ..Prepared::default() }, taking.sample))
}

async fn find_ended(what: Prepare<'_>, source: JobId) -> Result<Job, StageError> {
    let found = what.jobs.job(source).await?.ok_or_else(|| {
        let (code, whose) = match what.job.spec.takes {
            Taken::Unfinished => (failure::RETRIED_JOB_NOT_FOUND, "whose failed tasks are retried"),
            Taken::Succeeded => (failure::FOLLOWED_JOB_NOT_FOUND, "whose restores are waited for"),
        };
        StageError::Failed(JobFailure::new(code, format!("job {source}, {whose}, is not kept any more")))
    })?;
    match found.status.is_terminal() {
        true => Ok(found),
        false => Err(StageError::Again(format!("job {source} has not ended"))),
    }
}

fn fail(source: &Job, why: impl std::fmt::Display) -> StageError {
    StageError::internal(format!("the tasks of job {} cannot be taken: {why}", source.id))
}

struct Taking<'a> {
    what: Prepare<'a>,
    source: &'a Job,
    slicer: Slicer<'a>,
    tasks: u64,
    source_bucket: Option<BucketName>,
    sample: Sample<Row>,
    pace: Pace,
}

impl Taking<'_> {
    /// Whether the task is one of this job's.
    fn takes(&self, outcome: Option<&Outcome>) -> bool {
        let is_success = outcome.is_some_and(Outcome::is_success);
        is_success == (self.what.job.spec.takes == Taken::Succeeded)
    }

    /// Cuts the tasks that are this job's, of which there must be so many; says how many there are, and
    /// how many slices.
    async fn add_slices(&mut self, wanted: u64) -> Result<(u64, u32), StageError> {
        let (mut from, takes) = (0, self.what.job.spec.takes);
        loop {
            let page = self.what.jobs.slices(self.source.id, from, SLICES_PAGE).await?;
            let Some(last) = page.last() else { break };
            from = last.index + 1;
            for slice in page.iter().filter(|slice| has_taken(takes, slice)) {
                self.add_slice(slice).await?;
            }
        }
        if self.tasks != wanted {
            let found = format!("{wanted} of its tasks are wanted, and {} were found", self.tasks);
            return Err(fail(self.source, found));
        }
        self.slicer.finish().await
    }

    async fn add_slice(&mut self, slice: &SliceRow) -> Result<(), StageError> {
        let parts = self.what.jobs.parts(self.source.id, slice.index).await?;
        let outcomes = SliceOutcomes::of_parts(slice.tasks, &parts)
            .map_err(|error| fail(self.source, format!("the outcomes of slice {}: {error}", slice.index)))?;
        for (offset, task) in (0..).zip(open_as_written(self.what.spool, self.source, slice).await?) {
            let mut task = task.map_err(|error| unreadable(slice, &error))?;
            self.pace.work(task.key.as_str().len() + ROW_BYTES).await;
            let outcome = outcomes.get(offset);
            if !self.takes(outcome) {
                continue;
            }
            task.tried_since = match self.what.job.spec.unconfirmed {
                // The other operation had its effect.
                _ if self.what.job.spec.takes == Taken::Succeeded => None,
                Unconfirmed::Act => None,
                Unconfirmed::Look | Unconfirmed::Compare => {
                    tried_since(self.source.restored_from, slice.first_leased, task.tried_since, outcome)
                }
            };
            task.number = self.tasks;
            self.tasks += 1;
            self.slicer.add(&task).await?;
            if task.defect.is_none() {
                self.source_bucket.get_or_insert_with(|| task.bucket.clone());
                self.sample.offer(task.number, || task.into());
            }
        }
        Ok(())
    }
}

/// Whether the slice has tasks that are taken.
fn has_taken(takes: Taken, slice: &SliceRow) -> bool {
    match takes {
        Taken::Unfinished => slice.succeeded < slice.tasks,
        Taken::Succeeded => slice.succeeded > 0,
    }
}

/// Since when an attempt of the job before, or of one before that, may have had its effect. What a
/// restored job did after its backup is unknown, whatever it recorded.
fn tried_since(
    restored_from: Option<Timestamp>,
    first_leased: Option<Timestamp>,
    tried_before: Option<Timestamp>,
    outcome: Option<&Outcome>,
) -> Option<Timestamp> {
    match outcome.map(Outcome::effect) {
        Some(TaskEffect::Unknown) => [tried_before, first_leased, restored_from].into_iter().flatten().min(),
        None => tried_before.into_iter().chain(restored_from).min(),
        // The attempts before were ruled out, too, before it was refused.
        Some(TaskEffect::None | TaskEffect::Done) => None,
    }
}

#[cfg(test)]
mod tests;
