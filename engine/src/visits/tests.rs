//! Visits at work, second by second: jobs come, are read from their beginning whenever they are
//! visited, and end when a visit lasts for as long as they take.

use brigade_model::{EndpointName, ServiceTime, Status};
use proptest::prelude::*;

use super::*;

fn head(id: u128, account: &str) -> JobHead {
    JobHead {
        id: JobId::from_u128(id),
        account: AccountId::new(account).unwrap(),
        endpoint: EndpointName::new("e").unwrap(),
        status: Status::New,
        priority: 1,
        revision: 0,
        held_by_user: false,
        held_until: None,
        since: ServiceTime::default(),
        retry_of: None,
        is_stage_leased: false,
    }
}

fn at(second: u64) -> Monotonic {
    Monotonic(Duration::from_secs(second))
}

/// A job that comes at a second and takes so many.
#[derive(Debug, Clone)]
struct Work {
    account: &'static str,
    comes: u64,
    takes: u64,
}

fn work(account: &'static str, comes: u64, takes: u64) -> Work {
    Work { account, comes, takes }
}

/// When each job ended, and how long places were held in all.
fn run(stage: Phase, places: usize, jobs: &[Work]) -> (Vec<u64>, u64) {
    let heads: Vec<JobHead> = jobs.iter().zip(0..).map(|(job, n)| head(n, job.account)).collect();
    let (mut visits, mut ends, mut held) = (Visits::new(places), vec![None; jobs.len()], 0);
    for second in 0..1_000_000 {
        for (n, head) in heads.iter().enumerate() {
            let Some(visit) = visits.under_way.get(&head.id) else { continue };
            let is_over = at(second).since(visit.since).as_secs() >= jobs[n].takes;
            if is_over || visit.cancel.is_stopped() {
                visits.end(head.id, at(second));
                ends[n] = ends[n].or(is_over.then_some(second));
            }
        }
        if ends.iter().all(Option::is_some) {
            return (ends.into_iter().flatten().collect(), held);
        }
        let waits = |n: usize| jobs[n].comes <= second && ends[n].is_none() && !visits.has(heads[n].id);
        let mut waiting: Vec<&JobHead> = (0..jobs.len()).filter(|n| waits(*n)).map(|n| &heads[n]).collect();
        while !waiting.is_empty() {
            match visits.next(stage, &waiting, at(second)) {
                Next::Begin(job) => {
                    let begun = waiting.iter().position(|head| head.id == job).unwrap();
                    visits.begin(waiting.swap_remove(begun), stage, CancelToken::unbounded(), at(second));
                }
                Next::Preempt(job) => visits.preempt(job, at(second)),
                Next::Wait => break,
            }
        }
        assert!(visits.under_way.len() <= places);
        held += visits.under_way.len() as u64;
    }
    panic!("they do not end: {ends:?}");
}

#[test]
fn a_short_job_waits_for_no_long_one_of_its_own_account_or_of_another() {
    let long = (0..20).map(|_| work("1", 0, 1000));
    for account in ["1", "2"] {
        for comes in [0, 3, 100, 2000, 4321] {
            let jobs: Vec<Work> = long.clone().chain([work(account, comes, 1)]).collect();
            let (ends, _) = run(Phase::Prepare, 8, &jobs);
            let waited = ends[20] - comes;
            // Others that are new come in turn.
            assert!(waited <= 3 * TURN.as_secs(), "{account} at {comes}: {waited} s");
        }
    }
}

#[test]
fn a_long_job_of_another_account_gets_a_place_and_keeps_it() {
    let long = (0..20).map(|_| work("1", 0, 1000));
    let jobs: Vec<Work> = long.chain([work("2", 500, 1000)]).collect();
    let (ends, _) = run(Phase::Prepare, 8, &jobs);
    assert!(ends[20] <= 500 + 1000 + TURN.as_secs() + 2, "{}", ends[20]);
}

#[test]
fn more_accounts_than_places_have_long_jobs_and_all_end_at_bearable_cost() {
    let accounts = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"];
    let jobs: Vec<Work> = accounts.iter().flat_map(|account| [work(account, 0, 3000), work(account, 9, 40)]).collect();
    let (ends, held) = run(Phase::Prepare, 4, &jobs);
    let (all, last) = (jobs.iter().map(|job| job.takes).sum::<u64>(), ends.iter().max().unwrap());
    assert!(held <= 3 * all, "{held} s of places for {all} s of work");
    assert!(*last <= 4 * all / 4, "{last} s in all");
    for (job, end) in jobs.iter().zip(&ends).filter(|(job, _)| job.takes == 40) {
        assert!(*end < 1500, "a job of {} s ended at {end}", job.takes);
    }
}

#[test]
fn who_drains_gives_way_after_a_turn_however_often_it_has() {
    let jobs: Vec<Work> = (0..8).map(|_| work("1", 0, 4)).chain([work("1", 1, 4)]).collect();
    let (ends, _) = run(Phase::Drain, 2, &jobs);
    assert_eq!(ends.iter().max(), Some(&20), "a visit of less than a turn is never given up");
}

#[test]
fn who_is_asked_and_does_not_end_is_cut() {
    let mut visits = Visits::new(1);
    let cancel = CancelToken::unbounded();
    visits.begin(&head(1, "1"), Phase::Prepare, cancel.clone(), at(0));
    let other = head(2, "1");
    assert_eq!(visits.next(Phase::Prepare, &[&other], at(4)), Next::Wait, "it has had no turn");
    assert_eq!(visits.next(Phase::Prepare, &[&other], at(5)), Next::Preempt(JobId::from_u128(1)));
    assert_eq!(visits.next(Phase::Drain, &[&other], at(5)), Next::Begin(JobId::from_u128(2)), "its own places");
    visits.preempt(JobId::from_u128(1), at(5));
    assert!(cancel.is_stopped() && !cancel.for_cleanup().is_stopped());
    assert_eq!(visits.next(Phase::Prepare, &[&other], at(6)), Next::Wait);
    visits.kill_late(at(9));
    assert!(!cancel.for_cleanup().is_stopped());
    visits.kill_late(at(10));
    assert!(cancel.for_cleanup().is_stopped());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_comes_everything_ends_and_nothing_is_done_much_more_than_needed(
        places in 1_usize..9,
        jobs in prop::collection::vec((0_usize..4, 0_u64..300, 1_u64..200), 1..20),
    ) {
        let jobs: Vec<Work> =
            jobs.into_iter().map(|(account, comes, takes)| work(["1", "2", "3", "4"][account], comes, takes)).collect();
        let (ends, held) = run(Phase::Report, places, &jobs);
        let all: u64 = jobs.iter().map(|job| job.takes).sum();
        prop_assert_eq!(ends.len(), jobs.len());
        prop_assert!(held <= 4 * all + 100, "{} s of places for {} s of work", held, all);
    }
}
