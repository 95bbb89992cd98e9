use brigade_model::operation::{Operation, Restore, RestoreTier, WaitForRestore};
use brigade_model::outcome::TaskEffect;
use brigade_model::ports::object_store::{CallError, CallKind, Effect, NewObject, Verdict};
use brigade_model::{Capability, Outcome};
use bytes::Bytes;

use super::super::TaskEnd;
use super::super::wait::{RESTORE_EXPIRED, RESTORE_NOT_FINISHED};
use super::test_job::{Fault, TestTask, code, done, effect, message, task};

const WAIT: Operation = Operation::WaitForRestore(WaitForRestore { hours: 48 });
const RESTORE: Operation = Operation::Restore(Restore { days: 1, tier: RestoreTier::Bulk });

const HOUR_MS: i64 = 3600 * 1000;

/// An archived object, whose restore has begun.
async fn restoring() -> TestTask {
    let test_job = TestTask::new().await;
    let with = NewObject { storage_class: Some("GLACIER".into()), ..NewObject::default() };
    test_job.put_with("k", Bytes::from_static(b"x"), with).await;
    test_job.begin_run();
    assert_eq!(test_job.run(&RESTORE, &task("k"), false).await, done());
    test_job.store.take_calls();
    test_job
}

#[tokio::test(start_paused = true)]
async fn a_task_stays_open_while_its_restore_goes_on_and_succeeds_once_the_object_is_readable() {
    let test_job = restoring().await;
    assert_eq!(test_job.run(&WAIT, &task("k"), false).await, TaskEnd::NotYet);
    assert_eq!(test_job.store.calls(), [CallKind::HeadObject], "one look is one request");
    test_job.store.take_calls();
    test_job.clock.jump(5 * HOUR_MS);
    assert_eq!(test_job.run(&WAIT, &task("k"), false).await, done());
    assert_eq!(test_job.store.calls(), [CallKind::HeadObject]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_readable_at_the_last_look_fails_without_an_effect() {
    let mut test_job = restoring().await;
    test_job.slice_context.is_last_round = true;
    let run = test_job.run(&WAIT, &task("k"), true).await;
    assert_eq!((code(&run), effect(&run)), (RESTORE_NOT_FINISHED, TaskEffect::None));
    assert_eq!(message(&run), "the object is still being restored after 48 h");
    test_job.clock.jump(5 * HOUR_MS);
    assert_eq!(test_job.run(&WAIT, &task("k"), false).await, done());
}

#[tokio::test(start_paused = true)]
async fn an_object_whose_restored_copy_is_gone_again_fails_and_says_so() {
    let test_job = restoring().await;
    test_job.clock.jump(72 * HOUR_MS);
    let run = test_job.run(&WAIT, &task("k"), false).await;
    assert_eq!((code(&run), effect(&run)), (RESTORE_EXPIRED, TaskEffect::None));
    assert_eq!(test_job.store.calls(), [CallKind::HeadObject, CallKind::GetObject]);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_needs_no_restore_is_readable_also_when_it_is_empty() {
    let test_job = restoring().await;
    test_job.put("plain", "body").await;
    test_job.put("empty", "").await;
    for key in ["plain", "empty"] {
        let expected = Outcome::SucceededWith { message: "readable without a restore".into() };
        assert_eq!(test_job.run(&WAIT, &task(key), false).await, TaskEnd::Done(expected), "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_that_finds_nothing_for_a_moment_is_repeated_where_a_read_says_that_the_object_is_archived() {
    let test_job = restoring().await;
    let missing = CallError { http_status: Some(404), ..CallError::new(Verdict::Missing, Effect::None, "404", "told") };
    test_job.fault(CallKind::HeadObject, Fault::FailsWith(missing));
    assert_eq!(test_job.run(&WAIT, &task("k"), false).await, TaskEnd::NotYet);
    assert_eq!(test_job.store.calls(), [CallKind::HeadObject, CallKind::GetObject, CallKind::HeadObject]);
}

#[tokio::test(start_paused = true)]
async fn a_missing_object_is_no_such_key_and_a_lost_look_is_repeated_by_the_retry_alone() {
    let test_job = restoring().await;
    let run = test_job.run(&WAIT, &task("missing"), true).await;
    assert_eq!((code(&run), effect(&run)), ("NoSuchKey", TaskEffect::None));
    test_job.store.take_calls();
    test_job.fault(CallKind::HeadObject, Fault::AnswerLost);
    let run = test_job.run(&WAIT, &task("k"), false).await;
    assert_eq!((code(&run), effect(&run)), ("RequestTimeout", TaskEffect::None));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_not_known_to_restore_is_asked_all_the_same() {
    let test_job = restoring().await.lacking(Capability::Restore);
    assert_eq!(test_job.run(&WAIT, &task("k"), false).await, TaskEnd::NotYet);
}
