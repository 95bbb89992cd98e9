//! What was done to an object is said: a task that is not in the report changed nothing, and
//! one that failed with a code that means "not done" did not either.

use brigade_model::outcome::{CHANGED_SINCE_ATTEMPT, UNCONFIRMED};

use crate::evidence::Evidence;
use crate::not_stood_yet;

/// Codes of tasks of which nobody knows whether they had their effect.
const UNKNOWN: [&str; 2] = [UNCONFIRMED, CHANGED_SINCE_ATTEMPT];

pub(crate) fn every_effect_is_reported(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for (_, name, story) in evidence.tasks().filter(|(_, _, story)| story.has_effect()) {
        match story.failure() {
            // What the store said is about what somebody else did meanwhile.
            Some(code) if !may_hide_an_effect(code) && story.is_ours_alone() => {
                broken.push(format!("{name} had an effect and failed with {code}"));
            }
            None if story.outcome.is_none() => broken.push(format!("{name} had an effect and no outcome")),
            _ => {}
        }
    }
    broken
}

fn may_hide_an_effect(code: &str) -> bool {
    UNKNOWN.contains(&code) || not_stood_yet::CODES.contains(&code)
}
