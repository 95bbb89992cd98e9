//! Single decisions, and runs against a naive model that keeps only the list of jobs served, while
//! jobs come, change, and go.

use brigade_model::Status;
use proptest::prelude::*;

use super::*;

fn head(id: u128, account: &str, priority: i32) -> JobHead {
    JobHead {
        id: JobId::from_u128(id),
        account: AccountId::new(account).unwrap(),
        endpoint: EndpointName::new("e").unwrap(),
        status: Status::Active,
        priority,
        revision: 0,
        held_by_user: false,
        held_until: None,
        since: Default::default(),
        retry_of: None,
        is_stage_leased: false,
    }
}

fn number_of(job: &JobHead) -> u128 {
    u128::from_be_bytes(*job.id.as_bytes())
}

/// Which jobs are served in `n` turns when every job always has work.
fn serve(jobs: &[JobHead], n: usize) -> Vec<u128> {
    let mut turns = FairQueue::default();
    let jobs: Vec<&JobHead> = jobs.iter().collect();
    (0..n)
        .map(|_| {
            let first = turns.order(&jobs)[0];
            turns.serve(first);
            number_of(first)
        })
        .collect()
}

#[test]
fn equal_priorities_alternate_and_a_higher_one_goes_first() {
    assert_eq!(serve(&[head(1, "a", 5), head(2, "a", 5)], 4), [1, 2, 1, 2]);
    assert_eq!(serve(&[head(1, "a", 5), head(2, "a", 6)], 3), [2, 2, 2]);
}

#[test]
fn accounts_share_in_turn_whatever_their_priorities() {
    assert_eq!(serve(&[head(1, "a", 9), head(2, "b", 1)], 4), [1, 2, 1, 2]);
}

#[test]
fn what_an_account_gets_at_one_endpoint_costs_it_no_turn_at_another() {
    let elsewhere = JobHead { endpoint: EndpointName::new("f").unwrap(), ..head(1, "a", 5) };
    let (own, others) = (head(2, "a", 5), head(3, "b", 5));
    let mut turns = FairQueue::default();
    let mut served = Vec::new();
    for _ in 0..4 {
        turns.serve(&elsewhere);
        let first = turns.order(&[&own, &others])[0];
        turns.serve(first);
        served.push(number_of(first));
    }
    assert_eq!(served, [2, 3, 2, 3]);
}

/// Every job that was served, in order: all that the naive model knows.
#[derive(Debug, Default)]
struct Naive(Vec<JobHead>);

impl Naive {
    /// The job that no other comes before, found by comparing each pair.
    fn first<'a>(&self, jobs: &[&'a JobHead]) -> Option<&'a JobHead> {
        let is_first = |job: &&&JobHead| jobs.iter().all(|other| other.id == job.id || self.comes_before(job, other));
        jobs.iter().find(is_first).copied()
    }

    /// Another account that was served longer ago, or was never; else what is more urgent; else
    /// what was served longer ago; else the older.
    fn comes_before(&self, one: &JobHead, other: &JobHead) -> bool {
        if one.account != other.account {
            let last = |of: &JobHead| self.last(|job| job.account == of.account && job.endpoint == of.endpoint);
            return last(one) < last(other) || last(one) == last(other) && one.account < other.account;
        }
        if one.priority != other.priority {
            return one.priority > other.priority;
        }
        let last = |of: &JobHead| self.last(|job| job.id == of.id);
        last(one) < last(other) || last(one) == last(other) && one.id < other.id
    }

    fn last(&self, is_meant: impl Fn(&JobHead) -> bool) -> Option<usize> {
        self.0.iter().rposition(is_meant)
    }
}

/// Something that happens between two turns. A number picks one of the jobs.
#[derive(Debug, Clone, Copy)]
enum Event {
    Arrives {
        account: u8,
        endpoint: u8,
        priority: i32,
    },
    Ends(usize),
    GetsPriority(usize, i32),
    /// A worker of an endpoint is free; the jobs that this number picks have no slice for it.
    WorkerIsFree {
        endpoint: u8,
        without_work: u16,
    },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0..3_u8, 0..2_u8, 0..3_i32)
            .prop_map(|(account, endpoint, priority)| Event::Arrives { account, endpoint, priority }),
        1 => (0..64_usize).prop_map(Event::Ends),
        1 => (0..64_usize, 0..3_i32).prop_map(|(job, priority)| Event::GetsPriority(job, priority)),
        8 => (0..2_u8, any::<u16>(), any::<u16>())
            .prop_map(|(endpoint, one, two)| Event::WorkerIsFree { endpoint, without_work: one & two }),
    ]
}

fn endpoint(number: u8) -> EndpointName {
    EndpointName::new(format!("e{number}")).unwrap()
}

proptest! {
    #[test]
    fn whoever_is_first_is_first_by_the_rules_compared_pair_by_pair(
        events in prop::collection::vec(event(), 0..80),
    ) {
        let (mut turns, mut naive) = (FairQueue::default(), Naive::default());
        let (mut jobs, mut created) = (Vec::<JobHead>::new(), 0);
        for event in events {
            let count = jobs.len().max(1);
            match event {
                Event::Arrives { account, endpoint: at, priority } => {
                    created += 1;
                    jobs.push(JobHead { endpoint: endpoint(at), ..head(created, &format!("a{account}"), priority) });
                }
                Event::Ends(n) if !jobs.is_empty() => {
                    jobs.remove(n % count);
                    // An account without a job begins anew.
                    let has_job = |served: &JobHead| {
                        jobs.iter().any(|job| job.account == served.account && job.endpoint == served.endpoint)
                    };
                    naive.0.retain(has_job);
                }
                Event::GetsPriority(n, priority) => {
                    if let Some(job) = jobs.get_mut(n % count) {
                        job.priority = priority;
                    }
                }
                Event::WorkerIsFree { endpoint: at, without_work } => {
                    let has_work = |(n, job): &(usize, &JobHead)| {
                        job.endpoint == endpoint(at) && without_work >> (n % 16) & 1 == 0
                    };
                    let willing: Vec<&JobHead> = jobs.iter().enumerate().filter(has_work).map(|(_, job)| job).collect();
                    let first = turns.order(&willing).first().copied();
                    prop_assert_eq!(first, naive.first(&willing));
                    if let Some(first) = first {
                        turns.serve(first);
                        naive.0.push(first.clone());
                    }
                }
                Event::Ends(_) => {}
            }
            turns.keep(&jobs);
        }
    }

    #[test]
    fn of_those_that_always_have_work_none_gets_two_more_than_another_of_its_rank(
        jobs in prop::collection::vec((0..3_u8, 0..3_i32), 1..10),
        turns_of_each in 1..12_usize,
    ) {
        let jobs: Vec<JobHead> =
            (1..).zip(&jobs).map(|(id, (account, priority))| head(id, &format!("a{account}"), *priority)).collect();
        let served = serve(&jobs, turns_of_each * jobs.len());
        let of = |is_meant: &dyn Fn(&JobHead) -> bool| {
            let is_served = |id: &&u128| jobs.iter().any(|job| number_of(job) == **id && is_meant(job));
            served.iter().filter(is_served).count()
        };
        for one in &jobs {
            for other in &jobs {
                let accounts = [one, other].map(|job| of(&|served| served.account == job.account));
                prop_assert!(accounts[0].abs_diff(accounts[1]) <= 1, "{accounts:?} turns of {one:?}, {other:?}");
                let own = [one, other].map(|job| of(&|served| served.id == job.id));
                let is_outranked = |job: &JobHead| {
                    jobs.iter().any(|above| above.account == job.account && above.priority > job.priority)
                };
                if is_outranked(one) {
                    prop_assert_eq!(own[0], 0, "{:?}", one);
                } else if one.account == other.account && !is_outranked(other) {
                    prop_assert!(own[0].abs_diff(own[1]) <= 1, "{own:?} turns of {one:?}, {other:?}");
                }
            }
        }
    }
}
