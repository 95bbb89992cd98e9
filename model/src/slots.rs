//! Which jobs may be Active on an endpoint: the pure decision behind `JobStore::reschedule`.
//!
//! An endpoint has a number of *slots*. Accounts take them in turn; within an account the
//! higher priority goes first, then the job that already runs, then the older one. A job that
//! is Pausing still holds its slot, so a grant waits until the preempted job has drained.

use std::collections::BTreeMap;

use crate::job::{Change, JobId};
use crate::names::AccountId;
use crate::status::Status;

/// A job that wants, holds or gives up a slot: Ready, Active, Pausing or Paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which job.
    pub job: JobId,
    /// Whose.
    pub account: AccountId,
    /// How urgent.
    pub priority: i32,
    /// Ready, Active, Pausing or Paused.
    pub status: Status,
    /// Paused by its user, or held by the service: wants no slot.
    pub is_held: bool,
}

/// What happens to a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotMove {
    /// Ready or Paused becomes Active.
    Grant,
    /// Active becomes Pausing.
    Preempt,
}

impl From<SlotMove> for Change {
    fn from(slot_move: SlotMove) -> Change {
        match slot_move {
            SlotMove::Grant => Change::SlotGranted,
            SlotMove::Preempt => Change::Preempted,
        }
    }
}

/// Whether a job in this status wants, holds or gives up a slot.
#[must_use]
pub fn is_candidate(status: Status) -> bool {
    matches!(status, Status::Ready | Status::Active | Status::Pausing | Status::Paused)
}

/// Decides who gets and who loses a slot of an endpoint that has `slots` of them.
#[must_use]
pub fn decide(candidates: &[Candidate], slots: usize) -> Vec<(JobId, SlotMove)> {
    let chosen = choose(candidates, slots);
    let is_chosen = |candidate: &&Candidate| chosen.contains(&candidate.job);
    let active = || candidates.iter().filter(|c| c.status == Status::Active);
    let mut moves: Vec<_> = active().filter(|c| !is_chosen(c)).map(|c| (c.job, SlotMove::Preempt)).collect();

    // A slot is free once its job has drained: a preempted job still holds its own.
    let held = active().count() + candidates.iter().filter(|c| c.status == Status::Pausing).count();
    let waiting = chosen.iter().filter(|job| candidates.iter().any(|c| c.job == **job && c.status != Status::Active));
    moves.extend(waiting.take(slots.saturating_sub(held)).map(|job| (*job, SlotMove::Grant)));
    moves
}

/// The jobs that should be Active, most deserving first.
fn choose(candidates: &[Candidate], slots: usize) -> Vec<JobId> {
    let mut by_account: BTreeMap<&AccountId, Vec<&Candidate>> = BTreeMap::new();
    for candidate in candidates {
        let wants = matches!(candidate.status, Status::Ready | Status::Active | Status::Paused);
        if wants && !candidate.is_held {
            by_account.entry(&candidate.account).or_default().push(candidate);
        }
    }
    let idle_last = |candidate: &Candidate| candidate.status != Status::Active;
    let mut ranked: Vec<(usize, &Candidate)> = Vec::with_capacity(candidates.len());
    for jobs in by_account.values_mut() {
        jobs.sort_by_key(|c| (std::cmp::Reverse(c.priority), idle_last(c), c.job));
        ranked.extend(jobs.iter().enumerate().map(|(round, job)| (round, *job)));
    }
    // Within a round a job that runs keeps its slot, so that equals do not push each other out.
    // Of those that wait the oldest goes first, so that no account waits for ever.
    ranked.sort_by_key(|(round, c)| (*round, idle_last(c), c.job));
    ranked.into_iter().take(slots).map(|(_, c)| c.job).collect()
}

#[cfg(test)]
mod tests;
