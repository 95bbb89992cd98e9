//! Slices: consecutive tasks, the unit of work and of checkpoint.
//!
//! [`plan`] says where one slice ends and the next begins; [`codec`] writes the tasks of a
//! slice into a file and reads them back as a stream; `slicer` cuts the tasks of a job into
//! slices, once, at the job's beginning (`stage/prepare`).

pub mod codec;
pub mod plan;
pub(crate) mod slicer;

use brigade_model::Job;
use brigade_model::limits::WINDOW_TASKS;
use brigade_model::options::{EmptyVersion, Separator};
use brigade_model::ports::Spool;
use brigade_model::ports::job_store::SliceRow;

pub use codec::{Meaning, ReadSliceError, SliceReader, SliceWriter};

use crate::stage_error::StageError;

/// Opens a slice: its tasks one after the other, empty versions read as the job wants them, and
/// blanks before keys as its preparation found them to be meant.
///
/// # Errors
/// [`StageError::Again`] when the spool is away, [`StageError::Failed`] when the file is not what
/// was written.
pub async fn open(spool: &dyn Spool, job: &Job, slice: &SliceRow) -> Result<SliceReader, StageError> {
    read(spool, slice, Meaning { empty_version: meaning_of_empty_version(job), separator: separator(job) }).await
}

/// Opens a slice as its job's manifest has it, whatever empty versions mean there.
///
/// # Errors
/// As [`open`].
pub(crate) async fn open_as_written(spool: &dyn Spool, job: &Job, slice: &SliceRow) -> Result<SliceReader, StageError> {
    read(spool, slice, Meaning { empty_version: EmptyVersion::Latest, separator: separator(job) }).await
}

async fn read(spool: &dyn Spool, slice: &SliceRow, meaning: Meaning) -> Result<SliceReader, StageError> {
    let bytes = spool.read(&slice.spool_name).await?;
    let read = async { codec::verify(&bytes).await.and_then(|()| SliceReader::open_verified(bytes, slice, meaning)) };
    read.await.map_err(|error| unreadable(slice, &error))
}

/// What separates the cells of the job's manifest.
fn separator(job: &Job) -> Separator {
    job.prepared.as_ref().map(|prepared| prepared.separator).unwrap_or_default()
}

/// What becomes of a stage that meets a slice whose file is not what was written.
#[must_use]
pub fn unreadable(slice: &SliceRow, error: &ReadSliceError) -> StageError {
    StageError::internal(format!("slice {} ({}) {error}", slice.index, slice.spool_name))
}

/// Tasks of the slice below this offset may have been attempted before, if they have no outcome;
/// `first` is the first of those. A lost worker had started no task beyond its window; how far a
/// restored job came after its backup is unknown.
pub(crate) fn unknown_below(slice: &SliceRow, was_restored: bool, first: u32) -> u32 {
    if was_restored {
        slice.tasks
    } else if slice.must_check {
        first.saturating_add(WINDOW_TASKS).min(slice.tasks)
    } else {
        0
    }
}

/// What a row without a version means in this job: the latest version where no row names one, and
/// what the job says where some do.
#[must_use]
pub fn meaning_of_empty_version(job: &Job) -> EmptyVersion {
    match &job.prepared {
        Some(prepared) if prepared.some_rows_have_versions => job.spec.empty_version(),
        _ => EmptyVersion::Latest,
    }
}
