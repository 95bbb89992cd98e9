//! Endpoints of which nothing is known, with stores that answer success and do something else.

use async_trait::async_trait;
use brigade_model::operation::{
    CannedAcl, Directive, Grant, KeyService, NewMetadata, Permission, Restore, RestoreTier, StorageClass, Tagging,
};
use brigade_model::ports::object_store::{
    Answer, Call, CallError, CallKind, CancelToken, CopyObject, DeleteObject, DeleteObjects, Effect, Encryption,
    NewObject, ObjectStore, RestoreDone, Verdict,
};
use brigade_model::ports::{Grantees, UnknownGrantee};
use brigade_model::{Capabilities, Capability, EndpointKind, Operation, Outcome, Task, VersionId};
use std::sync::Arc;

use super::test_job::{
    Fault, SOURCE, Scripted, TARGET, TestTask, at, code, copy, done, message, tag, task, task_of_version,
};
use crate::dry_run::DryRun;
use crate::operation::{TaskEnd, run_one};

/// What real servers do: answer 2xx and do something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    None,
    IgnoresVersions,
    FoldsKeys,
    DropsTagsOfCopies,
    ForgetsTags,
    TakesTagsForBodies,
    IgnoresAclsOfCopies,
    IgnoresAcls,
    DropsClasses,
    DropsMetadata,
    DropsEncryption,
    TakesOtherKeys,
    ForgetsRestores,
}

struct Careless {
    inner: Arc<Scripted>,
    habit: Habit,
}

#[async_trait]
impl ObjectStore for Careless {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let call = match (self.habit, call) {
            (Habit::IgnoresVersions, Call::DeleteObject(delete)) => {
                Call::DeleteObject(DeleteObject { version: None, ..delete })
            }
            (Habit::IgnoresVersions, Call::DeleteObjects(delete)) => {
                let objects = delete.objects.into_iter().map(|(key, _)| (key, None)).collect();
                Call::DeleteObjects(DeleteObjects { objects, ..delete })
            }
            (Habit::IgnoresVersions, Call::CopyObject(copy)) => {
                Call::CopyObject(CopyObject { source_version: None, ..copy })
            }
            (Habit::FoldsKeys, Call::DeleteObject(mut delete)) => {
                delete.at.key = delete.at.key.as_str().trim_matches('/').parse().unwrap();
                Call::DeleteObject(delete)
            }
            (Habit::FoldsKeys, Call::CopyObject(mut copy)) => {
                copy.target.key = copy.target.key.as_str().trim_start_matches('/').parse().unwrap();
                Call::CopyObject(copy)
            }
            (Habit::DropsTagsOfCopies, Call::CopyObject(copy)) => Call::CopyObject(CopyObject { tags: None, ..copy }),
            (Habit::ForgetsTags, Call::PutObjectTagging(_)) => return Ok(Answer::PutObjectTagging(())),
            (Habit::TakesTagsForBodies, Call::PutObjectTagging(put)) => {
                self.inner.inner.put(&put.at, bytes::Bytes::from_static(b"<Tagging>").into()).unwrap();
                return Ok(Answer::PutObjectTagging(()));
            }
            // The answer is the object, which is no set of tags.
            (Habit::TakesTagsForBodies, Call::GetObjectTagging(_)) => {
                let error = CallError::new(Verdict::Transient, Effect::None, "InvalidAnswer", "no <Tagging>");
                return Err(CallError { http_status: Some(200), ..error });
            }
            (Habit::IgnoresAclsOfCopies | Habit::IgnoresAcls, Call::CopyObject(copy)) => {
                Call::CopyObject(CopyObject { canned_acl: None, ..copy })
            }
            (Habit::IgnoresAcls, Call::PutObjectAcl(_)) => return Ok(Answer::PutObjectAcl(())),
            (Habit::DropsMetadata, Call::CopyObject(copy)) => Call::CopyObject(CopyObject { metadata: None, ..copy }),
            (Habit::DropsEncryption, Call::CopyObject(copy)) => Call::CopyObject(CopyObject { sse: None, ..copy }),
            (Habit::TakesOtherKeys, Call::CopyObject(copy)) => {
                let other = KeyService { key: Some("other".into()), bucket_key: None };
                Call::CopyObject(CopyObject { sse: Some(Encryption::KeyService(other.into())), ..copy })
            }
            (Habit::DropsClasses, Call::CopyObject(copy)) => {
                Call::CopyObject(CopyObject { storage_class: None, ..copy })
            }
            (Habit::ForgetsRestores, Call::RestoreObject(_)) => {
                return Ok(Answer::RestoreObject(RestoreDone { was_restored: false }));
            }
            (_, call) => call,
        };
        self.inner.call(cancel, call).await
    }
}

/// A test job over an unprobed store of such a habit, with the object `k`, archived or not.
async fn test_job(habit: Habit, with: NewObject) -> TestTask {
    let mut test_job = TestTask::new().await.unprobed();
    let store: Arc<dyn ObjectStore> = Arc::new(Careless { inner: test_job.store.clone(), habit });
    (test_job.slice_context.source.store, test_job.slice_context.target.store) = (store.clone(), store);
    test_job.put_with("k", bytes::Bytes::from_static(b"body"), with).await;
    test_job.begin_run();
    test_job
}

fn archived() -> NewObject {
    NewObject { storage_class: Some("GLACIER".into()), ..NewObject::default() }
}

fn tagging() -> Operation {
    Operation::Tagging(Tagging { directive: None, tags: vec![tag("a", "1"), tag("b", "2")] })
}

fn tagged_copy() -> Operation {
    copy(|c| {
        c.tagging_directive = Some(Directive::Replaced);
        c.tags = vec![tag("a", "1"), tag("b", "2")];
    })
}

fn public_copy() -> Operation {
    copy(|c| c.canned_acl = Some(CannedAcl::PublicRead))
}

fn granted_copy(grantee: &str) -> Operation {
    copy(|c| {
        c.grants =
            vec![Grant { grantee: grantee.into(), is_group: false, display_name: None, permission: Permission::Read }]
    })
}

fn class_copy() -> Operation {
    copy(|c| c.storage_class = Some(StorageClass::StandardIa))
}

fn described_copy(directive: Directive) -> Operation {
    let metadata = NewMetadata { user: vec![("Colour".into(), "blue".into())], ..NewMetadata::default() };
    copy(|c| (c.metadata_directive, c.metadata) = (Some(directive), Some(metadata)))
}

fn encrypted_copy() -> Operation {
    copy(|c| c.metadata = Some(NewMetadata { sse_aes256: true, ..NewMetadata::default() }))
}

fn keyed_copy() -> Operation {
    copy(|c| c.key_service = Some(KeyService { key: Some("k1".into()), bucket_key: None }))
}

fn restore() -> Operation {
    Operation::Restore(Restore { days: 3, tier: RestoreTier::Bulk })
}

#[tokio::test(start_paused = true)]
async fn a_row_that_names_a_version_never_touches_the_current_object_of_a_store_without_versions() {
    for kind in [EndpointKind::Garage, EndpointKind::Other] {
        let mut test_job = test_job(Habit::IgnoresVersions, NewObject::default()).await;
        let capabilities = Capabilities::known(kind, None);
        (test_job.slice_context.source.capabilities, test_job.slice_context.target.capabilities) =
            (capabilities.clone(), capabilities);
        for version in ["3HL4kqtJlcpXroDTDmJ", "null"] {
            let named = task_of_version("k", &VersionId::new(version).unwrap());
            for operation in [Operation::Delete, copy(|_| ()), tagging(), restore()] {
                let run = test_job.run(&operation, &named, false).await;
                assert_eq!(code(&run), "NotImplemented", "{kind:?} {operation:?}");
                assert!(message(&run).contains("`versions`"), "{run:?}");
            }
            let second = Task { number: 1, ..task_of_version("k", &VersionId::new("2").unwrap()) };
            let runs = test_job.run_group(&[named, second]).await;
            assert!(runs.iter().all(|run| code(run) == "NotImplemented"), "{runs:?}");
        }
        assert_eq!(test_job.store.calls(), [], "nothing is asked of the store");
        assert!(test_job.object(SOURCE, "k").is_some(), "the current object stays");
    }
}

#[tokio::test(start_paused = true)]
async fn rows_without_versions_are_deleted_together_though_others_of_their_group_are_refused() {
    let test_job = test_job(Habit::IgnoresVersions, NewObject::default()).await;
    test_job.put("named", "body").await;
    test_job.put("l", "body").await;
    let named = Task { number: 1, ..task_of_version("named", &VersionId::new("1").unwrap()) };
    let runs = test_job.run_group(&[task("k"), named, Task { number: 2, ..task("l") }]).await;
    assert_eq!((&runs[0], code(&runs[1]), &runs[2]), (&done(), "NotImplemented", &done()));
    assert_eq!(["k", "named", "l"].map(|key| test_job.object(SOURCE, key).is_some()), [false, true, false]);
    assert_eq!(test_job.store.calls(), [CallKind::DeleteObjects], "one call for both");
}

#[tokio::test(start_paused = true)]
async fn a_row_whose_key_a_store_could_take_for_another_is_refused() {
    let test_job = test_job(Habit::FoldsKeys, NewObject::default()).await;
    for key in ["/k", "k/", "//k"] {
        assert_eq!(code(&test_job.run(&Operation::Delete, &task(key), false).await), "NotImplemented", "{key}");
    }
    assert!(test_job.object(SOURCE, "k").is_some(), "the one without the slash stays");
    test_job.store.inner.put(&at(TARGET, "k"), bytes::Bytes::from_static(b"theirs").into()).unwrap();
    let slashed = copy(|c| (c.prefix_replace, c.target_prefix) = (Some(true), Some("/".into())));
    let run = test_job.run(&slashed, &task("k"), false).await;
    assert!(message(&run).contains("`distinct-keys`"), "{run:?}");
    assert_eq!(test_job.store.calls(), []);
}

#[tokio::test(start_paused = true)]
async fn tags_that_an_unprobed_store_drops_from_a_copy_are_put_after_it() {
    let test_job = test_job(Habit::DropsTagsOfCopies, NewObject::default()).await;
    assert_eq!(test_job.run(&tagged_copy(), &task("k"), false).await, done());
    assert_eq!(test_job.object(TARGET, "k").unwrap().tags, [tag("a", "1"), tag("b", "2")]);
}

#[tokio::test(start_paused = true)]
async fn what_an_unprobed_store_takes_and_does_not_keep_fails_the_row() {
    for (habit, operation, expected) in [
        (Habit::ForgetsTags, tagging(), "TagsNotKept"),
        (Habit::ForgetsTags, tagged_copy(), "TagsNotKept"),
        (Habit::IgnoresAcls, public_copy(), "AclNotKept"),
        (Habit::IgnoresAcls, granted_copy("you"), "AclNotKept"),
        (Habit::DropsClasses, class_copy(), "StorageClassNotKept"),
        (Habit::DropsMetadata, described_copy(Directive::Replaced), "MetadataNotKept"),
        (Habit::DropsMetadata, described_copy(Directive::Add), "MetadataNotKept"),
        (Habit::DropsEncryption, encrypted_copy(), "EncryptionNotKept"),
        (Habit::DropsEncryption, keyed_copy(), "EncryptionNotKept"),
        (Habit::TakesOtherKeys, keyed_copy(), "EncryptionNotKept"),
    ] {
        let test_job = test_job(habit, NewObject::default()).await;
        assert_eq!(code(&test_job.run(&operation, &task("k"), false).await), expected, "{habit:?}");
    }
    let test_job = test_job(Habit::ForgetsRestores, archived()).await;
    assert_eq!(code(&test_job.run(&restore(), &task("k"), false).await), "RestoreNotBegun");
}

#[tokio::test(start_paused = true)]
async fn a_tagging_call_never_overwrites_an_object_of_an_unprobed_store() {
    let test_job = test_job(Habit::TakesTagsForBodies, NewObject::default()).await;
    for operation in [tagging(), tagged_copy()] {
        let run = test_job.run(&operation, &task("k"), false).await;
        assert_eq!(code(&run), "InvalidAnswer", "{run:?}");
    }
    for bucket in [SOURCE, TARGET] {
        assert_eq!(test_job.object(bucket, "k").unwrap().head.size, 4, "{bucket}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_canned_acl_that_an_unprobed_store_drops_from_a_copy_is_set_as_grants() {
    let test_job = test_job(Habit::IgnoresAclsOfCopies, NewObject::default()).await;
    assert_eq!(test_job.run(&public_copy(), &task("k"), false).await, done());
    let proved = TestTask::new().await;
    proved.put("k", "body").await;
    proved.begin_run();
    assert_eq!(proved.run(&public_copy(), &task("k"), false).await, done());
    assert_eq!(test_job.object(TARGET, "k").unwrap().acl, proved.object(TARGET, "k").unwrap().acl);
}

#[tokio::test(start_paused = true)]
async fn an_unprobed_store_that_does_everything_is_good_for_everything_but_versions_and_stray_keys() {
    let operations = [copy(|_| ()), tagged_copy(), public_copy(), granted_copy("you"), class_copy(), tagging()];
    let described = [Directive::Replaced, Directive::Add].map(described_copy);
    let operations = operations.into_iter().chain(described).chain([encrypted_copy(), keyed_copy()]);
    for operation in operations.into_iter().chain([Operation::Delete]) {
        let test_job = test_job(Habit::None, NewObject::default()).await;
        assert_eq!(test_job.run(&operation, &task("k"), false).await, done(), "{operation:?}");
    }
    let test_job = test_job(Habit::None, archived()).await;
    assert_eq!(test_job.run(&restore(), &task("k"), false).await, done());
}

#[tokio::test(start_paused = true)]
async fn a_plain_copy_on_an_unprobed_store_is_one_call() {
    let test_job = test_job(Habit::None, NewObject::default()).await;
    assert_eq!(test_job.run(&copy(|_| ()), &task("k"), false).await, done());
    assert_eq!(test_job.store.calls(), [CallKind::CopyObject]);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_on_an_unprobed_store_foresees_what_is_read_back() {
    let operations = [tagged_copy(), public_copy(), granted_copy("you"), class_copy(), tagging(), restore()];
    let described = [Directive::Replaced, Directive::Add].map(described_copy);
    for operation in operations.into_iter().chain(described).chain([encrypted_copy(), keyed_copy()]) {
        let test_job = test_job(Habit::None, archived()).await;
        let dry_run = DryRun::at(&test_job.slice_context);
        let run = run_one(&test_job.prepare(&operation), &dry_run.slice_context, &task("k"), false).await;
        assert_eq!(run, done(), "{operation:?}");
        let effects = test_job.store.inner.effects();
        assert!(effects.len() == 1, "only the put of the test: {effects:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_grantee_is_granted_by_the_id_that_the_store_has_for_it_and_one_that_it_does_not_know_fails_the_task() {
    let mut test_job = test_job(Habit::None, NewObject::default()).await;
    test_job.slice_context.target.grantees = Arc::new(KnowsAnn);
    assert_eq!(test_job.run(&granted_copy("ann"), &task("k"), false).await, done());
    let granted = test_job.object(TARGET, "k").unwrap().acl.grants;
    assert!(format!("{granted:?}").contains("5c8b"), "{granted:?}");
    let run = test_job.run(&granted_copy("bob"), &task("k"), false).await;
    assert!(code(&run) == "InvalidArgument" && message(&run).contains("no bob here"), "{run:?}");
}

/// Knows one user.
struct KnowsAnn;

impl Grantees for KnowsAnn {
    fn resolve<'a>(&'a self, written: &'a str) -> Result<&'a str, UnknownGrantee> {
        if written == "ann" { Ok("5c8b") } else { Err(UnknownGrantee(format!("no {written} here"))) }
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_known_to_keep_what_it_is_told_is_not_asked_again() {
    let mut test_job = test_job(Habit::None, NewObject::default()).await;
    let all = Capabilities::proved(Capability::ALL);
    (test_job.slice_context.source.capabilities, test_job.slice_context.target.capabilities) = (all.clone(), all);
    for operation in [tagged_copy(), public_copy(), class_copy()] {
        assert_eq!(test_job.run(&operation, &task("k"), false).await, done());
        assert_eq!(test_job.store.calls(), [CallKind::CopyObject], "{operation:?}");
    }
    assert!(matches!(test_job.run(&tagging(), &task("k"), false).await, TaskEnd::Done(Outcome::Succeeded)));
    assert_eq!(test_job.store.calls(), [CallKind::PutObjectTagging]);
}

#[tokio::test(start_paused = true)]
async fn a_source_without_a_tag_set_has_no_tags_to_carry_and_a_missing_right_is_named() {
    let refused = |verdict, status, code: &str| {
        let error = CallError { http_status: Some(status), ..CallError::new(verdict, Effect::None, code, "told") };
        Fault::FailsWith(error)
    };
    let (test_job, other) = TestTask::with_two_stores().await;
    test_job.put_with("k", "body".into(), NewObject { tags: vec![tag("a", "1")], ..NewObject::default() }).await;
    test_job.begin_run();
    test_job.fault(CallKind::GetObjectTagging, refused(Verdict::Missing, 404, "NoSuchTagSet"));
    assert_eq!(test_job.run(&copy(|_| ()), &task("k"), false).await, done());
    assert!(other.inner.object(&at(TARGET, "k")).unwrap().tags.is_empty());

    test_job.fault(CallKind::GetObjectTagging, refused(Verdict::Denied, 403, "AccessDenied"));
    let run = test_job.run(&copy(|_| ()), &task("k"), false).await;
    assert_eq!(code(&run), "AccessDenied");
    for advice in ["s3:GetObjectTagging", "`brigade endpoint probe`"] {
        assert!(message(&run).contains(advice), "{run:?}");
    }
}
