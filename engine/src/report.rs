//! Reports: every task with an outcome as exactly one row, in manifest order.
//!
//! ```text
//! PREFIX/job-ID/results/HASH.csv     rows of the succeeded tasks, rows of the failed ones
//! PREFIX/job-ID/manifest.json.md5
//! PREFIX/job-ID/manifest.json        last: where it lies, the report is whole
//! PREFIX/job-ID/clock                for a moment: tells the clock that stamps the objects
//! PREFIX/job-ID/upload-test          never: an upload is begun there and aborted, before any work
//! ```
//!
//! The form is one for all jobs, with rows that match the schema that `manifest.json` states. The name of the
//! form and the operation's parameters are the dialect's own words, which its [`ReportLayout`] has.
//!
//! The job is drained, so its outcomes no longer change and each file is a function of them: a new
//! owner of the stage aborts the open upload and continues with the next file. The writer holds one
//! slice and its outcomes at a time, beside the part that it fills.

mod clock;
mod destination;
mod files;
mod manifest;
mod restores;
mod rows;
mod trial;
pub mod unconfirmed;
mod upload;

use brigade_model::limits::REPORT_FILE_ROWS_MAX;
use brigade_model::ports::job_store::StageLease;
use brigade_model::ports::object_store::CancelToken;
use brigade_model::ports::{Clock, JobStore, Spool};
use brigade_model::{Job, ReportLayout};

pub(crate) use clock::{NotSampled, Sampled, sample_clock, sampling_place};
pub use trial::try_place;
pub use unconfirmed::unconfirmed_parts;

use crate::byte_budget::ByteBudget;
use crate::places::Place;
use crate::report::destination::Destination;
use crate::stage_error::StageError;

/// What a report needs.
#[derive(Clone, Copy)]
pub struct WriteReport<'a> {
    /// The job, drained: no lease of it remains, so its outcomes do not change any more.
    pub job: &'a Job,
    /// Its stage, held.
    pub lease: &'a StageLease,
    /// Where outcomes lie and finished files are recorded.
    pub jobs: &'a dyn JobStore,
    /// Where the files of slices lie.
    pub spool: &'a dyn Spool,
    /// What it says in words of the job's dialect.
    pub layout: ReportLayout,
    /// Where the report goes.
    pub place: &'a Place,
    /// For the report's date.
    pub clock: &'a dyn Clock,
    /// How long it may go on.
    pub cancel: &'a CancelToken,
    /// The bytes of bodies that this process holds.
    pub bytes: &'a ByteBudget,
}

/// Writes the report of a job, or what is missing of it; does nothing when none is wanted.
///
/// # Errors
/// [`StageError`]; files that are finished stay, and the next call goes on behind them. What the
/// store refuses is [`StageError::Again`] too: the caller decides for how long it is tried.
pub async fn write_report(what: WriteReport<'_>) -> Result<(), StageError> {
    let Some(to) = Destination::of(what.job, what.place, what.cancel)? else { return Ok(()) };
    upload::abort_open(what, &to).await?;
    trial::abort_left(&to).await?;
    files::write_files(what, &to, REPORT_FILE_ROWS_MAX).await?;
    manifest::write_manifest(what, &to).await
}

#[cfg(test)]
mod tests;
