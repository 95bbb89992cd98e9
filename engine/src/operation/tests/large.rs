use brigade_model::limits::COPY_TIME;
use brigade_model::operation::{CannedAcl, Directive, KeyService, NewMetadata, StorageClass};
use brigade_model::outcome::TaskEffect;
use brigade_model::ports::job_store::{OpenUpload, UploadScope, UploadsOf};
use brigade_model::ports::object_store::{
    AbortMultipartUpload, Call, CallError, CallKind, CancelToken, CompleteMultipartUpload, CreateMultipartUpload,
    DeleteObject, Effect, GetObject, Metadata, NewObject, Verdict, send,
};
use brigade_model::ports::{Clock, JobStore};
use brigade_model::{BucketName, Capability, Operation, Task};
use brigade_s3::simulated::{Body, SimulatedStore, Versioning};
use bytes::Bytes;

use super::test_job::{
    Fault, SOURCE, TARGET, TestTask, at, code, copy, done, effect, lost, lost_in_time, message, put_now, tag, task,
    task_of_version,
};
use crate::operation::{SliceContext, TaskEnd, abort_left_uploads, abort_recorded_uploads};
use crate::stage_error::StageError;

const MIB: usize = 1 << 20;

/// 13 MiB of bytes that differ from part to part.
fn large() -> Bytes {
    let mut bytes = Vec::with_capacity(13 * MIB);
    (0..13).for_each(|n| bytes.resize(bytes.len() + MIB, n));
    bytes.into()
}

fn with() -> NewObject {
    let user = vec![("a".into(), "1".into())];
    NewObject {
        metadata: Metadata { content_type: Some("video/mp4".into()), user, ..Metadata::default() },
        tags: vec![tag("x", "1")],
        ..NewObject::default()
    }
}

async fn test_job_with_large_object() -> TestTask {
    let test_job = TestTask::new().await;
    test_job.put_with("k", large(), with()).await;
    test_job.begin_run();
    test_job
}

fn plain() -> Operation {
    copy(|_| ())
}

fn sized(key: &str) -> Task {
    Task { size: Some(13 * MIB as u64), ..task(key) }
}

async fn assert_copied(test_job: &TestTask) {
    let target = test_job.object(TARGET, "k").expect("the target is there");
    assert!(target.body.to_bytes() == large(), "the bytes are the source's");
    assert_eq!(target.head.metadata, with().metadata);
    assert_eq!(target.tags, [tag("x", "1")]);
    assert_nothing_left(test_job).await;
}

async fn assert_nothing_left(test_job: &TestTask) {
    assert_eq!(test_job.store.inner.open_uploads(), [], "no parts are left at the store");
    assert_eq!(test_job.recorded_uploads().await, 0, "no upload stays recorded");
}

#[tokio::test(start_paused = true)]
async fn an_object_too_large_for_one_copy_follows_in_parts_on_the_size_error() {
    let test_job = test_job_with_large_object().await;
    assert_eq!(test_job.run(&plain(), &task("k"), false).await, done());
    let calls = test_job.store.calls();
    let expected =
        [CallKind::CopyObject, CallKind::HeadObject, CallKind::GetObjectTagging, CallKind::CreateMultipartUpload];
    assert_eq!(calls[..4], expected);
    assert_eq!(calls[4..7], [CallKind::UploadPartCopy; 3]);
    assert_eq!(calls[7..], [CallKind::HeadObject, CallKind::CompleteMultipartUpload]);
    assert_copied(&test_job).await;
    assert!(test_job.object(TARGET, "k").unwrap().head.etag.unwrap().unquoted().ends_with("-3"));
}

#[tokio::test(start_paused = true)]
async fn the_size_of_the_manifest_saves_the_call_that_would_fail() {
    let test_job = test_job_with_large_object().await;
    assert_eq!(test_job.run(&plain(), &sized("k"), false).await, done());
    assert!(!test_job.store.calls().contains(&CallKind::CopyObject));
    assert_copied(&test_job).await;
}

#[tokio::test(start_paused = true)]
async fn each_spelling_of_the_size_error_is_confirmed_by_the_size() {
    for spelling in ["EntityTooLarge", "InvalidRequest", "InvalidArgument"] {
        let test_job = test_job_with_large_object().await;
        let error = || CallError::new(Verdict::Invalid, Effect::None, spelling, "The source is too large, or whatever");
        test_job.fault(CallKind::CopyObject, Fault::FailsWith(error()));
        assert_eq!(test_job.run(&plain(), &task("k"), false).await, done(), "{spelling}");
        assert_copied(&test_job).await;

        test_job.put("empty", "").await;
        test_job.fault(CallKind::CopyObject, Fault::FailsWith(error()));
        assert_eq!(
            code(&test_job.run(&plain(), &task("empty"), false).await),
            spelling,
            "an empty object is not too large"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn directives_hold_for_copies_in_parts() {
    let test_job = test_job_with_large_object().await;
    let operation = copy(|c| {
        c.metadata_directive = Some(Directive::Add);
        c.metadata =
            Some(NewMetadata { sse_aes256: true, user: vec![("b".into(), "2".into())], ..NewMetadata::default() });
        c.tagging_directive = Some(Directive::Add);
        c.tags = vec![tag("y", "2")];
        c.canned_acl = Some(CannedAcl::PublicRead);
        c.storage_class = Some(StorageClass::StandardIa);
    });
    assert_eq!(test_job.run(&operation, &task("k"), false).await, done());
    let target = test_job.object(TARGET, "k").unwrap();
    assert_eq!(target.head.metadata.content_type.as_deref(), Some("video/mp4"));
    assert_eq!(target.head.metadata.user, [("a".into(), "1".into()), ("b".into(), "2".into())]);
    assert_eq!(target.tags, [tag("x", "1"), tag("y", "2")]);
    assert_eq!(
        (target.head.storage_class.as_deref(), target.head.sse.as_deref()),
        (Some("STANDARD_IA"), Some("AES256"))
    );
    assert_eq!(target.acl.grants.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_copy_in_parts_is_encrypted_with_the_key_that_the_job_names() {
    let test_job = test_job_with_large_object().await;
    let operation = copy(|c| c.key_service = Some(KeyService { key: Some("k1".into()), bucket_key: None }));
    assert_eq!(test_job.run(&operation, &task("k"), false).await, done());
    let head = test_job.object(TARGET, "k").unwrap().head;
    assert_eq!(head.sse_key.as_deref(), Some("arn:aws:kms:us-east-1:123456789012:key/k1"));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_another_writes_meanwhile_is_not_mixed_into_the_copy() {
    let rewrite = || Fault::After(Box::new(|sim: &_| put_now(sim, SOURCE, "k", "another")));
    let test_job = test_job_with_large_object().await;
    test_job.fault(CallKind::UploadPartCopy, rewrite());
    assert_eq!(code(&test_job.run(&plain(), &sized("k"), false).await), "PreconditionFailed");
    assert!(test_job.object(TARGET, "k").is_none());
    assert_nothing_left(&test_job).await;

    // A store that ignores the condition on a part: the second look tells.
    let test_job = test_job_with_large_object().await.lacking(Capability::CopySourceConditions);
    let swap = |sim: &SimulatedStore| {
        let zeros = Body::zeros(13 << 20);
        sim.put(&at(SOURCE, "k"), zeros).unwrap();
    };
    test_job.fault(CallKind::UploadPartCopy, Fault::After(Box::new(swap)));
    let run = test_job.run(&plain(), &sized("k"), false).await;
    assert_eq!(code(&run), "SourceChanged");
    assert!(test_job.object(TARGET, "k").is_none());
    assert_nothing_left(&test_job).await;
}

#[tokio::test(start_paused = true)]
async fn a_version_pins_the_parts_by_itself() {
    let test_job = TestTask::new().await;
    test_job.store.inner.set_versioning(&BucketName::new(SOURCE).unwrap(), Versioning::Enabled).unwrap();
    test_job.put_with("k", large(), with()).await;
    test_job.begin_run();
    let version = test_job.store.inner.versions(&at(SOURCE, "k"))[0].0.clone();
    test_job.fault(CallKind::UploadPartCopy, Fault::After(Box::new(|sim| put_now(sim, SOURCE, "k", "another"))));
    assert_eq!(test_job.run(&plain(), &task_of_version("k", &version), false).await, done());
    let calls = test_job.store.take_calls();
    let parts: Vec<_> =
        calls.iter().filter_map(|call| if let Call::UploadPartCopy(r) = call { Some(r) } else { None }).collect();
    assert!(parts.iter().all(|part| part.source_version.as_ref() == Some(&version)));
    assert_copied(&test_job).await;
}

#[tokio::test(start_paused = true)]
async fn a_part_that_fails_fails_the_task_and_leaves_nothing_behind() {
    let test_job = test_job_with_large_object().await;
    let denied = CallError::new(Verdict::Denied, Effect::None, "AccessDenied", "Access Denied");
    test_job.fault(CallKind::UploadPartCopy, Fault::FailsWith(denied));
    let run = test_job.run(&plain(), &sized("k"), false).await;
    assert_eq!((code(&run), message(&run)), ("AccessDenied", "copying a part: Access Denied (attempts 1)"));
    assert_nothing_left(&test_job).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_failed_part_no_further_one_begins_and_those_in_flight_end_before_the_abort() {
    let denied = || CallError::new(Verdict::Denied, Effect::None, "AccessDenied", "Access Denied");
    let parts = |test_job: &TestTask| {
        test_job.store.calls().into_iter().filter(|kind| *kind == CallKind::UploadPartCopy).count()
    };
    let test_job = TestTask::new().await;
    test_job.store.inner.put(&at(SOURCE, "k"), Body::zeros(50 << 20)).unwrap();
    test_job.begin_run();
    test_job.fault(CallKind::UploadPartCopy, Fault::FailsWith(denied()));
    assert_eq!(code(&test_job.run(&plain(), &sized("k"), false).await), "AccessDenied");
    assert_eq!(parts(&test_job), 4, "of ten");

    test_job.fault(CallKind::UploadPartCopy, Fault::Hangs);
    test_job.fault(CallKind::UploadPartCopy, Fault::FailsWith(denied()));
    let (operation, task) = (plain(), sized("k"));
    tokio::select! {
        biased;
        run = test_job.run(&operation, &task, false) => panic!("{run:?}"),
        () = test_job.store.hanging() => {}
    }
    assert!(!test_job.store.calls().contains(&CallKind::AbortMultipartUpload), "a part is in flight");
}

// The row: complete multipart.

#[tokio::test(start_paused = true)]
async fn a_completion_whose_answer_was_lost_is_done_when_the_object_has_the_etag_of_its_parts() {
    let test_job = test_job_with_large_object().await;
    test_job.fault(CallKind::CompleteMultipartUpload, Fault::AnswerLost);
    assert_eq!(test_job.run(&plain(), &sized("k"), false).await, done());
    assert_eq!(test_job.store.calls().iter().filter(|kind| **kind == CallKind::CompleteMultipartUpload).count(), 1);
    assert_copied(&test_job).await;
}

#[tokio::test(start_paused = true)]
async fn a_completion_that_did_not_arrive_is_sent_again_after_twice_its_time_however_large_the_object_is() {
    let test_job = test_job_with_large_object().await;
    test_job.fault(CallKind::CompleteMultipartUpload, Fault::FailsWith(lost_in_time()));
    let begun = test_job.clock.monotonic();
    assert_eq!(test_job.run(&plain(), &sized("k"), false).await, done());
    // What an attempt of the test job may take is 15 s.
    assert!((30..40).contains(&test_job.clock.monotonic().since(begun).as_secs()));
    assert_copied(&test_job).await;
}

#[tokio::test(start_paused = true)]
async fn what_another_writer_wrote_over_a_lost_completion_is_left_as_it_is() {
    let test_job = test_job_with_large_object().await;
    let rewrite = |sim: &_| put_now(sim, TARGET, "k", "another's");
    test_job.fault(CallKind::CompleteMultipartUpload, Fault::AnswerLostThen(Box::new(rewrite)));
    assert_eq!(code(&test_job.run(&plain(), &sized("k"), false).await), "ChangedSinceAttempt");
    assert_eq!(&test_job.object(TARGET, "k").unwrap().body.to_bytes()[..], b"another's");
    assert_nothing_left(&test_job).await;
}

// The row: multipart copy, recorded before its first part, aborted by a take-over.

/// A worker dies inside the first part: its future is dropped there.
async fn die_in_the_first_part(test_job: &TestTask) {
    test_job.fault(CallKind::UploadPartCopy, Fault::Hangs);
    let (operation, task) = (plain(), sized("k"));
    tokio::select! {
        biased;
        run = test_job.run(&operation, &task, false) => panic!("{run:?}"),
        () = test_job.store.hanging() => {}
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_is_recorded_before_its_first_part_and_aborted_by_who_takes_over() {
    let test_job = test_job_with_large_object().await;
    die_in_the_first_part(&test_job).await;
    assert_eq!((test_job.store.inner.open_uploads().len(), test_job.recorded_uploads().await), (1, 1));
    abort_recorded_uploads(&test_job.slice_context).await.unwrap();
    assert_nothing_left(&test_job).await;
    assert_eq!(test_job.run(&plain(), &sized("k"), true).await, done());
    assert_copied(&test_job).await;
}

#[tokio::test(start_paused = true)]
async fn a_job_is_not_ended_with_uploads_that_nobody_had_the_time_to_abort() {
    let test_job = test_job_with_large_object().await;
    die_in_the_first_part(&test_job).await;
    let SliceContext { jobs, clock, job, target, .. } = &test_job.slice_context;
    let abort = async |cancel| abort_left_uploads(&**jobs, &**clock, (*job, UploadsOf::Slices), target, &cancel).await;
    test_job.fault(CallKind::AbortMultipartUpload, Fault::Stops);
    let told = abort(CancelToken::unbounded()).await;
    assert_eq!(told, Err(StageError::Stopped), "it is entered again, under a lease with time left");
    assert_eq!(test_job.recorded_uploads().await, 1);
    assert_eq!(abort(CancelToken::unbounded()).await, Ok(()));
    assert_nothing_left(&test_job).await;
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_is_gone_already_is_forgotten_and_one_that_cannot_be_aborted_stays_recorded() {
    let test_job = test_job_with_large_object().await;
    let scope = UploadScope::Slice { slice: test_job.slice_context.slice, fence: test_job.slice_context.fence };
    let request = CreateMultipartUpload { at: at(TARGET, "k"), with: Box::default() };
    let open = send(&test_job.store.inner, &CancelToken::unbounded(), request).await.unwrap();
    for upload_id in ["gone".to_owned(), open] {
        let upload = OpenUpload {
            bucket: BucketName::new(TARGET).unwrap(),
            key: at(TARGET, "k").key,
            upload_id,
            completing: None,
        };
        test_job.jobs.record_upload(test_job.slice_context.job, &scope, &upload).await.unwrap();
    }
    test_job.store.inner.deny_key(&at(TARGET, "k"));
    abort_recorded_uploads(&test_job.slice_context).await.unwrap();
    assert_eq!(test_job.recorded_uploads().await, 2);
    test_job.store.inner.allow_all();
    abort_recorded_uploads(&test_job.slice_context).await.unwrap();
    assert_nothing_left(&test_job).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_begins_no_upload() {
    let test_job = test_job_with_large_object().await;
    test_job.jobs.revoke_all_leases();
    assert_eq!(test_job.run(&plain(), &sized("k"), false).await, TaskEnd::NotAttempted);
    assert!(!test_job.store.calls().contains(&CallKind::UploadPartCopy));
    assert_nothing_left(&test_job).await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_has_to_stop_between_parts_aborts_and_has_attempted_nothing() {
    let test_job = test_job_with_large_object().await;
    test_job.fault(CallKind::UploadPartCopy, Fault::Stops);
    assert_eq!(test_job.run(&plain(), &sized("k"), false).await, TaskEnd::NotAttempted);
    assert_nothing_left(&test_job).await;
    assert!(test_job.object(TARGET, "k").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_has_to_stop_while_completing_leaves_the_task_to_be_checked() {
    let test_job = test_job_with_large_object().await;
    let stopped = CallError { verdict: Verdict::Stopped, ..lost() };
    test_job.fault(CallKind::CompleteMultipartUpload, Fault::FailsWith(stopped));
    assert_eq!(test_job.run(&plain(), &sized("k"), false).await, TaskEnd::UnknownEffect);
    assert_eq!(test_job.recorded_uploads().await, 1, "the next worker proves by it what was completed");
}

/// A worker is lost while it completes the upload; `fault` says what the store makes of that.
async fn die_while_completing(test_job: &TestTask, fault: Fault) {
    test_job.fault(CallKind::CompleteMultipartUpload, fault);
    // The checks before the first part and behind the last one are at the source.
    for _ in 0..2 {
        test_job.fault(CallKind::HeadObject, Fault::After(Box::new(|_| {})));
    }
    test_job.fault(CallKind::HeadObject, Fault::FailsWith(CallError { verdict: Verdict::Stopped, ..lost() }));
    assert_eq!(test_job.run(&plain(), &sized("k"), false).await, TaskEnd::UnknownEffect);
}

/// The next worker takes the slice over.
async fn take_over(test_job: &mut TestTask) {
    test_job.clear_faults();
    test_job.store.take_calls();
    test_job.slice_context.completing = abort_recorded_uploads(&test_job.slice_context).await.unwrap().into();
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_takes_over_proves_a_lost_completion_by_the_recorded_etag() {
    let mut test_job = test_job_with_large_object().await;
    die_while_completing(&test_job, Fault::AnswerLost).await;
    take_over(&mut test_job).await;
    // The source is gone by now: the proof does not need it.
    let remove = DeleteObject { at: at(SOURCE, "k"), version: None, if_match: None };
    send(&test_job.store.inner, &CancelToken::unbounded(), remove).await.unwrap();
    assert_eq!(test_job.run(&plain(), &sized("k"), true).await, done());
    assert_eq!(test_job.store.calls(), [CallKind::HeadObject]);
    assert_eq!(test_job.recorded_uploads().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_takes_over_waits_for_a_completion_under_way_and_then_copies_anew() {
    let mut test_job = test_job_with_large_object().await;
    die_while_completing(&test_job, Fault::RequestLost).await;
    take_over(&mut test_job).await;
    let begun = test_job.clock.monotonic();
    assert_eq!(test_job.run(&plain(), &sized("k"), true).await, done());
    let waited = test_job.clock.monotonic().since(begun);
    assert!(waited >= COPY_TIME && waited < COPY_TIME + COPY_TIME / 10, "{waited:?}");
    assert_copied(&test_job).await;
}

#[tokio::test(start_paused = true)]
async fn what_another_wrote_over_a_lost_completion_is_left_by_the_worker_that_takes_over() {
    let mut test_job = test_job_with_large_object().await;
    let rewrite = |sim: &_| put_now(sim, TARGET, "k", "another's");
    die_while_completing(&test_job, Fault::AnswerLostThen(Box::new(rewrite))).await;
    take_over(&mut test_job).await;
    assert_eq!(code(&test_job.run(&plain(), &sized("k"), true).await), "ChangedSinceAttempt");
    assert_eq!(&test_job.object(TARGET, "k").unwrap().body.to_bytes()[..], b"another's");
    assert_nothing_left(&test_job).await;
}

#[tokio::test(start_paused = true)]
async fn a_completion_that_was_lost_is_proven_for_its_own_task_and_for_no_other() {
    let mut test_job = test_job_with_large_object().await;
    die_while_completing(&test_job, Fault::AnswerLost).await;
    take_over(&mut test_job).await;
    let other = Task { number: 1, ..sized("k") };
    let run = test_job.run(&plain(), &other, true).await;
    assert_eq!(code(&run), "Unconfirmed", "its own copy was not made, and whose the target is cannot be told");
    assert_eq!(test_job.run(&plain(), &sized("k"), true).await, done());
}

#[tokio::test(start_paused = true)]
async fn a_left_upload_that_the_store_does_not_let_be_aborted_ends_its_task_and_not_the_worker() {
    let mut test_job = test_job_with_large_object().await;
    die_while_completing(&test_job, Fault::RequestLost).await;
    take_over(&mut test_job).await;
    let denied = CallError::new(Verdict::Denied, Effect::None, "AccessDenied", "Access Denied");
    test_job.fault(CallKind::AbortMultipartUpload, Fault::FailsWith(denied));
    let run = test_job.run(&plain(), &sized("k"), true).await;
    assert_eq!((code(&run), effect(&run)), ("Unconfirmed", TaskEffect::Unknown));
    assert!(message(&run).contains("AbortMultipartUpload"), "{}", message(&run));
    assert_eq!(test_job.recorded_uploads().await, 1, "the job's end tries again, and names it");
}

#[tokio::test(start_paused = true)]
async fn a_completion_that_is_repeated_after_it_was_carried_out_is_done() {
    let test_job = test_job_with_large_object().await;
    test_job.fault(CallKind::CompleteMultipartUpload, Fault::RequestLost);
    let completes = |sim: &SimulatedStore| {
        let upload = sim.open_uploads().remove(0);
        let parts = upload.parts.iter().map(|part| (part.number, part.etag.clone())).collect();
        let late = CompleteMultipartUpload::new(upload.at, upload.id, parts);
        futures::executor::block_on(send(sim, &CancelToken::unbounded(), late)).unwrap();
    };
    test_job.fault(CallKind::CompleteMultipartUpload, Fault::After(Box::new(completes)));
    assert_eq!(test_job.run(&plain(), &sized("k"), false).await, done());
    assert_copied(&test_job).await;
}

/// The store drops the open uploads, as some do when another writer's put completes.
fn drop_uploads(sim: &SimulatedStore) {
    for upload in sim.open_uploads() {
        let abort = AbortMultipartUpload { at: upload.at, upload_id: upload.id };
        futures::executor::block_on(send(sim, &CancelToken::unbounded(), abort)).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_is_gone_proves_nothing() {
    let test_job = test_job_with_large_object().await;
    test_job.fault(CallKind::CompleteMultipartUpload, Fault::RequestLost);
    test_job.fault(CallKind::ListParts, Fault::After(Box::new(drop_uploads)));
    let run = test_job.run(&plain(), &sized("k"), false).await;
    let mut taken_over = test_job_with_large_object().await;
    die_while_completing(&taken_over, Fault::RequestLost).await;
    drop_uploads(&taken_over.store.inner);
    take_over(&mut taken_over).await;
    let again = taken_over.run(&plain(), &sized("k"), true).await;
    for (test_job, run) in [(test_job, run), (taken_over, again)] {
        assert_eq!((code(&run), effect(&run)), ("Unconfirmed", TaskEffect::Unknown));
        assert!(message(&run).contains("the upload is gone"), "{}", message(&run));
        assert!(test_job.object(TARGET, "k").is_none());
        assert_nothing_left(&test_job).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_abort_that_gets_no_answer_is_not_waited_for_long_and_stays_recorded() {
    let test_job = test_job_with_large_object().await;
    test_job.fault(CallKind::UploadPartCopy, Fault::Stops);
    test_job.fault(CallKind::AbortMultipartUpload, Fault::Hangs);
    assert_eq!(
        test_job.run(&plain(), &sized("k"), false).await,
        TaskEnd::UnknownEffect,
        "somebody has to abort it yet"
    );
    assert_eq!(test_job.recorded_uploads().await, 1);
}

// Through us.

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_copy_parts_by_itself_gets_them_through_us() {
    let test_job = test_job_with_large_object().await.lacking(Capability::MultipartCopy);
    assert_eq!(test_job.run(&plain(), &task("k"), false).await, done());
    assert!(test_job.store.calls().contains(&CallKind::UploadPart));
    assert_copied(&test_job).await;
}

#[tokio::test(start_paused = true)]
async fn between_endpoints_a_small_object_goes_in_one_piece_with_all_that_belongs_to_it() {
    let (test_job, other) = TestTask::with_two_stores().await;
    test_job.put_with("k", Bytes::from_static(b"small"), with()).await;
    test_job.put("empty", "").await;
    test_job.begin_run();
    assert_eq!(test_job.run(&plain(), &task("k"), false).await, done());
    assert_eq!(test_job.store.calls(), [CallKind::HeadObject, CallKind::GetObject, CallKind::GetObjectTagging]);
    assert_eq!(other.calls(), [CallKind::PutObject]);
    let target = other.inner.object(&at(TARGET, "k")).unwrap();
    assert_eq!((target.head.metadata, target.tags), (with().metadata, with().tags));
    assert_eq!(&target.body.to_bytes()[..], b"small");
    assert_eq!(test_job.run(&plain(), &task("empty"), false).await, done());
    assert_eq!(other.inner.object(&at(TARGET, "empty")).unwrap().head.size, 0);
}

#[tokio::test(start_paused = true)]
async fn between_endpoints_a_large_object_goes_in_parts() {
    let (test_job, other) = TestTask::with_two_stores().await;
    test_job.put_with("k", large(), with()).await;
    test_job.begin_run();
    assert_eq!(test_job.run(&plain(), &task("k"), false).await, done());
    let target = other.inner.object(&at(TARGET, "k")).unwrap();
    assert!(target.body.to_bytes() == large());
    assert_eq!(target.head.metadata, with().metadata);
    let ranges = test_job
        .store
        .take_calls()
        .into_iter()
        .filter(|call| matches!(call, Call::GetObject(GetObject { range: Some(_), .. })));
    assert_eq!(ranges.count(), 3);
    assert_eq!(other.inner.open_uploads(), []);
    assert_eq!(test_job.recorded_uploads().await, 0);
}

#[tokio::test(start_paused = true)]
async fn between_endpoints_bytes_that_break_off_are_asked_for_again_and_never_written() {
    let (test_job, other) = TestTask::with_two_stores().await;
    test_job.put("k", "body").await;
    test_job.begin_run();
    test_job.fault(CallKind::GetObject, Fault::BreaksAfter(0));
    assert_eq!(test_job.run(&plain(), &task("k"), false).await, done());
    assert_eq!(&other.inner.object(&at(TARGET, "k")).unwrap().body.to_bytes()[..], b"body");
    for _ in 0..3 {
        test_job.fault(CallKind::GetObject, Fault::BreaksAfter(0));
    }
    test_job.put("never", "body").await;
    assert_eq!(code(&test_job.run(&plain(), &task("never"), false).await), "RequestTimeout");
    assert!(other.inner.object(&at(TARGET, "never")).is_none());
}

#[tokio::test(start_paused = true)]
async fn between_endpoints_a_redo_looks_at_the_target_first() {
    let (test_job, other) = TestTask::with_two_stores().await;
    test_job.put("k", "body").await;
    test_job.begin_run();
    assert_eq!(test_job.run(&plain(), &task("k"), false).await, done());
    other.calls();
    assert_eq!(test_job.run(&plain(), &task("k"), true).await, done());
    assert_eq!(other.calls(), [CallKind::HeadObject]);
    put_now(&other.inner, TARGET, "k", "another's");
    assert_eq!(code(&test_job.run(&plain(), &task("k"), true).await), "ChangedSinceAttempt");
}

#[tokio::test(start_paused = true)]
async fn between_endpoints_a_source_that_changes_under_way_is_not_copied() {
    let (test_job, other) = TestTask::with_two_stores().await;
    test_job.put("k", "body").await;
    test_job.begin_run();
    test_job.fault(CallKind::GetObject, Fault::After(Box::new(|sim| put_now(sim, SOURCE, "k", "another"))));
    assert_eq!(code(&test_job.run(&plain(), &task("k"), false).await), "PreconditionFailed");
    assert!(other.inner.object(&at(TARGET, "k")).is_none());
}
