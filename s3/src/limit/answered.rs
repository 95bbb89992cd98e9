//! The recent rate of answered objects a second, from a count for each of the latest seconds.

use brigade_model::ports::clock::Monotonic;

/// The seconds that count.
const SECONDS: usize = 10;

/// Objects that were answered in each of the latest seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answered {
    /// The objects of second `n` stand at `n % SECONDS`.
    objects: [u64; SECONDS],
    /// The second of the latest answer.
    latest: u64,
    /// The first answer after a time without any.
    since: Monotonic,
}

impl Answered {
    /// Counts an answer about so many objects.
    pub(super) fn note(&mut self, now: Monotonic, objects: u32) {
        if self.per_second(now) == 0.0 {
            *self = Self { since: now, ..Self::default() };
        }
        let second = now.0.as_secs();
        let passed = second.saturating_sub(self.latest).min(SECONDS as u64);
        (0..passed).for_each(|ago| self.objects[slot(second - ago)] = 0);
        self.latest = self.latest.max(second);
        self.objects[slot(second)] += u64::from(objects);
    }

    /// Objects a second over the last ten seconds, or since answers began to come; 0 when none came.
    #[must_use]
    pub fn per_second(&self, now: Monotonic) -> f64 {
        let second = now.0.as_secs();
        let first = (second + 1).saturating_sub(SECONDS as u64);
        let objects: u64 = (first..=self.latest.min(second)).map(|second| self.objects[slot(second)]).sum();
        let began = self.since.0.as_secs_f64().max(first as f64);
        // An answer that came this moment is not infinitely many.
        objects as f64 / (now.0.as_secs_f64() - began).max(1.0)
    }
}

fn slot(second: u64) -> usize {
    (second % SECONDS as u64) as usize
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(ms: u64) -> Monotonic {
        Monotonic(Duration::from_millis(ms))
    }

    /// An answer about `objects` each 10 ms.
    fn answer(answered: &mut Answered, from_ms: u64, to_ms: u64, objects: u32) {
        (from_ms..to_ms).step_by(10).for_each(|ms| answered.note(at(ms), objects));
    }

    #[test]
    fn the_rate_is_that_of_the_last_ten_seconds_and_nothing_is_left_of_it_after_them() {
        let mut answered = Answered::default();
        assert_eq!(answered.per_second(at(5000)), 0.0);
        answered.note(at(5500), 7);
        assert_eq!(answered.per_second(at(5500)), 7.0);
        answer(&mut answered, 5510, 8500, 7);
        assert_eq!(answered.per_second(at(8500)).round(), 700.0, "no second of before counts");
        answer(&mut answered, 8500, 60_000, 7);
        assert_eq!(answered.per_second(at(59_999)).round(), 700.0);
        answer(&mut answered, 60_000, 65_000, 1);
        assert_eq!(answered.per_second(at(64_999)).round(), 400.0, "half of the time at 700, half at 100");
        assert_eq!(answered.per_second(at(69_999)).round(), 50.0);
        assert_eq!(answered.per_second(at(75_000)), 0.0);
        assert_eq!(answered.per_second(at(10_000_000)), 0.0);
        answered.note(at(10_000_000), 3);
        assert_eq!(answered.per_second(at(10_000_000)), 3.0);
    }
}
