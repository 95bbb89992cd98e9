//! The calls of a cancel token that stand still, with what each waits for: the longest wait tells why a job does.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ports::clock::Monotonic;
use crate::waiting::{WaitCause, Waiting};

/// Names a wait within its cancel token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WaitNumber(u64);

/// All waits of a cancel token.
#[derive(Debug, Default)]
pub(super) struct Waits(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    next: u64,
    waits: BTreeMap<WaitNumber, (Monotonic, Waiting)>,
}

impl Waits {
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, since: Monotonic, wait: Waiting) -> WaitNumber {
        let mut noted = self.noted();
        let number = WaitNumber(noted.next);
        noted.next += 1;
        noted.waits.insert(number, (since, wait));
        number
    }

    /// It waits for something else now.
    pub(super) fn change(&self, number: WaitNumber, wait: Waiting) {
        if let Some((_, before)) = self.noted().waits.get_mut(&number) {
            *before = wait;
        }
    }

    pub(super) fn end(&self, number: WaitNumber) {
        self.noted().waits.remove(&number);
    }

    /// The wait that began first. One that knows no more than that an answer has not come gives way to one that
    /// knows why.
    pub(super) fn longest(&self) -> Option<(Monotonic, Waiting)> {
        let noted = self.noted();
        noted.waits.values().min_by_key(|(since, wait)| (wait.cause == WaitCause::Answer, *since)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn wait(cause: WaitCause) -> Waiting {
        Waiting { who: "a call".into(), cause, what: cause.word().into(), since: None, name: String::new() }
    }

    #[test]
    fn the_longest_wait_that_has_a_cause_is_told_and_none_once_all_have_ended() {
        let (waits, at) = (Waits::default(), |seconds| Monotonic(Duration::from_secs(seconds)));
        let hanging = waits.begin(at(1), wait(WaitCause::Answer));
        assert_eq!(waits.longest(), Some((at(1), wait(WaitCause::Answer))));
        let (second, first) =
            (waits.begin(at(3), wait(WaitCause::Throttled)), waits.begin(at(2), wait(WaitCause::Failing)));
        assert_eq!(waits.longest(), Some((at(2), wait(WaitCause::Failing))));
        waits.change(first, wait(WaitCause::Unreachable));
        assert_eq!(waits.longest(), Some((at(2), wait(WaitCause::Unreachable))), "it waits since then");
        [hanging, second, first].into_iter().for_each(|number| waits.end(number));
        assert_eq!(waits.longest(), None);
    }
}
