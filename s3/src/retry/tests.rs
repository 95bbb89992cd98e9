#![allow(clippy::disallowed_methods, reason = "tests start calls beside each other")]

use brigade_model::ports::object_store::{
    CompleteMultipartUpload, DeleteObject, HeadObject, ObjectHead, PutObject, send,
};
use brigade_runtime::{SeededEntropy, SimulatedClock};
use tokio::task::{JoinHandle, yield_now};

use super::*;
use crate::scripted::willing::{Scripted, at, error, head, put};
use crate::verdict::{Seen, judge};

mod conditions;

/// `Retry` around a scripted store.
struct Setup {
    clock: Arc<dyn Clock>,
    store: Arc<Scripted>,
    breaker: Arc<CircuitBreaker>,
    retry: Arc<Retry>,
}

fn setup(steps: impl IntoIterator<Item = Result<(), CallError>>) -> Setup {
    setup_with_probes(steps, [])
}

fn setup_with_probes(
    steps: impl IntoIterator<Item = Result<(), CallError>>,
    probes: impl IntoIterator<Item = Result<(), CallError>>,
) -> Setup {
    let clock: Arc<dyn Clock> = Arc::new(SimulatedClock::new());
    let store = Scripted::new(&clock, steps).with_probes(probes);
    let breaker = Arc::new(CircuitBreaker::new());
    let entropy = Arc::new(SeededEntropy::new(7));
    let retry = Retry::new(store.clone(), RetryPolicy::default(), Arc::clone(&breaker), Arc::clone(&clock), entropy);
    Setup { clock, store, breaker, retry: Arc::new(retry) }
}

impl Setup {
    /// Sends the call while the test goes on.
    fn start(&self, request: HeadObject) -> JoinHandle<Result<ObjectHead, CallError>> {
        let retry = Arc::clone(&self.retry);
        tokio::spawn(async move { send(&*retry, &CancelToken::unbounded(), request).await })
    }
}

fn server_error() -> Result<(), CallError> {
    Err(error(Verdict::Transient, Effect::Unknown, "InternalError", 500))
}

fn throttled() -> Result<(), CallError> {
    Err(error(Verdict::Throttled, Effect::None, "SlowDown", 429))
}

fn unavailable() -> Result<(), CallError> {
    let refused = error(Verdict::Unavailable, Effect::None, "ConnectFailed", None);
    Err(CallError { attempts: 0, ..refused })
}

fn bad_key() -> Result<(), CallError> {
    Err(error(Verdict::CredentialsRefused, Effect::None, "InvalidAccessKeyId", 403))
}

fn delete() -> DeleteObject {
    DeleteObject { at: at("photos"), version: None, if_match: None }
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_of_a_repeatable_call_is_tried_again() {
    let s = setup([server_error(), server_error()]);
    send(&*s.retry, &CancelToken::unbounded(), head("photos")).await.unwrap();
    assert_eq!(s.store.times().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_error_tells_how_long_its_call_may_take_and_a_completion_has_the_time_of_a_copy() {
    let unanswered = || Err(error(Verdict::Transient, Effect::Unknown, "RequestTimeout", None));
    let s = setup([unanswered(), unanswered(), server_error()]);
    let complete = || CompleteMultipartUpload::new(at("photos"), "u".into(), vec![]);
    let cancel = CancelToken::unbounded();
    let ended = [
        send(&*s.retry, &cancel, complete()).await.map(drop),
        send(&*s.retry, &cancel, delete()).await.map(drop),
        send(&*s.retry, &cancel, complete()).await.map(drop),
    ];
    let times = ended.map(|ended| ended.map_err(|lost| (lost.attempt_time_ms, lost.mib_time_ms)).unwrap_err());
    assert_eq!(times, [(120_000, 125), (15_000, 125), (15_000, 0)], "a store that answered is no more at it");
}

#[tokio::test(start_paused = true)]
async fn attempts_are_bounded_and_the_error_counts_them() {
    let digest = || Err(error(Verdict::Transient, Effect::None, "BadDigest", 400));
    let s = setup([server_error(), digest(), digest(), digest(), digest(), digest()]);
    let error = send(&*s.retry, &CancelToken::unbounded(), head("photos")).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.attempts, s.store.times().len()), ("BadDigest", 5, 5));
    // The first attempt's effect stays unknown, whatever the last attempt reports.
    assert_eq!(error.effect, Effect::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_repeatable_is_not_repeated_after_an_unknown_effect() {
    let s = setup([server_error()]);
    let error = send(&*s.retry, &CancelToken::unbounded(), delete()).await.unwrap_err();
    assert_eq!((error.effect, error.attempts, s.store.times().len()), (Effect::Unknown, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_put_is_repeated_after_an_unknown_effect_only_where_its_key_is_ours() {
    let s = setup([server_error()]);
    let error = send(&*s.retry, &CancelToken::unbounded(), put(1)).await.unwrap_err();
    assert_eq!((error.effect, s.store.times().len()), (Effect::Unknown, 1));
    let s = setup([server_error()]);
    send(&*s.retry, &CancelToken::unbounded(), PutObject { is_ours: true, ..put(1) }).await.unwrap();
    assert_eq!(s.store.times().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_of_unknown_effect_is_not_repeated_unless_it_is_repeatable() {
    let slow_down = || Err(error(Verdict::Throttled, Effect::Unknown, "SlowDown", 200));
    let s = setup([slow_down()]);
    let error = send(&*s.retry, &CancelToken::unbounded(), delete()).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.effect, s.store.times().len()), ("SlowDown", Effect::Unknown, 1));
    let s = setup([slow_down()]);
    send(&*s.retry, &CancelToken::unbounded(), head("photos")).await.unwrap();
    assert_eq!(s.store.times().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_repeatable_is_repeated_when_it_certainly_had_no_effect() {
    let s = setup([throttled(), unavailable(), bad_key()]);
    send(&*s.retry, &CancelToken::unbounded(), delete()).await.unwrap();
    assert_eq!(s.store.times().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_says_no_is_not_asked_again() {
    for verdict in [Verdict::Missing, Verdict::Denied, Verdict::Precondition, Verdict::Invalid] {
        let s = setup([Err(error(verdict, Effect::None, "Code", 400))]);
        let error = send(&*s.retry, &CancelToken::unbounded(), head("photos")).await.unwrap_err();
        assert_eq!((error.verdict, s.store.times().len()), (verdict, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn throttling_spends_no_attempt() {
    let s = setup((0..50).map(|_| throttled()));
    send(&*s.retry, &CancelToken::unbounded(), head("photos")).await.unwrap();
    assert_eq!(s.store.times().len(), 51);
    assert_eq!(s.breaker.reason(), None);
}

#[tokio::test(start_paused = true)]
async fn a_store_whose_key_service_is_asked_too_often_fails_no_call() {
    let code = "KMS.ThrottlingException";
    let (verdict, effect) = judge(Seen::Refused { status: 400, code: Some(code) });
    let s = setup((0..50).map(|_| Err(error(verdict, effect, code, 400))));
    send(&*s.retry, &CancelToken::unbounded(), delete()).await.unwrap();
    assert_eq!(s.store.times().len(), 51);
    assert_eq!(s.breaker.reason(), None);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_asks_for_a_pause_gets_it() {
    let mut asked = error(Verdict::Throttled, Effect::None, "SlowDown", 503);
    asked.retry_after_seconds = Some(90);
    let s = setup([Err(asked)]);
    send(&*s.retry, &CancelToken::unbounded(), head("photos")).await.unwrap();
    assert_eq!(s.store.times(), [0, 90_000]);
}

#[tokio::test(start_paused = true)]
async fn waits_have_full_jitter_below_a_doubling_bound() {
    let s = setup((0..12).map(|_| throttled()));
    send(&*s.retry, &CancelToken::unbounded(), head("photos")).await.unwrap();
    let times = s.store.times();
    let waits: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (nth, wait) in waits.iter().enumerate() {
        // A timer may be a millisecond late.
        assert!(*wait <= (200_u128 << nth).min(20_000) + 1, "{waits:?}");
    }
    assert!(waits.iter().max() > Some(&1000), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_away_for_two_hours_fails_no_call() {
    let s = setup([]);
    s.store.go_away_for(Duration::from_secs(7200));
    let mut turns = s.breaker.subscribe();
    let calls: Vec<_> = (0..20).map(|_| s.start(head("photos"))).collect();
    turns.changed().await.unwrap();
    let reason = s.breaker.reason().unwrap();
    assert_eq!(reason.verdict, Verdict::Unavailable);
    assert_eq!(reason.to_string(), "the endpoint cannot be reached: ConnectFailed: as scripted");
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(s.breaker.reason(), None);
    assert!(s.clock.monotonic().0 < Duration::from_secs(7200 + 60));
    // One probe at a time, later and later: some 4 a minute at most.
    let probes = s.store.probe_times();
    assert!(probes.len() < 500, "{}", probes.len());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_rotated_fails_no_call() {
    let s = setup_with_probes([bad_key()], (0..10).map(|_| bad_key()));
    send(&*s.retry, &CancelToken::unbounded(), delete()).await.unwrap();
    assert_eq!((s.store.times().len(), s.store.probe_times().len()), (2, 11));
}

#[tokio::test(start_paused = true)]
async fn credentials_that_only_one_call_is_refused_for_fail_that_call() {
    let s = setup((0..20).map(|_| bad_key()));
    let error = send(&*s.retry, &CancelToken::unbounded(), head("photos")).await.unwrap_err();
    assert_eq!((error.verdict, error.attempts), (Verdict::CredentialsRefused, 5));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_fails_every_call_closes_the_gate_and_spends_no_more_attempts() {
    let s = setup_with_probes((0..5).map(|_| server_error()), (0..10).map(|_| server_error()));
    send(&*s.retry, &CancelToken::unbounded(), head("photos")).await.unwrap();
    assert_eq!((s.store.times().len(), s.store.probe_times().len()), (6, 11));
}

#[tokio::test(start_paused = true)]
async fn an_object_that_always_fails_does_not_hold_up_its_endpoint() {
    let s = setup((0..100).map(|_| server_error()));
    let error = send(&*s.retry, &CancelToken::unbounded(), head("photos")).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Transient);
    let lasted = s.clock.monotonic().0;
    assert!((Duration::from_secs(60)..Duration::from_secs(200)).contains(&lasted), "{lasted:?}");
    assert!((5..20).contains(&error.attempts), "{error:?}");
    send(&*setup([]).retry, &CancelToken::unbounded(), head("photos")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_denied_probe_shows_an_endpoint_that_answers() {
    let denied = Err(error(Verdict::Denied, Effect::None, "AccessDenied", 403));
    let s = setup_with_probes([unavailable()], [denied]);
    send(&*s.retry, &CancelToken::unbounded(), head("photos")).await.unwrap();
    assert_eq!(s.breaker.reason(), None);
}

#[tokio::test(start_paused = true)]
async fn a_prober_that_goes_away_leaves_the_probe_to_another() {
    let s = setup([unavailable()]);
    s.store.hold();
    s.store.let_go(1);
    let prober = s.start(head("photos"));
    while s.store.probe_times().is_empty() {
        yield_now().await;
    }
    let other = s.start(head("photos"));
    yield_now().await;
    prober.abort();
    prober.await.unwrap_err();
    s.store.let_go(9);
    other.await.unwrap().unwrap();
    assert_eq!(s.store.probe_times().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_leash_ends_a_backoff_and_a_wait_at_the_gate() {
    let mut slow = error(Verdict::Throttled, Effect::None, "SlowDown", 429);
    slow.retry_after_seconds = Some(200);
    let s = setup([Err(slow)]);
    let cancel = CancelToken::unbounded();
    let (stopped, ()) = tokio::join!(send(&*s.retry, &cancel, head("photos")), async {
        s.clock.sleep(Duration::from_secs(5)).await;
        cancel.stop();
    });
    let stopped = stopped.unwrap_err();
    assert_eq!((stopped.verdict, stopped.effect, stopped.attempts), (Verdict::Stopped, Effect::None, 1));
    assert_eq!(s.clock.monotonic().0, Duration::from_secs(5));

    let s = setup([]);
    s.store.go_away_for(Duration::from_secs(7200));
    let cancel = CancelToken::unbounded();
    let (stopped, ()) = tokio::join!(send(&*s.retry, &cancel, head("photos")), async {
        s.clock.sleep(Duration::from_secs(5)).await;
        cancel.stop();
    });
    let stopped = stopped.unwrap_err();
    assert_eq!((stopped.verdict, stopped.effect), (Verdict::Stopped, Effect::None));
    assert!(stopped.message.contains("cannot be reached"), "{stopped}");
    assert_eq!(s.clock.monotonic().0, Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn stopped_after_an_unknown_effect_says_so() {
    let s = setup([server_error()]);
    let cancel = CancelToken::unbounded();
    // No attempt fits after the first.
    let timeout = Timeouts::default().attempt;
    cancel.prolong(s.clock.monotonic().after(timeout));
    let stopped = send(&*s.retry, &cancel, head("photos")).await.unwrap_err();
    assert_eq!((stopped.verdict, stopped.effect, stopped.attempts), (Verdict::Stopped, Effect::Unknown, 1));
}

#[tokio::test(start_paused = true)]
async fn no_attempt_starts_that_the_leash_could_not_outlast() {
    let s = setup([]);
    let cancel = CancelToken::unbounded();
    cancel.prolong(s.clock.monotonic().after(Duration::from_secs(14)));
    let stopped = send(&*s.retry, &cancel, head("photos")).await.unwrap_err();
    assert_eq!((stopped.verdict, stopped.attempts), (Verdict::Stopped, 0));
    assert!(s.store.times().is_empty());
    cancel.prolong(s.clock.monotonic().after(Duration::from_secs(15)));
    send(&*s.retry, &cancel, head("photos")).await.unwrap();
}
