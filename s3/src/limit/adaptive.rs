//! The adaptive limit of a bucket and class of calls: how many requests may be in flight, and how fast
//! they may start. It is found by trials: no fixed number fits every store and hour (docs/adr/0013).
//!
//! | phase | what moves the limit |
//! |---|---|
//! | startup | each round of answers doubles it, until two rounds in a row bring no more answers a second |
//! | steady | now and then a trial with a quarter more, and one with a fifth less: kept when the answers a second say so |
//! | paced | a store that answered "slow down" is asked at 97 % of the rate at which it says yes; the pace comes back fast to the rate that it is known to take, and then grows slowly, faster the longer nothing happens |
//!
//! A round in which callers use less than the limit says nothing about the store.

use std::time::Duration;

use brigade_model::ports::clock::Monotonic;

mod pace;
mod taken;

use pace::{Counted, Pace, YES_MIN};
use taken::Taken;

/// The limit of a store that nothing is known of.
pub(super) const FIRST_LIMIT: u32 = 32;
/// The same of calls that are about many objects each.
pub(super) const FIRST_LIMIT_OF_GROUPS: u32 = LIMIT_MIN;
/// So many may always be in flight: a call or two that never return must not hold up all others.
const LIMIT_MIN: u32 = 4;
/// No round is shorter: on a fast network its few answers would say nothing.
const ROUND_MIN: Duration = Duration::from_millis(20);
/// Beyond so many, startup grows by this much an answer, by half a round: servers with room for some
/// hundred connections are many, and a burst of hundreds too many makes calls hang.
const CAREFUL_ABOVE: f64 = 256.0;
const CAREFUL_GROWTH: f64 = 0.5;
/// A round of startup that brings less than so many times the answers a second is flat ...
const STARTUP_GROWTH: f64 = 1.12;
/// ... so is one when all rounds together have brought less than so many times the answers for each
/// doubling: noise makes a round grow, but not all of them ...
const STARTUP_GROWTH_OF_ALL: f64 = 1.25;
/// ... and so many flat ones end it.
const STARTUP_FLAT_ROUNDS: u32 = 2;
/// What startup leaves above the requests in flight that its best rate needs.
const HEADROOM: f64 = 2.0;
/// The first trial upwards; each that is kept is followed by a larger one.
const UP: f64 = 1.25;
const UP_MAX: f64 = 2.0;
/// A trial upwards is kept when it brings this share of what it could bring.
const UP_KEPT: f64 = 0.25;
/// The trial downwards, kept when it loses no more than the rest of this share.
const DOWN: f64 = 0.8;
const DOWN_KEPT: f64 = 0.97;
/// Rounds without a trial after one that was not kept: doubled each time, up to the most.
const REST_MIN: u32 = 2;
const REST_MAX: u32 = 16;
/// A time-out says less about the rate: it takes this share of the limit, once a round.
const LIMIT_CUT: f64 = 0.7;
/// More lost connections than this share of what is answered are no chance.
const UNCONNECTED_SHARE: f64 = 0.05;
/// They take this share of the limit, once a round, and for so long it does not grow beyond.
const CONNECTIONS_CUT: f64 = 0.5;
/// Meanwhile, for so long, "slow down" is one more sign of too many connections.
const BREAKS_ANEW_AFTER: Duration = Duration::from_secs(30);
const BREAKS_FOR: Duration = Duration::from_secs(600);
/// So many may be in flight at any pace: it is the pace that holds back, and calls that hang in a
/// server's backlog must not.
const PACED_LIMIT_MIN: f64 = 16.0;
/// What may be in flight beside what a pace needs in the mean.
const PACE_HEADROOM: f64 = 1.5;

/// Why the limit moved last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It did not move yet.
    #[default]
    Start,
    /// More in flight brought more answers a second.
    MoreAnswers,
    /// More in flight brought no more answers a second.
    NoMoreAnswers,
    /// The store asked to slow down.
    SlowDown,
    /// The store did not answer in time, or failed.
    Failures,
    /// The store has no room for more connections.
    NoRoom,
}

impl Reason {
    /// In words of a table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Reason::Start => "start",
            Reason::MoreAnswers => "more answers",
            Reason::NoMoreAnswers => "no more answers",
            Reason::SlowDown => "slow down",
            Reason::Failures => "failures",
            Reason::NoRoom => "too many connections",
        }
    }
}

/// What a call's end says about the store's load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// Answered.
    Answered,
    /// Asked to slow down.
    SlowDown,
    /// No answer in time, or a failure that may be one of overload.
    Failed,
    /// No connection, or one that was lost: now and then by chance, often where there are too many.
    Unconnected,
    /// A new connection was not served, while others are.
    NoRoom,
}

/// One call that ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) now: Monotonic,
    /// When it was sent.
    pub(super) sent: Monotonic,
    /// Objects that it was about.
    pub(super) units: u32,
    /// Requests in flight, itself included.
    pub(super) in_flight: u32,
    /// The configured ceiling.
    pub(super) cap: u32,
    pub(super) load: Load,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Startup { first: Option<FirstRound>, best: f64, flat: u32 },
    Steady { trial: Trial, rest: u32, rest_next: u32 },
}

/// What growth is measured by.
#[derive(Debug, Clone, Copy)]
struct FirstRound {
    base: f64,
    rate: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Trial {
    /// The limit as it is: what trials are compared with.
    Base,
    /// So many times the base.
    Up(f64),
    Down,
}

/// The answers of a round.
#[derive(Debug, Clone, Copy, Default)]
struct Round {
    began: Monotonic,
    answers: u32,
    units: u64,
    latency: Duration,
    /// Answers that came while as much was in flight as the limit allows.
    limited: u32,
    /// Answers to requests of before the limit moved, that are still to be left out.
    to_skip: u32,
}

/// An adaptive limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Adaptive {
    limit: f64,
    /// The limit that trials vary, and its units a second.
    base: f64,
    base_rate: f64,
    phase: Phase,
    round: Round,
    /// A "slow down" came: what the store takes is being counted.
    slowing: Option<Counted>,
    pace: Option<Pace>,
    taken: Taken,
    /// Objects a second of the last round, and requests that each took.
    rate: f64,
    requests_per_unit: f64,
    /// The least mean latency of a round: what an answer takes without waiting.
    latency_min: Option<Duration>,
    latency: Duration,
    cut_at: Option<Monotonic>,
    /// Calls that had no connection or lost it, in the second that began then.
    unconnected: (Monotonic, u32),
    /// The limit that was left when the store lost connections, and when that was.
    breaks_above: Option<(f64, Monotonic)>,
    reason: Reason,
}

impl Adaptive {
    /// Begins at this limit, where nothing but its neighbourhood is known.
    pub(super) fn starting_at(limit: u32) -> Self {
        let limit = f64::from(limit.max(1));
        Self {
            limit,
            base: limit,
            base_rate: 0.0,
            phase: Phase::Startup { first: None, best: 0.0, flat: 0 },
            round: Round::default(),
            slowing: None,
            pace: None,
            taken: Taken::default(),
            rate: 0.0,
            requests_per_unit: 1.0,
            latency_min: None,
            latency: Duration::ZERO,
            cut_at: None,
            unconnected: (Monotonic::default(), 0),
            breaks_above: None,
            reason: Reason::Start,
        }
    }

    /// Requests that may be in flight, at most the cap.
    pub(super) fn limit(&self, cap: u32) -> u32 {
        // At least 1 and at most a cap, so it is a u32.
        (self.limit as u32).max(LIMIT_MIN).min(cap.max(1))
    }

    /// Objects that may be begun in a second, once the store asked to slow down.
    pub(super) fn pace(&self) -> Option<f64> {
        self.pace.map(|pace| pace.per_second)
    }

    /// Why the limit moved last.
    pub(super) fn reason(&self) -> Reason {
        self.reason
    }

    /// The limit without what is only tried.
    pub(super) fn base(&self, cap: u32) -> u32 {
        (self.base as u32).clamp(1, cap.max(1))
    }

    /// Takes in how a call ended.
    pub(super) fn learn(&mut self, mut sample: Sample) {
        // A server that breaks above so many connections has no room for more.
        if let Some((most, at)) = self.breaks_above {
            match sample.now.since(at) < BREAKS_FOR {
                true => sample.cap = sample.cap.min(most as u32).max(1),
                false => self.breaks_above = None,
            }
        }
        self.limit = self.limit.min(f64::from(sample.cap.max(1)));
        match sample.load {
            Load::Answered => self.note_answer(sample),
            Load::SlowDown => self.slow_down(sample),
            Load::Failed => self.cut(sample.now, Reason::Failures, LIMIT_CUT),
            Load::Unconnected => self.note_unconnected(sample.now),
            Load::NoRoom => self.leave_room(sample.now),
        }
        self.set_pace(sample.now, sample.cap);
    }

    fn note_answer(&mut self, sample: Sample) {
        let latency = sample.now.since(sample.sent);
        match (&mut self.slowing, &mut self.pace) {
            (Some(_), Some(pace)) if self.taken.in_last_second(sample.now) == 0 => {
                // The store takes something again: what was sent before says no more how much.
                (self.slowing, pace.slowed) = (None, sample.now);
            }
            (Some(counted), _) => {
                counted.yes += 1;
                counted.units += u64::from(sample.units);
            }
            (None, _) => {}
        }
        self.taken.note(sample.now, sample.units);
        self.grow_pace(sample.now, sample.cap);
        let round = &mut self.round;
        if round.to_skip > 0 {
            round.to_skip -= 1;
            if round.to_skip == 0 {
                round.began = sample.now;
            }
            return;
        }
        if round.answers == 0 && round.began == Monotonic::default() {
            round.began = sample.sent;
        }
        round.answers += 1;
        round.units += u64::from(sample.units);
        round.latency += latency;
        let is_limited = f64::from(sample.in_flight) >= self.limit.floor() * 0.9;
        round.limited += u32::from(is_limited);
        if let Phase::Startup { flat: 0, .. } = self.phase
            && is_limited
            && self.pace.is_none()
            && self.slowing.is_none()
        {
            let growth = if self.limit < CAREFUL_ABOVE { 1.0 } else { CAREFUL_GROWTH };
            self.limit = (self.limit + growth).min(self.base * 2.0).min(f64::from(sample.cap));
        }
        let wanted = self.base.max(f64::from(FIRST_LIMIT) / 2.0);
        if f64::from(round.answers) >= wanted && sample.now.since(round.began) >= ROUND_MIN {
            self.end_round(sample.now, sample.cap);
        }
    }

    fn end_round(&mut self, now: Monotonic, cap: u32) {
        let round = self.round;
        let took = now.since(round.began).as_secs_f64();
        let rate = round.units as f64 / took;
        self.latency = round.latency / round.answers;
        let latency_min = self.latency_min.map_or(self.latency, |least| least.min(self.latency));
        self.latency_min = Some(latency_min);
        self.requests_per_unit = f64::from(round.answers) / round.units as f64;
        self.rate = rate;
        let was_limited = f64::from(round.limited) >= f64::from(round.answers) * 0.8;
        self.round = Round { began: now, ..Round::default() };
        if self.pace.is_some() {
            return self.follow_pace(cap);
        }
        if self.slowing.is_some() {
            return;
        }
        match self.phase {
            Phase::Startup { .. } if !was_limited => self.base = self.limit,
            Phase::Startup { first, best, flat } => self.go_on_starting(rate, first, best, flat, cap),
            Phase::Steady { trial, rest, rest_next } => {
                if was_limited {
                    self.conclude(rate, trial, rest, rest_next, cap);
                } else {
                    self.try_next(Trial::Base, 0, rest_next, cap);
                }
            }
        }
    }

    fn go_on_starting(&mut self, rate: f64, first: Option<FirstRound>, best: f64, flat: u32, cap: u32) {
        let first = first.unwrap_or(FirstRound { base: self.base, rate });
        let doublings = (self.base / first.base).log2();
        let of_all = first.rate * STARTUP_GROWTH_OF_ALL.powf(doublings);
        let has_grown = rate >= best * STARTUP_GROWTH && rate >= of_all;
        let flat = if has_grown { 0 } else { flat + 1 };
        let best = best.max(rate);
        if has_grown {
            self.reason = Reason::MoreAnswers;
        }
        let is_at_ceiling = self.base >= f64::from(cap);
        if flat < STARTUP_FLAT_ROUNDS && !is_at_ceiling {
            self.base = self.limit;
            self.phase = Phase::Startup { first: Some(first), best, flat };
            return;
        }
        if has_grown {
            // The ceiling, not the store, ended the growth.
            return self.try_next(Trial::Base, 0, REST_MIN, cap);
        }
        // Little's law: so many are in flight at the best rate when none of them waits.
        let needed = best * self.requests_per_unit * self.latency_min.unwrap_or_default().as_secs_f64();
        self.base = (needed * HEADROOM).clamp(1.0, self.limit);
        self.reason = Reason::NoMoreAnswers;
        self.try_next(Trial::Base, 0, REST_MIN, cap);
    }

    /// Compares a trial with the base, and goes on to the next.
    fn conclude(&mut self, rate: f64, trial: Trial, rest: u32, rest_next: u32, cap: u32) {
        match trial {
            Trial::Base if rest > 0 => {
                self.base_rate = rate;
                self.phase = Phase::Steady { trial: Trial::Base, rest: rest - 1, rest_next };
            }
            Trial::Base => {
                self.base_rate = rate;
                self.try_next(Trial::Up(UP), 0, rest_next, cap);
            }
            Trial::Up(gain) if rate >= self.base_rate * (1.0 + UP_KEPT * (self.limit / self.base - 1.0)) => {
                (self.base, self.base_rate, self.reason) = (self.limit, rate, Reason::MoreAnswers);
                self.try_next(Trial::Up((gain * gain).min(UP_MAX)), 0, REST_MIN, cap);
            }
            Trial::Up(_) => self.try_next(Trial::Down, 0, rest_next, cap),
            Trial::Down if rate >= self.base_rate * DOWN_KEPT => {
                (self.base, self.base_rate, self.reason) = (self.limit, rate, Reason::NoMoreAnswers);
                self.try_next(Trial::Down, 0, REST_MIN, cap);
            }
            Trial::Down => self.try_next(Trial::Base, rest_next, (rest_next * 2).min(REST_MAX), cap),
        }
    }

    fn try_next(&mut self, trial: Trial, rest: u32, rest_next: u32, cap: u32) {
        let gain = match trial {
            Trial::Base => 1.0,
            Trial::Up(gain) => gain,
            Trial::Down => DOWN,
        };
        let before = self.limit;
        self.limit = (self.base * gain).clamp(1.0, f64::from(cap.max(1)));
        let up = matches!(trial, Trial::Up(_));
        if up && self.limit < self.base + 1.0 {
            // At the ceiling, or too small for a quarter of it to count.
            self.limit = (self.base + 1.0).min(f64::from(cap.max(1)));
            if self.limit < self.base + 1.0 {
                return self.try_next(Trial::Down, rest, rest_next, cap);
            }
        }
        self.phase = Phase::Steady { trial, rest, rest_next };
        // What is in flight was begun under the limit before.
        self.round.to_skip = before.max(self.limit) as u32;
    }

    /// The store asked to slow down: from now on its answers are counted for a round. What was sent at
    /// the pace of before says nothing about the one of now.
    fn slow_down(&mut self, sample: Sample) {
        if self.pace.is_some_and(|pace| sample.sent < pace.slowed) {
            return;
        }
        if self.breaks_above.is_some_and(|(_, at)| sample.now.since(at) < BREAKS_ANEW_AFTER) {
            // It is short of connections: what it says yes to meanwhile is no rate.
            if self.limit >= PACED_LIMIT_MIN * 2.0 {
                self.cut(sample.now, Reason::SlowDown, LIMIT_CUT);
            }
            return;
        }
        if self.pace.is_none() && self.taken.per_second(sample.now) < f64::from(YES_MIN) {
            return self.cut(sample.now, Reason::SlowDown, LIMIT_CUT);
        }
        if let (None, None, Phase::Startup { .. }) = (self.slowing, self.pace, self.phase) {
            // It took what was in flight before the last doubling.
            self.limit = (self.limit / 2.0).max(f64::from(LIMIT_MIN));
        }
        self.slowing.get_or_insert(Counted::since(sample.now)).no += 1;
    }

    /// The round after a "slow down" has passed: the rate at which the store said yes is what it takes.
    fn set_pace(&mut self, now: Monotonic, cap: u32) {
        // At a start, answers to what was sent in bursts come among the first.
        let rounds = if self.pace.is_none() { 2 } else { 1 };
        let round = self.latency.max(ROUND_MIN / 2) * rounds;
        let Some(counted) = self.slowing.filter(|counted| now.since(counted.began) >= round) else { return };
        let taken = self.taken.per_second(now);
        let Some(seen) = counted.seen(now, self.pace, taken) else { return };
        self.slowing = None;
        if counted.is_of_a_key() {
            return;
        }
        self.pace = Some(Pace::after(self.pace, now, seen, taken));
        self.reason = Reason::SlowDown;
        self.follow_pace(cap);
        self.end_trials(now);
    }

    fn grow_pace(&mut self, now: Monotonic, cap: u32) {
        let Some(pace) = &mut self.pace else { return };
        pace.grow(now);
        if pace.holds_nothing_back(self.rate) {
            self.pace = None;
            return self.end_trials(now);
        }
        self.follow_pace(cap);
    }

    /// As many may be in flight as the pace needs: it is the pace that holds back.
    fn follow_pace(&mut self, cap: u32) {
        if let Some(pace) = self.pace {
            let needed = pace.per_second * self.requests_per_unit * self.latency.as_secs_f64();
            self.limit = (needed * PACE_HEADROOM + 1.0).max(PACED_LIMIT_MIN).min(f64::from(cap.max(1)));
        }
    }

    /// More than a few lost connections in a second are no chance.
    fn note_unconnected(&mut self, now: Monotonic) {
        let (since, lost) = self.unconnected;
        let is_same = now.since(since) < Duration::from_secs(1);
        self.unconnected = if is_same { (since, lost + 1) } else { (now, 1) };
        if self.is_losing_connections(now) && self.limit >= PACED_LIMIT_MIN * 2.0 {
            self.cut(now, Reason::Failures, CONNECTIONS_CUT);
            (self.pace, self.slowing) = (None, None);
            self.breaks_above = Some((self.limit, now));
        }
    }

    fn is_losing_connections(&mut self, now: Monotonic) -> bool {
        let (since, lost) = self.unconnected;
        let is_recent = now.since(since) < Duration::from_secs(1);
        is_recent && f64::from(lost) > self.taken.per_second(now) * UNCONNECTED_SHARE
    }

    /// The store serves all connections but this one, so one fewer may be in flight.
    fn leave_room(&mut self, now: Monotonic) {
        self.limit = (self.limit - 1.0).max(f64::from(LIMIT_MIN));
        self.breaks_above = Some((self.limit, now));
        self.reason = Reason::NoRoom;
        self.end_trials(now);
    }

    /// No answer in time, or nothing but "slow down": fewer at once, once a round.
    fn cut(&mut self, now: Monotonic, reason: Reason, share: f64) {
        let round = self.latency.max(Duration::from_millis(500));
        if self.cut_at.is_some_and(|at| now.since(at) < round) {
            return;
        }
        self.cut_at = Some(now);
        self.limit = (self.limit * share).max(1.0);
        self.reason = reason;
        self.end_trials(now);
    }

    fn end_trials(&mut self, now: Monotonic) {
        self.base = self.limit;
        self.round = Round { began: now, to_skip: self.limit as u32, ..Round::default() };
        self.phase = Phase::Steady { trial: Trial::Base, rest: 0, rest_next: REST_MIN };
    }
}

#[cfg(test)]
mod tests;
