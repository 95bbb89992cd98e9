//! What the decision does at single moments; `naive` decides the same things in another way, and
//! `lives` follows jobs through many decisions.

mod lives;
mod naive;

use super::*;

fn candidate(n: u128, account: &str, priority: i32, status: Status) -> Candidate {
    Candidate { job: JobId::from_u128(n), account: AccountId::new(account).unwrap(), priority, status, is_held: false }
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
    let jobs =
        [candidate(1, "a", 9, Status::Ready), candidate(2, "a", 8, Status::Ready), candidate(3, "b", 1, Status::Ready)];
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
    job.is_held = true;
    assert_eq!(decide(std::slice::from_ref(&job), 4), [(job.job, SlotMove::Preempt)]);
    job.status = Status::Paused;
    assert_eq!(decide(std::slice::from_ref(&job), 4), []);
}
