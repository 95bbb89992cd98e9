//! The bytes of bodies that this process holds at once, whatever job they belong to.
//!
//! A task that is about to read a body or to build a large request takes room for it first, and keeps
//! the room until the bytes are gone. Room is given in the order in which it is asked for, with
//! three rules:
//!
//! - a body that is larger than the budget takes all of it, and so is held alone;
//! - while a body waits for room, the ones behind it wait too, so that small ones do not keep a
//!   large one out;
//! - a job that holds room already gets more only while half of the budget stays free, and others
//!   pass it meanwhile: so jobs whose stores take nothing leave room for the first parts of
//!   sixteen others at the defaults.
//!
//! A task takes room before its call and never during one, so no two tasks wait for each other.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use brigade_model::JobId;
use brigade_model::ports::object_store::CancelToken;
use tokio::sync::oneshot;

/// The budget of a process. Clones are one budget.
#[derive(Debug, Clone)]
pub struct ByteBudget(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    total: u64,
    free: u64,
    /// What each job holds, of those that hold anything.
    held: BTreeMap<JobId, u64>,
    waiting: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    job: JobId,
    bytes: u64,
    grant: oneshot::Sender<Room>,
}

/// Room for the bytes of a body; given back when it is dropped.
#[derive(Debug)]
pub struct Room {
    /// `None` once it is void.
    budget: Option<ByteBudget>,
    job: JobId,
    bytes: u64,
}

/// What becomes of a task that asks for room.
enum Answer {
    Granted,
    /// The job holds its share: others may be served first.
    HasItsShare,
    /// So much is not free: no other is served first.
    NoRoom,
}

impl ByteBudget {
    /// So many bytes.
    #[must_use]
    pub fn new(total: u64) -> Self {
        let (held, waiting) = (BTreeMap::new(), VecDeque::new());
        Self(Arc::new(Mutex::new(State { total, free: total, held, waiting })))
    }

    /// Room for so many bytes of a job, once there is; `None` when the cancel token ends before.
    pub(crate) async fn take(&self, job: JobId, bytes: u64, cancel: &CancelToken) -> Option<Room> {
        tokio::select! {
            biased;
            room = self.wait(job, bytes) => Some(room),
            () = cancel.stopped() => None,
        }
    }

    async fn wait(&self, job: JobId, bytes: u64) -> Room {
        let (grant, granted) = oneshot::channel();
        {
            let mut state = self.state();
            let bytes = bytes.min(state.total);
            state.waiting.push_back(Waiter { job, bytes, grant });
            state.grant_waiting(self);
        }
        // A task that goes away may have stood before others.
        let _leaving = Leaving(self);
        granted.await.expect("a waiter stays in the queue until it gets room")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Leaving<'a>(&'a ByteBudget);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.state().grant_waiting(self.0);
    }
}

impl State {
    fn grant_waiting(&mut self, budget: &ByteBudget) {
        let mut next = 0;
        while let Some(waiter) = self.waiting.get(next) {
            let (job, bytes) = (waiter.job, waiter.bytes);
            if waiter.grant.is_closed() {
                self.waiting.remove(next);
                continue;
            }
            match self.answer(job, bytes) {
                Answer::HasItsShare => next += 1,
                Answer::NoRoom => return,
                Answer::Granted => {
                    let Some(waiter) = self.waiting.remove(next) else { return };
                    self.grant(budget, waiter);
                }
            }
        }
    }

    fn answer(&self, job: JobId, bytes: u64) -> Answer {
        let held = self.held.get(&job).copied().unwrap_or(0);
        match self.free.checked_sub(bytes) {
            left if held > 0 && left.is_none_or(|left| left < self.total / 2) => Answer::HasItsShare,
            None => Answer::NoRoom,
            Some(_) => Answer::Granted,
        }
    }

    fn grant(&mut self, budget: &ByteBudget, waiter: Waiter) {
        let Waiter { job, bytes, grant } = waiter;
        self.free -= bytes;
        *self.held.entry(job).or_default() += bytes;
        if let Err(mut unclaimed) = grant.send(Room { budget: Some(budget.clone()), job, bytes }) {
            // Void, so that its drop does not ask for the lock that is held here.
            unclaimed.budget = None;
            self.take_back(job, bytes);
        }
    }

    fn take_back(&mut self, job: JobId, bytes: u64) {
        self.free += bytes;
        let Some(held) = self.held.get_mut(&job) else { return };
        *held -= bytes;
        if *held == 0 {
            self.held.remove(&job);
        }
    }
}

impl Room {
    /// Gives back what is beyond so many bytes.
    pub(crate) fn shrink_to(&mut self, bytes: u64) {
        let Some(budget) = self.budget.as_ref().filter(|_| bytes < self.bytes) else { return };
        let mut state = budget.state();
        state.take_back(self.job, self.bytes - bytes);
        self.bytes = bytes;
        state.grant_waiting(budget);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(budget) = self.budget.take() {
            let mut state = budget.state();
            state.take_back(self.job, self.bytes);
            state.grant_waiting(&budget);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn job(n: u128) -> JobId {
        JobId::from_u128(n)
    }

    fn take(budget: &ByteBudget, n: u128, bytes: u64) -> impl Future<Output = Room> + Unpin {
        let budget = budget.clone();
        Box::pin(async move { budget.take(job(n), bytes, &CancelToken::unbounded()).await.unwrap() })
    }

    fn now<T>(taking: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
        taking.now_or_never()
    }

    fn free(budget: &ByteBudget) -> u64 {
        budget.state().free
    }

    #[test]
    fn what_is_held_never_exceeds_the_budget_and_comes_back() {
        let budget = ByteBudget::new(10);
        let mut rooms: Vec<_> = (0..10).filter_map(|n| now(&mut take(&budget, n, 4))).collect();
        assert_eq!((rooms.len(), free(&budget)), (2, 2));
        rooms[0].shrink_to(1);
        assert_eq!(free(&budget), 5);
        drop(rooms);
        assert_eq!(free(&budget), 10);
        assert!(budget.state().held.is_empty() && budget.state().waiting.is_empty());
    }

    #[test]
    fn a_body_that_is_larger_than_the_budget_takes_all_of_it_alone() {
        let budget = ByteBudget::new(10);
        let small = now(&mut take(&budget, 1, 1)).unwrap();
        let mut large = take(&budget, 2, 1000);
        assert!(now(&mut large).is_none());
        drop(small);
        let large = now(&mut large).unwrap();
        assert_eq!(free(&budget), 0);
        let mut next = take(&budget, 3, 1);
        assert!(now(&mut next).is_none());
        drop(large);
        assert!(now(&mut next).is_some());
    }

    #[test]
    fn small_bodies_do_not_pass_a_large_one_that_waits_unless_it_goes_away() {
        let budget = ByteBudget::new(10);
        let first = now(&mut take(&budget, 1, 5)).unwrap();
        let (mut large, mut small) = (take(&budget, 2, 8), take(&budget, 3, 1));
        assert!(now(&mut large).is_none() && now(&mut small).is_none());
        drop(large);
        assert!(now(&mut small).is_some());
        drop(first);
        assert_eq!(free(&budget), 10);
    }

    #[test]
    fn a_job_leaves_half_of_the_budget_to_the_first_bodies_of_others_though_its_store_takes_nothing() {
        let budget = ByteBudget::new(256);
        let mut stuck = Vec::new();
        for n in 0..17 {
            let held = std::iter::from_fn(|| now(&mut take(&budget, n, 8))).collect::<Vec<_>>();
            assert_eq!(held.len(), if n == 0 { 16 } else { 1 }, "job {n}");
            stuck.extend(held);
        }
        assert_eq!(free(&budget), 0);
    }

    #[test]
    fn who_waits_for_its_own_job_keeps_no_other_waiting() {
        let budget = ByteBudget::new(10);
        let held = now(&mut take(&budget, 1, 5)).unwrap();
        let (mut own, mut other) = (take(&budget, 1, 5), take(&budget, 2, 5));
        assert!(now(&mut own).is_none());
        let other = now(&mut other).unwrap();
        drop(held);
        assert!(now(&mut own).is_some(), "its first is as good as that of any");
        drop(other);
    }

    #[test]
    fn a_leash_that_ends_ends_the_wait_and_nothing_stays_taken() {
        let budget = ByteBudget::new(10);
        let held = now(&mut take(&budget, 1, 10)).unwrap();
        let cancel = CancelToken::unbounded();
        cancel.stop();
        assert!(budget.take(job(2), 1, &cancel).now_or_never().unwrap().is_none());
        drop(held);
        assert_eq!(free(&budget), 10);
    }
}
