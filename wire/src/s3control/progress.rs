//! The `ProgressSummary` of a job, in a description as in a list.

use std::time::Duration;

use brigade_model::Progress;

use crate::xml::Writer;

/// Writes the element; `active` is how long the job has been Active in all.
pub(super) fn write(writer: &mut Writer, progress: &Progress, active: Duration) {
    writer.within("ProgressSummary", |w| {
        w.leaf("TotalNumberOfTasks", progress.total);
        w.leaf("NumberOfTasksSucceeded", progress.succeeded);
        w.leaf("NumberOfTasksFailed", progress.failed);
        w.within("Timers", |w| w.leaf("ElapsedTimeInActiveSeconds", active.as_secs()));
    });
}
