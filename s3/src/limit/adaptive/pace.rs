//! The pace at which calls start at a store that throttles: it follows the rate that the store accepts,
//! returns to the rate known to be accepted, and grows slowly beyond.

use std::time::Duration;

use brigade_model::ports::clock::Monotonic;

/// After "slow down": this share of the rate at which the store had said yes.
const PACE_CUT: f64 = 0.97;
/// One round may mislead: no more of a pace is taken away at once.
const PACE_CUT_MAX: f64 = 0.85;
/// The growth of a pace in a second, doubled in each such time without a "slow down", up to the most.
const PACE_GROWTH: f64 = 0.01;
const PACE_GROWTH_FIRST: f64 = 0.2;
const PACE_GROWTH_DOUBLES: Duration = Duration::from_secs(1);
const PACE_GROWTH_MAX: f64 = 1.0;
/// The growth of a pace in a second up to the rate that the store is known to take.
const PACE_RETURN: f64 = 2.0;
/// A silence is no time to grow in.
const PACE_GROWN_FOR_MAX: Duration = Duration::from_millis(250);
/// A store that says "slow down" more than so many times for each yes says no rate meanwhile: what it
/// took in the last seconds is what it takes, and where it took nothing the pace is halved ...
const NO_PER_YES: u32 = 4;
const PACE_HALVED: f64 = 0.5;
/// ... once in this time.
const PACE_HALVED_AFTER: Duration = Duration::from_secs(1);
/// A pace of so many times the demand holds nothing back, and is dropped.
const PACE_IDLE: f64 = 2.0;
/// Fewer than this share of "slow down" among a round's answers is the condition of a key, not of the
/// store ...
const NO_SHARE: f64 = 0.01;
/// ... and fewer yeses than this tell no rate, unless more do not come for so long.
pub(super) const YES_MIN: u32 = 8;
const YES_WAIT: Duration = Duration::from_secs(1);

/// What the store said since its first "slow down".
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    pub(super) began: Monotonic,
    /// Answers that said yes, and the objects in them.
    pub(super) yes: u32,
    pub(super) units: u64,
    /// Answers that said "slow down".
    pub(super) no: u32,
}

impl Counted {
    pub(super) fn since(began: Monotonic) -> Self {
        Self { began, yes: 0, units: 0, no: 0 }
    }

    /// The rate at which the store takes objects; `None` while it cannot be told.
    pub(super) fn seen(&self, now: Monotonic, pace: Option<Pace>, taken: f64) -> Option<Seen> {
        let took = now.since(self.began);
        if self.no >= YES_MIN && self.no > self.yes * NO_PER_YES {
            let is_early = pace.is_some_and(|pace| now.since(pace.slowed) < PACE_HALVED_AFTER);
            return (!is_early).then_some(Seen { rate: taken, is_whole_second: true });
        }
        let is_told = self.yes >= YES_MIN || took >= YES_WAIT;
        is_told.then(|| Seen { rate: self.units as f64 / took.as_secs_f64(), is_whole_second: false })
    }

    /// Whether so few said "slow down" that it is a key's condition, not the store's.
    pub(super) fn is_of_a_key(&self) -> bool {
        f64::from(self.no) < f64::from(self.yes) * NO_SHARE
    }
}

/// Objects that a store was seen to take in a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    rate: f64,
    /// In one of the last two seconds, not while it was counted: then it took nearly nothing.
    is_whole_second: bool,
}

/// Objects that may be begun in a second, and how that moves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) per_second: f64,
    /// What the store was last seen to take.
    known: f64,
    /// In a second, right after the pace came back to what is known.
    growth: f64,
    /// When it grew last.
    grown: Monotonic,
    /// When it was cut last.
    pub(super) slowed: Monotonic,
    /// When it came back to what is known.
    returned: Monotonic,
}

impl Pace {
    /// After the store asked to slow down, and was seen to take so much; `before` is the pace until now.
    pub(super) fn after(before: Option<Self>, now: Monotonic, seen: Seen, taken: f64) -> Self {
        let Seen { rate, is_whole_second } = seen;
        let is_rate_known = rate >= f64::from(YES_MIN);
        let (least, most) = match before {
            None => (0.0, rate),
            Some(pace) if is_whole_second && is_rate_known => (0.0, pace.per_second),
            Some(pace) if is_whole_second || !is_rate_known => (pace.per_second * PACE_HALVED, pace.per_second),
            Some(pace) => ((pace.per_second * PACE_CUT_MAX).min(taken), pace.per_second * PACE_CUT),
        };
        let per_second = (rate * PACE_CUT).clamp(least, most).max(1.0);
        // A first pace stems from a start in bursts, and is soon tried out.
        let growth = if before.is_none() { PACE_GROWTH_FIRST } else { PACE_GROWTH };
        let known = match before {
            Some(pace) if !is_rate_known => pace.known,
            // A round at the end of a silence says too little.
            Some(pace) if !is_whole_second => per_second.max(pace.known * PACE_HALVED),
            _ => per_second,
        };
        Self { per_second, known, growth, grown: now, slowed: now, returned: now }
    }

    /// Grows by the time since it grew last.
    pub(super) fn grow(&mut self, now: Monotonic) {
        let grown_for = now.since(self.grown).min(PACE_GROWN_FOR_MAX).as_secs_f64();
        self.grown = now;
        if self.per_second < self.known {
            self.per_second = (self.per_second * (1.0 + PACE_RETURN * grown_for)).min(self.known);
            self.returned = now;
        } else {
            let doubled = now.since(self.returned).as_secs_f64() / PACE_GROWTH_DOUBLES.as_secs_f64();
            let growth = (self.growth * doubled.exp2()).min(PACE_GROWTH_MAX);
            self.per_second *= 1.0 + growth * grown_for;
        }
    }

    /// Whether it is far above both the known rate and the demand.
    pub(super) fn holds_nothing_back(&self, rate: f64) -> bool {
        self.per_second > self.known.max(rate) * PACE_IDLE
    }
}
