//! No task starts after the answer to a cancel, on several nodes within a second; and no attempt is
//! made for a job that has ended.

use std::time::Duration;

use brigade_judge::{Moment, cancelled, ended};
use brigade_model::Status;

use crate::evidence::{Evidence, JobEvidence};
use crate::history::Event;

/// How long a node other than the one that answered may start tasks.
const NOTICE_MAX: Duration = Duration::from_secs(1);

pub(crate) fn nothing_is_attempted_once_a_job_has_ended(evidence: &Evidence<'_>) -> Vec<String> {
    let ended = evidence.jobs.iter().filter_map(|job| Some((job, job.end()?)));
    ended.flat_map(|(job, end)| ended::nothing_is_attempted_once_a_job_has_ended(&job.tasks, end)).collect()
}

pub(crate) fn no_task_starts_after_a_cancel_is_answered(evidence: &Evidence<'_>) -> Vec<String> {
    let notice = if evidence.cluster.run_plan.nodes == 1 { Duration::ZERO } else { NOTICE_MAX };
    let cancelled = evidence.jobs.iter().filter_map(|job| Some((job, answered_cancel(evidence, job)?)));
    let broken = cancelled.flat_map(|(job, (answered, at))| {
        // The last moment at which a node may still not know.
        let known = evidence.history.partition_point(|entry| entry.at <= at + notice).saturating_sub(1);
        cancelled::no_task_starts_after_a_cancel_is_answered(&job.tasks, answered.max(known), |_| false)
    });
    broken.collect()
}

/// When a user was first told that the job is cancelled.
fn answered_cancel(evidence: &Evidence<'_>, of: &JobEvidence<'_>) -> Option<(Moment, Duration)> {
    let is_told = |event: &Event| match event {
        Event::Answered { job, status: Some(Status::Cancelling | Status::Cancelled), change } => {
            *job == of.number && matches!(change.as_str(), "Cancel" | "Delete")
        }
        _ => false,
    };
    let found = evidence.history.iter().enumerate().find(|(_, entry)| is_told(&entry.event));
    found.map(|(moment, entry)| (moment, entry.at))
}
