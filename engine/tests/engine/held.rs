//! Tasks that fail by what a person must change hold their job: they get no outcome, and the job goes
//! on when it can, or fails once patience with it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::job::{Change, REASON_HELD, REASON_PAUSED};
use brigade_model::operation::{Directive, Tag, Tagging};
use brigade_model::options::HoldPatience;
use brigade_model::ports::Clock;
use brigade_model::ports::object_store::{Answer, Call, CallError, CallKind, CancelToken, DeleteResult, ObjectStore};
use brigade_model::{Job, JobId, JobOptions, JobSpec, Operation, Status};
use brigade_s3::retry::{CircuitBreaker, Retry, RetryPolicy};
use brigade_s3::verdict::{Seen, failed_delete, judge, lasting};

use crate::account::check;
use crate::cluster::{TestCluster, bucket, key};
use crate::crashing::{Mishap, What};
use crate::failures::AtTheGate;
use crate::life::{copy, tagging};

fn keys(n: usize) -> Vec<String> {
    (0..n).map(key).collect()
}

/// A store that refuses some calls while the switch is on.
struct Refusing {
    inner: Arc<dyn ObjectStore>,
    is_on: Arc<AtomicBool>,
    refuses: fn(&Call) -> bool,
    code: &'static str,
    message: &'static str,
}

fn refusal(code: &str, message: &str) -> CallError {
    let seen = Seen::Refused { status: 403, code: Some(code) };
    let (verdict, effect) = judge(seen);
    let error = CallError::new(verdict, effect, code, message);
    CallError { http_status: Some(403), lasting: lasting(seen, message), ..error }
}

#[async_trait]
impl ObjectStore for Refusing {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        if !self.is_on.load(Ordering::SeqCst) || !(self.refuses)(&call) {
            return self.inner.call(cancel, call).await;
        }
        match call {
            Call::DeleteObjects(request) => {
                let refused = |_| failed_delete(self.code, self.message);
                Ok(Answer::DeleteObjects(request.objects.iter().map(refused).collect::<Vec<DeleteResult>>()))
            }
            _ => Err(refusal(self.code, self.message)),
        }
    }
}

/// Puts such a store before the cluster's; gives the switch, which is on.
fn refuse(cluster: &mut TestCluster, refuses: fn(&Call) -> bool, code: &'static str) -> Arc<AtomicBool> {
    let is_on = Arc::new(AtomicBool::new(true));
    let message = if code == "AccessDenied" { "Mfa Authentication must be used for this request" } else { "no" };
    cluster.store = Arc::new(Refusing { inner: cluster.bucket.clone(), is_on: is_on.clone(), refuses, code, message });
    is_on
}

fn is_held(job: &Job) -> bool {
    job.status == Status::Paused && job.held_until().is_some()
}

/// A job that is about to run, and whose bucket vanished after its preflight.
async fn job_whose_bucket_vanishes(
    cluster: &TestCluster,
    operation: Operation,
    tasks: usize,
    name: &str,
    options: impl FnOnce(&mut JobOptions),
) -> JobId {
    let adjust = |spec: &mut JobSpec| {
        spec.confirmation_required = Some(true);
        options(&mut spec.options);
    };
    let id = cluster.create_with(operation, keys(tasks), adjust).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.status == Status::Suspended).await;
    process.engine.shut_down().await;
    cluster.bucket.hide_bucket(&bucket(name), true);
    cluster.change(id, Change::Confirmed("go".into())).await;
    id
}

/// A cluster whose bucket `target` is not there any more, and a job that copies 100 objects into it.
async fn without_target(seed: u64, patience: Option<HoldPatience>) -> (TestCluster, JobId) {
    let cluster = TestCluster::new(seed);
    cluster.fill(100).await;
    let set = |options: &mut JobOptions| options.hold_patience = patience;
    let id = job_whose_bucket_vanishes(&cluster, copy(), 100, "target", set).await;
    (cluster, id)
}

#[tokio::test(start_paused = true)]
async fn tasks_that_fail_by_a_missing_bucket_get_no_outcome_and_their_job_is_held_until_it_is_there() {
    let (mut cluster, id) = without_target(600, None).await;
    cluster.config.active_jobs = 1;
    let process = cluster.start(None);
    let job = cluster.wait(id, is_held).await;
    assert_eq!((job.progress.succeeded, job.progress.failed), (0, 0));
    let reason = format!("{REASON_HELD}: NoSuchBucket: bucket target: The specified bucket does not exist");
    assert_eq!(job.status_update_reason, reason);

    // Its slot is another's meanwhile.
    let other = cluster.create(tagging(), keys(100)).await;
    process.engine.notify();
    cluster.wait(other, |job| job.status == Status::Complete).await;
    assert!(is_held(&cluster.job(id).await));

    cluster.clock.sleep(Duration::from_secs(300)).await;
    let asked = cluster.bucket.calls(CallKind::CopyObject);
    cluster.clock.sleep(Duration::from_secs(300)).await;
    let tries = cluster.bucket.calls(CallKind::CopyObject) - asked;
    assert!((4..=6).contains(&tries), "one task a minute, and not {tries} in five");
    assert_eq!(cluster.job(id).await.progress.failed, 0);

    cluster.bucket.hide_bucket(&bucket("target"), false);
    let shown = cluster.clock.monotonic();
    let job = cluster.wait(id, |job| job.status == Status::Complete).await;
    assert!(cluster.clock.monotonic().since(shown) < Duration::from_secs(70));
    assert_eq!((job.progress.succeeded, job.hold.clone()), (100, None));
    check(&cluster, &job, &keys(100)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_held_job_fails_with_the_stores_code_once_its_patience_ends_and_is_reported() {
    for (patience, minutes) in [(None, 15), (Some(HoldPatience::Minutes(3)), 3)] {
        let (cluster, id) = without_target(601, patience).await;
        let began = cluster.clock.monotonic();
        let job = cluster.run_to_end(id, None).await;
        let lasted = cluster.clock.monotonic().since(began);
        assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "NoSuchBucket"), "{job:#?}");
        assert!(lasted >= Duration::from_secs(60 * minutes), "{lasted:?}");
        assert!(lasted < Duration::from_secs(60 * (minutes + 2)), "{lasted:?}");
        let rows = check(&cluster, &job, &keys(100)).await;
        // That of the last try; the others were not attempted to an end.
        assert_eq!((job.progress.succeeded, job.progress.failed, rows.len()), (0, 1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_without_an_end_to_its_patience_is_held_for_as_long_as_it_takes() {
    let (cluster, id) = without_target(602, Some(HoldPatience::Unlimited)).await;
    let process = cluster.start(None);
    cluster.wait(id, is_held).await;
    cluster.clock.sleep(Duration::from_secs(3 * 3600)).await;
    cluster.bucket.hide_bucket(&bucket("target"), false);
    let job = cluster.wait(id, |job| job.status == Status::Complete).await;
    check(&cluster, &job, &keys(100)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn nine_failures_alike_are_recorded_and_hold_no_job() {
    let cluster = TestCluster::new(603);
    cluster.fill(9).await;
    let id = job_whose_bucket_vanishes(&cluster, tagging(), 9, "source", |_| {}).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.failed), (Status::Complete, 9));
    let rows = check(&cluster, &job, &keys(9)).await;
    assert!(rows.values().all(|row| row.code == "NoSuchBucket"), "{rows:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_works_for_others_of_its_objects_holds_no_job() {
    let mut cluster = TestCluster::new(604);
    cluster.fill(400).await;
    let is_odd = |call: &Call| match call {
        Call::PutObjectTagging(put) => put.at.key.as_str().ends_with(['1', '3', '5', '7', '9']),
        _ => false,
    };
    refuse(&mut cluster, is_odd, "KMS.DisabledException");
    let id = cluster.create(tagging(), keys(400)).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.succeeded, job.progress.failed), (Status::Complete, 200, 200));
    let rows = check(&cluster, &job, &keys(400)).await;
    assert_eq!(rows[&key(1)].code, "KMS.DisabledException");
}

#[tokio::test(start_paused = true)]
async fn failures_that_hold_a_job_count_nothing_toward_its_threshold() {
    let mut cluster = TestCluster::new(605);
    cluster.fill(3000).await;
    let switch = refuse(&mut cluster, |call| call.kind() == CallKind::PutObjectTagging, "AccountProblem");
    let id = cluster.create_with(tagging(), keys(3000), |spec| spec.options.threshold_percent = Some(1)).await;
    let process = cluster.start(None);
    cluster.wait(id, is_held).await;
    switch.store(false, Ordering::SeqCst);
    let job = cluster.wait(id, |job| job.status == Status::Complete).await;
    assert_eq!(job.progress.failed, 0);
    check(&cluster, &job, &keys(3000)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn deletes_that_need_a_second_factor_hold_their_job_and_delete_nothing() {
    let mut cluster = TestCluster::new(606);
    cluster.fill(300).await;
    let is_delete = |call: &Call| matches!(call.kind(), CallKind::DeleteObjects | CallKind::DeleteObject);
    let switch = refuse(&mut cluster, is_delete, "AccessDenied");
    let id = cluster.create(Operation::Delete, keys(300)).await;
    let process = cluster.start(None);
    let job = cluster.wait(id, is_held).await;
    assert_eq!((job.progress.failed, job.hold.unwrap().why.code.as_str()), (0, "AccessDenied"));
    switch.store(false, Ordering::SeqCst);
    let job = cluster.wait(id, |job| job.status == Status::Complete).await;
    assert_eq!(job.progress.succeeded, 300);
    check(&cluster, &job, &keys(300)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_key_is_disabled_is_held_and_fails_with_that_code_or_goes_on() {
    for comes_back in [true, false] {
        let mut cluster = TestCluster::new(607);
        cluster.fill(100).await;
        let is_of_task = |call: &Call| call.bucket().as_str() == "source";
        let switch = refuse(&mut cluster, is_of_task, "InvalidAccessKeyId");
        let breaker = Arc::new(CircuitBreaker::new());
        let (clock, entropy) = (cluster.clock.clone(), cluster.entropy.clone());
        let retry = Retry::new(cluster.store.clone(), RetryPolicy::default(), breaker.clone(), clock, entropy);
        (cluster.store, cluster.health) = (Arc::new(retry), Arc::new(AtTheGate(breaker)));
        // Prepared before the key is disabled.
        switch.store(false, Ordering::SeqCst);
        let id = cluster.create_with(tagging(), keys(100), |spec| spec.confirmation_required = Some(true)).await;
        let process = cluster.start(None);
        cluster.wait(id, |job| job.status == Status::Suspended).await;
        switch.store(true, Ordering::SeqCst);
        cluster.change(id, Change::Confirmed("go".into())).await;
        process.engine.notify();
        let job = cluster.wait(id, is_held).await;
        assert_eq!(job.status_update_reason, format!("{REASON_HELD}: InvalidAccessKeyId: the endpoint e: no"));
        let (expected, minutes) = if comes_back { (Status::Complete, 3) } else { (Status::Failing, 20) };
        if comes_back {
            cluster.clock.sleep(Duration::from_secs(300)).await;
            switch.store(false, Ordering::SeqCst);
        }
        let from = cluster.clock.monotonic();
        let job = cluster.wait(id, |job| job.status == expected).await;
        assert!(cluster.clock.monotonic().since(from) < Duration::from_secs(60 * minutes));
        // The report's place is refused no more than the manifest's.
        switch.store(false, Ordering::SeqCst);
        assert_eq!(job.progress.failed, 0);
        assert_eq!(job.failures.first().map(|why| why.code.as_str()), (!comes_back).then_some("InvalidAccessKeyId"));
        process.engine.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_resumes_pauses_and_cancels_a_held_job_as_any_other() {
    let (cluster, id) = without_target(608, None).await;
    let process = cluster.start(None);
    cluster.wait(id, is_held).await;
    let asked = cluster.bucket.calls(CallKind::CopyObject);
    cluster.clock.sleep(Duration::from_secs(10)).await;
    cluster.change(id, Change::Released).await;
    process.engine.notify();
    let resumed = cluster.clock.monotonic();
    let job = cluster.wait(id, is_held).await;
    assert!(cluster.clock.monotonic().since(resumed) < Duration::from_secs(10), "it is tried at once");
    assert_eq!(cluster.bucket.calls(CallKind::CopyObject), asked + 1, "{job:#?}");

    cluster.change(id, Change::PrioritySet(9)).await;
    cluster.change(id, Change::Held).await;
    process.engine.notify();
    cluster.clock.sleep(Duration::from_secs(1800)).await;
    let job = cluster.job(id).await;
    assert_eq!((job.status, job.status_update_reason.as_str()), (Status::Paused, REASON_PAUSED));
    assert_eq!(cluster.bucket.calls(CallKind::CopyObject), asked + 1, "what its user paused is not tried");

    cluster.change(id, Change::CancelRequested("enough".into())).await;
    process.engine.stop_job(id);
    let job = cluster.wait(id, |job| job.status == Status::Cancelled).await;
    assert_eq!((job.progress.failed, job.status_update_reason.as_str()), (0, "enough"));
    check(&cluster, &job, &keys(100)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_is_never_held_since_what_it_finds_is_what_it_is_for() {
    let cluster = TestCluster::new(609);
    cluster.fill(100).await;
    let tags = vec![Tag { key: "a".into(), value: "b".into() }];
    let operation = Operation::Tagging(Tagging { directive: Some(Directive::Add), tags });
    let dry = |options: &mut JobOptions| options.dry_run = Some(true);
    let id = job_whose_bucket_vanishes(&cluster, operation, 100, "source", dry).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.failed), (Status::Complete, 100));
}

/// Runs a job into a bucket that is missing for a while, with that mishap; gives the number of writes.
fn run(seed: u64, mishap: Option<Mishap>) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (cluster, id) = without_target(seed, None).await;
        let show = async {
            cluster.clock.sleep(Duration::from_secs(150)).await;
            cluster.bucket.hide_bucket(&bucket("target"), false);
        };
        let (job, ()) = tokio::join!(cluster.run_to_end(id, mishap), show);
        let name = format!("{mishap:?}");
        assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 100), "{name}: {job:#?}");
        check(&cluster, &job, &keys(100)).await;
        cluster.counted.writes.load(Ordering::SeqCst)
    })
}

#[test]
fn a_crash_at_any_store_write_of_a_held_job_costs_no_task_its_outcome() {
    for seed in 610..612 {
        let writes = run(seed, None);
        for write in 1..=writes {
            for what in [What::DiesBefore, What::DiesAfter, What::FailsBefore, What::FailsAfter] {
                run(seed, Some(Mishap { write, what }));
            }
        }
    }
}
