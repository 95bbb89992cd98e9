//! Settles a slice whose worker died: what nobody can know any more is said to be unknown.
//!
//! A worker starts tasks at most a window beyond the first one without a committed outcome. So
//! when its lease was revoked, tasks in that window without an outcome may or may not have had
//! their effect; they are `failed, Unconfirmed`, never silently dropped. Tasks behind the
//! window were not attempted.

use brigade_model::Outcome;
use brigade_model::limits::WINDOW_TASKS;
use brigade_model::outcome::UNCONFIRMED;
use brigade_model::ports::job_store::SliceRow;

use crate::outcomes::{Done, FinishedPart, PartBuilder};

const MESSAGE: &str = "the task may have been carried out: its worker was lost before it could record the outcome";

/// The parts to record for a slice before its job is reported; none when nothing is unknown.
#[must_use]
pub fn settle(slice: &SliceRow, done: &Done) -> Vec<FinishedPart> {
    let Some(first) = done.first_missing().filter(|_| slice.must_look) else { return Vec::new() };
    let mut parts = Vec::new();
    let mut part = PartBuilder::default();
    for offset in done.missing_in(first..first.saturating_add(WINDOW_TASKS)) {
        if part.add(offset, Outcome::failed(UNCONFIRMED, None, MESSAGE)) {
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
    use super::*;
    use crate::outcomes::{PartReader, Recorded};

    fn slice(tasks: u32, must_look: bool) -> SliceRow {
        SliceRow {
            index: 0,
            first_task: 0,
            tasks,
            spool_name: "j/00000000-1.slice".into(),
            succeeded: 0,
            failed: 0,
            is_leased: false,
            must_look,
            revocations: 0,
            first_leased: None,
        }
    }

    #[test]
    fn what_a_lost_worker_may_have_done_is_unconfirmed_and_nothing_else() {
        let mut done = Done::none(8192);
        done.add(0..100).unwrap();
        done.add(150..2000).unwrap();
        assert!(settle(&slice(8192, false), &done).is_empty(), "its worker gave it back");

        let parts = settle(&slice(8192, true), &done);
        let failed: u32 = parts.iter().map(|part| part.failed).sum();
        assert_eq!(failed, 50 + (100 + WINDOW_TASKS - 2000));
        let mut settled = done.clone();
        for recorded in parts.iter().flat_map(|part| PartReader::open(&part.bytes)) {
            let Recorded { offsets, outcome } = recorded.unwrap();
            settled.add(offsets).unwrap();
            assert_eq!(outcome, Outcome::failed("Unconfirmed", None, MESSAGE));
        }
        assert_eq!(settled.first_missing(), Some(100 + WINDOW_TASKS));
    }

    #[test]
    fn a_whole_window_takes_several_parts_and_a_done_slice_none() {
        assert_eq!(settle(&slice(8192, true), &Done::none(8192)).len(), 3);
        let mut done = Done::none(64);
        done.add(0..64).unwrap();
        assert!(settle(&slice(64, true), &done).is_empty());
    }
}
