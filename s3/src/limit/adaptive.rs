//! How many requests a bucket and class of calls takes now, and how fast they may start: found by
//! trying, since no configured number fits every store and every hour (docs/adr/0013).
//!
//! | phase | what moves the limit |
//! |---|---|
//! | startup | each round of answers doubles it, until two rounds in a row bring no more answers a second |
//! | steady | now and then a trial with a quarter more, and one with a fifth less: kept when the answers a second say so |
//! | paced | a store that answered "slow down" is asked at 97 % of the rate at which it says yes; the pace comes back fast to the rate that it is known to take, and then grows slowly, faster the longer nothing happens |
//!
//! A round in which callers asked for less than the limit says nothing about the store.

use std::time::Duration;

use brigade_model::ports::clock::Monotonic;

/// The limit of a store that nothing is known of.
pub(super) const FIRST_LIMIT: u32 = 32;
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
/// After "slow down": this share of the rate at which the store had said yes.
const PACE_CUT: f64 = 0.97;
/// One round may mislead: no more of a pace is taken away at once.
const PACE_CUT_MAX: f64 = 0.85;
/// A time-out says less about the rate: it takes this share of the limit, once a round.
const LIMIT_CUT: f64 = 0.7;
/// More lost connections than this share of what is answered are no chance.
const UNCONNECTED_SHARE: f64 = 0.05;
/// They take this share of the limit, once a round, and for so long it does not grow beyond.
const CONNECTIONS_CUT: f64 = 0.5;
/// Meanwhile, for so long, "slow down" is one more sign of too many connections.
const BREAKS_ANEW_AFTER: Duration = Duration::from_secs(30);
const BREAKS_FOR: Duration = Duration::from_secs(600);
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
/// A pace that is so many times what is asked for holds nothing back, and goes.
const PACE_IDLE: f64 = 2.0;
/// Fewer than this share of "slow down" among a round's answers is the condition of a key, not of the
/// store ...
const NO_SHARE: f64 = 0.01;
/// ... and fewer yeses than this tell no rate, unless more do not come for so long.
const YES_MIN: u32 = 8;
const YES_WAIT: Duration = Duration::from_secs(1);
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
        }
    }
}

/// How a call ended, as far as it tells how loaded the store is.
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
    to_settle: u32,
}

/// What the store said since its first "slow down".
#[derive(Debug, Clone, Copy)]
struct Counted {
    began: Monotonic,
    /// Answers that said yes, and the objects in them.
    yes: u32,
    units: u64,
    /// Answers that said "slow down".
    no: u32,
}

#[derive(Debug, Clone, Copy)]
struct Pace {
    per_second: f64,
    /// What the store was last seen to take.
    known: f64,
    /// In a second, right after the pace came back to what is known.
    growth: f64,
    /// When it grew last.
    grown: Monotonic,
    /// When it was cut last.
    slowed: Monotonic,
    /// When it came back to what is known.
    returned: Monotonic,
}

/// Objects that the store said yes to in the last two seconds.
#[derive(Debug, Clone, Copy, Default)]
struct Taken {
    /// Each of a tenth of a second, in a ring.
    slots: [u64; Taken::SLOTS as usize],
    /// The tenth of a second that was noted last.
    last: u64,
    /// When the first was noted.
    began: Option<Monotonic>,
}

impl Taken {
    const SLOTS: u64 = 20;
    const SLOT: Duration = Duration::from_millis(100);

    fn turn_to(&mut self, now: Monotonic) {
        // A process does not run for 2^64 tenths of a second.
        let slot = (now.since(Monotonic::default()).as_millis() / Self::SLOT.as_millis()) as u64;
        for passed in (self.last + 1..=slot).rev().take(Self::SLOTS as usize) {
            self.slots[(passed % Self::SLOTS) as usize] = 0;
        }
        self.last = self.last.max(slot);
    }

    fn note(&mut self, now: Monotonic, units: u32) {
        self.turn_to(now);
        self.began.get_or_insert(now);
        self.slots[(self.last % Self::SLOTS) as usize] += u64::from(units);
    }

    /// In the better of the last two seconds: a store that counts each second by itself takes what it
    /// takes at its begin, and says no until its end.
    fn per_second(&mut self, now: Monotonic) -> f64 {
        self.turn_to(now);
        let taken = self.within(0).max(self.within(Self::SLOTS / 2)) as f64;
        let noted_for = self.began.map_or(Duration::ZERO, |began| now.since(began));
        taken / noted_for.clamp(Self::SLOT, Duration::from_secs(1)).as_secs_f64()
    }

    fn in_last_second(&mut self, now: Monotonic) -> u64 {
        self.turn_to(now);
        self.within(0)
    }

    /// In the second that ended so many slots ago.
    fn within(&self, ended: u64) -> u64 {
        let slot = |ago: u64| self.slots[((self.last + Self::SLOTS - ago) % Self::SLOTS) as usize];
        (ended..ended + Self::SLOTS / 2).map(slot).sum()
    }
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
        if round.to_settle > 0 {
            round.to_settle -= 1;
            if round.to_settle == 0 {
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
        self.round.to_settle = before.max(self.limit) as u32;
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
        let began = Counted { began: sample.now, yes: 0, units: 0, no: 0 };
        self.slowing.get_or_insert(began).no += 1;
    }

    /// The round after a "slow down" has passed: the rate at which the store said yes is what it takes.
    fn set_pace(&mut self, now: Monotonic, cap: u32) {
        let round = self.latency.max(ROUND_MIN / 2);
        let Some(counted) = self.slowing.filter(|counted| now.since(counted.began) >= round) else { return };
        let took = now.since(counted.began);
        let says_no_rate = counted.no >= YES_MIN && counted.no > counted.yes * NO_PER_YES;
        let rate = if says_no_rate {
            if self.pace.is_some_and(|pace| now.since(pace.slowed) < PACE_HALVED_AFTER) {
                return;
            }
            self.taken.per_second(now)
        } else if counted.yes < YES_MIN && took < YES_WAIT {
            return;
        } else {
            counted.units as f64 / took.as_secs_f64()
        };
        self.slowing = None;
        if f64::from(counted.no) >= f64::from(counted.yes) * NO_SHARE {
            self.cut_pace(now, rate, says_no_rate);
            self.follow_pace(cap);
            self.end_trials(now);
        }
    }

    fn cut_pace(&mut self, now: Monotonic, rate: f64, says_no_rate: bool) {
        let is_rate_known = rate >= f64::from(YES_MIN);
        let taken = self.taken.per_second(now);
        let (least, most) = match self.pace {
            None => (0.0, rate),
            Some(pace) if says_no_rate && is_rate_known => (0.0, pace.per_second),
            Some(pace) if says_no_rate || !is_rate_known => (pace.per_second * PACE_HALVED, pace.per_second),
            Some(pace) => ((pace.per_second * PACE_CUT_MAX).min(taken), pace.per_second * PACE_CUT),
        };
        let per_second = (rate * PACE_CUT).clamp(least, most).max(1.0);
        // A first pace stems from a start in bursts, and is soon tried out.
        let growth = if self.pace.is_none() { PACE_GROWTH_FIRST } else { PACE_GROWTH };
        let known = match self.pace {
            Some(pace) if !is_rate_known => pace.known,
            // A round at the end of a silence says too little.
            Some(pace) if !says_no_rate => per_second.max(pace.known * PACE_HALVED),
            _ => per_second,
        };
        self.pace = Some(Pace { per_second, known, growth, grown: now, slowed: now, returned: now });
        self.reason = Reason::SlowDown;
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
        self.round = Round { began: now, to_settle: self.limit as u32, ..Round::default() };
        self.phase = Phase::Steady { trial: Trial::Base, rest: 0, rest_next: REST_MIN };
    }

    fn grow_pace(&mut self, now: Monotonic, cap: u32) {
        let Some(pace) = &mut self.pace else { return };
        let grown_for = now.since(pace.grown).min(PACE_GROWN_FOR_MAX).as_secs_f64();
        pace.grown = now;
        if pace.per_second < pace.known {
            pace.per_second = (pace.per_second * (1.0 + PACE_RETURN * grown_for)).min(pace.known);
            pace.returned = now;
        } else {
            let doubled = now.since(pace.returned).as_secs_f64() / PACE_GROWTH_DOUBLES.as_secs_f64();
            let growth = (pace.growth * doubled.exp2()).min(PACE_GROWTH_MAX);
            pace.per_second *= 1.0 + growth * grown_for;
        }
        if pace.per_second > pace.known * PACE_IDLE && pace.per_second > self.rate * PACE_IDLE {
            self.pace = None;
            return self.end_trials(now);
        }
        self.follow_pace(cap);
    }
}

#[cfg(test)]
mod tests;
