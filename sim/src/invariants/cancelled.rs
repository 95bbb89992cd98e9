//! No task starts after the answer to a cancel, on several nodes within a second; and no attempt is
//! made for a job that has ended.

use std::time::Duration;

use brigade_model::Status;
use brigade_model::ports::object_store::CallKind;

use crate::evidence::{CallHistory, Evidence, JobEvidence, Moment, TaskHistory};
use crate::history::Event;

/// How long a node other than the one that answered may start tasks.
const NOTICE_MAX: Duration = Duration::from_secs(1);

pub(crate) fn nothing_is_attempted_once_a_job_has_ended(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for job in &evidence.jobs {
        let Some(end) = job.end() else { continue };
        for (name, task_history) in job.named_tasks() {
            // A frozen worker aborts its upload when it wakes: no other worker knows it.
            let is_late = |call: &&CallHistory| call.sent > end && call.kind != CallKind::AbortMultipartUpload;
            let late = task_history.calls.iter().find(is_late);
            broken.extend(late.map(|call| format!("{name}: {} at {:?}", call.kind.name(), call.sent_at)));
        }
    }
    broken
}

pub(crate) fn no_task_starts_after_a_cancel_is_answered(evidence: &Evidence<'_>) -> Vec<String> {
    let notice = if evidence.cluster.run_plan.nodes == 1 { Duration::ZERO } else { NOTICE_MAX };
    let mut broken = Vec::new();
    for job in &evidence.jobs {
        let Some((answered, at)) = answered_cancel(evidence, job) else { continue };
        for (name, task_history) in job.named_tasks() {
            let starts = |call: &&CallHistory| {
                call.sent > answered
                    && call.sent_at > at + notice
                    && !has_begun(task_history, call, answered, at + notice)
            };
            let late =
                task_history.calls.iter().filter(|call| call.kind != CallKind::AbortMultipartUpload).find(starts);
            broken.extend(late.map(|call| {
                format!(
                    "{name}: node {} sent {} at {:?}, the cancel was answered at {at:?}",
                    call.node,
                    call.kind.name(),
                    call.sent_at
                )
            }));
        }
    }
    broken
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

/// Whether the task had acted by then, so that it goes on to its end.
fn has_begun(task_history: &TaskHistory<'_>, call: &CallHistory, answered: Moment, until: Duration) -> bool {
    let before = |act: &&CallHistory| act.sent < answered || act.sent_at <= until;
    task_history.acts().filter(before).any(|act| act.node == call.node && act.may_have_acted(call.sent))
}
