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

use brigade_model::Job;
use brigade_model::options::EmptyVersion;
use brigade_model::ports::Spool;
use brigade_model::ports::job_store::SliceRow;

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

/// What a row without a version means in this job: the latest version where no row names one,
/// and what the job option says where some do.
#[must_use]
pub fn meaning_of_empty_version(job: &Job) -> EmptyVersion {
    match &job.prepared {
        Some(prepared) if prepared.some_rows_have_versions => {
            job.spec.options.empty_version.unwrap_or(EmptyVersion::Fail)
        }
        _ => EmptyVersion::Latest,
    }
}
