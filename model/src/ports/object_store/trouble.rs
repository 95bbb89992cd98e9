//! Records how long a task's calls have waited, and which tasks of a cancel token wait for long:
//! waiting is bounded over all calls of a task, and a task that waits for long gives its place to
//! others.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::CallKind;
use crate::ports::clock::Monotonic;

/// What the calls of one task have been through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Attempts that failed while the endpoint served others.
    pub attempts: u32,
    /// The time that these took, with the waits before them.
    pub waited: Duration,
    counted_until: Monotonic,
    /// The kinds of calls that fail, each with the time since when: a handful at most.
    failing: Vec<(CallKind, Monotonic)>,
}

impl Trouble {
    /// Failed attempts, and the time of them since `from` that no other call of the task has counted.
    pub fn count(&mut self, attempts: u32, from: Monotonic, now: Monotonic) {
        self.attempts = self.attempts.saturating_add(attempts);
        self.waited += now.since(from.max(self.counted_until));
        self.counted_until = now;
    }

    /// A call of this kind failed; since when calls of it fail without a success between.
    pub fn failing_since(&mut self, kind: CallKind, now: Monotonic) -> Monotonic {
        if let Some((_, since)) = self.failing.iter().find(|(failing, _)| *failing == kind) {
            return *since;
        }
        self.failing.push((kind, now));
        now
    }

    /// A call of this kind succeeded, or what failed before was not the call's own fault.
    pub fn forgive(&mut self, kind: CallKind) {
        self.failing.retain(|(failing, _)| *failing != kind);
    }
}

/// The part of a cancel token that belongs to one task.
#[derive(Debug)]
pub(super) struct OfTask {
    /// Its number in the manifest; `None` of a call that belongs to no task.
    pub(super) number: Option<u64>,
    trouble: Mutex<Trouble>,
}

impl OfTask {
    pub(super) fn new(number: Option<u64>) -> Self {
        Self { number, trouble: Mutex::default() }
    }

    pub(super) fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tasks of a cancel token that wait for long, with why they do.
#[derive(Debug, Default)]
pub(super) struct Stuck {
    tasks: Mutex<BTreeMap<u64, String>>,
    changes: watch::Sender<u64>,
}

impl Stuck {
    fn tasks(&self) -> MutexGuard<'_, BTreeMap<u64, String>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is said first is said for as long as the task is stuck.
    pub(super) fn add(&self, number: u64, why: &str) {
        if let Entry::Vacant(place) = self.tasks().entry(number) {
            place.insert(why.to_owned());
            self.changes.send_modify(|changes| *changes += 1);
        }
    }

    pub(super) fn remove(&self, number: u64) {
        if self.tasks().remove(&number).is_some() {
            self.changes.send_modify(|changes| *changes += 1);
        }
    }

    pub(super) fn numbers(&self) -> Vec<u64> {
        self.tasks().keys().copied().collect()
    }

    pub(super) fn reason(&self) -> Option<String> {
        self.tasks().values().next().cloned()
    }

    pub(super) fn changes(&self) -> u64 {
        *self.changes.borrow()
    }

    pub(super) async fn changed(&self, seen: u64) {
        // The sender lives in self, so waiting cannot fail.
        let _ = self.changes.subscribe().wait_for(|changes| *changes != seen).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_wait_beside_each_other_count_their_time_once() {
        let at = |seconds| Monotonic(Duration::from_secs(seconds));
        let mut trouble = Trouble::default();
        for _ in 0..3 {
            trouble.count(1, at(10), at(40));
        }
        trouble.count(1, at(30), at(50));
        assert_eq!((trouble.attempts, trouble.waited), (4, Duration::from_secs(40)));
    }

    #[test]
    fn a_kind_of_call_fails_since_its_first_failure_after_a_success() {
        let at = |seconds| Monotonic(Duration::from_secs(seconds));
        let mut trouble = Trouble::default();
        assert_eq!(trouble.failing_since(CallKind::CopyObject, at(3)), at(3));
        assert_eq!(trouble.failing_since(CallKind::CopyObject, at(9)), at(3));
        trouble.forgive(CallKind::HeadObject);
        assert_eq!(trouble.failing_since(CallKind::CopyObject, at(12)), at(3), "the other kind says nothing");
        trouble.forgive(CallKind::CopyObject);
        assert_eq!(trouble.failing_since(CallKind::CopyObject, at(15)), at(15));
    }
}
