use brigade_model::operation::{Operation, UpdateEncryption};
use brigade_model::ports::object_store::{CallKind, Encryption, NewObject};
use brigade_model::{Capabilities, Capability, EndpointKind, Standing};

use super::test_job::{Fault, SOURCE, TestTask, code, done, tag, task, task_of_version};
use crate::operation::missing_capabilities;

const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/k1";

fn update() -> Operation {
    Operation::Encryption(UpdateEncryption { key: KEY.to_owned(), bucket_key: None })
}

/// An object that its store encrypts with a key of its own, in a class and with tags and an ACL.
async fn test_job() -> TestTask {
    let test_job = TestTask::new().await;
    let with = NewObject {
        sse: Some(Encryption::OwnKey),
        storage_class: Some("STANDARD_IA".to_owned()),
        tags: vec![tag("a", "1")],
        canned_acl: Some("public-read".to_owned()),
        ..NewObject::default()
    };
    test_job.put_with("k", "body".into(), with).await;
    test_job.begin_run();
    test_job
}

fn emulating(test_job: &mut TestTask) {
    let lacks = Capabilities::proved(Capability::ALL).with(Capability::UpdateEncryption, Standing::Lacking);
    let capabilities = lacks.emulating([Capability::UpdateEncryption]);
    // As the engine has it for operations that act in one place.
    test_job.slice_context.source.capabilities = capabilities;
    test_job.slice_context.target = test_job.slice_context.source.clone();
}

#[tokio::test(start_paused = true)]
async fn the_key_of_an_objects_encryption_is_changed_by_the_stores_own_call_and_nothing_else_is() {
    let test_job = test_job().await;
    let before = test_job.object(SOURCE, "k").unwrap();
    for must_check in [false, true] {
        assert_eq!(test_job.run(&update(), &task("k"), must_check).await, done());
    }
    assert_eq!(test_job.store.calls(), [CallKind::UpdateObjectEncryption; 2]);
    let after = test_job.object(SOURCE, "k").unwrap();
    assert_eq!((after.head.sse.as_deref(), after.head.sse_key.as_deref()), (Some("aws:kms"), Some(KEY)));
    assert_eq!(
        (after.head.etag, after.head.modified, after.tags),
        (before.head.etag, before.head.modified, before.tags)
    );
    assert_eq!(code(&test_job.run(&update(), &task("none"), false).await), "NoSuchKey");
}

#[tokio::test(start_paused = true)]
async fn an_emulated_change_of_encryption_copies_the_object_onto_itself_with_class_tags_and_acl() {
    let mut test_job = test_job().await;
    emulating(&mut test_job);
    let before = test_job.object(SOURCE, "k").unwrap();
    assert_eq!(test_job.run(&update(), &task("k"), false).await, done());
    let after = test_job.object(SOURCE, "k").unwrap();
    assert_eq!((after.head.sse.as_deref(), after.head.sse_key.as_deref()), (Some("aws:kms"), Some(KEY)));
    assert_eq!((after.head.storage_class, after.tags), (before.head.storage_class, before.tags));
    assert_eq!((after.acl.grants.len(), before.acl.grants.len()), (2, 2));
    assert_eq!(after.body.to_bytes(), before.body.to_bytes());
    // It has the key now, and is left alone.
    test_job.store.take_calls();
    assert_eq!(test_job.run(&update(), &task("k"), false).await, done());
    assert_eq!(test_job.store.calls(), [CallKind::HeadObject]);
}

#[tokio::test(start_paused = true)]
async fn an_emulated_change_of_encryption_that_was_lost_is_proved_and_one_of_a_version_is_refused() {
    let mut test_job = test_job().await;
    emulating(&mut test_job);
    test_job.fault(CallKind::CopyObject, Fault::AnswerLost);
    assert_eq!(test_job.run(&update(), &task("k"), false).await, done());
    let copies = test_job.store.calls().iter().filter(|kind| **kind == CallKind::CopyObject).count();
    assert_eq!(copies, 1, "the look proves it");
    let version = task_of_version("k", &"v".parse().unwrap());
    assert_eq!(code(&test_job.run(&update(), &version, false).await), "NotImplemented");
    assert_eq!(code(&test_job.run(&update(), &task("none"), false).await), "NoSuchKey");
}

#[test]
fn a_change_of_encryption_is_refused_unless_the_store_has_the_call_or_the_endpoint_says_that_it_is_emulated() {
    let missing = |known: &Capabilities| missing_capabilities(&update(), known, known);
    for kind in [EndpointKind::Other, EndpointKind::Minio, EndpointKind::Ceph] {
        let known = Capabilities::known(kind, None);
        assert_eq!(missing(&known), [Capability::UpdateEncryption], "{kind:?}");
        assert_eq!(missing(&known.emulating([Capability::UpdateEncryption])), [], "{kind:?}");
    }
    assert_eq!(missing(&Capabilities::known(EndpointKind::Aws, None)), []);
}
