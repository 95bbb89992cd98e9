//! Objects deleted, one by one and in groups.

use brigade_model::capability::Capability;
use brigade_model::names::VersionId;
use brigade_model::ports::object_store::{At, DeleteObject, DeleteObjects, DeleteResult, Deleted, Verdict};

use super::{Subject, assert_refused, never};

fn group(objects: &[(&At, Option<&VersionId>)]) -> DeleteObjects {
    DeleteObjects {
        bucket: objects[0].0.bucket.clone(),
        objects: objects.iter().map(|(at, version)| (at.key.clone(), version.cloned())).collect(),
    }
}

fn deleted(result: &DeleteResult) -> &Deleted {
    match result {
        DeleteResult::Deleted(deleted) => deleted,
        other => panic!("must be deleted, is {other:?}"),
    }
}

pub(super) async fn a_deleted_object_is_gone_and_deleting_it_again_succeeds(subject: &Subject) {
    let at = subject.at("object");
    subject.put(&at, "x").await;
    for _ in 0..2 {
        let deleted = subject.call(DeleteObject { at: at.clone(), version: None, if_match: None }).await.unwrap();
        assert_eq!((deleted.is_delete_marker, deleted.version), (false, None));
        assert_refused(subject.read(&at).await, "NoSuchKey", 404, Verdict::Missing);
    }
}

pub(super) async fn a_group_is_deleted_and_answered_in_the_order_of_the_request(subject: &Subject) {
    let (a, b, c) = (subject.at("a"), subject.at("b"), subject.at("c"));
    for at in [&a, &b, &c] {
        subject.put(at, "x").await;
    }
    let never = subject.at("never there");
    let results = subject.call(group(&[(&c, None), (&never, None), (&a, None)])).await.unwrap();
    assert_eq!(results.len(), 3);
    results.iter().for_each(|result| assert!(!deleted(result).is_delete_marker));
    assert!(subject.head(&a).await.is_err() && subject.head(&c).await.is_err());
    assert!(subject.head(&b).await.is_ok(), "what the group does not name stays");
}

pub(super) async fn a_group_deletes_versions_and_makes_markers(subject: &Subject) {
    if subject.lacks(Capability::Versions) {
        return;
    }
    let (a, b) = (subject.versioned_at("a"), subject.versioned_at("b"));
    let first = subject.put(&a, "first").await.version.unwrap();
    subject.put(&a, "second").await;
    subject.put(&b, "kept").await;
    let results = subject.call(group(&[(&b, None), (&a, Some(&first))])).await.unwrap();
    assert!(deleted(&results[0]).is_delete_marker);
    let marker = deleted(&results[0]).version.clone().expect("a marker has a version");
    assert_eq!((deleted(&results[1]).is_delete_marker, &deleted(&results[1]).version), (false, &Some(first.clone())));
    assert_refused(subject.read_version(&a, &first).await, "NoSuchVersion", 404, Verdict::Missing);
    assert_eq!(subject.read(&a).await.unwrap(), "second");
    assert!(subject.head(&b).await.is_err());
    let results = subject.call(group(&[(&b, Some(&marker))])).await.unwrap();
    assert!(deleted(&results[0]).is_delete_marker);
    assert_eq!(subject.read(&b).await.unwrap(), "kept");
}

pub(super) async fn an_object_that_cannot_be_deleted_does_not_stop_its_group(subject: &Subject) {
    let Some(denied) = &subject.denied else { return };
    let (a, b) = (subject.at("a"), subject.at("b"));
    subject.put(&a, "x").await;
    subject.put(&b, "x").await;
    let results = subject.call(group(&[(&a, None), (denied, None), (&b, None)])).await.unwrap();
    deleted(&results[0]);
    assert!(matches!(&results[1], DeleteResult::Failed { code, .. } if code == "AccessDenied"), "{results:?}");
    deleted(&results[2]);
    let one = subject.call(DeleteObject { at: denied.clone(), version: None, if_match: None }).await;
    assert_refused(one, "AccessDenied", 403, Verdict::Denied);
    assert!(subject.head(&a).await.is_err() && subject.head(&b).await.is_err());
}

pub(super) async fn a_delete_is_made_only_while_the_object_is_the_expected_one(subject: &Subject) {
    if subject.lacks(Capability::IfMatchOnDelete) {
        return;
    }
    let at = subject.at("object");
    let put = subject.put(&at, "x").await;
    let delete = |etag| DeleteObject { at: at.clone(), version: None, if_match: Some(etag) };
    assert_refused(subject.call(delete(never())).await, "PreconditionFailed", 412, Verdict::Precondition);
    assert_eq!(subject.read(&at).await.unwrap(), "x");
    subject.call(delete(put.etag)).await.unwrap();
    assert!(subject.head(&at).await.is_err());
}
