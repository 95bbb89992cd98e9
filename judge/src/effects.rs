//! The report names every effect: a task that is not in the report changed nothing, and one whose
//! outcome says that it had no effect had none.

use brigade_model::outcome::TaskEffect;

use crate::TaskHistory;

/// Every effect is reported.
pub fn every_effect_is_reported<O>(tasks: &[TaskHistory<O>]) -> Vec<String> {
    let wrong = tasks.iter().filter(|task| task.has_effect()).filter_map(|task| match &task.outcome {
        // What the store said is about what another writer did meanwhile.
        Some(outcome) if outcome.effect() == TaskEffect::None && task.is_ours_alone() => {
            let code = task.failure().unwrap_or_default();
            Some(format!("{} had an effect and failed with {code}, as if it had none", task.name))
        }
        None => Some(format!("{} had an effect and no outcome", task.name)),
        _ => None,
    });
    wrong.collect()
}
