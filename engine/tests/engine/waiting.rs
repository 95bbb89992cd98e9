//! What a job waits for while the endpoint serves others: one bad key, a kind of call that fails
//! for a moment, a bucket without a host. The wait has bounds, the job says why, and no other job
//! waits for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use brigade_model::job::Change;
use brigade_model::operation::{Copy, Directive, Grant, Permission};
use brigade_model::ports::object_store::{Call, CallKind, Verdict};
use brigade_model::ports::{Clock, JobStore};
use brigade_model::rates::Unknown;
use brigade_model::{JobId, JobSpec, Operation, Status, WaitCause, Waiting};
use brigade_s3::retry::RetryPolicy;

use crate::account::{Row, check};
use crate::cluster::{Process, TestCluster, bucket_ref, key};
use crate::life::{copy, tagging};
use crate::spoil::{Spoil, subject};

fn keys(n: usize) -> Vec<String> {
    (0..n).map(key).collect()
}

/// The keys that no store reads again.
fn is_bad(call: &Call) -> bool {
    let (kind, key) = subject(call);
    kind == CallKind::PutObjectTagging && key.starts_with("bad/")
}

fn unreadable(call: &Call) -> Spoil {
    if is_bad(call) { Spoil::Refused(Verdict::Throttled, 503, "SlowDownRead") } else { Spoil::Nothing }
}

fn failed(rows: &BTreeMap<String, Row>) -> Vec<(&str, &str, &str)> {
    let failed = rows.values().filter(|row| row.status == "failed");
    failed.map(|row| (row.key.as_str(), row.code.as_str(), row.message.as_str())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_key_that_always_answers_503_fails_its_row_after_an_hour_and_its_job_says_why_it_waits() {
    let mut cluster = TestCluster::new(900);
    cluster.fill(300).await;
    cluster.put("source", "bad/0", "x").await;
    cluster.spoil_slowly(Duration::from_millis(10), unreadable);
    cluster.put_chain_around();
    let all: Vec<String> = ["bad/0".to_owned()].into_iter().chain(keys(300)).collect();
    let id = cluster.create(tagging(), all.clone()).await;
    let began = cluster.clock.monotonic();
    let process = cluster.start(None);
    let job = cluster.wait(id, |job| job.progress.succeeded == 300).await;
    assert!(cluster.clock.monotonic().since(began) < Duration::from_secs(60), "no other job waits for the bad one");
    assert_eq!(job.status, Status::Active);
    let why = "PutObjectTagging fails again and again with SlowDownRead, while other calls are answered";
    cluster.wait(id, |job| job.status_update_reason == why).await;
    cluster.clock.sleep(Duration::from_secs(3400)).await;
    assert_eq!(cluster.job(id).await.status, Status::Active);
    let job = cluster.wait(id, |job| job.status.is_terminal()).await;
    assert_eq!((job.status, job.progress.failed), (Status::Complete, 1), "{job:#?}");
    let lasted = cluster.clock.monotonic().since(began);
    assert!(lasted < Duration::from_secs(5400), "{lasted:?}");
    let rows = check(&cluster, &job, &all).await;
    assert!(matches!(failed(&rows)[..], [("bad/0", "SlowDownRead", _)]), "{:?}", failed(&rows));
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn stuck_keys_of_many_jobs_hold_up_no_other_job_of_the_endpoint() {
    let mut cluster = TestCluster::new(901);
    cluster.fill(300).await;
    for n in 0..6 {
        cluster.put("source", &format!("bad/{n}"), "x").await;
    }
    cluster.spoil_slowly(Duration::from_millis(10), unreadable);
    cluster.put_chain_around();
    let mut stuck = Vec::new();
    for n in 0..6 {
        let urgent = |spec: &mut JobSpec| spec.priority = 9;
        stuck.push(cluster.create_with(tagging(), [format!("bad/{n}"), key(n)], urgent).await);
    }
    let process = cluster.start(None);
    for id in &stuck {
        cluster.wait(*id, |job| job.status == Status::Active && job.progress.succeeded == 1).await;
    }
    cluster.clock.sleep(Duration::from_secs(60)).await;
    let began = cluster.clock.monotonic();
    let id = cluster.create(tagging(), keys(300)).await;
    process.engine.notify();
    let job = cluster.wait(id, |job| job.status.is_terminal()).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 300));
    let lasted = cluster.clock.monotonic().since(began);
    assert!(lasted < Duration::from_secs(60), "{lasted:?}");
    cluster.clock.sleep(Duration::from_secs(3400)).await;
    for (n, id) in stuck.into_iter().enumerate() {
        let job = cluster.wait(id, |job| job.status.is_terminal()).await;
        assert_eq!((job.status, job.progress.failed), (Status::Complete, 1), "{job:#?}");
        check(&cluster, &job, &[format!("bad/{n}"), key(n)]).await;
    }
    process.engine.shut_down().await;
}

/// Copies while every write fails like this for so long, from the first one on.
async fn copies_through(seed: u64, lasts: Duration, spoil: Spoil) {
    let mut cluster = TestCluster::new(seed);
    cluster.fill(3000).await;
    let (clock, first) = (cluster.clock.clone(), AtomicU64::new(u64::MAX));
    cluster.spoil_slowly(Duration::from_millis(20), move |call| {
        if subject(call).0 != CallKind::CopyObject {
            return Spoil::Nothing;
        }
        let now = u64::try_from(clock.monotonic().0.as_millis()).unwrap();
        let since = now - first.fetch_min(now, Ordering::SeqCst).min(now);
        if u128::from(since) < lasts.as_millis() { spoil.clone() } else { Spoil::Nothing }
    });
    cluster.put_chain_around();
    let id = cluster.create(copy(), keys(3000)).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.failed), (Status::Complete, 0), "{seed}: {job:#?}");
    check(&cluster, &job, &keys(3000)).await;
}

#[tokio::test(start_paused = true)]
async fn writes_that_fail_for_seconds_while_reads_work_fail_no_copy() {
    copies_through(910, Duration::from_secs(2), Spoil::Failed(500, "InternalError")).await;
    copies_through(911, Duration::from_secs(5), Spoil::Failed(504, "GatewayTimeout")).await;
    copies_through(912, Duration::from_secs(2), Spoil::Failed(200, "SlowDown")).await;
}

#[tokio::test(start_paused = true)]
async fn writes_that_fail_for_nearly_a_minute_fail_no_task_of_any_operation() {
    for (n, operation) in [copy(), tagging(), Operation::Delete].into_iter().enumerate() {
        let mut cluster = TestCluster::new(920 + n as u64);
        cluster.fill(200).await;
        let clock = cluster.clock.clone();
        let began = clock.monotonic();
        cluster.spoil_slowly(Duration::from_millis(20), move |call| match subject(call).0 {
            CallKind::CopyObject | CallKind::PutObjectTagging | CallKind::DeleteObject | CallKind::DeleteObjects
                if clock.monotonic().since(began) < Duration::from_secs(55) =>
            {
                Spoil::Failed(500, "InternalError")
            }
            _ => Spoil::Nothing,
        });
        cluster.put_chain_around();
        let id = cluster.create(operation.clone(), keys(200)).await;
        let job = cluster.run_to_end(id, None).await;
        assert_eq!((job.status, job.progress.failed), (Status::Complete, 0), "{operation:?}: {job:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_without_a_host_keeps_only_its_own_job_waiting_and_that_one_ends() {
    for (n, code) in ["ResolveFailed", "TlsFailed"].into_iter().enumerate() {
        let mut cluster = TestCluster::new(930 + n as u64);
        cluster.fill(600).await;
        cluster.spoil_slowly(Duration::from_millis(10), move |call| match call.bucket().as_str() {
            "target" => Spoil::Refused(Verdict::Unavailable, 0, code),
            _ => Spoil::Nothing,
        });
        let policy = RetryPolicy { has_host_per_bucket: true, ..RetryPolicy::default() };
        cluster.put_chain_with(policy);
        let lost = cluster.create_with(copy(), keys(600), |spec| spec.options.threshold_percent = Some(100)).await;
        let process = cluster.start(None);
        cluster.wait(lost, |job| job.status == Status::Active).await;
        cluster.clock.sleep(Duration::from_secs(30)).await;
        let began = cluster.clock.monotonic();
        let healthy = cluster.create(tagging(), keys(600)).await;
        process.engine.notify();
        let job = cluster.wait(healthy, |job| job.status.is_terminal()).await;
        assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 600));
        let lasted = cluster.clock.monotonic().since(began);
        assert!(lasted < Duration::from_secs(60), "{lasted:?}");
        let why = "the host of bucket target cannot be reached";
        cluster.wait(lost, |job| job.status_update_reason.starts_with(why)).await;
        cluster.clock.sleep(Duration::from_secs(3400)).await;
        let job = cluster.wait(lost, |job| job.status.is_terminal()).await;
        let rows = check(&cluster, &job, &keys(600)).await;
        assert!(failed(&rows).iter().all(|(_, row, _)| *row == code), "{:?}", failed(&rows));
        assert_eq!(failed(&rows).len(), 600);
        process.engine.shut_down().await;
    }
}

/// A copy that is followed by its ACL.
fn copy_with_grants() -> Operation {
    let grant = Grant { grantee: "someone".into(), is_group: false, display_name: None, permission: Permission::Read };
    let to = Copy::to(bucket_ref("target"));
    Operation::Copy(Box::new(Copy { acl_directive: Some(Directive::Replaced), grants: vec![grant], ..to }))
}

/// Copies with grants, whose ACLs are answered with 503 until the flag falls, once they are under way.
async fn copying_with_acls_that_meet_503(cluster: &mut TestCluster) -> (JobId, Process, Arc<AtomicBool>) {
    cluster.fill(100).await;
    let is_full = Arc::new(AtomicBool::new(true));
    let fails = is_full.clone();
    cluster.spoil_slowly(Duration::from_millis(10), move |call| match subject(call).0 {
        CallKind::PutObjectAcl if fails.load(Ordering::SeqCst) => Spoil::Refused(Verdict::Throttled, 503, "SlowDown"),
        _ => Spoil::Nothing,
    });
    cluster.put_chain_around();
    let id = cluster.create(copy_with_grants(), keys(100)).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.status == Status::Active).await;
    (id, process, is_full)
}

#[tokio::test(start_paused = true)]
async fn a_follow_up_that_meets_503_when_its_job_is_cancelled_ends_soon_and_its_row_says_what_is_missing() {
    let mut cluster = TestCluster::new(940);
    let (id, process, _is_full) = copying_with_acls_that_meet_503(&mut cluster).await;
    cluster.clock.sleep(Duration::from_secs(120)).await;
    cluster.change(id, Change::CancelRequested("enough".into())).await;
    process.engine.stop_job(id);
    let began = cluster.clock.monotonic();
    let job = cluster.wait(id, |job| job.status.is_terminal()).await;
    let lasted = cluster.clock.monotonic().since(began);
    assert!(lasted < Duration::from_secs(60), "{lasted:?}");
    assert_eq!(job.status, Status::Cancelled);
    let rows = check(&cluster, &job, &keys(100)).await;
    assert!(!failed(&rows).is_empty(), "{job:#?}");
    for (key, code, message) in failed(&rows) {
        assert_eq!(code, "SlowDown", "{key}: {message}");
        assert!(message.contains("the object was copied; putting its ACL failed"), "{key}: {message}");
        assert!(message.contains("given up because the job was stopped"), "{key}: {message}");
    }
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_follow_up_that_meets_503_when_its_job_is_paused_is_made_later() {
    let mut cluster = TestCluster::new(941);
    let (id, process, is_full) = copying_with_acls_that_meet_503(&mut cluster).await;
    cluster.clock.sleep(Duration::from_secs(60)).await;
    cluster.change(id, Change::Held).await;
    process.engine.notify();
    cluster.wait(id, |job| job.status == Status::Paused).await;
    is_full.store(false, Ordering::SeqCst);
    cluster.change(id, Change::Released).await;
    process.engine.notify();
    let job = cluster.wait(id, |job| job.status.is_terminal()).await;
    assert_eq!((job.status, job.progress.failed), (Status::Complete, 0), "{job:#?}");
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_group_of_deletes_that_is_refused_key_by_key_is_not_sent_again() {
    let mut cluster = TestCluster::new(950);
    let calls = Arc::new(AtomicU64::new(0));
    let counted = calls.clone();
    cluster.spoil(move |call| {
        let kind = subject(call).0;
        counted
            .fetch_add(u64::from(matches!(kind, CallKind::DeleteObject | CallKind::DeleteObjects)), Ordering::SeqCst);
        match kind {
            CallKind::DeleteObjects => Spoil::RefusedKeys("AccessDenied"),
            CallKind::DeleteObject => Spoil::Refused(Verdict::Denied, 403, "AccessDenied"),
            _ => Spoil::Nothing,
        }
    });
    cluster.put_chain_around();
    let all = keys(20_000);
    let id =
        cluster.create_with(Operation::Delete, all.clone(), |spec| spec.options.threshold_percent = Some(100)).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.failed), (Status::Complete, 20_000), "{job:#?}");
    let rows = check(&cluster, &job, &all).await;
    assert!(failed(&rows).iter().all(|(_, code, _)| *code == "AccessDenied"));
    let calls = calls.load(Ordering::SeqCst);
    assert!(calls < 60, "{calls} calls");
}

/// For what the job waits now, as the process tells it.
async fn wait_of(cluster: &TestCluster, process: &Process, id: JobId) -> Option<Waiting> {
    let now = cluster.jobs.service_time().await.unwrap();
    process.engine.waiting(&cluster.job(id).await, now)
}

#[tokio::test(start_paused = true)]
async fn a_job_says_within_two_seconds_why_it_cannot_be_prepared_and_goes_on_saying_it_between_its_tries() {
    let table = [
        (Spoil::Refused(Verdict::CredentialsRefused, 403, "SignatureDoesNotMatch"), WaitCause::Credentials),
        (Spoil::Refused(Verdict::CredentialsRefused, 403, "RequestTimeTooSkewed"), WaitCause::Clock),
        // No call is answered otherwise, so it is not this call alone.
        (Spoil::Refused(Verdict::Throttled, 503, "SlowDown"), WaitCause::Failing),
        (Spoil::Refused(Verdict::Transient, 500, "InternalError"), WaitCause::Failing),
    ];
    for (seed, (spoil, cause)) in (950..).zip(table) {
        let mut cluster = TestCluster::new(seed);
        cluster.fill(20).await;
        let is_bad = Arc::new(AtomicBool::new(true));
        let spoils = is_bad.clone();
        cluster.spoil_slowly(Duration::from_millis(10), move |_| {
            if spoils.load(Ordering::SeqCst) { spoil.clone() } else { Spoil::Nothing }
        });
        cluster.put_chain_around();
        let id = cluster.create(tagging(), keys(20)).await;
        let process = cluster.start(None);
        cluster.wait(id, |job| job.status == Status::Preparing).await;
        cluster.clock.sleep(Duration::from_secs(2)).await;
        let waiting = wait_of(&cluster, &process, id).await.expect("it stands still");
        assert_eq!(waiting.cause, cause, "{waiting:?}");
        assert!(waiting.who.contains("in bucket aside") && waiting.since.is_some(), "{waiting:?}");
        let mut silent = 0;
        for second in 0..150 {
            cluster.clock.sleep(Duration::from_secs(1)).await;
            let is_silent =
                !cluster.job(id).await.status.is_terminal() && wait_of(&cluster, &process, id).await.is_none();
            silent = if is_silent { silent + 1 } else { 0 };
            assert!(silent <= 2, "{cause:?} after {second} s");
        }
        is_bad.store(false, Ordering::SeqCst);
        let job = cluster.wait(id, |job| job.status.is_terminal()).await;
        // A key that the store does not know is not waited for until a person changes it.
        let end = if cause == WaitCause::Credentials { Status::Failed } else { Status::Complete };
        assert_eq!((job.status, wait_of(&cluster, &process, id).await), (end, None));
        process.engine.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_never_answers_is_what_a_job_waits_for_too() {
    let mut cluster = TestCluster::new(960);
    cluster.fill(20).await;
    cluster.spoil_slowly(Duration::from_secs(20), |_| Spoil::Nothing);
    let id = cluster.create(tagging(), keys(20)).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.status == Status::Preparing).await;
    cluster.clock.sleep(Duration::from_secs(2)).await;
    let waiting = wait_of(&cluster, &process, id).await.expect("it stands still");
    assert_eq!((waiting.cause, waiting.what.as_str()), (WaitCause::Answer, "endpoint e has not answered yet"));
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_running_job_waits_for_the_call_that_its_store_refuses_and_for_nothing_once_it_goes_on() {
    let mut cluster = TestCluster::new(961);
    cluster.fill(3000).await;
    let is_bad = Arc::new(AtomicBool::new(false));
    let spoils = is_bad.clone();
    cluster.spoil_slowly(Duration::from_millis(10), move |call| {
        let is_write = subject(call).0 == CallKind::PutObjectTagging;
        if is_write && spoils.load(Ordering::SeqCst) {
            return Spoil::Refused(Verdict::Throttled, 503, "SlowDown");
        }
        Spoil::Nothing
    });
    cluster.put_chain_around();
    let id = cluster.create_with(tagging(), keys(3000), |spec| spec.options.in_flight_max = Some(4)).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded > 0).await;
    assert_eq!(wait_of(&cluster, &process, id).await, None, "it goes on");
    is_bad.store(true, Ordering::SeqCst);
    cluster.clock.sleep(Duration::from_secs(2)).await;
    let waiting = wait_of(&cluster, &process, id).await.expect("it stands still");
    assert_eq!((waiting.cause, waiting.who.as_str()), (WaitCause::Throttled, "PutObjectTagging in bucket source"));
    is_bad.store(false, Ordering::SeqCst);
    cluster.wait(id, |job| job.status == Status::Complete).await;
    assert_eq!(wait_of(&cluster, &process, id).await, None);
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_without_a_confirmation_or_a_slot_and_one_that_its_user_paused_say_so_with_what_to_do() {
    let mut cluster = TestCluster::new(962);
    cluster.config.active_jobs = 1;
    cluster.fill(3000).await;
    let slowly = |spec: &mut JobSpec| spec.options.requests_per_second_max = Some(5);
    let first = cluster.create_with(tagging(), keys(3000), slowly).await;
    let process = cluster.start(None);
    cluster.wait(first, |job| job.status == Status::Active).await;
    let asks = |spec: &mut JobSpec| spec.confirmation_required = Some(true);
    let asking = cluster.create_with(tagging(), keys(20), asks).await;
    let less_urgent = |spec: &mut JobSpec| spec.priority = 0;
    let second = cluster.create_with(tagging(), keys(20), less_urgent).await;
    process.engine.notify();
    cluster.wait(asking, |job| job.status == Status::Suspended).await;
    cluster.wait(second, |job| job.status == Status::Ready).await;
    cluster.clock.sleep(Duration::from_secs(2)).await;
    let paused = cluster.create_with(tagging(), keys(20), less_urgent).await;
    cluster.change(paused, Change::Held).await;
    process.engine.notify();
    cluster.wait(paused, |job| job.status == Status::Ready).await;
    for (id, cause, advice) in [
        (asking, WaitCause::Confirmation, format!("brigade job confirm {asking}")),
        (second, WaitCause::Slot, format!("wait, or brigade job priority {second} NUMBER, or raise active_jobs")),
        (paused, WaitCause::Pause, format!("brigade job resume {paused}")),
    ] {
        let waiting = wait_of(&cluster, &process, id).await.expect("it stands still");
        assert_eq!((waiting.cause, waiting.advice()), (cause, advice), "{waiting:?}");
    }
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_tasks_run_says_how_fast_it_goes_and_how_long_the_rest_takes_and_why_where_it_cannot_know() {
    let cluster = TestCluster::new(963);
    cluster.fill(600).await;
    let slowly = |spec: &mut JobSpec| spec.options.requests_per_second_max = Some(10);
    let id = cluster.create_with(tagging(), keys(600), slowly).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.status == Status::Active).await;
    let rates_of = async |is_waiting| {
        let (job, now) = (cluster.job(id).await, cluster.jobs.service_time().await.unwrap());
        process.engine.rates(&job, now, is_waiting)
    };
    let early = rates_of(false).await.unwrap();
    assert_eq!((early.objects_per_second, early.left), (Err(Unknown::NotYet), Err(Unknown::NotYet)));
    let job = cluster.wait(id, |job| job.progress.succeeded > 200).await;
    let rates = rates_of(false).await.unwrap();
    let per_second = rates.objects_per_second.unwrap();
    assert!((8.0..=12.0).contains(&per_second), "{rates:?}");
    let rest = (job.progress.total - job.progress.succeeded) as f64;
    assert!((rates.left.unwrap().as_secs_f64() - rest / per_second).abs() < 2.0, "{rates:?}");
    assert_eq!(rates.bytes_per_second, Err(Unknown::NoBytes));
    assert_eq!(rates_of(true).await.unwrap().left, Err(Unknown::Waits));
    cluster.change(id, Change::Held).await;
    process.engine.notify();
    cluster.wait(id, |job| job.status == Status::Paused).await;
    assert_eq!(rates_of(false).await, None, "no task runs");
    process.engine.shut_down().await;
}
