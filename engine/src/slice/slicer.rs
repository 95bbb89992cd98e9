//! Cuts the tasks of a job into slices: a slice's file is durable in the spool before the row that names
//! it is added to the store.
//!
//! Where one slice ends and the next begins is a function of their numbers, so the worker that takes a
//! preparation over cuts the same slices, and writes only those that are not recorded yet.

use brigade_model::job::{JobFailure, failure};
use brigade_model::ports::job_store::{AddSlicesError, NewSlice, StageLease};
use brigade_model::ports::object_store::CancelToken;
use brigade_model::ports::{JobStore, Spool};
use brigade_model::{Job, Task};

use crate::manifest::row::Row;
use crate::slice::codec::SliceWriter;
use crate::slice::plan;
use crate::stage_error::StageError;

/// Slices added to the store at once: what a lost preparation may leave in the spool without a
/// row, and what one transaction of the store takes.
const SLICES_ADDED_AT_ONCE: usize = 16;
/// Slices read from the store at once.
pub(crate) const SLICES_PAGE: usize = 1000;

/// What cutting needs.
#[derive(Clone, Copy)]
pub(crate) struct Slicing<'a> {
    /// The job, Preparing.
    pub(crate) job: &'a Job,
    /// Its stage, held.
    pub(crate) lease: &'a StageLease,
    /// Where slices are recorded.
    pub(crate) jobs: &'a dyn JobStore,
    /// Where their files go.
    pub(crate) spool: &'a dyn Spool,
    /// What the slices and outcomes of its account may take, in bytes.
    pub(crate) bytes_max: u64,
    /// How long it may go on.
    pub(crate) cancel: &'a CancelToken,
}

/// Cuts tasks into slices and records those that are not recorded yet.
pub(crate) struct Slicer<'a> {
    what: Slicing<'a>,
    tasks_max: u32,
    recorded: u32,
    /// What an earlier preparation recorded may come from other bytes: it is compared.
    pub(crate) compares_recorded: bool,
    index: u32,
    tasks: u64,
    writer: SliceWriter,
    written: Vec<NewSlice>,
}

impl<'a> Slicer<'a> {
    pub(crate) async fn begin(what: Slicing<'a>) -> Result<Self, StageError> {
        let mut slicer = Self {
            what,
            tasks_max: what.job.spec.operation.kind().slice_tasks_max(),
            recorded: count_recorded(what).await?,
            compares_recorded: false,
            index: 0,
            tasks: 0,
            writer: SliceWriter::new(),
            written: Vec::new(),
        };
        slicer.written.reserve(SLICES_ADDED_AT_ONCE);
        Ok(slicer)
    }

    pub(crate) async fn add(&mut self, task: &Task) -> Result<(), StageError> {
        self.writer.add(task);
        self.count().await
    }

    pub(crate) async fn add_row(&mut self, row: &Row) -> Result<(), StageError> {
        match row.is_behind_blank {
            true => self.writer.add_behind_blank(&row.task),
            false => self.writer.add(&row.task),
        }
        self.count().await
    }

    async fn count(&mut self) -> Result<(), StageError> {
        if self.what.cancel.is_stopped() {
            return Err(StageError::Stopped);
        }
        self.tasks += 1;
        if self.writer.tasks() == plan::tasks_of(self.index, self.tasks_max) {
            self.end_slice().await?;
        }
        Ok(())
    }

    /// Ends the work, whatever came of it.
    pub(crate) async fn leave<T>(mut self, done: Result<T, StageError>) -> Result<T, StageError> {
        // What was written counts: a worker that takes over continues behind it.
        let recorded = self.record().await;
        // A file that no row names takes room that is not counted.
        for slice in self.written {
            if let Err(error) = self.what.spool.remove(&slice.spool_name).await {
                tracing::warn!(job = %self.what.job.id, %error, "cannot remove unrecorded spool file; the purge of its job removes it");
            }
        }
        done.and_then(|done| recorded.map(|()| done))
    }

    pub(crate) async fn finish(&mut self) -> Result<(u64, u32), StageError> {
        if self.writer.tasks() > 0 {
            self.end_slice().await?;
        }
        self.record().await?;
        if self.index < self.recorded {
            return Err(StageError::internal(format!(
                "the manifest makes {} slices, but {} are recorded",
                self.index, self.recorded
            )));
        }
        Ok((self.tasks, self.index))
    }

    async fn end_slice(&mut self) -> Result<(), StageError> {
        if self.index < self.recorded {
            if self.compares_recorded {
                self.compare_recorded().await?;
            }
            self.writer.reset();
        } else {
            self.write().await?;
        }
        self.index += 1;
        if self.written.len() == SLICES_ADDED_AT_ONCE {
            self.record().await?;
        }
        Ok(())
    }

    async fn compare_recorded(&mut self) -> Result<(), StageError> {
        let recorded = self.what.jobs.slices(self.what.lease.job, self.index, 1).await?;
        let recorded = recorded.first().ok_or(StageError::Fenced)?;
        let file = self.what.spool.read(&recorded.spool_name).await?;
        if self.writer.matches(&file).await {
            return Ok(());
        }
        let reason = "parts of the inventory, which states no MD5 for them, changed since they were read first";
        Err(StageError::Failed(JobFailure::new(failure::MANIFEST_ETAG_MISMATCH, reason)))
    }

    async fn write(&mut self) -> Result<(), StageError> {
        let lease = self.what.lease;
        let (first_task, tasks) = (self.writer.first_task(), self.writer.tasks());
        let spool_name = plan::spool_name(lease.job, self.index, lease.fence);
        let file = self.writer.finish_in_steps().await;
        let slice = NewSlice { index: self.index, first_task, tasks, spool_name, bytes: file.len() as u64 };
        self.what.spool.write(&slice.spool_name, file).await?;
        self.written.push(slice);
        Ok(())
    }

    /// Adds what was written to the store.
    async fn record(&mut self) -> Result<(), StageError> {
        if self.written.is_empty() {
            return Ok(());
        }
        let added = self.what.jobs.add_slices(self.what.lease, self.written.clone(), self.what.bytes_max).await;
        // After a failure of the store rows may name the files.
        if let Ok(()) | Err(AddSlicesError::Store(_)) = added {
            self.written.clear();
        }
        Ok(added?)
    }
}

/// How many slices an earlier preparation recorded; they are numbered without a gap.
async fn count_recorded(what: Slicing<'_>) -> Result<u32, StageError> {
    let mut next = 0;
    loop {
        let page = what.jobs.slices(what.lease.job, next, SLICES_PAGE).await?;
        let Some(last) = page.last() else { return Ok(next) };
        next = last.index + 1;
    }
}
