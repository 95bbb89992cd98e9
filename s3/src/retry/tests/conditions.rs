//! Which circuit a failure opens: none (one key fails), a kind of call's, a host's or the endpoint's;
//! and how long a call waits for each.

use std::sync::Mutex;

use brigade_model::ports::clock::Monotonic;
use brigade_model::ports::object_store::{CallKind, Deleted, ListPage, PutObjectTagging};

use super::*;

/// How a call ends, by its number among all calls and the seconds since the test began.
type Rule = Box<dyn Fn(&Call, u64) -> Result<(), CallError> + Send + Sync>;

/// A store that ends calls by a rule and records the second at which each arrived.
struct Ruled {
    clock: Arc<dyn Clock>,
    rule: Rule,
    came: Mutex<Vec<(CallKind, String, u64)>>,
}

#[async_trait]
impl ObjectStore for Ruled {
    async fn call(&self, _: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let now = self.clock.monotonic().0.as_secs();
        self.came.lock().unwrap().push((call.kind(), key_of(&call), now));
        self.clock.sleep(Duration::from_millis(5)).await;
        (self.rule)(&call, now)?;
        Ok(match call {
            Call::HeadObject(_) => Answer::HeadObject(Box::default()),
            Call::PutObjectTagging(_) => Answer::PutObjectTagging(()),
            Call::DeleteObject(_) => Answer::DeleteObject(Deleted::default()),
            Call::ListObjectsV2(_) => Answer::ListObjectsV2(ListPage::default()),
            other => unreachable!("no test makes a {:?}", other.kind()),
        })
    }
}

fn key_of(call: &Call) -> String {
    match call {
        Call::HeadObject(head) => head.at.key.to_string(),
        Call::PutObjectTagging(put) => put.at.key.to_string(),
        Call::DeleteObject(delete) => delete.at.key.to_string(),
        _ => String::new(),
    }
}

/// An endpoint with such a store, behind `Retry`.
struct Endpoint {
    clock: Arc<dyn Clock>,
    store: Arc<Ruled>,
    breaker: Arc<CircuitBreaker>,
    retry: Arc<Retry>,
}

fn endpoint(rule: impl Fn(&Call, u64) -> Result<(), CallError> + Send + Sync + 'static) -> Endpoint {
    endpoint_with(RetryPolicy::default(), rule)
}

fn endpoint_with(
    policy: RetryPolicy,
    rule: impl Fn(&Call, u64) -> Result<(), CallError> + Send + Sync + 'static,
) -> Endpoint {
    let clock: Arc<dyn Clock> = Arc::new(SimulatedClock::new());
    let store = Arc::new(Ruled { clock: clock.clone(), rule: Box::new(rule), came: Mutex::default() });
    let breaker = Arc::new(CircuitBreaker::new());
    let entropy = Arc::new(SeededEntropy::new(11));
    let retry = Arc::new(Retry::new(store.clone(), policy, breaker.clone(), clock.clone(), entropy));
    Endpoint { clock, store, breaker, retry }
}

impl Endpoint {
    fn at(bucket: &str, key: &str) -> brigade_model::ports::object_store::At {
        brigade_model::ports::object_store::At { key: key.parse().unwrap(), ..at(bucket) }
    }

    async fn head(&self, bucket: &str, key: &str) -> Result<ObjectHead, CallError> {
        let head = HeadObject { at: Self::at(bucket, key), version: None };
        send(&*self.retry, &CancelToken::unbounded(), head).await
    }

    async fn tag(&self, cancel: &CancelToken, bucket: &str, key: &str) -> Result<(), CallError> {
        let put = PutObjectTagging { at: Self::at(bucket, key), version: None, tags: Vec::new() };
        send(&*self.retry, cancel, put).await
    }

    /// Heads of other keys, one a second, for as long as the test runs.
    fn keep_busy(&self, bucket: &'static str) -> JoinHandle<()> {
        let (retry, clock) = (self.retry.clone(), self.clock.clone());
        tokio::spawn(async move {
            loop {
                let head = HeadObject { at: Self::at(bucket, "good"), version: None };
                send(&*retry, &CancelToken::unbounded(), head).await.unwrap();
                clock.sleep(Duration::from_secs(1)).await;
            }
        })
    }

    /// Seconds at which calls of that kind on that key arrived.
    fn times(&self, kind: CallKind, key: &str) -> Vec<u64> {
        let came = self.store.came.lock().unwrap();
        came.iter().filter(|(of, on, _)| *of == kind && on == key).map(|(.., at)| *at).collect()
    }

    fn now(&self) -> Monotonic {
        self.clock.monotonic()
    }
}

fn unreadable() -> CallError {
    error(Verdict::Throttled, Effect::None, "SlowDownRead", 503)
}

fn broken() -> CallError {
    error(Verdict::Transient, Effect::Unknown, "InternalError", 500)
}

fn no_host(code: &str) -> CallError {
    CallError { attempts: 0, ..error(Verdict::Unavailable, Effect::None, code, None) }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_always_answers_503_fails_its_call_after_thirty_attempts_and_an_hour() {
    let e = endpoint(|call, _| if key_of(call) == "bad" { Err(unreadable()) } else { Ok(()) });
    let others = e.keep_busy("b");
    let mut turns = e.breaker.subscribe();
    let error = e.head("b", "bad").await.unwrap_err();
    assert_eq!((error.code.as_str(), error.http_status), ("SlowDownRead", Some(503)));
    let waited = e.now().0;
    assert!((Duration::from_secs(3600)..Duration::from_secs(3900)).contains(&waited), "{waited:?}");
    assert!((30..200).contains(&error.attempts), "{error:?}");
    assert!(!turns.has_changed().unwrap(), "no circuit opened: {:?}", turns.borrow_and_update());
    others.abort();
}

#[tokio::test(start_paused = true)]
async fn a_key_that_always_answers_503_where_nothing_else_is_asked_fails_its_call_too() {
    let e = endpoint(|call, _| if key_of(call) == "bad" { Err(unreadable()) } else { Ok(()) });
    let error = e.head("b", "bad").await.unwrap_err();
    assert_eq!(error.code, "SlowDownRead");
    let waited = e.now().0;
    assert!((Duration::from_secs(3600)..Duration::from_secs(5400)).contains(&waited), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_answers_503_to_everything_for_three_hours_fails_no_call() {
    let e = endpoint(|_, now| if now < 3 * 3600 { Err(unreadable()) } else { Ok(()) });
    e.head("b", "one").await.unwrap();
    assert!(e.now().0 < Duration::from_secs(3 * 3600 + 200));
}

#[tokio::test(start_paused = true)]
async fn the_two_bounds_of_a_wait_are_settings() {
    let policy = RetryPolicy { wait_attempts_max: 3, wait_max: Duration::from_secs(20), ..RetryPolicy::default() };
    let e = endpoint_with(policy, |call, _| if key_of(call) == "bad" { Err(unreadable()) } else { Ok(()) });
    let others = e.keep_busy("b");
    e.head("b", "bad").await.unwrap_err();
    let waited = e.now().0;
    assert!((Duration::from_secs(20)..Duration::from_secs(60)).contains(&waited), "{waited:?}");
    others.abort();
}

#[tokio::test(start_paused = true)]
async fn a_task_waits_so_long_over_all_its_calls() {
    // The store fails each call for forty minutes and then serves it.
    let e = endpoint(|call, now| match key_of(call).as_str() {
        "one" if now < 2400 => Err(unreadable()),
        "two" => Err(unreadable()),
        _ => Ok(()),
    });
    let others = e.keep_busy("b");
    let cancel = CancelToken::unbounded().for_task(1);
    e.tag(&cancel, "b", "one").await.unwrap();
    let error = e.tag(&cancel, "b", "two").await.unwrap_err();
    assert_eq!(error.code, "SlowDownRead");
    let waited = e.now().0;
    assert!((Duration::from_secs(3600)..Duration::from_secs(4000)).contains(&waited), "{waited:?}");
    others.abort();
}

#[tokio::test(start_paused = true)]
async fn a_kind_of_call_that_fails_while_others_work_waits_by_itself_and_is_tested_by_itself() {
    let fails_writes = |call: &Call, now| match call.kind() {
        CallKind::PutObjectTagging if now < 900 => Err(broken()),
        _ => Ok(()),
    };
    let e = endpoint(fails_writes);
    let others = e.keep_busy("b");
    let cancel = CancelToken::unbounded();
    let calls = (0..20).map(|n| {
        let (retry, cancel) = (e.retry.clone(), cancel.for_task(n));
        let put = PutObjectTagging { at: Endpoint::at("b", &format!("k{n}")), version: None, tags: Vec::new() };
        tokio::spawn(async move { send(&*retry, &cancel, put).await })
    });
    let calls: Vec<_> = calls.collect();
    e.clock.sleep(Duration::from_secs(300)).await;
    assert_eq!(e.breaker.reason(), None, "the endpoint works");
    let open = e.breaker.subscribe().borrow().clone().unwrap();
    assert_eq!(open.to_string(), "every PutObjectTagging in bucket b fails: InternalError: as scripted");
    assert_eq!(cancel.why_stuck(), Some(open.to_string()), "who waits says why");
    // Other buckets and other kinds do not wait.
    let before = e.now();
    e.head("b", "other").await.unwrap();
    assert!(e.now().since(before) < Duration::from_millis(20));
    for call in calls {
        call.await.unwrap().unwrap();
    }
    let failed = e.store.came.lock().unwrap().iter().filter(|(kind, ..)| *kind == CallKind::PutObjectTagging).count();
    assert!(failed < 180, "one probe at a time: {failed} calls");
    let listings = e.times(CallKind::ListObjectsV2, "").len();
    assert!(listings <= 1, "the endpoint is tested when the kind begins to fail, not for the kind: {listings}");
    others.abort();
}

#[tokio::test(start_paused = true)]
async fn four_keys_that_always_fail_hold_up_no_other_call_of_their_kind() {
    let e = endpoint(|call, _| if key_of(call).starts_with("bad") { Err(unreadable()) } else { Ok(()) });
    e.head("b", "good").await.unwrap();
    let bad: Vec<_> = (0..4)
        .map(|n| {
            let retry = e.retry.clone();
            let head = HeadObject { at: Endpoint::at("b", &format!("bad{n}")), version: None };
            tokio::spawn(async move { send(&*retry, &CancelToken::unbounded(), head).await })
        })
        .collect();
    for _ in 0..50 {
        e.clock.sleep(Duration::from_secs(60)).await;
        let before = e.now();
        e.head("b", "good").await.unwrap();
        assert!(e.now().since(before) < Duration::from_secs(16), "at most one probe");
    }
    for call in bad {
        assert_eq!(call.await.unwrap().unwrap_err().code, "SlowDownRead");
    }
}

#[tokio::test(start_paused = true)]
async fn five_hundreds_of_a_minute_among_successes_fail_nothing() {
    let count = std::sync::atomic::AtomicU64::new(0);
    let e = endpoint(move |call, now| {
        let n = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        match call.kind() {
            CallKind::PutObjectTagging if now < 55 && !n.is_multiple_of(20) => Err(broken()),
            _ => Ok(()),
        }
    });
    let calls: Vec<_> = (0..60)
        .map(|n| {
            let retry = e.retry.clone();
            let put = PutObjectTagging { at: Endpoint::at("b", &format!("k{n}")), version: None, tags: Vec::new() };
            tokio::spawn(async move { send(&*retry, &CancelToken::unbounded(), put).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_of_unknown_effect_counts_only_when_its_kind_has_failed_for_a_minute() {
    let e = endpoint(|call, _| if call.kind() == CallKind::DeleteObject { Err(broken()) } else { Ok(()) });
    let cancel = CancelToken::unbounded().for_task(1);
    let delete = || DeleteObject { at: at("b"), version: None, if_match: None };
    let mut free = Vec::new();
    for _ in 0..4 {
        free.push(send(&*e.retry, &cancel, delete()).await.unwrap_err().is_free);
        e.clock.sleep(Duration::from_secs(25)).await;
    }
    assert_eq!(free, [true, true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn an_error_inside_a_success_is_a_failure_of_its_kind() {
    let inside = || error(Verdict::Transient, Effect::Unknown, "InternalError", 200);
    let e = endpoint(move |call, now| match call.kind() {
        CallKind::PutObjectTagging if now < 600 => Err(inside()),
        _ => Ok(()),
    });
    let others = e.keep_busy("b");
    let calls: Vec<_> = (0..10)
        .map(|n| {
            let retry = e.retry.clone();
            let put = PutObjectTagging { at: Endpoint::at("b", &format!("k{n}")), version: None, tags: Vec::new() };
            tokio::spawn(async move { send(&*retry, &CancelToken::unbounded(), put).await })
        })
        .collect();
    e.clock.sleep(Duration::from_secs(60)).await;
    assert!(e.breaker.subscribe().borrow().is_some());
    for call in calls {
        call.await.unwrap().unwrap();
    }
    others.abort();
}

/// An endpoint whose buckets have hosts of their own, some of them unreachable.
fn with_hosts(rule: impl Fn(&str, u64) -> Result<(), CallError> + Send + Sync + 'static) -> Endpoint {
    let policy = RetryPolicy { has_host_per_bucket: true, ..RetryPolicy::default() };
    endpoint_with(policy, move |call, now| rule(call.bucket().as_str(), now))
}

#[tokio::test(start_paused = true)]
async fn a_bucket_whose_host_is_not_there_waits_alone_and_fails_its_calls_after_an_hour() {
    for code in ["ResolveFailed", "TlsFailed"] {
        let e = with_hosts(move |bucket, _| if bucket == "no.dns" { Err(no_host(code)) } else { Ok(()) });
        let calls: Vec<_> = (0..10)
            .map(|n| {
                let retry = e.retry.clone();
                let head = HeadObject { at: Endpoint::at("no.dns", &format!("k{n}")), version: None };
                tokio::spawn(async move { send(&*retry, &CancelToken::unbounded(), head).await })
            })
            .collect();
        for _ in 0..120 {
            let before = e.now();
            e.head("good", "k").await.unwrap();
            assert!(e.now().since(before) < Duration::from_millis(20), "a healthy bucket waits for nothing");
            e.clock.sleep(Duration::from_secs(10)).await;
        }
        assert_eq!(e.breaker.reason(), None);
        let open = e.breaker.subscribe().borrow().clone().unwrap().to_string();
        assert!(open.starts_with("the host of bucket no.dns cannot be reached"), "{open}");
        for call in calls {
            assert_eq!(call.await.unwrap().unwrap_err().code, code);
        }
        let waited = e.now().0;
        assert!((Duration::from_secs(3600)..Duration::from_secs(4500)).contains(&waited), "{waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_with_a_host_for_each_bucket_that_is_away_for_two_hours_fails_no_call() {
    let e = with_hosts(|_, now| if (10..7200).contains(&now) { Err(no_host("ConnectFailed")) } else { Ok(()) });
    e.head("one", "k").await.unwrap();
    e.clock.sleep(Duration::from_secs(20)).await;
    let (one, two) = tokio::join!(e.head("one", "k"), e.head("two", "k"));
    one.unwrap();
    two.unwrap();
    assert!(e.now().0 < Duration::from_secs(7200 + 60));
}

#[tokio::test(start_paused = true)]
async fn what_has_begun_waits_half_a_minute_after_a_stop_and_tells_what_it_wanted() {
    let e = endpoint(|call, _| if key_of(call) == "bad" { Err(unreadable()) } else { Ok(()) });
    let cancel = CancelToken::unbounded();
    let finishing = cancel.for_task(1).for_cleanup();
    let (end, ()) = tokio::join!(e.tag(&finishing, "b", "bad"), async {
        e.clock.sleep(Duration::from_secs(100)).await;
        cancel.stop();
    });
    let error = end.unwrap_err();
    assert_eq!((error.verdict, error.code.as_str()), (Verdict::Throttled, "SlowDownRead"));
    assert_eq!(error.message, "as scripted; given up because the job was stopped");
    let after_stop = e.now().since(Monotonic(Duration::from_secs(100)));
    assert!(after_stop <= Duration::from_secs(31), "{after_stop:?}");
    // No later call starts.
    let error = e.tag(&finishing, "b", "other").await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_waits_for_long_is_known_to_be_stuck_until_it_goes_on() {
    let e = endpoint(|call, now| if key_of(call) == "bad" && now < 100 { Err(unreadable()) } else { Ok(()) });
    let cancel = CancelToken::unbounded();
    let task = cancel.for_task(7);
    let (end, ()) = tokio::join!(e.tag(&task, "b", "bad"), async {
        e.clock.sleep(Duration::from_secs(10)).await;
        assert!(cancel.stuck_tasks().is_empty());
        e.clock.sleep(Duration::from_secs(60)).await;
        assert_eq!(cancel.stuck_tasks(), [7]);
        let why = cancel.why_stuck().unwrap();
        assert!(why.starts_with("PutObjectTagging fails again and again with SlowDownRead"), "{why}");
    });
    end.unwrap();
    assert!(cancel.stuck_tasks().is_empty());
}
