#![allow(clippy::disallowed_methods, reason = "tests start calls beside each other")]

use std::time::Duration;

use brigade_model::JobId;
use brigade_model::ports::object_store::{Caller, Request, send};
use brigade_runtime::SimulatedClock;
use tokio::task::{JoinHandle, yield_now};

use super::*;
use crate::scripted::willing::{Scripted, error, get, head, put};

mod learned;

struct Setup {
    clock: Arc<dyn Clock>,
    store: Arc<Scripted>,
    limit: Arc<Limit>,
}

fn setup(caps: Caps, steps: impl IntoIterator<Item = Result<(), CallError>>) -> Setup {
    let clock: Arc<dyn Clock> = Arc::new(SimulatedClock::new());
    let store = Scripted::new(&clock, steps);
    let config = LimitConfig { caps, timeouts: Timeouts::default() };
    let limit = Arc::new(Limit::new(store.clone(), config, Arc::clone(&clock)));
    Setup { clock, store, limit }
}

fn requests(requests: u32) -> Caps {
    Caps { requests, ..Caps::default() }
}

impl Setup {
    /// Makes the call beside the test.
    fn start<R: Request + 'static>(&self, request: R) -> JoinHandle<Result<R::Answer, CallError>>
    where
        R::Answer: 'static,
    {
        let limit = Arc::clone(&self.limit);
        tokio::spawn(async move { send(&*limit, &CancelToken::unbounded(), request).await })
    }

    /// Until nothing moves any more.
    async fn run_ready(&self) {
        for _ in 0..100 {
            yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn limits_of_one_handle_share_its_caps() {
    let s = setup(requests(1), []);
    let other = Limit::sharing(s.store.clone(), &s.limit.handle(), Timeouts::default(), Arc::clone(&s.clock));
    let t = Setup { clock: Arc::clone(&s.clock), store: s.store.clone(), limit: Arc::new(other) };
    s.store.hold();
    let calls = [s.start(head("photos")), t.start(head("photos"))];
    s.run_ready().await;
    assert_eq!((s.store.times().len(), s.limit.handle().usage().waiting), (1, 1));
    s.store.let_go(2);
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_are_in_flight_than_the_cap_allows() {
    let s = setup(requests(3), []);
    s.store.hold();
    let calls: Vec<_> = (0..10).map(|_| s.start(head("photos"))).collect();
    s.run_ready().await;
    let usage = s.limit.handle().usage();
    assert_eq!((s.store.times().len(), usage.requests, usage.waiting), (3, 3, 7));
    s.store.let_go(2);
    s.run_ready().await;
    assert_eq!(s.store.times().len(), 5);
    s.store.let_go(8);
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(s.limit.handle().usage().requests, 0);
}

#[tokio::test(start_paused = true)]
async fn caps_change_while_calls_wait() {
    let s = setup(requests(1), []);
    s.store.hold();
    let calls: Vec<_> = (0..5).map(|_| s.start(head("photos"))).collect();
    s.run_ready().await;
    s.limit.handle().set_caps(requests(4));
    s.run_ready().await;
    assert_eq!(s.store.times().len(), 4);
    s.limit.handle().set_caps(requests(0));
    assert_eq!(s.limit.handle().caps().requests, 1);
    s.store.let_go(5);
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_that_is_lifted_or_raised_lets_those_go_who_wait_for_it() {
    let slow = Caps { requests_per_second: Some(1), ..requests(32) };
    for (caps, all_after) in [(requests(32), 0), (Caps { requests_per_second: Some(100), ..slow }, 200)] {
        let s = setup(slow, []);
        let began = s.clock.monotonic();
        let calls: Vec<_> = (0..20).map(|_| s.start(head("photos"))).collect();
        s.run_ready().await;
        assert_eq!(s.store.times().len(), 1, "the others wait, the last of them for 19 seconds");
        s.limit.handle().set_caps(caps);
        for call in calls {
            call.await.unwrap().unwrap();
        }
        assert!(s.clock.monotonic().since(began) <= Duration::from_millis(all_after));
    }
}

#[tokio::test(start_paused = true)]
async fn while_it_is_stopped_no_request_begins_wherever_it_waits() {
    let s = setup(Caps { requests_per_second: Some(10), ..requests(3) }, []);
    let calls: Vec<_> = (0..10).map(|_| s.start(head("photos"))).collect();
    s.run_ready().await;
    let begun = s.store.times().len();
    s.limit.handle().set_stopped(true);
    s.clock.sleep(Duration::from_secs(3600)).await;
    s.run_ready().await;
    assert_eq!(s.store.times().len(), begun, "neither those in the queue nor those that wait for the rate");
    assert!(calls.iter().filter(|call| !call.is_finished()).count() >= 7);
    s.limit.handle().set_caps(requests(3));
    s.run_ready().await;
    assert_eq!(s.store.times().len(), begun, "other caps start nothing");
    s.limit.handle().set_stopped(false);
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiting_call_that_goes_away_leaves_its_place_to_the_next() {
    let s = setup(requests(1), []);
    s.store.hold();
    let first = s.start(head("photos"));
    s.run_ready().await;
    let second = s.start(head("photos"));
    let third = s.start(head("other"));
    s.run_ready().await;
    second.abort();
    s.store.let_go(2);
    first.await.unwrap().unwrap();
    third.await.unwrap().unwrap();
    assert!(second.await.unwrap_err().is_cancelled());
    let usage = s.limit.handle().usage();
    assert_eq!((usage.requests, usage.waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_goes_away_in_flight_gives_its_permit_back() {
    let s = setup(requests(1), []);
    s.store.hold();
    let first = s.start(head("photos"));
    s.run_ready().await;
    let second = s.start(head("photos"));
    s.run_ready().await;
    first.abort();
    s.store.let_go(1);
    second.await.unwrap().unwrap();
    assert_eq!(s.limit.handle().usage().requests, 0);
}

#[tokio::test(start_paused = true)]
async fn requests_start_as_often_as_the_rate_allows() {
    let caps = Caps { requests_per_second: Some(10), ..Caps::default() };
    let s = setup(caps, []);
    let calls: Vec<_> = (0..31).map(|_| s.start(head("photos"))).collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    // One may start to make up for unused time.
    let last = *s.store.times().last().unwrap();
    assert!((2800..=3000).contains(&last), "{last}");
}

#[tokio::test(start_paused = true)]
async fn bytes_leave_and_come_as_fast_as_the_rate_allows() {
    let caps = Caps { bytes_per_second: Some(1000), ..Caps::default() };
    let s = setup(caps, []);
    for _ in 0..4 {
        send(&*s.limit, &CancelToken::unbounded(), put(500)).await.unwrap();
    }
    let got = send(&*s.limit, &CancelToken::unbounded(), get(3000)).await.unwrap();
    let (mut body, mut bytes) = (got.body, 0);
    while let Some(piece) = body.next().await {
        bytes += piece.unwrap().len();
    }
    assert_eq!(bytes, 3000);
    let elapsed = s.clock.monotonic().0.as_millis();
    assert!((1800..=2000).contains(&elapsed), "{elapsed}");
    // The 3,000 bytes that came are paid for by the next body.
    send(&*s.limit, &CancelToken::unbounded(), put(1)).await.unwrap();
    let elapsed = s.clock.monotonic().0.as_millis();
    assert!((4800..=5100).contains(&elapsed), "{elapsed}");
}

#[tokio::test(start_paused = true)]
async fn bytes_in_flight_are_capped_and_a_larger_body_passes_alone() {
    let caps = Caps { bytes: Some(100), ..Caps::default() };
    let s = setup(caps, []);
    s.store.hold();
    let first = s.start(put(60));
    s.run_ready().await;
    let large = s.start(put(500));
    let small = s.start(put(30));
    let bodiless = s.start(head("photos"));
    s.run_ready().await;
    // The small body waits behind the large one, which would never get in otherwise.
    assert_eq!((s.store.times().len(), s.limit.handle().usage().bytes), (2, 60));
    s.store.let_go(2);
    first.await.unwrap().unwrap();
    bodiless.await.unwrap().unwrap();
    s.run_ready().await;
    assert_eq!(s.limit.handle().usage().bytes, 500);
    s.store.let_go(2);
    large.await.unwrap().unwrap();
    small.await.unwrap().unwrap();
    assert_eq!(s.limit.handle().usage().bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn the_permit_of_a_download_lasts_until_its_stream_ends() {
    let s = setup(requests(1), []);
    let mut got = send(&*s.limit, &CancelToken::unbounded(), get(10)).await.unwrap();
    let waiting = s.start(head("photos"));
    s.run_ready().await;
    assert_eq!((s.store.times().len(), s.limit.handle().usage().bytes), (1, 10));
    assert!(got.body.next().await.unwrap().is_ok());
    assert!(got.body.next().await.is_none());
    waiting.await.unwrap().unwrap();
    // Dropping it does as well.
    let got = send(&*s.limit, &CancelToken::unbounded(), get(10)).await.unwrap();
    drop(got);
    assert_eq!(s.limit.handle().usage().requests, 0);
}

#[tokio::test(start_paused = true)]
async fn an_overload_lowers_the_limit_of_its_bucket_and_class_alone() {
    let lost = || Err(CallError::new(Verdict::Transient, Effect::Unknown, "RequestTimeout", "no answer"));
    let s = setup(requests(10), (0..10).map(|_| lost()));
    s.store.hold();
    let calls: Vec<_> = (0..10).map(|_| s.start(head("photos"))).collect();
    s.run_ready().await;
    s.store.let_go(10);
    for call in calls {
        call.await.unwrap().unwrap_err();
    }
    let calls: Vec<_> = (0..20).map(|_| s.start(head("photos"))).collect();
    s.run_ready().await;
    assert_eq!(s.store.times().len(), 10 + 7);
    let other = s.start(head("other"));
    let write = s.start(put(1));
    s.run_ready().await;
    assert_eq!(s.store.times().len(), 10 + 9);
    let adaptive = s.limit.handle().usage().adaptive;
    let limits: Vec<_> = adaptive.iter().map(|lane| (lane.bucket.as_ref().unwrap().as_str(), lane.limit)).collect();
    assert_eq!(limits, [("other", 10), ("photos", 7), ("photos", 10)]);
    s.store.let_go(100);
    other.await.unwrap().unwrap();
    write.await.unwrap().unwrap();
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_s_error_lowers_the_limit_as_an_order_to_slow_down_does() {
    let errors = [
        (error(Verdict::Transient, Effect::Unknown, "InternalError", 500), 7),
        (error(Verdict::Transient, Effect::Unknown, "GatewayTimeout", 504), 7),
        (error(Verdict::Transient, Effect::Unknown, "RequestTimeout", None), 7),
        (error(Verdict::Throttled, Effect::Unknown, "SlowDown", 200), 7),
        (error(Verdict::Throttled, Effect::None, "KMS.ThrottlingException", 400), 7),
        (error(Verdict::Transient, Effect::None, "BadDigest", 400), 10),
    ];
    for (failure, expected) in errors {
        let s = setup(requests(10), (0..10).map(|_| Err(failure.clone())));
        s.store.hold();
        let calls: Vec<_> = (0..10).map(|_| s.start(head("photos"))).collect();
        s.run_ready().await;
        s.store.let_go(10);
        for call in calls {
            call.await.unwrap().unwrap_err();
        }
        assert_eq!(s.limit.handle().usage().adaptive[0].limit, expected, "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stopped_leash_ends_the_wait_for_a_permit() {
    let s = setup(requests(1), []);
    s.store.hold();
    let first = s.start(head("photos"));
    s.run_ready().await;
    let cancel = CancelToken::unbounded();
    let (stopped, ()) = tokio::join!(send(&*s.limit, &cancel, head("photos")), async {
        s.run_ready().await;
        cancel.stop();
    });
    let stopped = stopped.unwrap_err();
    assert_eq!((stopped.verdict, stopped.effect, stopped.attempts), (Verdict::Stopped, Effect::None, 0));
    s.store.let_go(1);
    first.await.unwrap().unwrap();
    assert_eq!(s.limit.handle().usage().requests, 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waited_too_long_for_its_leash_does_not_start() {
    let caps = Caps { requests_per_second: Some(1), ..Caps::default() };
    let s = setup(caps, []);
    let cancel = CancelToken::unbounded();
    cancel.prolong(s.clock.monotonic().after(Duration::from_secs(16)));
    send(&*s.limit, &cancel, head("photos")).await.unwrap();
    send(&*s.limit, &cancel, head("photos")).await.unwrap();
    let stopped = send(&*s.limit, &cancel, head("photos")).await.unwrap_err();
    assert_eq!(stopped.verdict, Verdict::Stopped);
    assert_eq!(s.store.times().len(), 2);
}

fn cancel_for(s: &Setup, seconds: u64) -> CancelToken {
    let cancel = CancelToken::unbounded();
    cancel.prolong(s.clock.monotonic().after(Duration::from_secs(seconds)));
    cancel
}

#[tokio::test(start_paused = true)]
async fn an_attempt_ends_with_its_lease_and_whether_it_had_its_effect_is_unknown() {
    let s = setup(requests(1), []);
    s.store.hold();
    let cancel = cancel_for(&s, 60);
    let ended = send(&*s.limit, &cancel, head("photos")).await.unwrap_err();
    assert_eq!((ended.verdict, ended.effect, ended.attempts), (Verdict::Stopped, Effect::Unknown, 1));
    assert_eq!(s.clock.monotonic().0, Duration::from_secs(60));
    assert_eq!(s.limit.handle().usage().requests, 0, "its place is free");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_renewed_meanwhile_lets_its_attempts_go_on() {
    let s = setup(Caps::default(), []);
    s.store.hold();
    let cancel = cancel_for(&s, 60);
    let (done, ()) = tokio::join!(send(&*s.limit, &cancel, head("photos")), async {
        for _ in 0..30 {
            s.clock.sleep(Duration::from_secs(20)).await;
            cancel.prolong(s.clock.monotonic().after(Duration::from_secs(60)));
        }
        s.store.let_go(1);
    });
    done.unwrap();
    assert_eq!(s.clock.monotonic().0, Duration::from_secs(600));
}

#[tokio::test(start_paused = true)]
async fn a_cut_ends_attempts_and_streams_at_once_and_a_stop_does_not() {
    let s = setup(Caps::default(), []);
    let cancel = cancel_for(&s, 600);
    let mut got = send(&*s.limit, &cancel, get(10)).await.unwrap();
    s.store.hold();
    let (ended, ()) = tokio::join!(send(&*s.limit, &cancel, head("photos")), async {
        s.clock.sleep(Duration::from_secs(5)).await;
        cancel.stop();
        s.clock.sleep(Duration::from_secs(5)).await;
        cancel.kill();
    });
    assert_eq!(ended.unwrap_err().verdict, Verdict::Stopped);
    assert_eq!(s.clock.monotonic().0, Duration::from_secs(10));
    got.body.next().await.unwrap().unwrap();
    got.body = Box::new(Permitted {
        body: Box::new(Endless),
        permit: None,
        cancel: cancel.clone(),
        clock: Arc::clone(&s.clock),
    });
    assert_eq!(got.body.next().await.unwrap().unwrap_err().verdict, Verdict::Stopped);
}

/// A body of which nothing comes.
struct Endless;

#[async_trait]
impl ByteStream for Endless {
    async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn the_buckets_that_are_told_apart_are_bounded() {
    let s = setup(Caps::default(), []);
    for n in 0..1000 {
        send(&*s.limit, &CancelToken::unbounded(), head(&format!("bucket-{n}"))).await.unwrap();
    }
    assert!(s.limit.handle().usage().adaptive.len() <= 256);
}

#[tokio::test(start_paused = true)]
async fn a_bucket_is_shared_by_accounts_in_turn_however_much_one_of_them_has_waiting() {
    let s = setup(requests(1), []);
    s.store.hold();
    let first = s.start(head("photos"));
    s.run_ready().await;
    let ask = |account: &str, job: u128, key: String| {
        let limit = Arc::clone(&s.limit);
        let cancel = CancelToken::unbounded().on_behalf_of(Caller::new(account, JobId::from_u128(job)));
        tokio::spawn(async move { send(&*limit, &cancel, head(&key)).await })
    };
    let greedy: Vec<_> = (0..20).map(|_| ask("greedy", 1, "photos".into())).collect();
    s.run_ready().await;
    let modest: Vec<_> = (0..2).map(|_| ask("modest", 2, "photos".into())).collect();
    s.run_ready().await;
    s.store.let_go(5);
    s.run_ready().await;
    assert_eq!(modest.iter().filter(|call| call.is_finished()).count(), 2, "two of four turns were theirs");
    assert_eq!(greedy.iter().filter(|call| call.is_finished()).count(), 2);
    s.store.let_go(100);
    for call in greedy.into_iter().chain(modest).chain([first]) {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_about_more_objects_than_a_second_allows_is_refused_also_while_it_waits() {
    let s = setup(Caps { objects_per_second: Some(1000), ..requests(32) }, []);
    let objects = |n: u32| {
        let objects = (0..n).map(|n| (format!("{n}").parse().unwrap(), None)).collect();
        brigade_model::ports::object_store::DeleteObjects { bucket: "photos".parse().unwrap(), objects }
    };
    let error = s.start(objects(1001)).await.unwrap().unwrap_err();
    assert!(error.is_too_many_objects() && error.effect == Effect::None);
    // The first uses up the second, and the next waits.
    s.start(head("photos")).await.unwrap().unwrap();
    s.store.hold();
    let _first = s.start(objects(1000));
    let waiting = s.start(objects(1000));
    s.run_ready().await;
    assert!(!waiting.is_finished());
    s.limit.handle().set_caps(Caps { objects_per_second: Some(10), ..requests(32) });
    s.run_ready().await;
    assert!(waiting.await.unwrap().unwrap_err().is_too_many_objects());
}
