//! Jobs that come, change, drain and go, with a decision after each event: what holds at each
//! moment, and what holds in the end.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::{Candidate, SlotMove, decide};
use super::candidate;
use super::naive::{self, holds, waits};
use crate::job::JobId;
use crate::status::Status;

/// Something that happens to the jobs of an endpoint. A number picks one of the jobs.
#[derive(Debug, Clone, Copy)]
enum Event {
    Arrives {
        account: u8,
        priority: i32,
    },
    Ends(usize),
    GetsPriority(usize, i32),
    IsHeld(usize),
    IsReleased(usize),
    Drains(usize),
    /// A service that is started again may have other settings.
    SlotsAre(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let job = 0..64_usize;
    prop_oneof![
        6 => (0..4_u8, 0..4_i32).prop_map(|(account, priority)| Event::Arrives { account, priority }),
        4 => job.clone().prop_map(Event::Ends),
        3 => (job.clone(), 0..4_i32).prop_map(|(job, priority)| Event::GetsPriority(job, priority)),
        2 => job.clone().prop_map(Event::IsHeld),
        2 => job.clone().prop_map(Event::IsReleased),
        6 => job.prop_map(Event::Drains),
        1 => (0..5_usize).prop_map(Event::SlotsAre),
    ]
}

/// An endpoint with its jobs.
#[derive(Debug, Default)]
struct Endpoint {
    slots: usize,
    created: u128,
    jobs: Vec<Candidate>,
}

impl Endpoint {
    fn arrive(&mut self, account: u8, priority: i32) -> JobId {
        self.created += 1;
        self.jobs.push(candidate(self.created, &format!("a{account}"), priority, Status::Ready));
        JobId::from_u128(self.created)
    }

    fn suffer(&mut self, event: Event) {
        let count = self.jobs.len().max(1);
        match event {
            Event::Arrives { account, priority } => {
                self.arrive(account, priority);
            }
            Event::SlotsAre(slots) => self.slots = slots,
            Event::Ends(n) if !self.jobs.is_empty() => {
                self.jobs.remove(n % count);
            }
            Event::GetsPriority(n, priority) => self.change(n, |job| job.priority = priority),
            Event::IsHeld(n) => self.change(n, |job| job.is_held = true),
            Event::IsReleased(n) => self.change(n, |job| job.is_held = false),
            Event::Drains(n) => self.change(n, drain),
            Event::Ends(_) => {}
        }
    }

    fn change(&mut self, n: usize, change: impl FnOnce(&mut Candidate)) {
        let count = self.jobs.len().max(1);
        if let Some(job) = self.jobs.get_mut(n % count) {
            change(job);
        }
    }

    fn held(&self) -> usize {
        self.jobs.iter().filter(|job| holds(job)).count()
    }

    fn apply(&mut self, moves: &[(JobId, SlotMove)]) {
        for (id, slot_move) in moves {
            let job = self.jobs.iter_mut().find(|job| job.job == *id).expect("a job that moves is one of these");
            job.status = match (slot_move, job.status) {
                (SlotMove::Grant, Status::Ready | Status::Paused) => Status::Active,
                (SlotMove::Preempt, Status::Active) => Status::Pausing,
                (slot_move, status) => panic!("{slot_move:?} of a job that is {status}"),
            };
        }
    }

    /// One decision, which is the naive one, too, and after which there is nothing to decide.
    fn reschedule(&mut self) -> Vec<(JobId, SlotMove)> {
        let (before, moves) = (self.held(), decide(&self.jobs, self.slots));
        let by_job = |moves: &[(JobId, SlotMove)]| moves.iter().copied().collect::<BTreeMap<_, _>>();
        assert_eq!(by_job(&moves), by_job(&naive::decide(&self.jobs, self.slots)), "{self:?}");
        self.apply(&moves);
        assert!(self.held() <= self.slots.max(before), "more jobs hold slots than there are: {self:?}");
        assert_eq!(decide(&self.jobs, self.slots), [], "decided again, it moves on: {self:?}");
        moves
    }

    /// Drains and decides until nothing moves.
    fn run_until_steady(&mut self) {
        let mut granted = BTreeSet::new();
        for _ in 0..3 {
            self.jobs.iter_mut().for_each(drain);
            for (job, slot_move) in self.reschedule() {
                match slot_move {
                    SlotMove::Grant => assert!(granted.insert(job), "granted twice: {self:?}"),
                    SlotMove::Preempt => assert!(!granted.contains(&job), "granted and taken: {self:?}"),
                }
            }
        }
        self.jobs.iter_mut().for_each(drain);
        assert_eq!(self.reschedule(), [], "it does not come to rest");
    }

    /// What is true when nothing moves any more.
    fn check_steady(&self) {
        let active = |job: &&Candidate| job.status == Status::Active;
        assert!(self.held() <= self.slots, "{self:?}");
        let running = |account| self.jobs.iter().filter(active).filter(|job| job.account == account).count();
        for waiting in self.jobs.iter().filter(|job| waits(job)) {
            assert_eq!(self.held(), self.slots, "a slot is free and {waiting:?} waits");
            for runs in self.jobs.iter().filter(active) {
                let is_passed_over = runs.account == waiting.account && runs.priority < waiting.priority;
                assert!(!is_passed_over, "{runs:?} runs and {waiting:?} waits");
                let (theirs, own) = (running(runs.account.clone()), running(waiting.account.clone()));
                assert!(theirs <= own + 1, "{runs:?} has {theirs} slots, {waiting:?} {own}");
            }
        }
        let held = self.jobs.iter().filter(active).find(|job| job.is_held);
        assert!(held.is_none(), "{held:?} is held by its user and runs");
    }
}

fn drain(job: &mut Candidate) {
    if job.status == Status::Pausing {
        job.status = Status::Paused;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_slots_are_given_as_the_rules_say_and_never_twice(
        slots in 0..5_usize,
        events in prop::collection::vec((event(), prop::bool::weighted(0.7)), 0..60),
    ) {
        let mut endpoint = Endpoint { slots, ..Endpoint::default() };
        for (event, is_decided) in events {
            endpoint.suffer(event);
            if is_decided {
                endpoint.reschedule();
            }
        }
        endpoint.run_until_steady();
        endpoint.check_steady();
    }

    #[test]
    fn a_job_that_none_of_its_account_outranks_waits_for_no_more_ends_than_there_are_older_jobs(
        slots in 1..4_usize,
        before in prop::collection::vec((0..4_u8, 0..4_i32), 0..8),
        after in prop::collection::vec((0..3_u8, 0..9_i32, 0..64_usize), 40),
    ) {
        let mut endpoint = Endpoint { slots, ..Endpoint::default() };
        for (account, priority) in before {
            endpoint.arrive(account, priority);
        }
        endpoint.run_until_steady();
        let older = endpoint.jobs.len();
        let patient = endpoint.arrive(3, 4);
        let is_served = |endpoint: &Endpoint| endpoint.jobs.iter().any(|job| job.job == patient && holds(job));
        for (ends, (account, priority, picked)) in after.into_iter().enumerate() {
            // Others arrive for ever, as urgent as they like.
            endpoint.arrive(account, priority);
            endpoint.run_until_steady();
            if is_served(&endpoint) {
                return Ok(());
            }
            prop_assert!(ends <= older, "{} jobs ended and it still waits: {:?}", ends, endpoint);
            let running: Vec<usize> = (0..endpoint.jobs.len()).filter(|n| holds(&endpoint.jobs[*n])).collect();
            endpoint.jobs.remove(running[picked % running.len()]);
        }
        prop_assert!(is_served(&endpoint), "{:?}", endpoint);
    }
}
