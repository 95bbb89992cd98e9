//! A task that no other writer interfered with fails only because its object is missing, or because its effect is
//! unknown and its job did not run to its end.

use brigade_model::Status;
use brigade_model::outcome::{CHANGED_SINCE_ATTEMPT, UNCONFIRMED};

use crate::TaskHistory;

/// Every failure has its cause: one of those that any run may have, or one that the test knows of.
pub fn every_failure_has_its_cause<O>(
    tasks: &[TaskHistory<O>],
    ended: Status,
    is_excused: impl Fn(&TaskHistory<O>, &str) -> bool,
) -> Vec<String> {
    let failed = tasks.iter().filter_map(|task| Some((task, task.failure()?)));
    failed
        .filter(|(task, code)| !has_cause(task, ended, code) && !is_excused(task, code))
        .map(|(task, code)| format!("{} failed with {code} for no cause: {:?}", task.name, task.outcome))
        .collect()
}

fn has_cause<O>(task: &TaskHistory<O>, ended: Status, code: &str) -> bool {
    match code {
        "NoSuchKey" => task.is_missing || !task.is_ours_alone(),
        // What others wrote may be what a lost attempt wrote, or hide it.
        UNCONFIRMED => ended != Status::Complete || !task.is_ours_alone(),
        // A source that is another than the one that was looked at, or has other tags.
        CHANGED_SINCE_ATTEMPT | "PreconditionFailed" | "TagsChanged" => !task.is_ours_alone(),
        _ => false,
    }
}
