use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use brigade_model::operation::{
    CannedAcl, Directive, Grant, KeyService, NewLock, NewMetadata, Permission, Retention, RetentionMode, StorageClass,
};
use brigade_model::outcome::TaskEffect;
use brigade_model::ports::object_store::{
    Acl, AclGrant, Answer, Call, CallError, CallKind, CancelToken, ChecksumAlgorithm, CopyObject, Effect, Grantee,
    Metadata, NewAcl, NewObject, PutObjectAcl, TextForm, Verdict, send,
};
use brigade_model::ports::{Clock, ObjectStore};
use brigade_model::{BucketName, Capability, EndpointKind, Operation, Outcome, Task, Timestamp};
use brigade_s3::simulated::{Body, OWNER, ObjectLock, SimulatedStore, Versioning};
use bytes::Bytes;

use super::test_job::{
    Fault, SOURCE, TARGET, TestTask, at, code, copy, done, effect, exists, lost_in_time, message, put_now, tag, task,
    task_of_version, write,
};
use crate::operation::TaskEnd;
use crate::operation::copy::plan::{Sizes, bare_copy};
use crate::test_job::bucket_ref;

fn metadata(content_type: &str, user: &[(&str, &str)]) -> Metadata {
    Metadata {
        content_type: Some(content_type.into()),
        user: user.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        ..Metadata::default()
    }
}

async fn test_job_with_object() -> TestTask {
    let test_job = TestTask::new().await;
    let with = NewObject {
        metadata: metadata("text/plain", &[("a", "1")]),
        tags: vec![tag("x", "1")],
        ..NewObject::default()
    };
    test_job.put_with("k", Bytes::from_static(b"body"), with).await;
    test_job.begin_run();
    test_job
}

fn body(test_job: &TestTask, key: &str) -> String {
    let object = test_job.object(TARGET, key).unwrap_or_else(|| panic!("{key} is copied"));
    String::from_utf8(object.body.to_bytes().to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_plain_copy_is_one_call_and_keeps_metadata_and_tags() {
    let test_job = test_job_with_object().await;
    assert_eq!(test_job.run(&copy(|_| ()), &task("k"), false).await, done());
    assert_eq!(test_job.store.calls(), [CallKind::CopyObject]);
    let target = test_job.object(TARGET, "k").unwrap();
    assert_eq!(target.head.metadata, metadata("text/plain", &[("a", "1")]));
    assert_eq!(target.tags, [tag("x", "1")]);
    assert_eq!(body(&test_job, "k"), "body");
}

#[tokio::test(start_paused = true)]
async fn the_version_of_the_row_is_copied() {
    let test_job = TestTask::new().await;
    test_job.store.inner.set_versioning(&BucketName::new(SOURCE).unwrap(), Versioning::Enabled).unwrap();
    test_job.put("k", "old").await;
    test_job.put("k", "new").await;
    let first = test_job.store.inner.versions(&at(SOURCE, "k"))[0].0.clone();
    assert_eq!(test_job.run(&copy(|_| ()), &task_of_version("k", &first), false).await, done());
    assert_eq!(body(&test_job, "k"), "old");
}

#[tokio::test(start_paused = true)]
async fn keys_get_another_prefix_and_those_without_the_old_one_are_noted() {
    let test_job = test_job_with_object().await;
    test_job.put("pic/1", "one").await;
    let rename = copy(|c| {
        c.prefix_replace = Some(true);
        c.resources_prefix = Some("pic/".into());
        c.target_prefix = Some("new/".into());
    });
    assert_eq!(test_job.run(&rename, &task("pic/1"), false).await, done());
    assert_eq!(body(&test_job, "new/1"), "one");
    let TaskEnd::Done(Outcome::SucceededWith { message }) = test_job.run(&rename, &task("k"), false).await else {
        panic!()
    };
    assert!(message.contains("does not begin with the prefix"));
    assert_eq!(body(&test_job, "k"), "body");
}

#[tokio::test(start_paused = true)]
async fn metadata_is_replaced_or_added_to() {
    let new = NewMetadata {
        cache_control: Some("no-store".into()),
        user: vec![("b".into(), "2".into())],
        ..NewMetadata::default()
    };
    let with = |directive| {
        let metadata = Some(new.clone());
        copy(move |c| (c.metadata_directive, c.metadata) = (Some(directive), metadata))
    };
    let test_job = test_job_with_object().await;
    assert_eq!(test_job.run(&with(Directive::Replaced), &task("k"), false).await, done());
    assert_eq!(test_job.store.calls(), [CallKind::CopyObject]);
    let replaced = test_job.object(TARGET, "k").unwrap().head.metadata;
    assert_eq!((replaced.content_type, replaced.user), (None, vec![("b".into(), "2".into())]));
    assert_eq!(test_job.run(&with(Directive::Add), &task("k"), false).await, done());
    let added = test_job.object(TARGET, "k").unwrap().head.metadata;
    let expected =
        Metadata { cache_control: Some("no-store".into()), ..metadata("text/plain", &[("a", "1"), ("b", "2")]) };
    assert_eq!(added, expected);
}

/// A copy with user metadata on top of the source's.
fn adding(name: &'static str, text: &'static str) -> Operation {
    let metadata = NewMetadata { user: vec![(name.into(), text.into())], ..NewMetadata::default() };
    copy(|c| (c.metadata_directive, c.metadata) = (Some(Directive::Add), Some(metadata)))
}

async fn test_job_with_text(form: TextForm) -> TestTask {
    let test_job = TestTask::new().await;
    let metadata = Metadata { form: Some(form), ..metadata("text/plain", &[("a", "Zoë")]) };
    test_job.put_with("k", Bytes::from_static(b"body"), NewObject { metadata, ..NewObject::default() }).await;
    test_job.begin_run();
    test_job
}

#[tokio::test(start_paused = true)]
async fn text_beyond_ascii_is_set_and_carried_in_the_form_that_the_target_is_proved_to_keep() {
    for from in [TextForm::Utf8, TextForm::EncodedWords] {
        let both = test_job_with_text(from).await;
        let encoding = test_job_with_text(from).await.lacking(Capability::MetadataUtf8);
        for (test_job, to) in [(both, TextForm::Utf8), (encoding, TextForm::EncodedWords)] {
            assert_eq!(test_job.run(&adding("b", "北京"), &task("k"), false).await, done());
            let told = test_job.object(TARGET, "k").unwrap().head.metadata;
            assert_eq!(told.user, metadata("", &[("a", "Zoë"), ("b", "北京")]).user);
            // Kept as bytes it is told in no form.
            assert_eq!(told.form, Some(to).filter(|form| *form == TextForm::EncodedWords), "{from:?} to {to:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn text_beyond_ascii_goes_to_another_endpoint_in_the_form_that_this_one_keeps() {
    let (mut test_job, other) = TestTask::with_two_stores().await;
    let with = NewObject { metadata: metadata("text/plain", &[("a", "Zoë")]), ..NewObject::default() };
    let with = NewObject { metadata: Metadata { form: Some(TextForm::Utf8), ..with.metadata }, ..with };
    test_job.put_with("k", Bytes::from_static(b"body"), with).await;
    test_job = test_job.lacking(Capability::MetadataUtf8);
    test_job.begin_run();
    assert_eq!(test_job.run(&copy(|_| ()), &task("k"), false).await, done());
    let told = other.inner.object(&at(TARGET, "k")).unwrap().head.metadata;
    assert_eq!((told.user[0].1.as_str(), told.form), ("Zoë", Some(TextForm::EncodedWords)));
}

#[tokio::test(start_paused = true)]
async fn where_no_form_is_proved_encoded_words_go_on_as_they_came_and_other_text_fails_the_row() {
    let test_job = test_job_with_text(TextForm::EncodedWords).await.unprobed();
    assert_eq!(test_job.run(&adding("b", "2"), &task("k"), false).await, done());
    let told = test_job.object(TARGET, "k").unwrap().head.metadata;
    assert_eq!((told.user[0].1.as_str(), told.form), ("Zoë", Some(TextForm::EncodedWords)));

    let test_job = test_job_with_text(TextForm::Utf8).await.unprobed();
    let run = test_job.run(&adding("b", "2"), &task("k"), false).await;
    assert_eq!(code(&run), "InvalidArgument");
    assert!(!exists(&test_job, TARGET, "k").await);
}

#[tokio::test(start_paused = true)]
async fn tags_are_replaced_or_added_to() {
    let with = |directive| copy(move |c| (c.tagging_directive, c.tags) = (Some(directive), vec![tag("y", "2")]));
    let test_job = test_job_with_object().await;
    assert_eq!(test_job.run(&with(Directive::Replaced), &task("k"), false).await, done());
    assert_eq!(test_job.object(TARGET, "k").unwrap().tags, [tag("y", "2")]);
    assert_eq!(test_job.run(&with(Directive::Add), &task("k"), false).await, done());
    assert_eq!(test_job.object(TARGET, "k").unwrap().tags, [tag("x", "1"), tag("y", "2")]);
}

#[tokio::test(start_paused = true)]
async fn tags_that_a_store_drops_from_a_copy_are_put_after_it() {
    let replace = copy(|c| (c.tagging_directive, c.tags) = (Some(Directive::Replaced), vec![tag("y", "2")]));
    let test_job = test_job_with_object().await.lacking(Capability::TaggingOnCopy);
    assert_eq!(test_job.run(&replace, &task("k"), false).await, done());
    let calls = test_job.store.take_calls();
    assert!(matches!(&calls[..], [Call::CopyObject(copied), Call::PutObjectTagging(_)] if copied.tags.is_none()));
    assert_eq!(test_job.object(TARGET, "k").unwrap().tags, [tag("y", "2")]);

    let denied = CallError::new(Verdict::Denied, Effect::None, "AccessDenied", "Access Denied");
    test_job.fault(CallKind::PutObjectTagging, Fault::FailsWith(denied));
    let run = test_job.run(&replace, &task("k"), false).await;
    assert_eq!(message(&run), "the object was copied; putting its tags failed: Access Denied (attempts 1)");

    test_job.fault(CallKind::PutObjectTagging, Fault::Stops);
    assert_eq!(
        test_job.run(&replace, &task("k"), false).await,
        TaskEnd::UnknownEffect,
        "the copy is made, its tags are not put"
    );
}

#[tokio::test(start_paused = true)]
async fn no_tags_are_put_by_the_call_that_removes_them_since_stores_fail_at_an_empty_set() {
    let untag = copy(|c| c.tagging_directive = Some(Directive::Replaced));
    for test_job in [
        test_job_with_object().await.lacking(Capability::TaggingOnCopy),
        test_job_with_object().await,
        test_job_with_object().await.unprobed(),
    ] {
        assert_eq!(test_job.run(&untag, &task("k"), false).await, done());
        assert_eq!(test_job.object(TARGET, "k").unwrap().tags, []);
        assert!(!test_job.store.calls().contains(&CallKind::PutObjectTagging));
    }
    let test_job = test_job_with_object().await.lacking(Capability::TaggingOnCopy);
    assert_eq!(test_job.run(&untag, &task("k"), false).await, done());
    assert_eq!(test_job.store.calls(), [CallKind::CopyObject, CallKind::DeleteObjectTagging]);
}

#[tokio::test(start_paused = true)]
async fn tags_that_a_store_drops_with_the_old_metadata_are_put_after_the_copy() {
    let metadata = NewMetadata { content_type: Some("text/new".into()), ..NewMetadata::default() };
    let replace = copy(|c| (c.metadata_directive, c.metadata) = (Some(Directive::Replaced), Some(metadata)));
    let test_job = test_job_with_object().await.lacking(Capability::TaggingOnCopy);
    assert_eq!(test_job.run(&replace, &task("k"), false).await, done());
    let put = test_job.store.take_calls().into_iter().find_map(|call| match call {
        Call::PutObjectTagging(put) => Some(put.tags),
        _ => None,
    });
    assert_eq!(put, Some(test_job.object(SOURCE, "k").unwrap().tags));
    assert_eq!(test_job.object(TARGET, "k").unwrap().tags, test_job.object(SOURCE, "k").unwrap().tags);
}

fn grant(id: &str, permission: &str) -> AclGrant {
    AclGrant { grantee: Grantee::Id(id.into()), permission: permission.into() }
}

fn owned(more: &[AclGrant]) -> Vec<AclGrant> {
    [vec![grant(OWNER, "FULL_CONTROL")], more.to_vec()].concat()
}

#[tokio::test(start_paused = true)]
async fn each_acl_directive_has_its_effect() {
    let everybody = AclGrant {
        grantee: Grantee::Group("http://acs.amazonaws.com/groups/global/AllUsers".into()),
        permission: "READ".into(),
    };
    let (none, copied, replaced, add) = (None, Some(Directive::Copy), Some(Directive::Replaced), Some(Directive::Add));
    let new =
        || vec![Grant { grantee: "new".into(), is_group: false, display_name: None, permission: Permission::Write }];
    let public = Some(CannedAcl::PublicRead);
    let cases = [
        (none, None, vec![], owned(&[])),
        (none, public, vec![], owned(std::slice::from_ref(&everybody))),
        (replaced, None, new(), owned(&[grant("new", "WRITE")])),
        (replaced, public, new(), owned(&[everybody.clone(), grant("new", "WRITE")])),
        (copied, None, vec![], owned(&[grant("reader", "READ")])),
        (add, None, new(), owned(&[grant("reader", "READ"), grant("new", "WRITE")])),
        (add, public, vec![], owned(&[grant("reader", "READ"), everybody])),
    ];
    for (directive, canned, grants, expected) in cases {
        let test_job = test_job_with_object().await;
        let acl = NewAcl::Grants(Acl { owner: OWNER.into(), grants: owned(&[grant("reader", "READ")]) });
        let request = PutObjectAcl { at: at(SOURCE, "k"), version: None, acl };
        send(&test_job.store.inner, &CancelToken::unbounded(), request).await.unwrap();
        let operation = copy(|c| (c.acl_directive, c.canned_acl, c.grants) = (directive, canned, grants));
        assert_eq!(test_job.run(&operation, &task("k"), false).await, done());
        assert_eq!(test_job.object(TARGET, "k").unwrap().acl.grants, expected, "{directive:?} {canned:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_acl_that_the_target_has_already_is_not_put_again() {
    let test_job = test_job_with_object().await;
    let keep = copy(|c| c.acl_directive = Some(Directive::Copy));
    assert_eq!(test_job.run(&keep, &task("k"), false).await, done());
    let calls = [CallKind::HeadObject, CallKind::GetObjectAcl, CallKind::CopyObject, CallKind::GetObjectAcl];
    assert_eq!(test_job.store.calls(), calls);
}

#[tokio::test(start_paused = true)]
async fn a_source_modified_at_the_wrong_time_fails_with_412_and_is_not_copied() {
    let test_job = test_job_with_object().await;
    let modified = test_job.object(SOURCE, "k").unwrap().head.modified.unwrap();
    let second = |n: i64| Timestamp::from_second(modified.as_second() + n).ok();
    let cases = [
        (second(0), None, false),
        (second(-1), None, true),
        (None, second(-1), false),
        (None, second(0), true),
        (second(1_000_000), None, false),
    ];
    for (since, until, holds) in cases {
        let operation = copy(|c| (c.modified_since, c.unmodified_since) = (since, until));
        let run = test_job.run(&operation, &task("k"), false).await;
        match holds {
            true => assert_eq!(run, done()),
            false => assert_eq!(code(&run), "PreconditionFailed"),
        }
        let copies = test_job.store.calls().iter().filter(|kind| **kind == CallKind::CopyObject).count();
        assert_eq!(copies, usize::from(holds));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_judged_is_what_is_copied() {
    let test_job = test_job_with_object().await;
    let early = copy(|c| c.modified_since = Some(Timestamp::UNIX_EPOCH));
    test_job.fault(CallKind::CopyObject, Fault::After(Box::new(|sim| put_now(sim, SOURCE, "k", "another"))));
    assert_eq!(code(&test_job.run(&early, &task("k"), false).await), "PreconditionFailed");
    assert!(!exists(&test_job, TARGET, "k").await);
}

#[tokio::test(start_paused = true)]
async fn class_and_encryption_are_as_the_job_says_and_standard_otherwise() {
    let test_job = test_job_with_object().await;
    let archive = copy(|c| {
        c.storage_class = Some(StorageClass::Archive);
        c.metadata = Some(NewMetadata { sse_aes256: true, ..NewMetadata::default() });
    });
    assert_eq!(test_job.run(&archive, &task("k"), false).await, done());
    let head = test_job.object(TARGET, "k").unwrap().head;
    assert_eq!((head.storage_class.as_deref(), head.sse.as_deref()), (Some("GLACIER"), Some("AES256")));
    assert_eq!(head.metadata.content_type.as_deref(), Some("text/plain"), "encryption does not touch metadata");
    test_job.store.take_calls();
    assert_eq!(test_job.run(&copy(|_| ()), &task("k"), false).await, done());
    let calls = test_job.store.take_calls();
    assert!(matches!(&calls[..], [Call::CopyObject(c)] if c.storage_class.as_deref() == Some("STANDARD")));
}

fn keyed(key: Option<&str>) -> brigade_model::Operation {
    let key = key.map(str::to_owned);
    copy(|c| c.key_service = Some(KeyService { key, bucket_key: Some(true) }))
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_encrypted_with_the_key_of_the_key_service_that_the_job_names() {
    for kind in [EndpointKind::Aws, EndpointKind::Minio] {
        for (key, told) in [
            (Some("k1"), "arn:aws:kms:us-east-1:123456789012:key/k1"),
            (Some("alias/mine"), "alias/mine"),
            (None, "arn:aws:kms:us-east-1:123456789012:key/of-the-store"),
        ] {
            let mut test_job = test_job_with_object().await;
            test_job.slice_context.target.kind = kind;
            assert_eq!(test_job.run(&keyed(key), &task("k"), false).await, done());
            // Only of Amazon S3 it is known what becomes of a key service.
            let calls = test_job.store.take_calls();
            assert_eq!(calls.len(), if kind == EndpointKind::Aws { 1 } else { 2 }, "{calls:?}");
            let head = test_job.object(TARGET, "k").unwrap().head;
            assert_eq!((head.sse.as_deref(), head.sse_key.as_deref()), (Some("aws:kms"), Some(told)));
            assert_eq!(head.metadata.content_type.as_deref(), Some("text/plain"), "encryption does not touch metadata");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_bytes_that_another_wrote_over_a_lost_copy_are_not_it_where_they_are_not_encrypted_as_it() {
    let encrypted = copy(|c| c.metadata = Some(NewMetadata { sse_aes256: true, ..NewMetadata::default() }));
    for operation in [encrypted, keyed(Some("k1"))] {
        let test_job = TestTask::new().await;
        test_job.put("k", "body").await;
        test_job.begin_run();
        test_job.fault(CallKind::CopyObject, write(TARGET, "k", "body"));
        assert_eq!(code(&test_job.run(&operation, &task("k"), false).await), "ChangedSinceAttempt");
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_has_the_language_and_the_redirection_that_the_job_names_however_its_bytes_travel() {
    let there = "/elsewhere".to_owned();
    let operation = copy(|c| {
        c.redirect = Some("/elsewhere".to_owned());
        c.metadata_directive = Some(Directive::Replaced);
        c.metadata = Some(NewMetadata { content_language: Some("de".into()), ..NewMetadata::default() });
    });
    for is_across in [false, true] {
        let mut test_job = test_job_with_object().await;
        if is_across {
            test_job.slice_context.target.store = std::sync::Arc::new(test_job.store.inner.clone());
        }
        assert_eq!(test_job.run(&operation, &task("k"), false).await, done());
        let head = test_job.object(TARGET, "k").unwrap().head;
        assert_eq!((head.redirect.as_ref(), head.metadata.content_language.as_deref()), (Some(&there), Some("de")));
    }
    let test_job = test_job_with_object().await;
    // Another writer comes before the look.
    test_job.fault(CallKind::HeadObject, Fault::After(Box::new(|sim| put_now(sim, TARGET, "k", "body"))));
    let redirected = copy(|c| c.redirect = Some("/elsewhere".to_owned()));
    assert_eq!(code(&test_job.run(&redirected, &task("k"), false).await), "RedirectNotKept");
}

#[tokio::test(start_paused = true)]
async fn a_copy_has_a_checksum_by_the_algorithm_that_the_job_names_or_says_that_it_has_not() {
    for algorithm in ChecksumAlgorithm::ALL {
        let mut plan = bare_copy();
        plan.checksum = Some(algorithm);
        let operation = Operation::Copy(Box::new(plan));
        let test_job = test_job_with_object().await;
        assert_eq!(test_job.run(&operation, &task("k"), false).await, done());
        let declared = test_job.object(TARGET, "k").unwrap().head.checksums;
        assert_eq!(declared.iter().map(|sum| sum.algorithm).collect::<Vec<_>>(), [algorithm]);
        let test_job = test_job_with_object().await;
        test_job.fault(CallKind::HeadObject, Fault::After(Box::new(|sim| put_now(sim, TARGET, "k", "body"))));
        assert_eq!(code(&test_job.run(&operation, &task("k"), false).await), "ChecksumNotKept");
    }
    let mut test_job = test_job_with_object().await;
    test_job.slice_context.target.store = std::sync::Arc::new(test_job.store.inner.clone());
    let operation = copy(|c| c.checksum = Some(ChecksumAlgorithm::Crc32));
    assert_eq!(code(&test_job.run(&operation, &task("k"), false).await), "NotImplemented");
    assert!(!exists(&test_job, TARGET, "k").await);
}

/// Source and target keep versions and can lock them.
fn let_lock(store: &SimulatedStore) {
    for bucket in [SOURCE, TARGET].map(|name| BucketName::new(name).unwrap()) {
        store.set_versioning(&bucket, Versioning::Enabled).unwrap();
        store.set_lock(&bucket, ObjectLock::default()).unwrap();
    }
}

fn kept() -> NewLock {
    let until = Timestamp::constant(4_000_000_000, 0);
    NewLock { retention: Some(Retention { mode: RetentionMode::Governance, until }), is_held: Some(true) }
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_locked_as_the_job_says_however_its_bytes_travel() {
    let locked = copy(|c| c.lock = Some(kept()));
    let test_job = test_job_with_object().await;
    let_lock(&test_job.store.inner);
    assert_eq!(test_job.run(&locked, &task("k"), false).await, done());
    assert_eq!(test_job.store.calls(), [CallKind::CopyObject, CallKind::HeadObject]);
    assert_eq!(test_job.object(TARGET, "k").unwrap().head.lock, kept());
    for size in [4, 13 << 20] {
        let (test_job, other) = TestTask::with_two_stores().await;
        let_lock(&other.inner);
        test_job.put_with("k", Bytes::from(vec![0; size]), NewObject::default()).await;
        test_job.begin_run();
        assert_eq!(test_job.run(&locked, &task("k"), false).await, done());
        assert_eq!(other.inner.object(&at(TARGET, "k")).unwrap().head.lock, kept(), "{size}");
    }
}

/// A store that makes copies without the lock that they are given, as Ceph RGW does.
struct DropsLocks(Arc<dyn ObjectStore>);

#[async_trait::async_trait]
impl ObjectStore for DropsLocks {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let call = match call {
            Call::CopyObject(copy) => Call::CopyObject(CopyObject { extras: None, ..copy }),
            call => call,
        };
        self.0.call(cancel, call).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_whose_lock_the_store_drops_fails_its_row_unless_the_store_is_known_to_keep_locks() {
    let locked = copy(|c| c.lock = Some(kept()));
    for (kind, is_seen) in [(EndpointKind::Other, true), (EndpointKind::Ceph, true), (EndpointKind::Aws, false)] {
        let mut test_job = test_job_with_object().await;
        let_lock(&test_job.store.inner);
        let store: Arc<dyn ObjectStore> = Arc::new(DropsLocks(test_job.slice_context.target.store.clone()));
        for place in [&mut test_job.slice_context.source, &mut test_job.slice_context.target] {
            (place.store, place.kind) = (store.clone(), kind);
        }
        let outcome = test_job.run(&locked, &task("k"), false).await;
        if is_seen {
            assert_eq!(code(&outcome), "LockNotKept", "{kind:?}");
        } else {
            assert_eq!((outcome, test_job.store.calls()), (done(), vec![CallKind::CopyObject]), "{kind:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_the_target_cannot_have_fails_the_row() {
    let test_job = test_job_with_object().await;
    let locked = copy(|c| c.lock = Some(kept()));
    assert_eq!(code(&test_job.run(&locked, &task("k"), false).await), "InvalidRequest");
    assert!(test_job.object(TARGET, "k").is_none());
}

#[tokio::test(start_paused = true)]
async fn whether_a_lost_copy_was_made_cannot_be_told_where_the_target_does_not_show_its_lock() {
    let test_job = TestTask::new().await;
    test_job.put("k", "body").await;
    test_job.begin_run();
    let_lock(&test_job.store.inner);
    let locked = copy(|c| c.lock = Some(kept()));
    test_job.fault(CallKind::CopyObject, Fault::AnswerLost);
    assert_eq!(test_job.run(&locked, &task("k"), false).await, done(), "a lock that is shown proves it");
    test_job.fault(CallKind::CopyObject, write(TARGET, "k", "body"));
    assert_eq!(code(&test_job.run(&locked, &task("k"), false).await), "Unconfirmed");
}

#[tokio::test(start_paused = true)]
async fn a_copy_to_cos_sends_the_class_as_cos_spells_it() {
    let mut test_job = test_job_with_object().await;
    test_job.slice_context.target.kind = EndpointKind::Cos;
    let archive = copy(|c| c.storage_class = Some(StorageClass::Archive));
    // The simulated store has S3's names and refuses it.
    assert_eq!(code(&test_job.run(&archive, &task("k"), false).await), "InvalidStorageClass");
    let calls = test_job.store.take_calls();
    assert!(matches!(&calls[..], [Call::CopyObject(c)] if c.storage_class.as_deref() == Some("ARCHIVE")));
}

#[tokio::test(start_paused = true)]
async fn a_target_bucket_that_the_role_does_not_allow_fails_without_a_call() {
    let test_job = test_job_with_object().await;
    let foreign = copy(|c| c.target = bucket_ref("foreign"));
    let run = test_job.run(&foreign, &task("k"), false).await;
    assert_eq!(code(&run), "AccessDenied");
    assert!(message(&run).contains("target buckets that the role allows"));
    assert_eq!(test_job.store.calls(), []);
}

#[tokio::test(start_paused = true)]
async fn user_metadata_that_would_grow_too_large_fails_before_the_copy() {
    let test_job = test_job_with_object().await;
    let metadata = NewMetadata { user: vec![("b".into(), "v".repeat(2046))], ..NewMetadata::default() };
    let add = copy(|c| (c.metadata_directive, c.metadata) = (Some(Directive::Add), Some(metadata)));
    assert_eq!(code(&test_job.run(&add, &task("k"), false).await), "MetadataTooLarge");
    assert_eq!(test_job.store.calls(), [CallKind::HeadObject]);
}

// The rows of the effect-check table: copy to another key.

#[tokio::test(start_paused = true)]
async fn a_copy_whose_answer_was_lost_is_done_when_the_target_is_as_wanted() {
    let test_job = test_job_with_object().await;
    test_job.fault(CallKind::CopyObject, Fault::AnswerLost);
    assert_eq!(test_job.run(&copy(|_| ()), &task("k"), false).await, done());
    assert_eq!(test_job.store.calls(), [CallKind::CopyObject, CallKind::HeadObject, CallKind::HeadObject]);
    assert_eq!(test_job.run(&copy(|_| ()), &task("k"), true).await, done());
    assert_eq!(test_job.store.calls(), [CallKind::HeadObject; 2], "a redo looks, and copies nothing");
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_did_not_arrive_is_made_again_over_an_older_target_too() {
    let test_job = TestTask::new().await;
    test_job.put("k", "body").await;
    put_now(&test_job.store.inner, TARGET, "k", "older than the lease");
    test_job.begin_run();
    test_job.fault(CallKind::CopyObject, Fault::RequestLost);
    assert_eq!(test_job.run(&copy(|_| ()), &task("k"), false).await, done());
    assert_eq!(body(&test_job, "k"), "body");
    test_job.put("new", "never attempted").await;
    assert_eq!(test_job.run(&copy(|_| ()), &task("new"), true).await, done());
    assert_eq!(body(&test_job, "new"), "never attempted");
}

/// An object of 2 GiB, which one CopyObject carries and whose time is 271 s.
async fn test_job_with_large_object() -> TestTask {
    let test_job = TestTask::with_sizes(Sizes::default()).await;
    test_job.store.inner.put(&at(SOURCE, "k"), Body::zeros(2 << 30)).unwrap();
    test_job.begin_run();
    test_job
}

fn copies(test_job: &TestTask) -> Vec<Option<u64>> {
    let copies = test_job.store.take_calls().into_iter().filter_map(|call| match call {
        Call::CopyObject(copy) => Some(copy.size),
        _ => None,
    });
    copies.collect()
}

#[tokio::test(start_paused = true)]
async fn a_lost_copy_of_unknown_size_has_the_time_of_the_size_that_the_look_tells_and_runs_once() {
    let test_job = test_job_with_large_object().await;
    test_job.fault(CallKind::CopyObject, Fault::LandsAfter(Duration::from_secs(50)));
    let begun = test_job.clock.monotonic();
    assert_eq!(test_job.run(&copy(|_| ()), &task("k"), false).await, done());
    assert_eq!(copies(&test_job), [None], "it did not run twice");
    let took = test_job.clock.monotonic().since(begun);
    assert!(took < Duration::from_secs(100), "it is looked for now and then: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_attempt_after_a_lost_copy_of_unknown_size_has_the_time_that_it_needs() {
    let test_job = test_job_with_large_object().await;
    test_job.fault(CallKind::CopyObject, Fault::FailsWith(lost_in_time()));
    let begun = test_job.clock.monotonic();
    assert_eq!(test_job.run(&copy(|_| ()), &task("k"), false).await, done());
    assert_eq!(copies(&test_job), [None, Some(2 << 30)]);
    let waited = test_job.clock.monotonic().since(begun);
    assert!(waited >= Duration::from_secs(2 * 271), "the first one had its time twice: {waited:?}");
}

#[tokio::test(start_paused = true)]
async fn metadata_that_the_store_cannot_tell_is_kept_by_the_stores_own_copy_and_replaced_by_the_job() {
    let test_job = test_job_with_object().await;
    test_job.store.untold_metadata.store(2, Ordering::Relaxed);
    assert_eq!(test_job.run(&copy(|_| ()), &task("k"), false).await, done());
    let replaced = copy(|c| c.metadata_directive = Some(Directive::Replaced));
    assert_eq!(test_job.run(&replaced, &task("k"), false).await, done());
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_would_lose_metadata_that_the_store_cannot_tell_fails_and_says_how_much() {
    let fails = async |test_job: &TestTask, operation: &Operation, size: Option<u64>| {
        test_job.store.untold_metadata.store(2, Ordering::Relaxed);
        let run = test_job.run(operation, &Task { size, ..task("k") }, false).await;
        assert_eq!((code(&run), effect(&run)), ("MetadataNotTold", TaskEffect::None));
        assert!(message(&run).contains("2 entries") && message(&run).contains("x-amz-missing-meta"), "{run:?}");
        assert!(test_job.object(TARGET, "k").is_none() && test_job.store.inner.open_uploads().is_empty());
    };
    fails(&test_job_with_object().await, &copy(|c| c.metadata_directive = Some(Directive::Add)), None).await;

    let in_parts = TestTask::new().await;
    in_parts.put_with("k", Bytes::from(vec![7; 13 << 20]), NewObject::default()).await;
    in_parts.begin_run();
    fails(&in_parts, &copy(|_| ()), Some(13 << 20)).await;

    for bytes in [4, 13 << 20] {
        let (through_us, other) = TestTask::with_two_stores().await;
        through_us.put_with("k", Bytes::from(vec![7; bytes]), NewObject::default()).await;
        through_us.begin_run();
        fails(&through_us, &copy(|_| ()), None).await;
        assert!(other.inner.object(&at(TARGET, "k")).is_none() && other.inner.open_uploads().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_writer_wrote_over_a_lost_copy_is_left_as_it_is() {
    let test_job = test_job_with_object().await;
    test_job.fault(CallKind::CopyObject, write(TARGET, "k", "another's"));
    assert_eq!(code(&test_job.run(&copy(|_| ()), &task("k"), false).await), "ChangedSinceAttempt");
    assert_eq!(code(&test_job.run(&copy(|_| ()), &task("k"), true).await), "ChangedSinceAttempt");
    assert_eq!(body(&test_job, "k"), "another's");
}

#[tokio::test(start_paused = true)]
async fn a_redo_puts_what_follows_a_copy_once_more() {
    let test_job = test_job_with_object().await.lacking(Capability::TaggingOnCopy);
    let replace = copy(|c| (c.tagging_directive, c.tags) = (Some(Directive::Replaced), vec![tag("y", "2")]));
    test_job.fault(CallKind::PutObjectTagging, Fault::Stops);
    assert_eq!(test_job.run(&replace, &task("k"), false).await, TaskEnd::UnknownEffect);
    let again = TestTask {
        slice_context: crate::operation::SliceContext {
            cancel: CancelToken::unbounded(),
            ..test_job.slice_context.clone()
        },
        ..test_job
    };
    assert_eq!(again.run(&replace, &task("k"), true).await, done());
    assert_eq!(again.object(TARGET, "k").unwrap().tags, [tag("y", "2")]);
    assert!(!again.store.calls()[2..].contains(&CallKind::CopyObject));
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_is_never_answered_is_unconfirmed_after_three_acts() {
    let test_job = test_job_with_object().await;
    for _ in 0..3 {
        test_job.fault(CallKind::CopyObject, Fault::RequestLost);
    }
    let run = test_job.run(&copy(|_| ()), &task("k"), false).await;
    assert_eq!((code(&run), message(&run)), ("Unconfirmed", "RequestTimeout: no answer in 30 s (attempts 3)"));
}

// The row: in-place copy.

fn in_place(change: impl FnOnce(&mut brigade_model::operation::Copy)) -> brigade_model::Operation {
    copy(|c| {
        c.target = bucket_ref("source");
        change(c);
    })
}

#[tokio::test(start_paused = true)]
async fn a_lost_copy_onto_itself_is_done_when_class_and_metadata_are_as_wanted() {
    let to_ia = in_place(|c| c.storage_class = Some(StorageClass::StandardIa));
    let test_job = test_job_with_object().await;
    test_job.fault(CallKind::CopyObject, Fault::AnswerLost);
    assert_eq!(test_job.run(&to_ia, &task("k"), false).await, done());
    assert_eq!(test_job.store.calls().iter().filter(|kind| **kind == CallKind::CopyObject).count(), 1);
    assert_eq!(test_job.run(&to_ia, &task("k"), true).await, done());
    assert!(!test_job.store.calls().contains(&CallKind::CopyObject));
    assert_eq!(test_job.object(SOURCE, "k").unwrap().head.storage_class.as_deref(), Some("STANDARD_IA"));
}

#[tokio::test(start_paused = true)]
async fn a_lost_copy_onto_itself_is_made_again_when_they_are_not() {
    let to_ia = in_place(|c| c.storage_class = Some(StorageClass::StandardIa));
    let test_job = test_job_with_object().await;
    test_job.fault(CallKind::CopyObject, write(SOURCE, "k", "another's"));
    assert_eq!(
        test_job.run(&to_ia, &task("k"), false).await,
        done(),
        "what another writer wrote is what is to be copied"
    );
    let object = test_job.object(SOURCE, "k").unwrap();
    assert_eq!(object.head.storage_class.as_deref(), Some("STANDARD_IA"));
    assert_eq!(&object.body.to_bytes()[..], b"another's");
}

#[tokio::test(start_paused = true)]
async fn a_redo_of_a_copy_onto_itself_is_not_judged_by_the_time_that_it_wrote_itself() {
    let test_job = test_job_with_object().await;
    let modified = test_job.object(SOURCE, "k").unwrap().head.modified;
    let to_ia = in_place(|c| (c.storage_class, c.unmodified_since) = (Some(StorageClass::StandardIa), modified));
    test_job.fault(CallKind::CopyObject, Fault::AnswerLost);
    assert_eq!(test_job.run(&to_ia, &task("k"), false).await, done());
    assert_eq!(test_job.run(&to_ia, &task("k"), true).await, done());
    assert_eq!(code(&test_job.run(&to_ia, &task("k"), false).await), "PreconditionFailed");
}

#[tokio::test(start_paused = true)]
async fn a_copy_onto_itself_that_changes_nothing_fails_with_the_stores_code() {
    let test_job = test_job_with_object().await;
    let run = test_job.run(&in_place(|_| ()), &task("k"), false).await;
    assert_eq!(code(&run), "InvalidRequest");
    assert!(message(&run).contains("illegal"));
}

// CancelRegistry.

#[tokio::test(start_paused = true)]
async fn a_copy_that_has_to_stop_tells_whether_anything_may_have_happened() {
    let stopped = |kind| async move {
        let test_job = test_job_with_object().await;
        test_job.fault(CallKind::CopyObject, Fault::RequestLost);
        test_job.fault(kind, Fault::Stops);
        let needs_head = copy(|c| c.modified_since = Some(Timestamp::UNIX_EPOCH));
        test_job.run(&needs_head, &task("k"), false).await
    };
    assert_eq!(stopped(CallKind::HeadObject).await, TaskEnd::NotAttempted, "before the first act");
    let test_job = test_job_with_object().await;
    test_job.fault(CallKind::CopyObject, Fault::RequestLost);
    test_job.fault(CallKind::HeadObject, Fault::Stops);
    assert_eq!(
        test_job.run(&copy(|_| ()), &task("k"), false).await,
        TaskEnd::UnknownEffect,
        "after an act of unknown effect"
    );
    let test_job = test_job_with_object().await;
    test_job.fault(CallKind::HeadObject, Fault::Stops);
    assert_eq!(
        test_job.run(&copy(|_| ()), &Task { size: Some(4), ..task("k") }, true).await,
        TaskEnd::UnknownEffect,
        "a redo"
    );
}
