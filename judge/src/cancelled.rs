//! No task starts after the answer to a cancel.

use crate::{CallHistory, Moment, TaskHistory};

/// No task starts after a cancel is answered. From `answered` on no task may start: where other processes learn of
/// the cancel later, it is when they must know. A task that had acted by then goes on to its end.
pub fn no_task_starts_after_a_cancel_is_answered<O>(
    tasks: &[TaskHistory<O>],
    answered: Moment,
    is_excused: impl Fn(&CallHistory) -> bool,
) -> Vec<String> {
    let mut broken = Vec::new();
    for task in tasks {
        let starts = |call: &&CallHistory| call.sent > answered && !call.is_abort() && !has_begun(task, call, answered);
        let late = task.calls.iter().filter(starts).find(|call| !is_excused(call));
        broken.extend(
            late.map(|call| format!("{}: its cancel was answered by entry {answered}, and {call:?}", task.name)),
        );
    }
    broken
}

fn has_begun<O>(task: &TaskHistory<O>, call: &CallHistory, answered: Moment) -> bool {
    let before = task.acts().filter(|act| act.sent <= answered && act.sender == call.sender);
    before.into_iter().any(|act| act.may_have_acted(call.sent))
}
