//! What the clients' readers of results share: a root of the right name, and values that a
//! server of the dialect always gives.

use brigade_model::{JobId, Progress, Status, Timestamp};

use super::DecodeError;
use super::fields::Fields;
use super::numbers::parse_priority;
use crate::xml::{self, Element, Writer};

/// The document, if its root has that name.
pub(super) fn parse(body: &[u8], root: &str) -> Result<Element, DecodeError> {
    let document = xml::parse(body).map_err(|error| DecodeError(error.to_string()))?;
    if document.name == root { Ok(document) } else { Err(DecodeError(format!("the root element is not {root}"))) }
}

/// The `JobId` that every result has.
pub(super) fn job_id(fields: &mut Fields<'_>) -> Result<JobId, DecodeError> {
    let text = fields.filled("JobId")?;
    let text = fields.required("JobId", text)?;
    text.parse().map_err(|_| fields.invalid("JobId", "must be a UUID").into())
}

/// The `Status` of a job.
pub(super) fn status(fields: &mut Fields<'_>) -> Result<Status, DecodeError> {
    let status = fields.choice("Status", Status::ALL.map(|status| (status.name(), status)))?;
    Ok(fields.required("Status", status)?)
}

/// The `Priority` of a job.
pub(super) fn priority(fields: &mut Fields<'_>) -> Result<i32, DecodeError> {
    let text = fields.filled("Priority")?;
    Ok(parse_priority("Priority", fields.required("Priority", text)?)?)
}

/// The `CreationTime` of a job.
pub(super) fn created(fields: &mut Fields<'_>) -> Result<Timestamp, DecodeError> {
    let time = fields.time("CreationTime")?;
    Ok(fields.required("CreationTime", time)?)
}

/// The `ProgressSummary` of a job; an empty or missing number is 0.
pub(super) fn progress(fields: &mut Fields<'_>) -> Result<Progress, DecodeError> {
    let Some(mut summary) = fields.container("ProgressSummary")? else { return Ok(Progress::default()) };
    let mut number = |name| summary.whole_number(name, 0, u64::MAX).map(Option::unwrap_or_default);
    Ok(Progress {
        total: number("TotalNumberOfTasks")?,
        succeeded: number("NumberOfTasksSucceeded")?,
        failed: number("NumberOfTasksFailed")?,
    })
}

/// Writes the `ProgressSummary` of a job.
pub(super) fn write_progress(writer: &mut Writer, progress: &Progress) {
    writer.within("ProgressSummary", |w| {
        w.leaf("NumberOfTasksFailed", progress.failed);
        w.leaf("NumberOfTasksSucceeded", progress.succeeded);
        w.leaf("TotalNumberOfTasks", progress.total);
    });
}
