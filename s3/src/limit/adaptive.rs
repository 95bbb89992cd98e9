//! How many requests a bucket takes now: additive increase, multiplicative decrease.

use std::time::Duration;

use brigade_model::ports::clock::Monotonic;

/// An overload takes this share away ...
const DECREASE: f64 = 0.7;
/// ... once in this time: all requests in flight meet the same overload.
const DECREASE_EVERY: Duration = Duration::from_secs(1);

/// An adaptive limit. Begins without one, so that the caps alone hold until the first overload.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Adaptive {
    limit: Option<f64>,
    decreased_at: Option<Monotonic>,
}

impl Adaptive {
    /// Requests that may be in flight, between 1 and the cap.
    pub(super) fn limit(&self, cap: u32) -> u32 {
        match self.limit {
            // The limit is at least 1 and was at most a cap, so it is a u32.
            Some(limit) => (limit as u32).clamp(1, cap),
            None => cap,
        }
    }

    /// An answer came with so many in flight: one more for each full round of answers, as long
    /// as the limit is what holds calls back.
    pub(super) fn increase(&mut self, in_flight: u32, cap: u32) {
        if let Some(limit) = &mut self.limit
            && f64::from(in_flight) >= limit.floor()
        {
            *limit = (*limit + 1.0 / *limit).min(f64::from(cap));
        }
    }

    /// The store asked to slow down, or did not answer, with so many in flight.
    pub(super) fn decrease(&mut self, in_flight: u32, cap: u32, now: Monotonic) {
        if self.decreased_at.is_some_and(|at| now.since(at) < DECREASE_EVERY) {
            return;
        }
        let most = f64::from(in_flight.min(cap));
        self.limit = Some((self.limit.map_or(most, |limit| limit.min(most)) * DECREASE).max(1.0));
        self.decreased_at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Monotonic {
        Monotonic(Duration::from_millis(ms))
    }

    #[test]
    fn an_overload_cuts_once_a_second_and_answers_win_back_one_a_round() {
        let mut adaptive = Adaptive::default();
        assert_eq!(adaptive.limit(32), 32);
        for _ in 0..20 {
            adaptive.decrease(20, 32, at(0));
        }
        assert_eq!(adaptive.limit(32), 14);
        adaptive.decrease(14, 32, at(1000));
        assert_eq!(adaptive.limit(32), 9);
        for _ in 0..10 {
            adaptive.increase(9, 32);
        }
        assert_eq!(adaptive.limit(32), 10);
        adaptive.increase(2, 32);
        assert_eq!(adaptive.limit(32), 10);
    }

    #[test]
    fn the_limit_stays_between_one_and_the_cap() {
        let mut adaptive = Adaptive::default();
        for second in 0..50 {
            adaptive.decrease(1, 32, at(second * 1000));
        }
        assert_eq!(adaptive.limit(32), 1);
        for _ in 0..10_000 {
            adaptive.increase(8, 8);
        }
        assert_eq!(adaptive.limit(8), 8);
        assert_eq!(adaptive.limit(4), 4);
    }
}
