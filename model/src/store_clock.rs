//! What is known of the clock that stamps an endpoint's objects: bounds of its offset from ours, taken
//! from objects that the store stamped between two readings of our clock.
//!
//! A *sample* says: we sent at `sent`, the answer came at `received`, and in between the store
//! stamped an object with `stamped`, in whole seconds. So the offset (the store's clock minus
//! ours) lies within `stamped - received` and `stamped + 1 s - sent`.
//!
//! Samples of one period of ten minutes are intersected. Either clock may drift or be set, so an
//! attempt of an hour ago may have been stamped under another offset: the bounds of an attempt join
//! those of all periods since it began. The monotonic clock shows when *our* clock was set, which
//! begins a new period. So do samples that contradict each other: either the store's clock was set,
//! or several clocks stamp objects behind one address (two gateways). Nothing tells the one from
//! the other, so for a day the earlier bounds are doubted, and not dropped.
//!
//! The sample that counts is an object that was written and *read back*, since an effect check
//! reads the same header. The answer of a CopyObject states its time in another form, which a
//! server may get wrong (a time zone, the source's time): it narrows the bounds while it agrees
//! with what was read back, widens them when it does not, and is a sample only where nothing was
//! read back.
//!
//! `Date` headers may be a proxy's. They never narrow the bounds nor stand in for a sample; one
//! that contradicts the samples widens them, since behind one address there may be several clocks.
//!
//! "Ours" is the clock that stamps leases and attempts, given to [`StoreClock`]. A caller that
//! compares an attempt with an object's time takes the attempt's beginning from [`StoreClock::now`]
//! or from a lease.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ports::clock::{Clock, Monotonic};

/// Samples that are intersected come within this time. A sample older than this is taken anew:
/// a clock that is set is not noticed sooner by samples.
pub const PERIOD: Duration = Duration::from_secs(600);
/// Periods that are remembered: beyond that, those that differ least are joined. 32 periods are
/// 2 KiB among an endpoint's settings.
pub const PERIODS_MAX: usize = 32;
/// Bounds that a sample contradicted count for this long after the last contradiction.
const DOUBTED_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// After a sample that the store refused none is tried for this long.
const REFUSED_FOR: Duration = Duration::from_secs(600);
/// A `Date` is read this often: every answer has one, and most say nothing new.
const DATE_EVERY_MS: u64 = 1000;
/// Store and header tell whole seconds.
/// A moment that lies this far ahead of our clock was before that was set back; a smaller step is
/// known with the offset.
const AHEAD_MS: i64 = 10_000;
const SECOND_MS: i64 = 1000;
/// Readings of our two clocks that differ by less are not told from a worker that had to wait
/// between them; the bounds are wider by this instead.
const SET_MS: i64 = 50;
/// Two clocks drift apart by no more than one part in this: 500 ppm, which is the limit of what
/// NTP corrects and ten times what a quartz does.
const DRIFT_PARTS: i64 = 2000;

/// Bounds of an offset, the store's clock minus ours, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffsetBounds {
    /// At least this, in milliseconds.
    pub low_ms: i64,
    /// At most this, in milliseconds.
    pub high_ms: i64,
}

impl OffsetBounds {
    /// What a stamp of whole seconds says that was made between two readings of our clock.
    #[must_use]
    pub fn of(sent: Timestamp, received: Timestamp, stamped: Timestamp) -> Self {
        let stamped_ms = stamped.as_millisecond();
        // Milliseconds are cut off, too.
        let low_ms = stamped_ms - received.as_millisecond() - 1;
        Self { low_ms, high_ms: stamped_ms + SECOND_MS - sent.as_millisecond() }
    }

    /// What lies within both; `None` when nothing does.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        let both = Self { low_ms: self.low_ms.max(other.low_ms), high_ms: self.high_ms.min(other.high_ms) };
        (both.low_ms <= both.high_ms).then_some(both)
    }

    /// The narrowest bounds around both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Self { low_ms: self.low_ms.min(other.low_ms), high_ms: self.high_ms.max(other.high_ms) }
    }

    fn widened(self, by_ms: i64) -> Self {
        Self { low_ms: self.low_ms.saturating_sub(by_ms), high_ms: self.high_ms.saturating_add(by_ms) }
    }

    fn shifted(self, by_ms: i64) -> Self {
        Self { low_ms: self.low_ms.saturating_add(by_ms), high_ms: self.high_ms.saturating_add(by_ms) }
    }

    fn contains(self, other: Self) -> bool {
        self.low_ms <= other.low_ms && other.high_ms <= self.high_ms
    }

    fn width_ms(self) -> i64 {
        self.high_ms.saturating_sub(self.low_ms)
    }
}

/// The offset over a time of our clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownOffset {
    /// From when by our clock.
    pub from: Timestamp,
    /// Until when by our clock.
    pub until: Timestamp,
    /// The offset in that time.
    pub offset: OffsetBounds,
}

impl KnownOffset {
    fn hull(self, other: Self) -> Self {
        Self {
            from: self.from.min(other.from),
            until: self.until.max(other.until),
            offset: self.offset.hull(other.offset),
        }
    }
}

/// A time whose samples agree.
#[derive(Debug, Clone, Copy)]
struct Period {
    known: KnownOffset,
    /// What answers and earlier samples said that the samples contradict.
    doubts: Option<OffsetBounds>,
}

impl Period {
    fn new(known: KnownOffset) -> Self {
        Self { known, doubts: None }
    }

    /// With its doubts.
    fn whole(&self) -> KnownOffset {
        let offset = self.doubts.map_or(self.known.offset, |doubts| self.known.offset.hull(doubts));
        KnownOffset { offset, ..self.known }
    }
}

/// Our clocks at one moment: of a call that is about to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    wall: Timestamp,
    monotonic: Monotonic,
}

impl Reading {
    /// The time of day beside the monotonic time: it changes when the time of day is set.
    fn set_ms(self) -> i64 {
        self.wall.as_millisecond() - i64::try_from(self.monotonic.0.as_millis()).unwrap_or(i64::MAX)
    }
}

/// What is known of the clock that stamps the objects of one endpoint. Shared by all that call it.
pub struct StoreClock {
    ours: Arc<dyn Clock>,
    known: Mutex<Known>,
    sampling: tokio::sync::Mutex<()>,
    /// When a `Date` is read again, on the monotonic clock.
    next_date_ms: AtomicU64,
}

#[derive(Default)]
struct Known {
    /// In the order in which they were.
    periods: Vec<Period>,
    /// Whether the last one takes more samples: one that was kept by an earlier process does not.
    is_open: bool,
    /// Our clocks when they were read last.
    read: Option<Reading>,
    /// The last sample of this process.
    sampled: Option<Monotonic>,
    /// The last one of them that was read back.
    read_back: Option<Monotonic>,
    /// When a sample was refused last at a place; none lies further back than [`REFUSED_FOR`].
    refused: BTreeMap<String, Monotonic>,
    /// Places that keep the objects that tell their clock.
    keeping: BTreeSet<String>,
    /// The last sample that contradicted those before.
    contradicted: Option<Monotonic>,
    is_recalled: bool,
    /// Raised by whatever an earlier process would have to know.
    revision: u64,
    kept: u64,
}

impl StoreClock {
    /// Nothing is known yet. `ours` is the clock that stamps leases and attempts.
    #[must_use]
    pub fn new(ours: Arc<dyn Clock>) -> Self {
        Self { ours, known: Mutex::default(), sampling: tokio::sync::Mutex::default(), next_date_ms: AtomicU64::new(0) }
    }

    /// Our time: what the beginning of an attempt is noted by.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.ours.now()
    }

    /// Our clock.
    #[must_use]
    pub fn ours(&self) -> &dyn Clock {
        &*self.ours
    }

    /// Reads our clocks, before a call is sent whose answer tells a stamp or a date.
    #[must_use]
    pub fn read(&self) -> Reading {
        // A worker that has to wait between two readings would see a clock that was set.
        let mut reading = Reading { wall: self.ours.now(), monotonic: self.ours.monotonic() };
        for _ in 0..4 {
            let wall = self.ours.now();
            let monotonic = self.ours.monotonic();
            let took = monotonic.since(reading.monotonic);
            reading = Reading { wall, monotonic };
            if took < Duration::from_millis(2) {
                break;
            }
        }
        reading
    }

    /// The Last-Modified of an object that was written after `sent` and read back before now.
    pub fn observe(&self, sent: Reading, stamped: Timestamp) {
        self.observe_by(sent, |known, received| {
            known.add(sample(sent, received, stamped), received.monotonic);
            (known.sampled, known.read_back) = (Some(received.monotonic), Some(received.monotonic));
        });
    }

    /// The LastModified in the answer of a CopyObject that was sent then.
    pub fn observe_copy(&self, sent: Reading, stamped: Timestamp) {
        self.observe_by(sent, |known, received| {
            let sample = sample(sent, received, stamped);
            if known.read_back.is_none() {
                known.add(sample, received.monotonic);
            } else if !known.narrow(sample) {
                known.doubt(sample.offset);
                return;
            }
            known.sampled = Some(received.monotonic);
        });
    }

    /// Our clocks, where the `Date` of the answer to the call that is about to be sent is wanted.
    #[must_use]
    pub fn read_for_date(&self) -> Option<Reading> {
        let now_ms = u64::try_from(self.ours.monotonic().0.as_millis()).unwrap_or(u64::MAX);
        let next_ms = self.next_date_ms.load(Ordering::Relaxed);
        if now_ms < next_ms {
            return None;
        }
        self.next_date_ms.store(now_ms.saturating_add(DATE_EVERY_MS), Ordering::Relaxed);
        Some(self.read())
    }

    /// The `Date` of an answer to a call that was sent then.
    pub fn observe_date(&self, sent: Reading, date: Timestamp) {
        self.observe_by(sent, |known, received| {
            if known.sampled.is_some() {
                known.doubt(sample(sent, received, date).offset);
            }
        });
    }

    fn observe_by(&self, sent: Reading, observe: impl FnOnce(&mut Known, Reading)) {
        let received = self.read();
        let mut known = self.known();
        known.notice(received);
        if (received.set_ms() - sent.set_ms()).abs() < SET_MS {
            observe(&mut known, received);
        }
    }

    /// The offset at and after that moment of our clock; `None` when it cannot be bounded: this
    /// process took no sample, or nothing is known of so early a time.
    #[must_use]
    pub fn offset_since(&self, moment: Timestamp) -> Option<OffsetBounds> {
        let reading = self.read();
        let mut known = self.known();
        known.notice(reading);
        let age = reading.monotonic.since(known.sampled?);
        known.since(moment).map(|offset| offset.widened(SET_MS + drift_ms(PERIOD) + drift_ms(age)))
    }

    /// The offset now.
    #[must_use]
    pub fn offset(&self) -> Option<OffsetBounds> {
        self.offset_since(self.now())
    }

    /// Whether an object with this Last-Modified may have been written at or after that moment of
    /// our clock. Doubtful counts as newer: so does an object without a time, one of the doubtful
    /// second, and any while the offset cannot be bounded.
    #[must_use]
    pub fn may_be_newer(&self, modified: Option<Timestamp>, since: Timestamp) -> bool {
        if since.as_millisecond() > self.now().as_millisecond().saturating_add(AHEAD_MS) {
            // Our clock was set back since, and which offset held then cannot be told any more.
            return true;
        }
        let (Some(modified), Some(offset)) = (modified, self.offset_since(since)) else { return true };
        // Written before `modified` + 1 s, by the store's clock.
        let since_ms = since.as_millisecond().saturating_add(offset.low_ms);
        modified.as_millisecond().saturating_add(SECOND_MS) > since_ms
    }

    /// Whether an object is to be written and read back at that place: this process did not
    /// within the period, wherever, and the place did not refuse it.
    #[must_use]
    pub fn is_sample_due(&self, place: &str) -> bool {
        let now = self.ours.monotonic();
        let known = self.known();
        let is_old = |moment: Option<&Monotonic>, age| moment.is_none_or(|moment| now.since(*moment) >= age);
        is_old(known.read_back.as_ref(), PERIOD)
            && is_old(known.refused.get(place), REFUSED_FOR)
            && !known.keeping.contains(place)
    }

    /// Whether the last sample said little, since its calls were slow: another is worth its calls.
    #[must_use]
    pub fn is_wide(&self) -> bool {
        self.known().periods.last().is_some_and(|last| is_wide(last.known.offset))
    }

    /// Whether this process took a sample.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.known().sampled.is_some()
    }

    /// A sample was refused for good at that place (a bucket, and who writes there): none is tried
    /// there for a while. What another place tells counts for all.
    pub fn note_refused(&self, place: &str) {
        let now = self.ours.monotonic();
        let refused = &mut self.known().refused;
        refused.retain(|_, moment| now.since(*moment) < REFUSED_FOR);
        refused.insert(place.to_owned(), now);
    }

    /// That place does not let the object be removed that told the clock (a default retention):
    /// this process leaves no other there.
    pub fn note_kept_object(&self, place: &str) {
        self.known().keeping.insert(place.to_owned());
    }

    /// Lets one caller at a time take a sample.
    pub async fn take_turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.sampling.lock().await
    }

    /// Whether what earlier processes kept was recalled.
    #[must_use]
    pub fn is_recalled(&self) -> bool {
        self.known().is_recalled
    }

    /// What earlier processes kept; the first time only.
    pub fn recall(&self, kept: &[KnownOffset]) {
        let mut known = self.known();
        if std::mem::replace(&mut known.is_recalled, true) {
            return;
        }
        let own = std::mem::take(&mut known.periods);
        known.periods = kept.iter().copied().map(Period::new).chain(own).collect();
        known.join_the_most_alike();
    }

    /// What the next process has to know, if it is more than was kept; with its revision for
    /// [`StoreClock::note_kept`].
    #[must_use]
    pub fn to_keep(&self) -> Option<(u64, Vec<KnownOffset>)> {
        let known = self.known();
        let is_new = known.is_recalled && known.revision > known.kept;
        is_new.then(|| (known.revision, known.periods.iter().map(Period::whole).collect()))
    }

    /// That was kept.
    pub fn note_kept(&self, revision: u64) {
        let mut known = self.known();
        known.kept = known.kept.max(revision);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for StoreClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreClock").field("periods", &self.known().periods).finish_non_exhaustive()
    }
}

fn sample(sent: Reading, received: Reading, stamped: Timestamp) -> KnownOffset {
    let offset = OffsetBounds::of(sent.wall, received.wall, stamped);
    KnownOffset { from: sent.wall, until: received.wall, offset }
}

/// A call that is answered within two seconds tells more.
fn is_wide(offset: OffsetBounds) -> bool {
    offset.width_ms() > 3 * SECOND_MS
}

fn drift_ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX) / DRIFT_PARTS
}

impl Known {
    /// Our clock was set: the offset changed by as much, at some moment since it was read last.
    fn notice(&mut self, now: Reading) {
        let Some(read) = self.read else {
            self.read = Some(now);
            return;
        };
        let set_ms = now.set_ms() - read.set_ms();
        if set_ms.abs() < SET_MS {
            // The reference stays, so that small steps add up.
            self.read = Some(Reading { wall: at_ms(now.wall, now.set_ms(), read.set_ms()), ..now });
            return;
        }
        self.read = Some(now);
        let Some(last) = self.periods.last_mut().filter(|_| self.sampled.is_some()) else { return };
        // Until now by the clock as it was; from the last reading on by the clock as it is.
        last.known.until = last.known.until.max(at_ms(now.wall, 0, -set_ms));
        let offset = last.known.offset.shifted(-set_ms);
        let doubts = last.doubts.map(|doubts| doubts.shifted(-set_ms));
        self.push(KnownOffset { from: at_ms(read.wall, 0, set_ms), until: now.wall, offset }, doubts);
    }

    fn add(&mut self, sample: KnownOffset, now: Monotonic) {
        if self.narrow(sample) {
            return;
        }
        let doubts = self.doubts_beside(sample, now);
        if let Some(last) = self.periods.last_mut() {
            // By the clock as it was: if that was set back since, these times came before the sample.
            let set_back_ms = sample.offset.high_ms.saturating_sub(last.whole().offset.low_ms).max(0);
            last.known.until = last.known.until.max(at_ms(sample.from, 0, set_back_ms));
        }
        self.push(sample, doubts);
    }

    /// What else may be true in the period that begins with this sample: another clock may have
    /// stamped those before.
    fn doubts_beside(&mut self, sample: KnownOffset, now: Monotonic) -> Option<OffsetBounds> {
        let last = self.periods.last()?;
        let agrees = last.known.offset.intersection(sample.offset).is_some();
        if !self.is_open {
            // Of an earlier process no more is known than the hull. Where the sample contradicts
            // it, our clock may have been set in between.
            let age = Duration::try_from(sample.until.duration_since(last.known.until)).unwrap_or_default();
            let doubts = (agrees && age < DOUBTED_FOR && is_wide(last.known.offset)).then_some(last.known.offset);
            self.contradicted = self.contradicted.or(doubts.map(|_| now));
            return doubts;
        }
        let is_doubted = self.contradicted.is_some_and(|moment| now.since(moment) < DOUBTED_FOR);
        let doubts = last.doubts.filter(|_| is_doubted);
        // By so much all bounds are widened anyway.
        let is_drift = sample.offset.widened(SET_MS + drift_ms(PERIOD)).contains(last.known.offset);
        if agrees || is_drift {
            return doubts;
        }
        self.contradicted = Some(now);
        Some(doubts.map_or(last.known.offset, |doubts| doubts.hull(last.known.offset)))
    }

    /// Intersects the last period with a sample that belongs to it and agrees with it.
    fn narrow(&mut self, sample: KnownOffset) -> bool {
        let Some(last) = self.periods.last_mut().filter(|_| self.is_open) else { return false };
        let is_young = Duration::try_from(sample.until.duration_since(last.known.from)).is_ok_and(|age| age < PERIOD);
        match last.known.offset.intersection(sample.offset) {
            Some(both) if is_young && last.known.from <= sample.from => {
                last.known.until = last.known.until.max(sample.until);
                // Worth knowing in the next process: the first call was slow, and this one is not.
                self.revision += u64::from(last.known.offset.width_ms() - both.width_ms() >= SECOND_MS);
                last.known.offset = both;
                true
            }
            _ => false,
        }
    }

    fn push(&mut self, known: KnownOffset, doubts: Option<OffsetBounds>) {
        self.periods.push(Period { known, doubts });
        self.is_open = true;
        self.revision += 1;
        self.join_the_most_alike();
    }

    /// Widens the last period by what contradicts it.
    fn doubt(&mut self, other: OffsetBounds) {
        let Some(last) = self.periods.last_mut() else { return };
        if last.whole().offset.intersection(other).is_none() {
            last.doubts = Some(last.doubts.map_or(other, |doubts| doubts.hull(other)));
            self.revision += 1;
        }
    }

    /// The bounds from the first period on in which that moment may lie: where our clock was set
    /// back it may lie in two.
    fn since(&self, moment: Timestamp) -> Option<OffsetBounds> {
        let may_hold = |n: &usize| {
            let known = self.periods[*n].known;
            let next = self.periods.get(n + 1).map(|next| next.known.from);
            known.from <= moment && (moment <= known.until || next.is_none_or(|next| moment < next))
        };
        let first = (0..self.periods.len()).find(may_hold)?;
        self.periods[first..].iter().map(|period| period.whole().offset).reduce(OffsetBounds::hull)
    }

    /// Joins neighbours that differ least, the older first, until there are not too many.
    fn join_the_most_alike(&mut self) {
        while self.periods.len() > PERIODS_MAX {
            let growth = |n: &usize| {
                let (a, b) = (self.periods[*n].whole().offset, self.periods[n + 1].whole().offset);
                // Of either: a wide one beside a narrow one must not swallow it.
                a.hull(b).width_ms().saturating_mul(2).saturating_sub(a.width_ms()).saturating_sub(b.width_ms())
            };
            // Not the last one, which takes samples.
            let Some(n) = (0..self.periods.len() - 2).min_by_key(growth) else { return };
            let next = self.periods.remove(n + 1);
            self.periods[n] = Period::new(self.periods[n].whole().hull(next.whole()));
        }
    }
}

/// The moment that lies as much later than that one as `to_ms` is later than `from_ms`.
fn at_ms(moment: Timestamp, from_ms: i64, to_ms: i64) -> Timestamp {
    let ms = moment.as_millisecond().saturating_add(to_ms.saturating_sub(from_ms));
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests;
