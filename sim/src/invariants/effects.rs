//! What was done to an object is said: a task that is not in the report changed nothing, and
//! one that failed with a code that means "not done" did not either.

use brigade_model::outcome::{CHANGED_SINCE_ATTEMPT, UNCONFIRMED};

use crate::evidence::Evidence;

/// Codes of tasks of which nobody knows whether they had their effect.
const UNKNOWN: [&str; 8] = [
    UNCONFIRMED,
    CHANGED_SINCE_ATTEMPT,
    "ConnectionReset",
    "RequestTimeout",
    "ConnectFailed",
    "IncompleteAnswer",
    "SlowDown",
    "InternalError",
];

pub(crate) fn every_effect_is_reported(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for (_, name, story) in evidence.tasks().filter(|(_, _, story)| story.has_effect()) {
        match story.failure() {
            // What the store said is about what somebody else did meanwhile.
            Some(code) if !UNKNOWN.contains(&code) && story.is_ours_alone() => {
                broken.push(format!("{name} had an effect and failed with {code}"));
            }
            None if story.outcome.is_none() => broken.push(format!("{name} had an effect and no outcome")),
            _ => {}
        }
    }
    broken
}
