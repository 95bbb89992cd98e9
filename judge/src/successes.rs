//! A success is true: an object that no other writer touched is as the job wanted it, and for any other
//! object a call of the job arrived.

use crate::TaskHistory;

/// Every success is an effect. `is_as_wanted` looks at the object in the end; `is_proved` says whether a call that
/// arrived made it so, or found it so.
pub fn every_success_is_an_effect<O>(
    tasks: &[TaskHistory<O>],
    is_as_wanted: impl Fn(&TaskHistory<O>) -> bool,
    is_proved: impl Fn(&TaskHistory<O>) -> bool,
) -> Vec<String> {
    let mut broken = Vec::new();
    for task in tasks.iter().filter(|task| task.is_success()) {
        if task.is_ours_alone() && !is_as_wanted(task) {
            broken.push(format!("{} succeeded, and its object is not as wanted", task.name));
        }
        if !is_proved(task) {
            broken.push(format!("{} succeeded, and no call of it arrived", task.name));
        }
    }
    broken
}
