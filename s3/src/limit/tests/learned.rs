//! What a limit learns of a store, reports, and starts with the next time.

use brigade_model::ports::Entropy;
use brigade_runtime::SeededEntropy;
use tokio::sync::Semaphore;

use super::*;

/// What a call takes at least, and how much longer some take: no store answers in step.
const ROUND_TRIP_MS: u64 = 30;
const NOISE_MS: u64 = 10;

/// A store that is far away and answers so many calls at once.
struct Far {
    clock: Arc<dyn Clock>,
    room: Semaphore,
    inner: Arc<Scripted>,
    entropy: SeededEntropy,
}

#[async_trait]
impl ObjectStore for Far {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let _place = self.room.acquire().await.unwrap();
        let mut noise = [0; 8];
        self.entropy.fill(&mut noise);
        let ms = ROUND_TRIP_MS + u64::from_le_bytes(noise) % NOISE_MS;
        self.clock.sleep(Duration::from_millis(ms)).await;
        self.inner.call(cancel, call).await
    }
}

/// A limit before a store that answers `room` calls at once.
fn far(room: usize, caps: Caps) -> (Arc<dyn Clock>, Arc<Limit>) {
    let clock: Arc<dyn Clock> = Arc::new(SimulatedClock::new());
    let inner = Scripted::new(&clock, []);
    let entropy = SeededEntropy::new(1);
    let store = Arc::new(Far { clock: Arc::clone(&clock), room: Semaphore::new(room), inner, entropy });
    let config = LimitConfig { caps, timeouts: Timeouts::default() };
    let limit = Limit::new(store, config, Arc::clone(&clock));
    (clock, Arc::new(limit))
}

/// So many callers ask one call after the other, for so many seconds.
async fn ask(clock: &Arc<dyn Clock>, limit: &Arc<Limit>, callers: usize, seconds: u64) {
    let end = clock.monotonic().after(Duration::from_secs(seconds));
    let callers = (0..callers).map(|_| {
        let (clock, limit) = (Arc::clone(clock), Arc::clone(limit));
        tokio::spawn(async move {
            while clock.monotonic() < end {
                send(&*limit, &CancelToken::unbounded(), head("photos")).await.unwrap();
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
}

/// Begins so many calls of a bucket that never end, and says how many of them are in flight.
async fn begun(s: &Setup, bucket: &str, calls: usize) -> usize {
    let before = s.store.times().len();
    let calls: Vec<_> = (0..calls).map(|_| s.start(head(bucket))).collect();
    for _ in 0..10 {
        s.run_ready().await;
    }
    calls.iter().for_each(JoinHandle::abort);
    s.store.times().len() - before
}

#[tokio::test(start_paused = true)]
async fn limits_of_a_later_process_begin_at_half_of_what_was_learned_and_the_others_at_32() {
    let (clock, limit) = far(50, Caps::default());
    ask(&clock, &limit, 1100, 4).await;
    let learned = limit.handle().learned();
    let [photos] = learned.as_slice() else { panic!("{learned:?}") };
    assert!((50..=200).contains(&photos.limit), "{photos:?}");
    assert_eq!(photos.class, CallClass::Read);

    let s = setup(Caps::default(), []);
    s.store.hold();
    let handle = s.limit.handle();
    assert_eq!(handle.expected(), 32);
    handle.begin_with([(photos.bucket.clone(), photos.class, photos.limit)]);
    assert_eq!(handle.expected(), photos.limit / 2);
    assert_eq!(begun(&s, "photos", 600).await, photos.limit as usize / 2);
    assert_eq!(begun(&s, "lists", 600).await, 32);
}

#[tokio::test(start_paused = true)]
async fn what_was_learned_does_not_exceed_the_ceiling_of_today() {
    let s = setup(requests(50), []);
    s.store.hold();
    s.limit.handle().begin_with([(Some("photos".parse().unwrap()), CallClass::Read, 800)]);
    assert_eq!(s.limit.handle().expected(), 50);
    assert_eq!(begun(&s, "photos", 600).await, 50);
}

#[tokio::test(start_paused = true)]
async fn little_demand_and_failures_teach_nothing() {
    let (clock, limit) = far(50, Caps::default());
    ask(&clock, &limit, 8, 4).await;
    assert_eq!(limit.handle().learned(), [], "8 callers use 8 of 32");

    let lost = || Err(error(Verdict::Transient, Effect::Unknown, "RequestTimeout", None));
    let s = setup(requests(10), (0..10).map(|_| lost()));
    for _ in 0..10 {
        s.start(head("photos")).await.unwrap().unwrap_err();
    }
    let usage = s.limit.handle().usage();
    assert_eq!((usage.adaptive[0].limit, usage.adaptive[0].reason), (7, Reason::Failures));
    assert_eq!(s.limit.handle().learned(), []);

    let (clock, limit) = far(50, Caps { is_adaptive: false, ..Caps::default() });
    ask(&clock, &limit, 1100, 4).await;
    assert_eq!(limit.handle().learned(), [], "a fixed limit was set, not found");
    assert_eq!(limit.handle().usage().moves, []);
    assert_eq!(limit.handle().usage().adaptive[0].reason, Reason::Start);
}

#[tokio::test(start_paused = true)]
async fn an_idle_limit_has_learned_nothing_since_it_was_last_used() {
    let (clock, limit) = far(50, Caps::default());
    ask(&clock, &limit, 1100, 2).await;
    let used = limit.handle().learned()[0].at;
    assert!(clock.monotonic().since(used) < Duration::from_secs(1), "{used:?}");
    clock.sleep(Duration::from_secs(3600)).await;
    ask(&clock, &limit, 3, 60).await;
    assert_eq!(limit.handle().learned()[0].at, used);
}

#[tokio::test(start_paused = true)]
async fn a_limit_tells_what_is_answered_how_fast_and_why_it_moved() {
    let (clock, limit) = far(50, Caps::default());
    ask(&clock, &limit, 1100, 20).await;
    let usage = limit.handle().usage();
    let lane = &usage.adaptive[0];
    // 50 at once, each 30 to 40 ms.
    let per_second = lane.answered.per_second(clock.monotonic());
    assert!((1200.0..1600.0).contains(&per_second), "{per_second}");
    assert!(lane.latency_p50 >= Duration::from_millis(ROUND_TRIP_MS), "{:?}", lane.latency_p50);
    assert!(lane.latency_p99 >= lane.latency_p50);
    assert_eq!((lane.requests, lane.waiting, lane.pace), (0, 0, None));
    assert!(matches!(lane.reason, Reason::MoreAnswers | Reason::NoMoreAnswers), "{:?}", lane.reason);
    let of = |wanted| usage.moves.iter().find(|(class, reason, _)| (*class, *reason) == (CallClass::Read, wanted));
    assert!(of(Reason::MoreAnswers).is_some() && of(Reason::NoMoreAnswers).is_some(), "{:?}", usage.moves);
    assert!(of(Reason::Failures).is_none() && of(Reason::Start).is_none(), "{:?}", usage.moves);
    clock.sleep(Duration::from_secs(10)).await;
    assert_eq!(limit.handle().usage().adaptive[0].answered.per_second(clock.monotonic()), 0.0);
}
