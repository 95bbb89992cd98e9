use brigade_model::Outcome;
use brigade_model::operation::{Operation, Restore, RestoreTier};
use brigade_model::ports::object_store::{CallKind, NewObject};
use bytes::Bytes;

use super::super::TaskEnd;
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
}

#[tokio::test(start_paused = true)]
async fn a_restore_of_what_is_restored_or_being_restored_is_a_success_whose_row_says_so() {
    let test_job = test_job_with_archived_object().await;
    assert_eq!(test_job.run(&RESTORE, &task("k"), false).await, done());
    let said = |run: TaskEnd| match run {
        TaskEnd::Done(Outcome::SucceededWith { message }) => message,
        other => panic!("a success that says something: {other:?}"),
    };
    let under_way = restore_header(&test_job);
    let message = said(test_job.run(&RESTORE, &task("k"), false).await);
    assert_eq!(message, "already being restored; the copy stays as long as the earlier request says");
    assert_eq!(restore_header(&test_job), under_way);
    test_job.clock.jump(5 * 3600 * 1000);
    let restored = restore_header(&test_job);
    test_job.clock.jump(24 * 3600 * 1000);
    let message = said(test_job.run(&RESTORE, &task("k"), false).await);
    assert_eq!(message, "already restored; the copy stays as long as this job says, counted anew");
    assert_ne!(restore_header(&test_job), restored, "its copy stays longer");
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_a_repeat_finds_done_says_nothing_of_others() {
    let test_job = test_job_with_archived_object().await;
    assert_eq!(test_job.run(&RESTORE, &task("k"), false).await, done());
    test_job.clock.jump(5 * 3600 * 1000);
    assert_eq!(test_job.run(&RESTORE, &task("k"), true).await, done());
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
