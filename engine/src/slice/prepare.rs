//! Prepares a job: proves that its report can be written, reads its manifest once, as a
//! stream, and makes slices of it.
//!
//! 1. The report's place is tried: better now than after the work. The store's clock is read.
//! 2. The manifest is looked at, pinned and read; its tasks become a slice's file.
//! 3. A file is durable in the spool before the row that names it is added to the store.
//! 4. What only all rows together tell, or a look at the store, is settled at the end and kept with
//!    the job: the slices hold rows so that either is possible.
//!
//! Slicing is a function of the manifest's bytes, so the worker that takes over reads them again and
//! writes only the slices that are not recorded yet. Where nothing pins the bytes from one
//! preparation to the next (parts of an inventory without an MD5), what is recorded is compared.

use brigade_model::job::{JobFailure, Prepared, failure};
use brigade_model::options::SharedTargets;
use brigade_model::ports::job_store::{AddSlicesError, NewSlice, StageLease};
use brigade_model::ports::object_store::Leash;
use brigade_model::ports::{JobStore, Spool};
use brigade_model::{Job, Task};

use crate::byte_budget::ByteBudget;
use crate::manifest::row::Row;
use crate::manifest::tasks::TaskReader;
use crate::manifest::{Located, ManifestProblem};
use crate::places::RolePlaces;
use crate::report;
use crate::setback::Setback;
use crate::slice::codec::SliceWriter;
use crate::slice::doubts::{Doubts, refuse_header};
use crate::slice::overlap::Overlaps;
use crate::slice::refused::Refused;
use crate::slice::{plan, retry};
use crate::store_clock::ensure_sampled;

/// Slices added to the store at once: what a lost preparation may leave in the spool without a
/// row, and what one transaction of the store takes.
const SLICES_ADDED_AT_ONCE: usize = 16;
/// Slices read from the store at once.
pub(super) const SLICES_PAGE: usize = 1000;

/// What a preparation needs.
#[derive(Clone, Copy)]
pub struct Prepare<'a> {
    /// The job, Preparing.
    pub job: &'a Job,
    /// Its stage, held.
    pub lease: &'a StageLease,
    /// Where slices are recorded.
    pub jobs: &'a dyn JobStore,
    /// Where their files go.
    pub spool: &'a dyn Spool,
    /// Where the job's role may act.
    pub places: &'a RolePlaces,
    /// What the slices and outcomes of its account may take, in bytes.
    pub bytes_max: u64,
    /// How long it may go on.
    pub leash: &'a Leash,
    /// The bytes of bodies that this process holds.
    pub bytes: &'a ByteBudget,
}

/// Prepares a job; the caller applies what was found as the job's next change.
///
/// # Errors
/// [`Setback`]; slices that were recorded stay, and the next preparation goes on behind them.
pub async fn prepare(what: Prepare<'_>) -> Result<Prepared, Setback> {
    report::try_place(what.job, &what.places.report, what.leash).await?;
    // Before the first attempt, so that the worker that takes over can tell what was written since.
    ensure_sampled(what.jobs, what.job, what.places, what.leash, true).await?;
    match what.job.spec.retry_of {
        Some(source) => retry::read_tasks(what, source).await,
        None => read_manifest(what).await,
    }
}

async fn read_manifest(what: Prepare<'_>) -> Result<Prepared, Setback> {
    let mut tasks = TaskReader::open(what.job, &what.places.manifest, what.leash, what.bytes).await?;
    let mut slicer = Slicer::begin(what).await?;
    slicer.compares_recorded = !tasks.is_pinned();
    let read = slice_manifest(what, &mut tasks, &mut slicer).await;
    slicer.leave(read).await
}

async fn slice_manifest(
    what: Prepare<'_>,
    tasks: &mut TaskReader<'_>,
    slicer: &mut Slicer<'_>,
) -> Result<Prepared, Setback> {
    let (mut doubts, mut overlaps) = (Doubts::new(what.job.id), Overlaps::new(&what.job.spec.operation));
    let mut refused = Refused::new(&what.job.spec.operation, what.places);
    while let Some(row) = tasks.next().await? {
        if let Some(first) = tasks.take_strange_first_row() {
            refuse_header(what, first).await?;
        }
        doubts.see(&row, tasks);
        overlaps.see(&row);
        refused.see(&row);
        slicer.add_row(&row).await?;
    }
    let separators = (tasks.separator(), tasks.possible_separators());
    let separator = doubts.settle(what, separators).await?;
    let may_share = what.job.spec.options.shared_targets == Some(SharedTargets::Allow);
    if let Some(target) = overlaps.shared_target(separator).filter(|_| !may_share) {
        return Err(Located::manifest_of(what.job).error(ManifestProblem::SharedTarget(target.to_string())).into());
    }
    let (count, slices) = slicer.finish().await?;
    let (left_out, some_rows_have_versions) = (tasks.left_out(), tasks.some_rows_have_versions());
    let refusals = refused.notes(separator);
    if count > 0 && refused.rows(separator) == count {
        return Err(Located::manifest_of(what.job).error(ManifestProblem::AllRefused(refusals.join("; "))).into());
    }
    let notes = overlaps.note(separator).into_iter().chain(refusals).collect();
    Ok(Prepared { tasks: count, slices, left_out, some_rows_have_versions, separator, notes })
}

/// Cuts tasks into slices and records those that are not recorded yet.
pub(super) struct Slicer<'a> {
    what: Prepare<'a>,
    tasks_max: u32,
    recorded: u32,
    /// What an earlier preparation recorded may come from other bytes: it is compared.
    compares_recorded: bool,
    index: u32,
    tasks: u64,
    writer: SliceWriter,
    written: Vec<NewSlice>,
}

impl<'a> Slicer<'a> {
    pub(super) async fn begin(what: Prepare<'a>) -> Result<Self, Setback> {
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

    pub(super) async fn add(&mut self, task: &Task) -> Result<(), Setback> {
        self.writer.add(task);
        self.count().await
    }

    async fn add_row(&mut self, row: &Row) -> Result<(), Setback> {
        match row.is_behind_blank {
            true => self.writer.add_behind_blank(&row.task),
            false => self.writer.add(&row.task),
        }
        self.count().await
    }

    async fn count(&mut self) -> Result<(), Setback> {
        if self.what.leash.is_stopped() {
            return Err(Setback::Stopped);
        }
        self.tasks += 1;
        if self.writer.tasks() == plan::tasks_of(self.index, self.tasks_max) {
            self.end_slice().await?;
        }
        Ok(())
    }

    /// Ends the work, whatever came of it.
    pub(super) async fn leave<T>(mut self, done: Result<T, Setback>) -> Result<T, Setback> {
        // What was written counts: who goes on does so behind it.
        let recorded = self.record().await;
        // A file that no row names takes room that is not counted.
        for slice in self.written {
            if let Err(error) = self.what.spool.remove(&slice.spool_name).await {
                tracing::warn!(job = %self.what.job.id, %error, "a spool file without a row goes with the job");
            }
        }
        done.and_then(|done| recorded.map(|()| done))
    }

    pub(super) async fn finish(&mut self) -> Result<(u64, u32), Setback> {
        if self.writer.tasks() > 0 {
            self.end_slice().await?;
        }
        self.record().await?;
        if self.index < self.recorded {
            return Err(Setback::internal(format!(
                "the manifest makes {} slices, but {} are recorded",
                self.index, self.recorded
            )));
        }
        Ok((self.tasks, self.index))
    }

    async fn end_slice(&mut self) -> Result<(), Setback> {
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

    async fn compare_recorded(&mut self) -> Result<(), Setback> {
        let recorded = self.what.jobs.slices(self.what.lease.job, self.index, 1).await?;
        let recorded = recorded.first().ok_or(Setback::Fenced)?;
        let file = self.what.spool.read(&recorded.spool_name).await?;
        if self.writer.matches(&file).await {
            return Ok(());
        }
        let reason = "parts of the inventory, which states no MD5 for them, changed since they were read first";
        Err(Setback::Failed(JobFailure::new(failure::MANIFEST_ETAG_MISMATCH, reason)))
    }

    async fn write(&mut self) -> Result<(), Setback> {
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
    async fn record(&mut self) -> Result<(), Setback> {
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
async fn count_recorded(what: Prepare<'_>) -> Result<u32, Setback> {
    let mut next = 0;
    loop {
        let page = what.jobs.slices(what.lease.job, next, SLICES_PAGE).await?;
        let Some(last) = page.last() else { return Ok(next) };
        next = last.index + 1;
    }
}

#[cfg(test)]
mod tests;
