//! The lanes of an endpoint: each bucket and class of calls with its own limit, and what the limit knows.

use std::collections::{BTreeMap, VecDeque};
use std::ops::{Index, IndexMut};
use std::time::Duration;

use brigade_model::names::BucketName;
use brigade_model::ports::clock::Monotonic;
use brigade_model::ports::object_store::CallClass;
use slab::Slab;

use super::adaptive::{Adaptive, FIRST_LIMIT, FIRST_LIMIT_OF_GROUPS, Load, Reason, Sample};
use super::answered::Answered;
use super::fair::FairQueue;
use super::rate::Rate;
use super::{AdaptiveUsage, Caps, Learned};

/// Buckets and classes that are told apart. Others share one limit a class: a role names its
/// buckets, so there are rarely more than a handful.
const LANES_MAX: usize = 256;

/// A bucket and a class; no bucket for those that share.
type LaneKey = (Option<BucketName>, CallClass);

/// A pace that a store asked for is kept closely: a burst beyond it is what it does not take.
const PACE_CATCH_UP: Duration = Duration::from_millis(5);
/// Latencies that are kept of a lane.
const LATENCIES: usize = 256;

/// Where a lane stands in the slab, while calls of it are in flight or wait.
pub(super) type LaneId = usize;

/// The lanes of a bucket, by class.
type OfClasses = [Option<LaneId>; CallClass::ALL.len()];

#[derive(Debug)]
pub(super) struct Lane<W> {
    key: LaneKey,
    pub(super) adaptive: Adaptive,
    pub(super) pace: Rate,
    pub(super) in_flight: u32,
    pub(super) waiting: FairQueue<W>,
    /// Of the latest answers.
    latencies: VecDeque<Duration>,
    answered: Answered,
    /// When callers last used all of the limit, or moved it.
    used: Option<Monotonic>,
}

impl<W> Lane<W> {
    fn starting_at(limit: u32, key: LaneKey) -> Self {
        Self {
            key,
            adaptive: Adaptive::starting_at(limit),
            pace: Rate::new(PACE_CATCH_UP),
            in_flight: 0,
            waiting: FairQueue::default(),
            latencies: VecDeque::new(),
            answered: Answered::default(),
            used: None,
        }
    }

    pub(super) fn class(&self) -> CallClass {
        self.key.1
    }

    /// Requests that may be in flight.
    pub(super) fn limit(&self, caps: Caps) -> u32 {
        if caps.is_adaptive { self.adaptive.limit(caps.requests) } else { caps.requests }
    }

    /// Takes in how a call ended; the answer is why this moved the limit for good.
    pub(super) fn learn(&mut self, sample: Sample) -> Option<Reason> {
        let before = self.adaptive.base(sample.cap);
        let is_used = sample.in_flight >= self.adaptive.limit(sample.cap);
        self.adaptive.learn(sample);
        if sample.load == Load::Answered {
            self.answered.note(sample.now, sample.units);
        }
        if self.latencies.len() == LATENCIES {
            self.latencies.pop_front();
        }
        self.latencies.push_back(sample.now.since(sample.sent));
        let has_moved = self.adaptive.base(sample.cap) != before;
        if is_used || has_moved {
            self.used = Some(sample.now);
        }
        Some(self.adaptive.reason()).filter(|reason| has_moved && *reason != Reason::Start)
    }

    /// What the limit says about the store: nothing at its start, and nothing after failures, which do
    /// not say how much the store takes.
    pub(super) fn learned(&self, cap: u32) -> Option<Learned> {
        let ((bucket, class), at) = (&self.key, self.used?);
        match self.adaptive.reason() {
            Reason::Start | Reason::Failures => None,
            Reason::MoreAnswers | Reason::NoMoreAnswers | Reason::SlowDown | Reason::NoRoom => {
                Some(Learned { bucket: bucket.clone(), class: *class, limit: self.adaptive.base(cap), at })
            }
        }
    }

    pub(super) fn usage(&self, caps: Caps) -> AdaptiveUsage {
        let (bucket, class) = &self.key;
        let mut latencies: Vec<_> = self.latencies.iter().copied().collect();
        latencies.sort_unstable();
        let quantile = |of_hundred: usize| latencies.get(latencies.len() * of_hundred / 100).copied();
        AdaptiveUsage {
            bucket: bucket.clone(),
            class: *class,
            limit: self.limit(caps),
            requests: self.in_flight,
            waiting: self.waiting.len(),
            answered: self.answered,
            pace: self.adaptive.pace().filter(|_| caps.is_adaptive),
            latency_p50: quantile(50).unwrap_or_default(),
            latency_p99: quantile(99).unwrap_or_default(),
            reason: if caps.is_adaptive { self.adaptive.reason() } else { Reason::Start },
        }
    }
}

/// All lanes; `W` waits in them.
#[derive(Debug)]
pub(super) struct Lanes<W> {
    lanes: Slab<Lane<W>>,
    of_buckets: BTreeMap<BucketName, OfClasses>,
    /// Those that other buckets share.
    shared: OfClasses,
    /// What an earlier process learned: new lanes begin at half of it.
    learned: BTreeMap<LaneKey, u32>,
}

impl<W> Default for Lanes<W> {
    fn default() -> Self {
        Self { lanes: Slab::new(), of_buckets: BTreeMap::new(), shared: OfClasses::default(), learned: BTreeMap::new() }
    }
}

impl<W> Index<LaneId> for Lanes<W> {
    type Output = Lane<W>;

    fn index(&self, id: LaneId) -> &Lane<W> {
        &self.lanes[id]
    }
}

impl<W> IndexMut<LaneId> for Lanes<W> {
    fn index_mut(&mut self, id: LaneId) -> &mut Lane<W> {
        &mut self.lanes[id]
    }
}

impl<W> Lanes<W> {
    /// The lane of a bucket and class. It stays while a call of it is in flight or waits.
    pub(super) fn of(&mut self, bucket: &BucketName, class: CallClass) -> LaneId {
        let of_bucket = self.of_buckets.get(bucket).and_then(|of_classes| of_classes[class as usize]);
        of_bucket.unwrap_or_else(|| self.make(bucket, class))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Lane<W>> {
        self.lanes.iter().map(|(_, lane)| lane)
    }

    /// Lanes of these buckets begin at half of these limits.
    pub(super) fn begin_with(&mut self, learned: impl IntoIterator<Item = (Option<BucketName>, CallClass, u32)>) {
        self.learned = learned.into_iter().map(|(bucket, class, limit)| ((bucket, class), limit)).collect();
    }

    /// The greatest limit of a lane, or what the first will begin at.
    pub(super) fn expected(&self, caps: Caps) -> u32 {
        let first_limit = || self.learned.keys().map(|key| self.first_limit(key)).max().unwrap_or(FIRST_LIMIT);
        self.iter().map(|lane| lane.limit(caps)).max().unwrap_or_else(|| first_limit().min(caps.requests))
    }

    fn make(&mut self, bucket: &BucketName, class: CallClass) -> LaneId {
        if self.lanes.len() >= LANES_MAX {
            self.forget_idle();
        }
        let is_full = self.lanes.len() >= LANES_MAX;
        if is_full && let Some(shared) = self.shared[class as usize] {
            return shared;
        }
        let key = ((!is_full).then(|| bucket.clone()), class);
        let id = self.lanes.insert(Lane::starting_at(self.first_limit(&key), key));
        let of_classes = if is_full { &mut self.shared } else { self.of_buckets.entry(bucket.clone()).or_default() };
        of_classes[class as usize] = Some(id);
        id
    }

    fn forget_idle(&mut self) {
        let Self { lanes, of_buckets, shared, .. } = self;
        lanes.retain(|_, lane| lane.in_flight > 0 || !lane.waiting.is_empty());
        for place in of_buckets.values_mut().chain([shared]).flatten() {
            *place = place.filter(|id| lanes.contains(*id));
        }
        of_buckets.retain(|_, of_classes| of_classes.iter().any(Option::is_some));
    }

    /// What the limit of a lane begins at. A store may take less than it did: the start doubles anyway.
    fn first_limit(&self, key: &LaneKey) -> u32 {
        let first = match key.1 {
            CallClass::Read | CallClass::Write => FIRST_LIMIT,
            CallClass::MultiDelete => FIRST_LIMIT_OF_GROUPS,
        };
        self.learned.get(key).map_or(first, |limit| limit / 2)
    }
}
