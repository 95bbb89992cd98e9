//! Slices: consecutive tasks, the unit of work and of checkpoint.
//!
//! [`plan`] says where one slice ends and the next begins; [`codec`] writes the tasks of a
//! slice into a file and reads them back as a stream; [`mod@prepare`] makes the slices of a job
//! out of its manifest, once, at the job's beginning; [`retry`] makes them out of the tasks of
//! an ended job that did not succeed.

pub mod codec;
pub mod plan;
pub mod prepare;
mod retry;

use brigade_model::limits::WINDOW_TASKS;
use brigade_model::options::EmptyVersion;
use brigade_model::ports::Spool;
use brigade_model::ports::job_store::SliceRow;
use brigade_model::{Job, ManifestFormat};

pub use codec::{ReadSliceError, SliceReader, SliceWriter};
pub use prepare::{Prepare, prepare};

use crate::setback::Setback;

/// Opens a slice: its tasks one after the other, empty versions read as the job wants them.
///
/// # Errors
/// [`Setback::Again`] when the spool is away, [`Setback::Failed`] when the file is not what
/// was written.
pub async fn open(spool: &dyn Spool, job: &Job, slice: &SliceRow) -> Result<SliceReader, Setback> {
    let bytes = spool.read(&slice.spool_name).await?;
    SliceReader::open(bytes, slice, meaning_of_empty_version(job)).map_err(|error| unreadable(slice, &error))
}

/// Opens a slice as its job's manifest has it, whatever empty versions mean there.
///
/// # Errors
/// As [`open`].
async fn open_as_written(spool: &dyn Spool, slice: &SliceRow) -> Result<SliceReader, Setback> {
    let bytes = spool.read(&slice.spool_name).await?;
    SliceReader::open(bytes, slice, EmptyVersion::Latest).map_err(|error| unreadable(slice, &error))
}

/// What becomes of a stage that meets a slice whose file is not what was written.
#[must_use]
pub fn unreadable(slice: &SliceRow, error: &ReadSliceError) -> Setback {
    Setback::internal(format!("slice {} ({}) {error}", slice.index, slice.spool_name))
}

/// Tasks of the slice below this offset may have been attempted before, if they have no outcome;
/// `first` is the first of those. A worker that was lost had started no task beyond its window;
/// of a job that came back with a backup nobody knows how far it came after that.
pub(crate) fn unknown_below(slice: &SliceRow, was_restored: bool, first: u32) -> u32 {
    if was_restored {
        slice.tasks
    } else if slice.must_look {
        first.saturating_add(WINDOW_TASKS).min(slice.tasks)
    } else {
        0
    }
}

/// What a row without a version means in this job: the latest version where no row names one,
/// and what the job option says where some do. If it says nothing, the task fails, since nobody
/// knows what was meant; an inventory that lists versions means the version `null`.
#[must_use]
pub fn meaning_of_empty_version(job: &Job) -> EmptyVersion {
    match &job.prepared {
        Some(prepared) if prepared.some_rows_have_versions => {
            job.spec.options.empty_version.unwrap_or(match job.spec.manifest.format {
                ManifestFormat::CosCsvV1 => EmptyVersion::Fail,
                ManifestFormat::CosInventoryCsvV1 => EmptyVersion::Null,
            })
        }
        _ => EmptyVersion::Latest,
    }
}
