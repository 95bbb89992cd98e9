use std::sync::atomic::{AtomicI64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::ports::clock::Sleep;

/// 2026-01-01 00:00:00 UTC.
const BEGIN_MS: i64 = 1_767_225_600_000;

/// Time that goes on when it is told to, and two clocks that show it: ours and the store's.
#[derive(Default)]
struct Time {
    passed_ms: AtomicI64,
    ours_ahead_ms: AtomicI64,
    store_ahead_ms: AtomicI64,
}

impl Time {
    fn pass(&self, ms: i64) {
        self.passed_ms.fetch_add(ms, Ordering::SeqCst);
    }

    fn set_ours(&self, by_ms: i64) {
        self.ours_ahead_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    fn set_store(&self, by_ms: i64) {
        self.store_ahead_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    fn passed_ms(&self) -> i64 {
        self.passed_ms.load(Ordering::SeqCst)
    }

    /// What the store stamps an object with now.
    fn stamp(&self) -> Timestamp {
        let shown_ms = BEGIN_MS + self.passed_ms() + self.store_ahead_ms.load(Ordering::SeqCst);
        Timestamp::from_second(shown_ms.div_euclid(1000)).unwrap()
    }

    /// What is known of the store's clock, by a process that begins now.
    fn process(self: &Arc<Self>, kept: &[KnownOffset]) -> StoreClock {
        let stamps = StoreClock::new(self.clone());
        stamps.recall(kept);
        stamps
    }

    /// A call that takes this long, and in the middle of which an object is stamped.
    fn sample(&self, stamps: &StoreClock, takes_ms: i64) {
        let sent = stamps.read();
        self.pass(takes_ms / 2);
        let stamped = self.stamp();
        self.pass(takes_ms - takes_ms / 2);
        stamps.observe(sent, stamped);
    }
}

impl Clock for Time {
    fn now(&self) -> Timestamp {
        let shown_ms = BEGIN_MS + self.passed_ms() + self.ours_ahead_ms.load(Ordering::SeqCst);
        Timestamp::from_millisecond(shown_ms).unwrap()
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(Duration::from_millis(self.passed_ms().unsigned_abs()))
    }

    fn sleep(&self, _: Duration) -> Sleep {
        unreachable!("what is known of a clock waits for nothing")
    }
}

/// The store's clock is ahead of ours by this.
fn ahead(store_ms: i64) -> (Arc<Time>, StoreClock) {
    let time = Arc::new(Time::default());
    time.set_store(store_ms);
    let stamps = time.process(&[]);
    (time, stamps)
}

fn kept(stamps: &StoreClock) -> Vec<KnownOffset> {
    stamps.to_keep().expect("something new").1
}

#[test]
fn without_a_sample_everything_may_be_newer() {
    let (time, stamps) = ahead(0);
    let long_ago = Timestamp::from_second(0).unwrap();
    assert_eq!(stamps.offset(), None);
    assert!(stamps.may_be_newer(Some(long_ago), time.now()));
    stamps.observe_date(stamps.read(), time.stamp());
    assert!(stamps.may_be_newer(Some(long_ago), time.now()), "a date is no sample");
    time.sample(&stamps, 20);
    assert!(!stamps.may_be_newer(Some(long_ago), time.now()));
    assert!(stamps.may_be_newer(None, time.now()), "an object without a time may be newer");
    assert!(stamps.may_be_newer(Some(long_ago), long_ago), "nothing is known of so early a time");
}

#[test]
fn an_attempt_that_lies_ahead_of_our_clock_was_made_before_that_was_set_back() {
    let (time, stamps) = ahead(0);
    time.sample(&stamps, 20);
    let long_ago = Timestamp::from_second(0).unwrap();
    let ahead = Timestamp::from_second(time.now().as_second() + 3600).unwrap();
    assert!(stamps.may_be_newer(Some(long_ago), ahead), "which offset held then cannot be told");
}

#[test]
fn an_object_of_after_the_attempt_is_newer_and_one_of_long_before_is_older_whatever_the_offset() {
    for store_ms in [-90_000_000, -3_600_000, -3000, -1, 0, 1, 500, 2000, 3_600_000] {
        let (time, stamps) = ahead(store_ms);
        time.pass(377);
        time.sample(&stamps, 40);
        let before = time.stamp();
        time.pass(5000);
        let since = stamps.now();
        let at_once = time.stamp();
        time.pass(20);
        assert!(stamps.may_be_newer(Some(at_once), since), "{store_ms}");
        assert!(!stamps.may_be_newer(Some(before), since), "{store_ms}");
    }
}

#[test]
fn samples_of_a_period_narrow_the_bounds_to_the_time_that_a_call_takes() {
    let (time, stamps) = ahead(1234);
    for _ in 0..50 {
        time.sample(&stamps, 30);
        time.pass(777);
    }
    let known = &kept(&stamps)[0];
    assert!(known.offset.low_ms <= 1234 && 1234 <= known.offset.high_ms, "{known:?}");
    assert!(known.offset.width_ms() < 80, "{known:?}");
}

#[test]
fn a_sample_that_contradicts_those_before_says_that_a_clock_was_set_and_for_a_day_that_there_may_be_two() {
    let (time, stamps) = ahead(0);
    time.sample(&stamps, 20);
    time.pass(1000);
    let before = stamps.now();
    time.pass(1000);
    time.set_store(-30_000);
    time.sample(&stamps, 20);
    let after = stamps.now();
    let offset = |since| stamps.offset_since(since).unwrap();
    assert!(offset(before).low_ms < -30_000 && offset(before).high_ms >= 0, "{:?}", offset(before));
    time.pass(60_000);
    for _ in 0..143 {
        time.pass(600_000);
        time.sample(&stamps, 20);
        let later = offset(stamps.now());
        assert!(later.low_ms < -30_000 && later.high_ms >= 0, "the other clock may be there still: {later:?}");
    }
    time.pass(600_000);
    time.sample(&stamps, 20);
    time.pass(60_000);
    let later = offset(stamps.now());
    assert!(later.high_ms < -28_000, "an attempt of now is judged by the clock of now: {later:?}");
    assert!(offset(after).low_ms < -30_000);
}

#[test]
fn our_own_clock_that_is_set_is_noticed_without_a_sample() {
    for by_ms in [2000, -2000, 7_200_000, -7_200_000] {
        let (time, stamps) = ahead(0);
        time.sample(&stamps, 20);
        time.pass(60_000);
        let old = time.stamp();
        time.pass(60_000);
        let before = stamps.now();
        time.set_ours(by_ms);
        time.pass(10);
        let after = stamps.now();
        let anew = time.stamp();
        time.pass(10);
        for since in [before, after] {
            assert!(stamps.may_be_newer(Some(anew), since), "{by_ms}");
        }
        // When it is small, both are known to be older; else what is doubtful counts as newer.
        if by_ms.abs() < 10_000 {
            assert!(!stamps.may_be_newer(Some(old), before) && !stamps.may_be_newer(Some(old), after), "{by_ms}");
        }
    }
}

#[test]
fn a_call_under_which_our_clock_was_set_is_no_sample() {
    let (time, stamps) = ahead(0);
    let sent = stamps.read();
    time.set_ours(3_600_000);
    stamps.observe(sent, time.stamp());
    assert!(!stamps.is_sampled());
    time.sample(&stamps, 20);
    let offset = stamps.offset().unwrap();
    assert!(offset.high_ms < -3_590_000 && offset.low_ms <= -3_600_000, "{offset:?}");
}

#[test]
fn what_an_earlier_process_kept_joins_the_bounds_of_what_was_attempted_then() {
    let (time, stamps) = ahead(0);
    time.sample(&stamps, 20);
    let kept = kept(&stamps);
    time.pass(30_000);
    let since = stamps.now();
    let anew = time.stamp();
    time.pass(30_000);
    time.set_ours(2000 + 30_000);
    let stamps = time.process(&kept);
    assert!(stamps.may_be_newer(Some(Timestamp::UNIX_EPOCH), since), "this process took no sample");
    time.sample(&stamps, 20);
    assert!(stamps.may_be_newer(Some(anew), since));
    let (low, high) = (-32_000, 0);
    let offset = stamps.offset_since(since).unwrap();
    assert!(offset.low_ms <= low && offset.high_ms >= high, "{offset:?}");
    let now = stamps.offset().unwrap();
    assert!(now.high_ms < -29_000, "an attempt of now is not judged by what was: {now:?}");
}

#[test]
fn dates_widen_the_bounds_when_they_contradict_the_samples_and_never_narrow_them() {
    let (time, stamps) = ahead(0);
    time.sample(&stamps, 600);
    let before = stamps.offset().unwrap();
    for _ in 0..20 {
        let sent = stamps.read();
        time.pass(7);
        stamps.observe_date(sent, time.stamp());
        time.pass(141);
    }
    let after = stamps.offset().unwrap();
    assert!(after.low_ms <= before.low_ms && after.high_ms >= before.high_ms, "{before:?} {after:?}");
    assert!(after.width_ms() - before.width_ms() < 10, "they agree: {before:?} {after:?}");
    let behind = at_ms(time.stamp(), 0, -8000);
    stamps.observe_date(stamps.read(), behind);
    let widened = stamps.offset().unwrap();
    assert!(widened.low_ms <= -8000 && widened.high_ms >= before.high_ms, "{widened:?}");
    time.sample(&stamps, 10);
    assert!(stamps.offset().unwrap().low_ms <= -8000, "a sample does not take that back within its period");
}

#[test]
fn a_copys_time_that_is_not_the_one_that_is_read_back_widens_the_bounds() {
    let (time, stamps) = ahead(0);
    time.sample(&stamps, 20);
    let wrong = |time: &Time| at_ms(time.stamp(), 0, 8 * 3_600_000);
    stamps.observe_copy(stamps.read(), wrong(&time));
    let since = stamps.now();
    assert!(stamps.may_be_newer(Some(time.stamp()), since));
    time.pass(700_000);
    stamps.observe_copy(stamps.read(), wrong(&time));
    assert!(stamps.may_be_newer(Some(time.stamp()), stamps.now()), "nor does it begin a period of its own");

    let (time, stamps) = ahead(-3000);
    for _ in 0..30 {
        let sent = stamps.read();
        time.pass(15);
        stamps.observe_copy(sent, time.stamp());
        time.pass(577);
    }
    let offset = stamps.offset().expect("where nothing was read back it is a sample");
    assert!(offset.low_ms <= -3000 && offset.high_ms >= -3000 && offset.width_ms() < 1000, "{offset:?}");
    assert!(stamps.is_sample_due("reports"), "and another that is read back is still wanted");
}

#[test]
fn periods_are_bounded_and_those_that_differ_are_kept_apart() {
    let (time, stamps) = ahead(0);
    for n in 0..1000 {
        // Once, for ten minutes, the store's clock is wrong by an hour.
        let by_ms = if n == 500 { 3_600_000 } else { 0 };
        time.set_store(by_ms);
        time.sample(&stamps, 20);
        time.set_store(-by_ms);
        time.pass(600_000);
    }
    let known = kept(&stamps);
    assert_eq!(known.len(), PERIODS_MAX);
    let wrong: Vec<_> = known.iter().filter(|known| known.offset.high_ms > 3_000_000).collect();
    assert_eq!(wrong.len(), 1, "{known:?}");
    assert!(wrong[0].until.duration_since(wrong[0].from) < jiff::SignedDuration::from_hours(26), "{wrong:?}");
    assert!(stamps.offset().unwrap().width_ms() < 3000);
}

#[test]
fn a_sample_is_due_at_the_beginning_and_when_the_last_one_is_old_but_not_soon_after_a_refusal() {
    let (time, stamps) = ahead(0);
    assert!(stamps.is_sample_due("reports"));
    stamps.note_refused("reports");
    assert!(!stamps.is_sample_due("reports"));
    assert!(stamps.is_sample_due("others"), "what one place refuses, another may allow");
    time.pass(600_000);
    assert!(stamps.is_sample_due("reports"));
    time.sample(&stamps, 20);
    assert!(!stamps.is_sample_due("reports") && !stamps.is_sample_due("others"), "one sample counts for all");
    stamps.note_kept_object("reports");
    time.pass(1_200_000);
    assert!(!stamps.is_sample_due("reports") && stamps.is_sample_due("others"));
}

#[test]
fn our_clock_that_is_set_forgets_neither_of_two_clocks() {
    let (time, stamps) = ahead(0);
    let objects = |time: &Time| [0, 3000].map(|ms| at_ms(time.stamp(), 0, ms));
    time.sample(&stamps, 20);
    time.set_store(3000);
    time.pass(5000);
    time.sample(&stamps, 20);
    time.set_store(-3000);
    time.set_ours(60_000);
    time.pass(1000);
    let _ = stamps.offset();
    time.set_store(3000);
    time.sample(&stamps, 20);
    time.set_store(-3000);
    let since = stamps.now();
    for stamp in objects(&time) {
        assert!(stamps.may_be_newer(Some(stamp), since), "{stamp} {stamps:?}");
    }
}

#[test]
fn only_what_the_next_process_has_to_know_is_to_be_kept_again() {
    let (time, stamps) = ahead(0);
    assert_eq!(stamps.to_keep(), None);
    time.sample(&stamps, 20);
    let (revision, _) = stamps.to_keep().unwrap();
    stamps.note_kept(revision);
    time.sample(&stamps, 20);
    assert_eq!(stamps.to_keep(), None, "narrower bounds are no news");
    time.set_ours(5000);
    let _ = stamps.offset();
    assert!(stamps.to_keep().is_some());
}

/// Something that happens in the life of a service and its store.
#[derive(Debug, Clone)]
enum Happening {
    Pass(i64),
    Sample(i64),
    /// The answer of a copy that took this long.
    Copy(i64),
    /// The `Date` of an answer, from a clock that is ahead of the store's by this.
    Date(i64),
    Attempt,
    /// Our clock is set, and our process reads it some time later.
    SetOurs(i64),
    /// Another process follows, and our clock is set meanwhile.
    Restart(i64),
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let set = || prop_oneof![Just(0), -5000..5000_i64, -90_000_000..90_000_000_i64];
    let happening = prop_oneof![
        4 => prop_oneof![0..3000_i64, 0..900_000_i64].prop_map(Happening::Pass),
        4 => (0..4000_i64).prop_map(Happening::Sample),
        3 => (0..4000_i64).prop_map(Happening::Copy),
        1 => prop_oneof![Just(0), -10_000..10_000_i64].prop_map(Happening::Date),
        4 => Just(Happening::Attempt),
        1 => set().prop_map(Happening::SetOurs),
        1 => set().prop_map(Happening::Restart),
    ];
    proptest::collection::vec(happening, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever happened to our clock in between: an object that the store wrote when an attempt
    /// began, or later, is never called older.
    #[test]
    fn an_object_that_was_written_after_an_attempt_began_is_never_called_older(
        offset_ms in prop_oneof![-5000..5000_i64, -90_000_000..90_000_000_i64],
        first_ms in 0..4000_i64,
        happenings in happenings(),
    ) {
        let (time, mut stamps) = ahead(offset_ms);
        let mut known = Vec::new();
        let mut attempts = Vec::new();
        time.sample(&stamps, first_ms);
        for happening in &happenings {
            match *happening {
                Happening::Pass(ms) => time.pass(ms),
                Happening::Sample(ms) => time.sample(&stamps, ms),
                Happening::Copy(ms) => {
                    let sent = stamps.read();
                    time.pass(ms);
                    stamps.observe_copy(sent, time.stamp());
                }
                Happening::Date(ahead_ms) => stamps.observe_date(stamps.read(), at_ms(time.stamp(), 0, ahead_ms)),
                Happening::Attempt => attempts.push((stamps.now(), time.stamp())),
                Happening::SetOurs(by_ms) => {
                    time.set_ours(by_ms);
                    attempts.push((stamps.now(), time.stamp()));
                    time.pass(200);
                    let _ = stamps.offset();
                }
                Happening::Restart(by_ms) => {
                    time.pass(1000);
                    time.set_ours(by_ms);
                    stamps = time.process(&known);
                    time.sample(&stamps, 100);
                }
            }
            if let Some((_, news)) = stamps.to_keep() {
                known = news;
            }
            for (since, stamp) in &attempts {
                prop_assert!(stamps.may_be_newer(Some(*stamp), *since), "{since} {stamp} {stamps:?}");
            }
        }
    }

    /// Two gateways with different clocks behind one address: once each of them was met, an
    /// object of either is never called older than an attempt before it, whichever answers.
    #[test]
    fn behind_two_gateways_with_different_clocks_a_newer_object_is_never_called_older(
        gap_ms in prop_oneof![2500..60_000_i64, -60_000..-2500_i64],
        calls in proptest::collection::vec((proptest::bool::ANY, 0..200_i64, 0..900_000_i64), 0..80),
    ) {
        let (time, mut stamps) = ahead(0);
        let ask = |stamps: &StoreClock, is_second: bool, takes_ms| {
            let by_ms = if is_second { gap_ms } else { 0 };
            time.set_store(by_ms);
            time.sample(stamps, takes_ms);
            time.set_store(-by_ms);
        };
        for (n, (is_second, takes_ms, pause_ms)) in
            [(false, 20, 1000), (true, 20, 1000)].into_iter().chain(calls).enumerate()
        {
            ask(&stamps, is_second, takes_ms);
            if n == 40 {
                let (_, kept) = stamps.to_keep().unwrap();
                stamps = time.process(&kept);
                ask(&stamps, is_second, takes_ms);
            }
            time.pass(pause_ms);
            let since = stamps.now();
            for ahead_ms in [0, gap_ms] {
                let stamp = at_ms(time.stamp(), 0, ahead_ms);
                prop_assert!(n == 0 || stamps.may_be_newer(Some(stamp), since), "{stamp} {stamps:?}");
            }
        }
    }

    /// With samples of calls that took no longer than this, what was written five seconds before
    /// an attempt is older.
    #[test]
    fn an_object_that_was_written_long_before_an_attempt_is_called_older(
        offset_ms in prop_oneof![-5000..5000_i64, -90_000_000..90_000_000_i64],
        calls in proptest::collection::vec((0..200_i64, 0..400_000_i64), 1..40),
        phase_ms in 0..1000_i64,
    ) {
        let (time, stamps) = ahead(offset_ms);
        time.pass(phase_ms);
        for (takes_ms, pause_ms) in calls {
            time.sample(&stamps, takes_ms);
            time.pass(pause_ms);
            let stamp = time.stamp();
            time.pass(5000);
            prop_assert!(!stamps.may_be_newer(Some(stamp), stamps.now()), "{stamps:?}");
        }
    }
}
