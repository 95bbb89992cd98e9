//! Who may be Active on an endpoint: the pure decision behind `JobStore::reschedule`.
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
    /// Paused by its user: wants no slot.
    pub held_by_user: bool,
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

    // A slot is free once nobody runs on it: what is preempted now still holds its own.
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
        if wants && !candidate.held_by_user {
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidate(n: u128, account: &str, priority: i32, status: Status) -> Candidate {
        Candidate {
            job: JobId::from_u128(n),
            account: AccountId::new(account).unwrap(),
            priority,
            status,
            held_by_user: false,
        }
    }

    #[test]
    fn a_higher_priority_takes_the_slot_only_after_the_lower_one_has_drained() {
        let mut jobs = [candidate(1, "a", 1, Status::Active), candidate(2, "a", 9, Status::Ready)];
        assert_eq!(decide(&jobs, 1), [(jobs[0].job, SlotMove::Preempt)]);
        jobs[0].status = Status::Pausing;
        assert_eq!(decide(&jobs, 1), []);
        jobs[0].status = Status::Paused;
        assert_eq!(decide(&jobs, 1), [(jobs[1].job, SlotMove::Grant)]);
    }

    #[test]
    fn an_equal_priority_does_not_push_a_running_job_out() {
        let jobs = [candidate(1, "a", 5, Status::Ready), candidate(2, "a", 5, Status::Active)];
        assert_eq!(decide(&jobs, 1), []);
        assert_eq!(decide(&jobs, 2), [(jobs[0].job, SlotMove::Grant)]);
    }

    #[test]
    fn accounts_take_slots_in_turn_whatever_their_priorities() {
        let jobs = [
            candidate(1, "a", 9, Status::Ready),
            candidate(2, "a", 8, Status::Ready),
            candidate(3, "b", 1, Status::Ready),
        ];
        assert_eq!(decide(&jobs, 2), [(jobs[0].job, SlotMove::Grant), (jobs[2].job, SlotMove::Grant)]);
    }

    #[test]
    fn an_account_does_not_wait_for_ever_behind_one_with_ever_more_jobs() {
        let jobs = [candidate(2, "b", 1, Status::Ready), candidate(3, "a", 1, Status::Ready)];
        assert_eq!(decide(&jobs, 1), [(jobs[0].job, SlotMove::Grant)]);
    }

    #[test]
    fn a_job_paused_by_its_user_gives_up_its_slot_and_gets_none() {
        let mut job = candidate(1, "a", 9, Status::Active);
        job.held_by_user = true;
        assert_eq!(decide(std::slice::from_ref(&job), 4), [(job.job, SlotMove::Preempt)]);
        job.status = Status::Paused;
        assert_eq!(decide(std::slice::from_ref(&job), 4), []);
    }

    proptest! {
        #[test]
        fn slots_are_never_oversubscribed_and_moves_settle(
            seeds in prop::collection::vec((0..3u8, 0..4i32, 0..4usize, prop::bool::weighted(0.1)), 0..12),
            slots in 0..5usize,
        ) {
            let statuses = [Status::Ready, Status::Active, Status::Pausing, Status::Paused];
            let mut jobs: Vec<Candidate> = seeds.iter().enumerate().map(|(n, (account, priority, status, held))| Candidate {
                held_by_user: *held,
                ..candidate(n as u128, &format!("a{account}"), *priority, statuses[*status])
            }).collect();
            let running = |jobs: &[Candidate]| jobs.iter().filter(|c| matches!(c.status, Status::Active | Status::Pausing)).count();
            let before = running(&jobs);
            for _ in 0..4 {
                for (job, slot_move) in decide(&jobs, slots) {
                    let candidate = jobs.iter_mut().find(|c| c.job == job).unwrap();
                    candidate.status = match slot_move { SlotMove::Grant => Status::Active, SlotMove::Preempt => Status::Pausing };
                }
                prop_assert!(running(&jobs) <= before.max(slots));
                for candidate in &mut jobs {
                    if candidate.status == Status::Pausing { candidate.status = Status::Paused; }
                }
            }
            prop_assert!(decide(&jobs, slots).is_empty(), "the decision settles");
            // Whoever waits is outranked by everybody of its account who runs.
            for waiting in jobs.iter().filter(|c| c.status != Status::Active && !c.held_by_user) {
                prop_assert_eq!(running(&jobs), slots, "a slot stays free while a job waits");
                for active in jobs.iter().filter(|c| c.status == Status::Active && c.account == waiting.account) {
                    prop_assert!(active.priority >= waiting.priority);
                }
            }
        }
    }
}
