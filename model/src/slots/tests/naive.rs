//! The same decision as the rules tell it, pair by pair, in quadratic time: no list is sorted and
//! nothing is remembered from one question to the next.

use super::super::{Candidate, SlotMove};
use crate::job::JobId;
use crate::status::Status;

/// Who gets and who loses a slot.
pub(super) fn decide(all: &[Candidate], slots: usize) -> Vec<(JobId, SlotMove)> {
    let free = slots.saturating_sub(all.iter().filter(|c| holds(c)).count());
    let what = |c: &Candidate| match c.status {
        Status::Active if !deserves(c, all, slots) => Some((c.job, SlotMove::Preempt)),
        Status::Ready | Status::Paused if deserves(c, all, slots) && is_among_first(c, all, free) => {
            Some((c.job, SlotMove::Grant))
        }
        _ => None,
    };
    all.iter().filter_map(what).collect()
}

/// Whether it has a slot that no other job can get.
pub(super) fn holds(c: &Candidate) -> bool {
    c.status == Status::Active || c.status == Status::Pausing
}

/// Whether it would like a slot, or to keep its own.
pub(super) fn wants(c: &Candidate) -> bool {
    c.status != Status::Pausing && !c.is_held
}

/// Whether it waits for a slot.
pub(super) fn waits(c: &Candidate) -> bool {
    wants(c) && c.status != Status::Active
}

/// Whether fewer come before it than there are slots.
fn deserves(c: &Candidate, all: &[Candidate], slots: usize) -> bool {
    wants(c) && all.iter().filter(|other| comes_before(other, c, all)).count() < slots
}

/// Whether fewer of those that wait come before it than there are free slots.
fn is_among_first(c: &Candidate, all: &[Candidate], free: usize) -> bool {
    all.iter().filter(|other| waits(other) && comes_before(other, c, all)).count() < free
}

/// Accounts take turns: the job with fewer of its account's jobs before it goes first. Else the one
/// that runs, else the older.
fn comes_before(one: &Candidate, other: &Candidate, all: &[Candidate]) -> bool {
    if !wants(one) || one.job == other.job {
        return false;
    }
    let (turn, others_turn) = (turn(one, all), turn(other, all));
    if turn != others_turn {
        return turn < others_turn;
    }
    runs_or_is_older(one, other)
}

/// How many of its own account go before it.
fn turn(of: &Candidate, all: &[Candidate]) -> usize {
    let goes_first = |other: &&Candidate| {
        let is_equal = other.priority == of.priority;
        other.priority > of.priority || is_equal && runs_or_is_older(other, of)
    };
    all.iter().filter(|c| wants(c) && c.account == of.account && c.job != of.job).filter(goes_first).count()
}

fn runs_or_is_older(one: &Candidate, other: &Candidate) -> bool {
    match (one.status == Status::Active, other.status == Status::Active) {
        (true, false) => true,
        (false, true) => false,
        _ => one.job < other.job,
    }
}
