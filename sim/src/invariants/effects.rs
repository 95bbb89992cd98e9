//! The report names every effect: a task that is not in the report changed nothing, and one whose
//! outcome says that it had no effect had none.

use brigade_model::outcome::TaskEffect;

use crate::evidence::Evidence;

pub(crate) fn every_effect_is_reported(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for (_, name, task_history) in evidence.tasks().filter(|(_, _, task_history)| task_history.has_effect()) {
        match &task_history.outcome {
            // What the store said is about what another writer did meanwhile.
            Some(outcome) if outcome.effect() == TaskEffect::None && task_history.is_ours_alone() => {
                let code = task_history.failure().unwrap_or_default();
                broken.push(format!("{name} had an effect and failed with {code}, as if it had none"));
            }
            None => broken.push(format!("{name} had an effect and no outcome")),
            _ => {}
        }
    }
    broken
}
