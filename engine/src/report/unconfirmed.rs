//! The outcomes of a slice whose worker died: what can no longer be found out is unconfirmed.
//!
//! A worker starts tasks at most a window beyond the first one without a committed outcome. So when
//! its lease was revoked, tasks in that window without an outcome may or may not have had their
//! effect; they are `failed, Unconfirmed`, never silently dropped. Tasks behind the window were not
//! attempted, unless the job was restored from a backup: how far it came after the backup is
//! unknown, so no task without an outcome is certain.

use brigade_model::Outcome;
use brigade_model::ports::job_store::SliceRow;

use crate::outcomes::{FinishedPart, PartBuilder, SliceOutcomes};
use crate::slice::unknown_below;

const MESSAGE: &str = "the task may have been carried out: its worker was lost before it could record the outcome";

/// The parts to record for a slice before its job is reported; none when nothing is unknown.
///
/// Recording them may be entered again, when its owner dies or the report is late: the window begins
/// at the first task that was unknown then, so that it does not move on.
#[must_use]
pub fn unconfirmed_parts(slice: &SliceRow, was_restored: bool, outcomes: &SliceOutcomes) -> Vec<FinishedPart> {
    let lost = Outcome::unconfirmed(None, MESSAGE);
    let is_unknown = |offset: &u32| match outcomes.get(*offset) {
        None => true,
        Some(outcome) => *outcome == lost,
    };
    let Some(first) = (0..slice.tasks).find(is_unknown) else { return Vec::new() };
    let unknown = first..unknown_below(slice, was_restored, first);
    let mut parts = Vec::new();
    let mut part = PartBuilder::default();
    for offset in unknown.filter(|offset| outcomes.get(*offset).is_none()) {
        if part.add(offset, lost.clone()) {
            parts.push(std::mem::take(&mut part).finish());
        }
    }
    if !part.is_empty() {
        parts.push(part.finish());
    }
    parts
}

#[cfg(test)]
mod tests {
    use brigade_model::limits::WINDOW_TASKS;

    use super::*;

    fn slice(tasks: u32, must_check: bool) -> SliceRow {
        SliceRow {
            index: 0,
            first_task: 0,
            tasks,
            spool_name: "j/00000000-1.slice".into(),
            succeeded: 0,
            failed: 0,
            is_leased: false,
            must_check,
            revocations: 0,
            round: 0,
            first_leased: None,
            must_check_since: None,
        }
    }

    /// Parts that record plain successes for these tasks.
    fn succeeded(offsets: impl IntoIterator<Item = u32>) -> Vec<FinishedPart> {
        let mut part = PartBuilder::default();
        for offset in offsets {
            part.add(offset, Outcome::Succeeded);
        }
        vec![part.finish()]
    }

    fn outcomes(tasks: u32, parts: &[FinishedPart]) -> SliceOutcomes {
        let parts: Vec<_> = parts.iter().zip(0..).map(|(part, seq)| (seq, part.bytes.clone())).collect();
        SliceOutcomes::of_parts(tasks, &parts).unwrap()
    }

    fn failed(parts: &[FinishedPart]) -> u32 {
        parts.iter().map(|part| part.failed).sum()
    }

    #[test]
    fn what_a_lost_worker_may_have_done_is_unconfirmed_and_nothing_else() {
        let known = succeeded((0..100).chain(150..2000));
        assert!(
            unconfirmed_parts(&slice(8192, false), false, &outcomes(8192, &known)).is_empty(),
            "its worker gave it back"
        );

        let parts = unconfirmed_parts(&slice(8192, true), false, &outcomes(8192, &known));
        assert_eq!(failed(&parts), 50 + (100 + WINDOW_TASKS - 2000));
        let all = outcomes(8192, &[known, parts].concat());
        assert_eq!(all.get(149), Some(&Outcome::unconfirmed(None, MESSAGE)));
        assert_eq!(all.get(150), Some(&Outcome::Succeeded));
        assert_eq!(all.get(100 + WINDOW_TASKS), None);
    }

    #[test]
    fn of_a_job_that_was_restored_nothing_without_an_outcome_is_certain() {
        let known = succeeded((0..100).chain(150..2000));
        for must_check in [false, true] {
            let parts = unconfirmed_parts(&slice(8192, must_check), true, &outcomes(8192, &known));
            assert_eq!(failed(&parts), 8192 - 1950);
        }
        assert!(unconfirmed_parts(&slice(64, false), true, &outcomes(64, &succeeded(0..64))).is_empty());
    }

    #[test]
    fn recording_them_again_says_nothing_more_whatever_part_was_recorded() {
        let known = succeeded(0..100);
        let parts = unconfirmed_parts(&slice(8192, true), false, &outcomes(8192, &known));
        for recorded in 0..=parts.len() {
            let (first, rest) = parts.split_at(recorded);
            let again = unconfirmed_parts(&slice(8192, true), false, &outcomes(8192, &[&known[..], first].concat()));
            assert_eq!(failed(&again), failed(rest));
        }
    }

    #[test]
    fn a_whole_window_takes_several_parts_and_a_done_slice_none() {
        assert_eq!(unconfirmed_parts(&slice(8192, true), false, &outcomes(8192, &[])).len(), 3);
        assert!(unconfirmed_parts(&slice(64, true), false, &outcomes(64, &succeeded(0..64))).is_empty());
    }
}
