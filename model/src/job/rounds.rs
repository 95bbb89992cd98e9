//! The rounds of a job whose tasks wait for something at the store: in a round each task without an
//! outcome is looked at once, and between two rounds the job has no slot.
//!
//! They stand in the job's row, so that they outlive the process. While [`Rounds::next`] lies ahead the
//! job wants no slot; a slice whose tasks were all looked at waits for the round after this one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limits::ROUND_PAUSE_GROWTH;
use crate::service_clock::ServiceTime;

/// How far a job is in its rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rounds {
    /// The number of the round that is under way, or that begins next; from 0.
    pub number: u32,
    /// When the first began: what patience is counted from.
    pub since: ServiceTime,
    /// When the next begins; `None` while one is under way.
    pub next: Option<ServiceTime>,
    /// Whether patience was over when the round under way began: what it does not find then fails.
    pub is_last: bool,
}

impl Rounds {
    /// The first round, which begins now.
    #[must_use]
    pub(super) fn begin(now: ServiceTime) -> Self {
        Self { number: 0, since: now, next: None, is_last: false }
    }

    /// The next round begins now.
    pub(super) fn begin_next(&mut self, now: ServiceTime, patience: Duration) {
        self.next = None;
        self.is_last = now.since(self.since) >= patience;
    }

    /// The round under way is over. The pause after it is `first` at the beginning, and grows; but the
    /// last look comes when patience ends.
    pub(super) fn end(&mut self, now: ServiceTime, first: Duration, patience: Duration) -> ServiceTime {
        let factor = 1_u32.checked_shl(self.number).map_or(ROUND_PAUSE_GROWTH, |factor| factor.min(ROUND_PAUSE_GROWTH));
        let (regular, last) = (now.after(first.saturating_mul(factor)), self.since.after(patience));
        // What was not looked at in the last round is looked at in one more.
        let next = if last > now { regular.min(last) } else { now.after(first) };
        self.number = self.number.saturating_add(1);
        self.next = Some(next);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_the_first_to_twelve_times_it_and_the_last_look_comes_when_patience_ends() {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let (begin, patience) = (ServiceTime(minutes(1000)), minutes(3 * 60));
        let mut rounds = Rounds::begin(begin);
        let mut now = begin;
        let mut pauses = Vec::new();
        while !rounds.is_last {
            let next = rounds.end(now, minutes(5), patience);
            pauses.push(next.since(now).as_secs() / 60);
            now = next;
            rounds.begin_next(now, patience);
        }
        assert_eq!(pauses, [5, 10, 20, 40, 60, 45]);
        assert_eq!((now.since(begin), rounds.number), (patience, 6));
        let once_more = rounds.end(now, minutes(5), patience);
        assert_eq!(once_more.since(now), minutes(5), "a look that was cut short is made up for");
    }
}
