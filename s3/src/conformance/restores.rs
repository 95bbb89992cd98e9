//! Archived objects and their restores.

use brigade_model::capability::Capability;
use brigade_model::ports::object_store::{At, NewObject, RestoreObject, Verdict};

use super::{Subject, assert_refused, copy};

async fn put_archived(subject: &Subject, at: &At) {
    let with = NewObject { storage_class: Some("GLACIER".to_owned()), ..NewObject::default() };
    subject.put_with(at, "frozen", with).await;
}

fn restore(at: &At) -> RestoreObject {
    RestoreObject { at: at.clone(), version: None, days: 3, tier: "Standard".to_owned() }
}

pub(super) async fn an_archived_object_is_not_read_before_it_is_restored(subject: &Subject) {
    if subject.lacks(Capability::Restore) {
        return;
    }
    let (at, target) = (subject.at("frozen"), subject.at("target"));
    put_archived(subject, &at).await;
    let head = subject.head(&at).await.unwrap();
    assert_eq!((head.storage_class.as_deref(), head.restore), (Some("GLACIER"), None));
    let read = subject.read(&at).await;
    assert_refused(read, "InvalidObjectState", 403, Verdict::Precondition);
    assert_eq!(subject.call(copy(&at, &target)).await.unwrap_err().http_status, Some(403));
    assert!(subject.head(&target).await.is_err());
}

pub(super) async fn a_restore_is_accepted_once_and_never_of_what_is_not_archived(subject: &Subject) {
    if subject.lacks(Capability::Restore) {
        return;
    }
    let (at, plain) = (subject.at("frozen"), subject.at("plain"));
    put_archived(subject, &at).await;
    assert!(!subject.call(restore(&at)).await.unwrap().was_restored);
    assert!(subject.head(&at).await.unwrap().restore.is_some());
    // Stores differ in how long a restore takes; none begins it anew.
    match subject.call(restore(&at)).await {
        Ok(done) => assert!(done.was_restored),
        Err(error) => assert_eq!((error.code.as_str(), error.http_status), ("RestoreAlreadyInProgress", Some(409))),
    }
    subject.put(&plain, "x").await;
    assert_refused(subject.call(restore(&plain)).await, "InvalidObjectState", 403, Verdict::Precondition);
}
