//! Copies inside the store.

use brigade_model::capability::Capability;
use brigade_model::ports::object_store::{
    CopyObject, GetObjectAcl, GetObjectTagging, Grantee, Metadata, NewObject, Verdict,
};

use super::objects::full_metadata;
use super::{Subject, assert_refused, copy, etag, never, tag};

pub(super) async fn a_copy_has_the_bytes_metadata_and_tags_of_its_source(subject: &Subject) {
    let (source, target) = (subject.at("source"), subject.at("target"));
    let tags = if subject.lacks(Capability::Tagging) { vec![] } else { vec![tag("a", "1"), tag("b", "2")] };
    let with = NewObject { metadata: full_metadata(), tags: tags.clone(), ..NewObject::default() };
    let put = subject.put_with(&source, "content", with).await;
    let done = subject.call(copy(&source, &target)).await.unwrap();
    assert!(done.etag.matches(&put.etag));
    let head = subject.head(&target).await.unwrap();
    assert_eq!((head.size, head.metadata), (7, full_metadata()));
    assert_eq!(subject.read(&target).await.unwrap(), "content");
    if !subject.lacks(Capability::Tagging) {
        let mut copied = subject.call(GetObjectTagging { at: target, version: None }).await.unwrap();
        copied.sort();
        assert_eq!(copied, tags);
    }
}

pub(super) async fn a_copy_does_not_have_the_acl_of_its_source(subject: &Subject) {
    if subject.lacks(Capability::CannedAcl) {
        return;
    }
    let (source, target) = (subject.at("source"), subject.at("target"));
    let with = NewObject { canned_acl: Some("public-read".to_owned()), ..NewObject::default() };
    subject.put_with(&source, "x", with).await;
    subject.call(copy(&source, &target)).await.unwrap();
    let is_group = |acl: brigade_model::ports::object_store::Acl| {
        acl.grants.iter().any(|grant| matches!(grant.grantee, Grantee::Group(_)))
    };
    assert!(is_group(subject.call(GetObjectAcl { at: source.clone(), version: None }).await.unwrap()));
    assert!(!is_group(subject.call(GetObjectAcl { at: target.clone(), version: None }).await.unwrap()));
    let public = CopyObject { canned_acl: Some("public-read".to_owned()), ..copy(&source, &target) };
    subject.call(public).await.unwrap();
    assert!(is_group(subject.call(GetObjectAcl { at: target, version: None }).await.unwrap()));
}

pub(super) async fn a_copy_replaces_metadata_when_told_so(subject: &Subject) {
    let (source, target) = (subject.at("source"), subject.at("target"));
    let tags = if subject.lacks(Capability::Tagging) { vec![] } else { vec![tag("a", "1")] };
    let with = NewObject { metadata: full_metadata(), tags: tags.clone(), ..NewObject::default() };
    subject.put_with(&source, "content", with).await;
    let metadata = Metadata {
        content_type: Some("image/png".to_owned()),
        user: vec![("new".to_owned(), "yes".to_owned())],
        ..Metadata::default()
    };
    subject.call(CopyObject { metadata: Some(Box::new(metadata.clone())), ..copy(&source, &target) }).await.unwrap();
    assert_eq!(subject.head(&target).await.unwrap().metadata, metadata);
    if !subject.lacks(Capability::Tagging) {
        assert_eq!(subject.call(GetObjectTagging { at: target, version: None }).await.unwrap(), tags);
    }
    assert_eq!(subject.head(&source).await.unwrap().metadata, full_metadata());
}

pub(super) async fn a_copy_replaces_tags_when_told_so(subject: &Subject) {
    if subject.lacks(Capability::TaggingOnCopy) {
        return;
    }
    let (source, target) = (subject.at("source"), subject.at("target"));
    let with = NewObject { metadata: full_metadata(), tags: vec![tag("old", "1")], ..NewObject::default() };
    subject.put_with(&source, "content", with).await;
    for tags in [vec![tag("new key", "new + value=")], vec![]] {
        subject.call(CopyObject { tags: Some(tags.clone()), ..copy(&source, &target) }).await.unwrap();
        let get = GetObjectTagging { at: target.clone(), version: None };
        assert_eq!(subject.call(get).await.unwrap(), tags);
        assert_eq!(subject.head(&target).await.unwrap().metadata, full_metadata());
    }
}

pub(super) async fn a_copy_has_the_class_it_was_told_and_standard_otherwise(subject: &Subject) {
    if subject.lacks(Capability::StorageClasses) {
        return;
    }
    let (source, target) = (subject.at("source"), subject.at("target"));
    let rare = || Some("STANDARD_IA".to_owned());
    subject.put_with(&source, "x", NewObject { storage_class: rare(), ..NewObject::default() }).await;
    subject.call(copy(&source, &target)).await.unwrap();
    assert_eq!(subject.head(&target).await.unwrap().storage_class, None);
    subject.call(CopyObject { storage_class: rare(), ..copy(&source, &target) }).await.unwrap();
    assert_eq!(subject.head(&target).await.unwrap().storage_class, rare());
}

pub(super) async fn a_copy_onto_itself_needs_a_change(subject: &Subject) {
    let at = subject.at("itself");
    subject.put(&at, "x").await;
    assert_refused(subject.call(copy(&at, &at)).await, "InvalidRequest", 400, Verdict::Invalid);
    let metadata = Metadata { content_type: Some("text/x-changed".to_owned()), ..Metadata::default() };
    subject.call(CopyObject { metadata: Some(Box::new(metadata.clone())), ..copy(&at, &at) }).await.unwrap();
    assert_eq!(subject.head(&at).await.unwrap().metadata, metadata);
    assert_eq!(subject.read(&at).await.unwrap(), "x");
}

pub(super) async fn a_copy_is_made_only_while_the_source_is_the_expected_one(subject: &Subject) {
    if subject.lacks(Capability::CopySourceConditions) {
        return;
    }
    let (source, target) = (subject.at("source"), subject.at("target"));
    let put = subject.put(&source, "x").await;
    let other = CopyObject { source_if_match: Some(etag("\"0123\"")), ..copy(&source, &target) };
    assert_refused(subject.call(other).await, "PreconditionFailed", 412, Verdict::Precondition);
    assert!(subject.head(&target).await.is_err());
    subject.call(CopyObject { source_if_match: Some(put.etag), ..copy(&source, &target) }).await.unwrap();
    assert!(subject.head(&target).await.is_ok());
}

pub(super) async fn a_copy_of_a_version_is_of_that_version(subject: &Subject) {
    if subject.lacks(Capability::Versions) {
        return;
    }
    let (source, target) = (subject.versioned_at("source"), subject.at("target"));
    let first = subject.put(&source, "first").await;
    subject.put(&source, "second").await;
    let request = CopyObject { source_version: first.version, ..copy(&source, &target) };
    subject.call(request.clone()).await.unwrap();
    assert_eq!(subject.read(&target).await.unwrap(), "first");
    // An old version becomes the newest.
    let back = subject.call(CopyObject { target: source.clone(), ..request }).await.unwrap();
    assert_eq!(subject.read(&source).await.unwrap(), "first");
    assert_eq!(subject.head(&source).await.unwrap().version, back.version);
    assert!(back.version.is_some());
}

pub(super) async fn a_copy_is_made_only_over_the_expected_target(subject: &Subject) {
    if subject.lacks(Capability::IfMatchOnCopy) || subject.lacks(Capability::IfNoneMatchOnCopy) {
        return;
    }
    let (source, target) = (subject.at("source"), subject.at("target"));
    subject.put(&source, "x").await;
    let over = |etag| CopyObject { if_match: Some(etag), ..copy(&source, &target) };
    let where_none_is = || CopyObject { if_none_match: true, ..copy(&source, &target) };
    let there = subject.put(&target, "there").await;
    for refused in [over(never()), where_none_is()] {
        assert_refused(subject.call(refused).await, "PreconditionFailed", 412, Verdict::Precondition);
        assert_eq!(subject.read(&target).await.unwrap(), "there");
    }
    subject.call(over(there.etag)).await.unwrap();
    assert_eq!(subject.read(&target).await.unwrap(), "x");
    subject.call(CopyObject { target: subject.at("nothing here"), ..where_none_is() }).await.unwrap();
}
