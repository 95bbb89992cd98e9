//! No attempt is made for a job that has ended.

use crate::{CallHistory, Moment, TaskHistory};

/// Nothing is attempted once a job has ended.
pub fn nothing_is_attempted_once_a_job_has_ended<O>(tasks: &[TaskHistory<O>], end: Moment) -> Vec<String> {
    let is_late = |call: &&CallHistory| call.sent > end && !call.is_abort();
    let late = tasks.iter().filter_map(|task| Some((task, task.calls.iter().find(is_late)?)));
    late.map(|(task, call)| format!("{}: its job ended at entry {end}, and {call:?}", task.name)).collect()
}
