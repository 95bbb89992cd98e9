use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ports::Clock;
use brigade_model::ports::object_store::{
    Answer, Call, CallError, CallKind, CancelToken, Effect, ObjectStore, Verdict,
};
use brigade_model::{BucketName, Operation, Outcome, Task, VersionId};
use brigade_runtime::SimulatedClock;
use brigade_s3::simulated::Versioning;
use futures::future::join_all;

use brigade_model::outcome::TaskEffect;

use super::test_job::{
    Fault, SOURCE, TestTask, at, code, done, effect, exists, lost, message, put_now, task, task_of_version, write,
};
use crate::byte_budget::ByteBudget;
use crate::operation::TaskEnd;

const DELETE: Operation = Operation::Delete;

async fn test_job_with(keys: &[&str]) -> TestTask {
    let test_job = TestTask::new().await;
    for key in keys {
        test_job.put(key, "old").await;
    }
    test_job.begin_run();
    test_job
}

fn keep_versions(test_job: &TestTask) {
    test_job.store.inner.set_versioning(&BucketName::new(SOURCE).unwrap(), Versioning::Enabled).unwrap();
}

fn tasks(keys: &[&str]) -> Vec<Task> {
    keys.iter().map(|key| task(key)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_row_without_a_version_deletes_or_hides_and_one_with_a_version_removes_it() {
    let test_job = test_job_with(&["plain"]).await;
    assert_eq!(test_job.run(&DELETE, &task("plain"), false).await, done());
    assert!(!exists(&test_job, SOURCE, "plain").await);

    keep_versions(&test_job);
    test_job.put("kept", "v1").await;
    let version = test_job.store.inner.versions(&at(SOURCE, "kept"))[0].0.clone();
    assert_eq!(test_job.run(&DELETE, &task("kept"), false).await, done());
    assert!(!exists(&test_job, SOURCE, "kept").await);
    assert!(test_job.store.inner.object_version(&at(SOURCE, "kept"), &version).is_some(), "hidden by a delete marker");
    assert_eq!(test_job.run(&DELETE, &task_of_version("kept", &version), false).await, done());
    assert!(test_job.store.inner.object_version(&at(SOURCE, "kept"), &version).is_none(), "removed for good");
}

// The rows of the effect-check table: delete without version.

#[tokio::test(start_paused = true)]
async fn a_delete_whose_answer_was_lost_is_done_when_the_object_is_gone() {
    let test_job = test_job_with(&["k"]).await;
    test_job.fault(CallKind::DeleteObject, Fault::AnswerLost);
    assert_eq!(test_job.run(&DELETE, &task("k"), false).await, done());
    assert_eq!(test_job.store.calls(), [CallKind::DeleteObject, CallKind::HeadObject]);
    assert_eq!(test_job.run(&DELETE, &task("k"), true).await, done());
    assert_eq!(test_job.store.calls(), [CallKind::HeadObject], "a redo looks first");
}

#[tokio::test(start_paused = true)]
async fn a_delete_marker_proves_a_lost_delete_done_and_no_second_marker_is_made() {
    let test_job = TestTask::new().await;
    keep_versions(&test_job);
    test_job.put("k", "old").await;
    test_job.begin_run();
    test_job.fault(CallKind::DeleteObject, Fault::AnswerLost);
    assert_eq!(test_job.run(&DELETE, &task("k"), false).await, done());
    assert_eq!(test_job.run(&DELETE, &task("k"), true).await, done());
    assert_eq!(test_job.store.inner.versions(&at(SOURCE, "k")).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_did_not_arrive_is_done_again_after_a_look() {
    let test_job = test_job_with(&["k"]).await;
    test_job.fault(CallKind::DeleteObject, Fault::RequestLost);
    assert_eq!(test_job.run(&DELETE, &task("k"), false).await, done());
    let look = [CallKind::HeadObject; 2];
    assert_eq!(test_job.store.calls(), [&[CallKind::DeleteObject], &look[..], &[CallKind::DeleteObject]].concat());
    assert!(!exists(&test_job, SOURCE, "k").await);

    test_job.clock.jump(-70_000);
    test_job.put("other", "older than the lease").await;
    test_job.begin_run();
    assert_eq!(test_job.run(&DELETE, &task("other"), true).await, done());
    assert_eq!(test_job.store.calls(), [CallKind::HeadObject, CallKind::DeleteObject]);
}

#[tokio::test(start_paused = true)]
async fn what_another_writer_wrote_anew_after_a_lost_delete_is_left_as_it_is() {
    let test_job = test_job_with(&["k"]).await;
    test_job.fault(CallKind::DeleteObject, write(SOURCE, "k", "new"));
    assert_eq!(code(&test_job.run(&DELETE, &task("k"), false).await), "ChangedSinceAttempt");
    assert_eq!(code(&test_job.run(&DELETE, &task("k"), true).await), "ChangedSinceAttempt", "a redo finds it too");
    assert!(exists(&test_job, SOURCE, "k").await);
}

#[tokio::test(start_paused = true)]
async fn an_object_of_the_leases_own_second_counts_as_written_anew() {
    let test_job = TestTask::new().await;
    test_job.clock.jump(60_000);
    test_job.put("k", "perhaps new").await;
    test_job.clock.jump(10_000);
    assert_eq!(code(&test_job.run(&DELETE, &task("k"), true).await), "ChangedSinceAttempt");
    assert_eq!(test_job.run(&DELETE, &task("k"), false).await, done(), "a first attempt does not ask");
}

// The row: delete with version.

#[tokio::test(start_paused = true)]
async fn no_such_version_proves_a_lost_delete_of_a_version_but_fails_a_first_attempt() {
    let gone = || {
        Fault::FailsWith(CallError {
            http_status: Some(404),
            ..CallError::new(Verdict::Missing, Effect::None, "NoSuchVersion", "The specified version does not exist.")
        })
    };
    let version = VersionId::new("0123456789abcdef").unwrap();
    let test_job = test_job_with(&[]).await;
    test_job.fault(CallKind::DeleteObject, Fault::AnswerLost);
    test_job.fault(CallKind::DeleteObject, gone());
    assert_eq!(test_job.run(&DELETE, &task_of_version("k", &version), false).await, done());
    test_job.fault(CallKind::DeleteObject, gone());
    assert_eq!(test_job.run(&DELETE, &task_of_version("k", &version), true).await, done());
    test_job.fault(CallKind::DeleteObject, gone());
    assert_eq!(code(&test_job.run(&DELETE, &task_of_version("k", &version), false).await), "NoSuchVersion");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_leaves_the_task_unconfirmed_after_three_acts() {
    let test_job = test_job_with(&["k"]).await;
    for _ in 0..3 {
        test_job.fault(CallKind::DeleteObject, Fault::RequestLost);
    }
    let run = test_job.run(&DELETE, &task("k"), false).await;
    assert_eq!((code(&run), message(&run)), ("Unconfirmed", "RequestTimeout: no answer in 30 s (attempts 3)"));
    assert_eq!(effect(&run), TaskEffect::Unknown);
    assert_eq!(test_job.store.calls().iter().filter(|kind| **kind == CallKind::DeleteObject).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_has_to_stop_before_it_can_look_leaves_the_task_to_be_checked() {
    let test_job = test_job_with(&["k"]).await;
    test_job.fault(CallKind::DeleteObject, Fault::AnswerLost);
    test_job.fault(CallKind::HeadObject, Fault::Stops);
    assert_eq!(test_job.run(&DELETE, &task("k"), false).await, TaskEnd::UnknownEffect);
}

// Groups.

#[tokio::test(start_paused = true)]
async fn a_group_is_deleted_in_one_call() {
    let test_job = test_job_with(&["a", "b", "c"]).await;
    assert_eq!(test_job.run_group(&tasks(&["a", "b", "never there", "c"])).await, [(); 4].map(|()| done()));
    assert_eq!(test_job.store.calls(), [CallKind::DeleteObjects]);
    assert!(test_job.store.inner.keys(&BucketName::new(SOURCE).unwrap()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_group_s_answer_refuses_fails_by_that_answer() {
    let test_job = test_job_with(&["a", "b", "c"]).await;
    test_job.store.inner.deny_key(&at(SOURCE, "b"));
    let runs = test_job.run_group(&tasks(&["a", "b", "c"])).await;
    assert_eq!((&runs[0], &runs[2]), (&done(), &done()));
    let TaskEnd::Done(Outcome::Failed(failure)) = &runs[1] else { panic!("{runs:?}") };
    assert_eq!((failure.code.as_str(), failure.http_status), ("AccessDenied", Some(403)));
    assert_eq!(failure.message, "Access Denied (attempts 1)");
    assert_eq!(effect(&runs[1]), TaskEffect::None);
    assert_eq!(test_job.store.calls(), [CallKind::DeleteObjects], "it is not asked again");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_answer_does_not_name_is_looked_at() {
    let test_job = test_job_with(&["a", "b", "c"]).await;
    test_job.fault(CallKind::DeleteObjects, Fault::Unnamed(1));
    assert_eq!(test_job.run_group(&tasks(&["a", "b", "c"])).await, [(); 3].map(|()| done()));
    assert_eq!(test_job.store.calls(), [CallKind::DeleteObjects, CallKind::HeadObject], "it was deleted");
}

#[tokio::test(start_paused = true)]
async fn a_group_whose_answer_was_lost_is_looked_at_key_by_key() {
    let test_job = test_job_with(&["a", "b", "c"]).await;
    let rewrite = |sim: &_| put_now(sim, SOURCE, "b", "new");
    test_job.fault(CallKind::DeleteObjects, Fault::AnswerLostThen(Box::new(rewrite)));
    let runs = test_job.run_group(&tasks(&["a", "b", "c"])).await;
    assert_eq!((&runs[0], code(&runs[1]), &runs[2]), (&done(), "ChangedSinceAttempt", &done()));
    assert_eq!(test_job.store.calls(), [vec![CallKind::DeleteObjects], vec![CallKind::HeadObject; 3]].concat());
}

#[tokio::test(start_paused = true)]
async fn a_store_without_multi_object_delete_gets_single_ones() {
    let test_job = test_job_with(&["a", "b"]).await;
    let no = CallError::new(Verdict::Invalid, Effect::None, "NotImplemented", "no such call here");
    test_job.fault(CallKind::DeleteObjects, Fault::FailsWith(no));
    assert_eq!(test_job.run_group(&tasks(&["a", "b"])).await, [done(), done()]);
    assert!(!exists(&test_job, SOURCE, "a").await && !exists(&test_job, SOURCE, "b").await);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_has_to_stop_tells_whether_it_was_sent() {
    let test_job = test_job_with(&["a", "b"]).await;
    test_job.fault(CallKind::DeleteObjects, Fault::Stops);
    assert_eq!(test_job.run_group(&tasks(&["a", "b"])).await, [TaskEnd::NotAttempted, TaskEnd::NotAttempted]);
    let test_job = test_job_with(&["a", "b"]).await;
    let stopped = CallError { verdict: Verdict::Stopped, ..lost() };
    test_job.fault(CallKind::DeleteObjects, Fault::FailsWith(stopped));
    assert_eq!(test_job.run_group(&tasks(&["a", "b"])).await, [TaskEnd::UnknownEffect, TaskEnd::UnknownEffect]);
}

/// A store that takes a second for each group, and counts what requests and answers may hold meanwhile.
struct Slow {
    inner: Arc<dyn ObjectStore>,
    clock: Arc<SimulatedClock>,
    held: AtomicU64,
    most: AtomicU64,
}

#[async_trait]
impl ObjectStore for Slow {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let Call::DeleteObjects(request) = &call else { return self.inner.call(cancel, call).await };
        let keys: usize = request.objects.iter().map(|(key, _)| key.as_str().len()).sum();
        let bytes = (keys + request.answer_bounds().bytes) as u64;
        self.most.fetch_max(self.held.fetch_add(bytes, Ordering::Relaxed) + bytes, Ordering::Relaxed);
        self.clock.sleep(Duration::from_secs(1)).await;
        let answer = self.inner.call(cancel, call).await;
        self.held.fetch_sub(bytes, Ordering::Relaxed);
        answer
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_groups_of_deletes_at_once_hold_no_more_bytes_than_the_budget_and_all_end() {
    const GROUPS: usize = 1024;
    const KEYS: usize = 100;
    // A group of these holds some 190 KiB with its answer, and a job may have half of the budget.
    for budget in [8_u64 << 20, 64 << 20] {
        let mut test_job = TestTask::new().await;
        test_job.begin_run();
        let (held, most) = (AtomicU64::new(0), AtomicU64::new(0));
        let slow = Arc::new(Slow { inner: test_job.store.clone(), clock: test_job.clock.clone(), held, most });
        test_job.slice_context.source.store = slow.clone();
        test_job.slice_context.bytes = ByteBudget::new(budget);
        let group = |n| (0..KEYS).map(|k| task(&format!("group-{n:04}/key-{k:04}"))).collect::<Vec<_>>();
        let groups: Vec<Vec<Task>> = (0..GROUPS).map(group).collect();
        let runs = join_all(groups.iter().map(|group| test_job.run_group(group))).await;
        assert!(runs.iter().flatten().all(|run| *run == done()));
        let most = slow.most.load(Ordering::Relaxed);
        assert!((budget / 4..=budget).contains(&most), "{most} bytes of {budget}");
        assert_eq!(slow.held.load(Ordering::Relaxed), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_small_groups_of_deletes_are_in_flight_at_once() {
    let mut test_job = TestTask::new().await;
    test_job.begin_run();
    let (held, most) = (AtomicU64::new(0), AtomicU64::new(0));
    let slow = Arc::new(Slow { inner: test_job.store.clone(), clock: test_job.clock.clone(), held, most });
    test_job.slice_context.source.store = slow.clone();
    let groups: Vec<Vec<Task>> =
        (0..1024).map(|n| (0..10).map(|k| task(&format!("group-{n:04}/key-{k}"))).collect()).collect();
    let began = test_job.clock.monotonic();
    let runs = join_all(groups.iter().map(|group| test_job.run_group(group))).await;
    assert!(runs.iter().flatten().all(|run| *run == done()));
    assert_eq!(test_job.clock.monotonic().since(began), Duration::from_secs(1), "none waited for another");
}
