//! What an outcome says of its effect: done, none, or unknown; and what an effect check takes for
//! proof.

use std::time::Duration;

use brigade_model::operation::{Directive, Tagging};
use brigade_model::outcome::TaskEffect;
use brigade_model::ports::Clock;
use brigade_model::ports::object_store::{
    Call, CallError, CallKind, CancelToken, CompleteMultipartUpload, CreateMultipartUpload, DeleteObject, Effect,
    NewObject, UploadPart, Verdict, send,
};
use brigade_model::{Capability, Operation, VersionId};
use brigade_s3::simulated::SimulatedStore;
use bytes::Bytes;

use super::test_job::{
    Fault, SOURCE, TARGET, TestTask, at, code, copy, done, effect, exists, lost, message, put_now, tag, task,
    task_of_version, write,
};

const DELETE: Operation = Operation::Delete;

fn denied() -> Fault {
    let error = CallError::new(Verdict::Denied, Effect::None, "AccessDenied", "Access Denied");
    Fault::FailsWith(CallError { http_status: Some(403), ..error })
}

async fn test_job_with_object() -> TestTask {
    let test_job = TestTask::new().await;
    test_job.put("k", "body").await;
    test_job.begin_run();
    test_job
}

#[tokio::test(start_paused = true)]
async fn a_lost_delete_whose_look_is_refused_is_unconfirmed_with_the_stores_code_in_the_message() {
    let test_job = test_job_with_object().await;
    test_job.fault(CallKind::DeleteObject, Fault::AnswerLost);
    test_job.fault(CallKind::HeadObject, denied());
    let run = test_job.run(&DELETE, &task("k"), false).await;
    assert_eq!((code(&run), effect(&run)), ("Unconfirmed", TaskEffect::Unknown));
    let expected = "AccessDenied: looking whether the object was deleted: Access Denied (attempts 1)";
    assert_eq!(message(&run), expected);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_may_have_been_done_before_a_crash_and_cannot_be_looked_at_is_unconfirmed() {
    let test_job = test_job_with_object().await;
    test_job.fault(CallKind::HeadObject, denied());
    let run = test_job.run(&DELETE, &task("k"), true).await;
    assert_eq!((code(&run), effect(&run)), ("Unconfirmed", TaskEffect::Unknown));
    let tagging = Operation::Tagging(Tagging { directive: None, tags: vec![tag("a", "b")] });
    test_job.fault(CallKind::PutObjectTagging, denied());
    let run = test_job.run(&tagging, &task("k"), true).await;
    assert_eq!((code(&run), effect(&run)), ("Unconfirmed", TaskEffect::Unknown), "no look tells of tags");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_before_any_act_had_no_effect_and_one_after_an_act_may_have_had_a_part() {
    let test_job = test_job_with_object().await;
    test_job.fault(CallKind::CopyObject, denied());
    let run = test_job.run(&copy(|_| ()), &task("k"), false).await;
    assert_eq!((code(&run), effect(&run)), ("AccessDenied", TaskEffect::None));

    let test_job = test_job.lacking(Capability::TaggingOnCopy);
    test_job.fault(CallKind::PutObjectTagging, denied());
    let tagged = copy(|c| {
        c.tagging_directive = Some(Directive::Replaced);
        c.tags = vec![tag("a", "b")];
    });
    let run = test_job.run(&tagged, &task("k"), false).await;
    assert_eq!((code(&run), effect(&run)), ("AccessDenied", TaskEffect::Unknown), "the object was copied");
}

#[tokio::test(start_paused = true)]
async fn a_look_that_ruled_the_attempt_out_lets_a_refused_repeat_be_without_effect() {
    let test_job = test_job_with_object().await;
    test_job.fault(CallKind::DeleteObject, Fault::RequestLost);
    test_job.fault(CallKind::DeleteObject, denied());
    let run = test_job.run(&DELETE, &task("k"), false).await;
    assert_eq!((code(&run), effect(&run)), ("AccessDenied", TaskEffect::None));
}

#[tokio::test(start_paused = true)]
async fn a_finished_copy_whose_source_is_gone_before_the_look_is_unconfirmed() {
    let test_job = test_job_with_object().await;
    assert_eq!(test_job.run(&copy(|_| ()), &task("k"), false).await, done());
    let remove = DeleteObject { at: at(SOURCE, "k"), version: None, if_match: None };
    send(&test_job.store.inner, &CancelToken::unbounded(), remove).await.unwrap();
    let run = test_job.run(&copy(|_| ()), &task("k"), true).await;
    assert_eq!((code(&run), effect(&run)), ("Unconfirmed", TaskEffect::Unknown));
    assert!(message(&run).starts_with("NoSuchKey: "), "{}", message(&run));
}

#[tokio::test(start_paused = true)]
async fn a_missing_object_is_no_such_key_after_a_crash_too_where_nothing_of_an_attempt_can_be_left() {
    let test_job = test_job_with_object().await;
    test_job.clock.jump(-70_000);
    put_now(&test_job.store.inner, TARGET, "older", "older than the attempt");
    test_job.begin_run();
    let tagging = Operation::Tagging(Tagging { directive: None, tags: vec![tag("a", "b")] });
    for (operation, key) in [(copy(|_| ()), "gone"), (copy(|_| ()), "older"), (tagging, "gone")] {
        let run = test_job.run(&operation, &task(key), true).await;
        assert_eq!((code(&run), effect(&run)), ("NoSuchKey", TaskEffect::None), "{operation:?} {key}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_bytes_of_the_same_size_over_a_lost_copy_are_no_success() {
    let test_job = test_job_with_object().await;
    test_job.fault(CallKind::CopyObject, write(TARGET, "k", "ydob"));
    let run = test_job.run(&copy(|_| ()), &task("k"), false).await;
    assert_eq!((code(&run), effect(&run)), ("ChangedSinceAttempt", TaskEffect::Unknown));
    assert_eq!(&test_job.object(TARGET, "k").unwrap().body.to_bytes()[..], b"ydob");
}

/// A source that was uploaded in parts: its ETag says nothing about the ETag of its copy.
async fn test_job_with_source_in_parts() -> TestTask {
    let test_job = TestTask::new().await;
    let (store, cancel) = (&test_job.store.inner, &CancelToken::unbounded());
    let begin = CreateMultipartUpload { at: at(SOURCE, "k"), with: Box::default() };
    let upload_id = send(store, cancel, begin).await.unwrap();
    let body = Bytes::from_static(b"body");
    let part = UploadPart { at: at(SOURCE, "k"), upload_id: upload_id.clone(), part: 1, body };
    let parts = vec![(1, send(store, cancel, part).await.unwrap().etag)];
    send(store, cancel, CompleteMultipartUpload::new(at(SOURCE, "k"), upload_id, parts)).await.unwrap();
    test_job.begin_run();
    test_job
}

#[tokio::test(start_paused = true)]
async fn a_lost_copy_of_a_source_in_parts_is_unconfirmed_for_equal_size_is_no_proof() {
    let test_job = test_job_with_source_in_parts().await;
    test_job.fault(CallKind::CopyObject, write(TARGET, "k", "ydob"));
    let run = test_job.run(&copy(|_| ()), &task("k"), false).await;
    assert_eq!((code(&run), effect(&run)), ("Unconfirmed", TaskEffect::Unknown));
    assert_eq!(&test_job.object(TARGET, "k").unwrap().body.to_bytes()[..], b"ydob", "and it is left as it is");
    assert!(message(&run).contains("--unconfirmed compare or act"), "{}", message(&run));
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_compares_tells_by_the_bytes_what_no_etag_tells() {
    let mut test_job = test_job_with_source_in_parts().await;
    test_job.slice_context.compares_bytes = true;
    test_job.fault(CallKind::CopyObject, Fault::AnswerLost);
    assert_eq!(test_job.run(&copy(|_| ()), &task("k"), false).await, done());
    assert_eq!(test_job.store.calls().iter().filter(|kind| **kind == CallKind::GetObject).count(), 2);

    let mut test_job = test_job_with_source_in_parts().await;
    test_job.slice_context.compares_bytes = true;
    test_job.fault(CallKind::CopyObject, write(TARGET, "k", "ydob"));
    let run = test_job.run(&copy(|_| ()), &task("k"), false).await;
    assert_eq!((code(&run), effect(&run)), ("ChangedSinceAttempt", TaskEffect::Unknown));
}

#[tokio::test(start_paused = true)]
async fn deleting_the_version_null_is_looked_at_like_deleting_the_object() {
    let test_job = test_job_with_object().await;
    let null = VersionId::new("null").unwrap();
    test_job.fault(CallKind::DeleteObject, write(SOURCE, "k", "a user's"));
    let run = test_job.run(&DELETE, &task_of_version("k", &null), false).await;
    assert_eq!((code(&run), effect(&run)), ("ChangedSinceAttempt", TaskEffect::Unknown));
    assert!(exists(&test_job, SOURCE, "k").await);

    let test_job = test_job_with_object().await;
    test_job.fault(CallKind::DeleteObject, Fault::AnswerLost);
    assert_eq!(test_job.run(&DELETE, &task_of_version("k", &null), false).await, done());
    assert!(!exists(&test_job, SOURCE, "k").await);
}

#[tokio::test(start_paused = true)]
async fn a_missing_bucket_is_no_proof_that_the_object_was_deleted() {
    let test_job = test_job_with_object().await;
    let headless = CallError::new(Verdict::Missing, Effect::None, "NotFound", "Not Found");
    let no_bucket = CallError::new(Verdict::Missing, Effect::None, "NoSuchBucket", "no such bucket");
    test_job.fault(CallKind::DeleteObject, Fault::RequestLost);
    test_job.fault(CallKind::HeadObject, Fault::FailsWith(headless.clone()));
    test_job.fault(CallKind::GetObject, Fault::FailsWith(no_bucket));
    let run = test_job.run(&DELETE, &task("k"), false).await;
    assert_eq!((code(&run), effect(&run)), ("Unconfirmed", TaskEffect::Unknown));

    // The object is gone: the GET says so.
    test_job.fault(CallKind::DeleteObject, Fault::AnswerLost);
    test_job.fault(CallKind::HeadObject, Fault::FailsWith(headless));
    assert_eq!(test_job.run(&DELETE, &task("k"), false).await, done());
}

#[tokio::test(start_paused = true)]
async fn a_missing_source_is_no_such_key_also_where_only_a_head_met_it() {
    let test_job = test_job_with_object().await;
    let headless = CallError::new(Verdict::Missing, Effect::None, "NotFound", "Not Found");
    test_job.fault(CallKind::HeadObject, Fault::FailsWith(headless));
    let run = test_job.run(&merged(), &task("gone"), false).await;
    assert_eq!((code(&run), effect(&run)), ("NoSuchKey", TaskEffect::None));
}

#[tokio::test(start_paused = true)]
async fn a_conditional_delete_is_repeated_only_on_what_the_look_saw() {
    let test_job = test_job_with_object().await;
    test_job.fault(CallKind::DeleteObject, Fault::RequestLost);
    let write = |sim: &_| put_now(sim, SOURCE, "k", "a user's, after the look");
    test_job.fault(CallKind::DeleteObject, Fault::After(Box::new(write)));
    let run = test_job.run(&DELETE, &task("k"), false).await;
    assert_eq!((code(&run), effect(&run)), ("ChangedSinceAttempt", TaskEffect::Unknown));
    assert!(exists(&test_job, SOURCE, "k").await);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_combines_two_states_of_its_source_is_no_success_where_conditions_are_ignored() {
    let test_job = test_job_with_object().await.lacking(Capability::CopySourceConditions);
    let write = |sim: &_| put_now(sim, SOURCE, "k", "new bytes");
    test_job.fault(CallKind::CopyObject, Fault::After(Box::new(write)));
    let run = test_job.run(&merged(), &task("k"), false).await;
    assert_eq!((code(&run), effect(&run)), ("SourceChanged", TaskEffect::Unknown));

    let test_job = test_job_with_object().await;
    test_job.fault(CallKind::CopyObject, Fault::After(Box::new(write)));
    let run = test_job.run(&merged(), &task("k"), false).await;
    assert_eq!((code(&run), effect(&run)), ("PreconditionFailed", TaskEffect::None), "the store keeps the condition");
}

#[tokio::test(start_paused = true)]
async fn a_repeat_waits_until_the_lost_attempt_has_had_twice_its_time_and_looks_again() {
    let test_job = test_job_with_object().await;
    let lost = CallError { attempt_time_ms: 15_000, ..lost() };
    test_job.fault(CallKind::DeleteObject, Fault::FailsWith(lost));
    let begun = test_job.clock.monotonic();
    assert_eq!(test_job.run(&DELETE, &task("k"), false).await, done());
    let waited = test_job.clock.monotonic().since(begun);
    assert!(waited >= Duration::from_secs(30), "{waited:?}");
    let calls = [CallKind::DeleteObject, CallKind::HeadObject, CallKind::HeadObject, CallKind::DeleteObject];
    assert_eq!(test_job.store.calls(), calls);
}

#[tokio::test(start_paused = true)]
async fn every_road_asks_for_the_same_class_when_the_job_names_none() {
    let (test_job, other) = TestTask::with_two_stores().await;
    let with = NewObject { storage_class: Some("STANDARD_IA".into()), ..NewObject::default() };
    test_job.put_with("k", Bytes::from_static(b"body"), with.clone()).await;
    test_job.put_with("large", Bytes::from(vec![7; 13 << 20]), with).await;
    test_job.begin_run();
    for key in ["k", "large"] {
        assert_eq!(test_job.run(&copy(|_| ()), &task(key), false).await, done());
        assert_eq!(other.inner.object(&at(TARGET, key)).unwrap().head.storage_class, None, "{key}: STANDARD, streamed");
    }
    let same = TestTask::new().await;
    let with = NewObject { storage_class: Some("STANDARD_IA".into()), ..NewObject::default() };
    same.put_with("large", Bytes::from(vec![7; 13 << 20]), with).await;
    same.begin_run();
    assert_eq!(same.run(&copy(|_| ()), &task("large"), false).await, done());
    let creates = same.store.take_calls().into_iter().find_map(|call| match call {
        Call::CreateMultipartUpload(request) => Some(request.with.storage_class),
        _ => None,
    });
    assert_eq!(creates, Some(Some("STANDARD".to_owned())), "in parts");
}

fn merged() -> Operation {
    copy(|c| c.metadata_directive = Some(Directive::Add))
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_a_look_proves_done_had_its_effect_whatever_is_refused_after_it() {
    for must_check in [false, true] {
        let test_job = test_job_with_object().await.lacking(Capability::TaggingOnCopy);
        let tagged = copy(|c| {
            c.tagging_directive = Some(Directive::Replaced);
            c.tags = vec![tag("a", "b")];
        });
        if must_check {
            assert_eq!(test_job.run(&tagged, &task("k"), false).await, done());
        } else {
            test_job.fault(CallKind::CopyObject, Fault::AnswerLost);
        }
        test_job.fault(CallKind::PutObjectTagging, denied());
        let run = test_job.run(&tagged, &task("k"), must_check).await;
        assert_eq!((code(&run), effect(&run)), ("AccessDenied", TaskEffect::Unknown), "{must_check}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeat_after_a_crash_that_is_overtaken_leaves_what_overtook_it_and_stays_in_doubt() {
    let test_job = test_job_with_object().await;
    test_job.clock.jump(-70_000);
    put_now(&test_job.store.inner, TARGET, "k", "older");
    test_job.begin_run();
    let rewrite = |sim: &_| put_now(sim, TARGET, "k", "a user's");
    test_job.fault(CallKind::CopyObject, Fault::After(Box::new(rewrite)));
    let run = test_job.run(&copy(|_| ()), &task("k"), true).await;
    assert_eq!((code(&run), effect(&run)), ("ChangedSinceAttempt", TaskEffect::Unknown));
    assert_eq!(&test_job.object(TARGET, "k").unwrap().body.to_bytes()[..], b"a user's");
}

#[tokio::test(start_paused = true)]
async fn a_lost_delete_that_lands_between_the_look_and_its_repeat_is_done() {
    let test_job = test_job_with_object().await;
    test_job.fault(CallKind::DeleteObject, Fault::RequestLost);
    let lands = |sim: &SimulatedStore| {
        let delete = DeleteObject { at: at(SOURCE, "k"), version: None, if_match: None };
        futures::executor::block_on(send(sim, &CancelToken::unbounded(), delete)).unwrap();
    };
    test_job.fault(CallKind::DeleteObject, Fault::After(Box::new(lands)));
    assert_eq!(test_job.run(&DELETE, &task("k"), false).await, done());
}

#[tokio::test(start_paused = true)]
async fn a_copy_onto_itself_that_depends_on_its_source_is_no_change_of_it() {
    let null = VersionId::new("null").unwrap();
    for task in [task("k"), task_of_version("k", &null)] {
        for unprobed in [false, true] {
            let test_job = test_job_with_object().await;
            let test_job =
                if unprobed { test_job.unprobed() } else { test_job.lacking(Capability::CopySourceConditions) };
            if unprobed && task.version.is_some() {
                continue;
            }
            let in_place = copy(|c| {
                c.target = crate::test_job::bucket_ref("source");
                c.metadata_directive = Some(Directive::Add);
                let user = vec![("a".to_owned(), "1".to_owned())];
                c.metadata = Some(brigade_model::operation::NewMetadata { user, ..Default::default() });
            });
            assert_eq!(test_job.run(&in_place, &task, false).await, done(), "{task:?} {unprobed}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tags_that_are_read_for_a_copy_with_new_metadata_are_of_the_state_that_is_copied() {
    let test_job =
        test_job_with_object().await.lacking_all(&[Capability::CopySourceConditions, Capability::TaggingOnCopy]);
    test_job
        .put_with("k", Bytes::from_static(b"body"), NewObject { tags: vec![tag("a", "b")], ..NewObject::default() })
        .await;
    test_job.begin_run();
    let write = |sim: &_| put_now(sim, SOURCE, "k", "new bytes");
    test_job.fault(CallKind::CopyObject, Fault::After(Box::new(write)));
    let replaced = copy(|c| {
        c.metadata_directive = Some(Directive::Replaced);
        c.metadata = Some(brigade_model::operation::NewMetadata::default());
    });
    let run = test_job.run(&replaced, &task("k"), false).await;
    assert_eq!((code(&run), effect(&run)), ("SourceChanged", TaskEffect::Unknown));
}
