use brigade_model::operation::{Operation, Restore, RestoreTier};
use brigade_model::ports::object_store::{CallKind, NewObject};
use bytes::Bytes;

use super::test_job::{Fault, SOURCE, TestTask, code, done, message, task};

const RESTORE: Operation = Operation::Restore(Restore { days: 3, tier: RestoreTier::Bulk });

async fn test_job_with_archived_object() -> TestTask {
    let test_job = TestTask::new().await;
    let with = NewObject { storage_class: Some("GLACIER".into()), ..NewObject::default() };
    test_job.put_with("k", Bytes::from_static(b"x"), with).await;
    test_job.begin_run();
    test_job
}

fn restore_header(test_job: &TestTask) -> String {
    test_job.object(SOURCE, "k").unwrap().head.restore.unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_restore_is_done_once_the_store_accepts_it() {
    let test_job = test_job_with_archived_object().await;
    assert_eq!(test_job.run(&RESTORE, &task("k"), false).await, done());
    assert!(restore_header(&test_job).contains("ongoing-request=\"true\""));
    test_job.clock.jump(5 * 3600 * 1000);
    assert_eq!(test_job.run(&RESTORE, &task("k"), false).await, done(), "restored already: its copy stays longer");
}

#[tokio::test(start_paused = true)]
async fn a_restore_under_way_fails_a_first_attempt_with_the_stores_code() {
    let test_job = test_job_with_archived_object().await;
    assert_eq!(test_job.run(&RESTORE, &task("k"), false).await, done());
    let run = test_job.run(&RESTORE, &task("k"), false).await;
    assert_eq!(code(&run), "RestoreAlreadyInProgress");
}

#[tokio::test(start_paused = true)]
async fn a_restore_under_way_is_success_after_a_lost_answer_or_a_lost_worker() {
    let test_job = test_job_with_archived_object().await;
    test_job.fault(CallKind::RestoreObject, Fault::AnswerLost);
    assert_eq!(test_job.run(&RESTORE, &task("k"), false).await, done());
    assert_eq!(test_job.store.calls(), [CallKind::RestoreObject; 2], "the repeat tells");
    assert_eq!(test_job.run(&RESTORE, &task("k"), true).await, done());
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_not_archived_fails_and_a_store_that_never_answers_too() {
    let test_job = test_job_with_archived_object().await;
    test_job.put("plain", "x").await;
    assert_eq!(code(&test_job.run(&RESTORE, &task("plain"), false).await), "InvalidObjectState");
    for _ in 0..3 {
        test_job.fault(CallKind::RestoreObject, Fault::RequestLost);
    }
    let run = test_job.run(&RESTORE, &task("k"), false).await;
    assert_eq!(code(&run), "Unconfirmed");
    assert_eq!(message(&run), "RequestTimeout: no answer in 30 s (attempts 3)");
}
