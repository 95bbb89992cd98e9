//! Versions and delete markers.

use brigade_model::capability::Capability;
use brigade_model::ports::object_store::{
    DeleteObject, GetObjectTagging, HeadObject, ListObjectVersions, ListedVersion, NewObject, PutObjectLegalHold,
    PutObjectTagging, Verdict,
};

use super::{Subject, assert_refused, tag};

pub(super) async fn each_put_makes_a_version_and_all_can_be_read(subject: &Subject) {
    if subject.lacks(Capability::Versions) {
        return;
    }
    let at = subject.versioned_at("object");
    let first = subject.put(&at, "first").await.version.unwrap();
    let second = subject.put(&at, "second").await.version.unwrap();
    assert_ne!(first, second);
    assert_eq!(subject.read(&at).await.unwrap(), "second");
    assert_eq!(subject.head(&at).await.unwrap().version, Some(second.clone()));
    assert_eq!(subject.read_version(&at, &first).await.unwrap(), "first");
    assert_eq!(subject.read_version(&at, &second).await.unwrap(), "second");
    let head = subject.call(HeadObject { at, version: Some(first.clone()) }).await.unwrap();
    assert_eq!((head.version, head.size), (Some(first), 5));
}

pub(super) async fn a_delete_without_version_hides_the_object_and_loses_nothing(subject: &Subject) {
    if subject.lacks(Capability::Versions) {
        return;
    }
    let at = subject.versioned_at("object");
    let version = subject.put(&at, "kept").await.version.unwrap();
    let deleted = subject.call(DeleteObject { at: at.clone(), version: None, if_match: None }).await.unwrap();
    assert!(deleted.is_delete_marker);
    let marker = deleted.version.unwrap();
    assert_ne!(marker, version);
    assert_eq!(subject.head(&at).await.unwrap_err().verdict, Verdict::Missing);
    assert_refused(subject.read(&at).await, "NoSuchKey", 404, Verdict::Missing);
    assert_eq!(subject.read_version(&at, &version).await.unwrap(), "kept");
    let head = subject.call(HeadObject { at, version: Some(marker) }).await.unwrap_err();
    assert_eq!(head.http_status, Some(405));
}

pub(super) async fn a_delete_with_version_removes_that_version_for_good(subject: &Subject) {
    if subject.lacks(Capability::Versions) {
        return;
    }
    let at = subject.versioned_at("object");
    let first = subject.put(&at, "first").await.version.unwrap();
    let second = subject.put(&at, "second").await.version.unwrap();
    let request = DeleteObject { at: at.clone(), version: Some(second.clone()), if_match: None };
    let deleted = subject.call(request.clone()).await.unwrap();
    assert_eq!((deleted.is_delete_marker, deleted.version), (false, Some(second.clone())));
    assert_eq!(subject.read(&at).await.unwrap(), "first");
    assert_refused(subject.read_version(&at, &second).await, "NoSuchVersion", 404, Verdict::Missing);
    // Asked again, a store says success or that there is none: both mean that it has gone.
    if let Err(error) = subject.call(request).await {
        assert_eq!(error.verdict, Verdict::Missing);
    }
    subject.call(DeleteObject { at: at.clone(), version: Some(first), if_match: None }).await.unwrap();
    assert_refused(subject.read(&at).await, "NoSuchKey", 404, Verdict::Missing);
}

pub(super) async fn removing_a_delete_marker_brings_the_object_back(subject: &Subject) {
    if subject.lacks(Capability::Versions) {
        return;
    }
    let at = subject.versioned_at("object");
    subject.put(&at, "back").await;
    let marker = subject.call(DeleteObject { at: at.clone(), version: None, if_match: None }).await.unwrap().version;
    let removed = subject.call(DeleteObject { at: at.clone(), version: marker.clone(), if_match: None }).await.unwrap();
    assert_eq!((removed.is_delete_marker, removed.version), (true, marker));
    assert_eq!(subject.read(&at).await.unwrap(), "back");
}

pub(super) async fn tags_belong_to_a_version(subject: &Subject) {
    if subject.lacks(Capability::Versions) || subject.lacks(Capability::Tagging) {
        return;
    }
    let at = subject.versioned_at("object");
    let with = NewObject { tags: vec![tag("n", "1")], ..NewObject::default() };
    let first = subject.put_with(&at, "first", with).await.version;
    let second = subject.put(&at, "second").await.version;
    let put = |version, value| PutObjectTagging { at: at.clone(), version, tags: vec![tag("n", value)] };
    let get = |version| GetObjectTagging { at: at.clone(), version };
    subject.call(put(first.clone(), "1b")).await.unwrap();
    assert!(subject.call(get(None)).await.unwrap().is_empty());
    subject.call(put(None, "2")).await.unwrap();
    assert_eq!(subject.call(get(first)).await.unwrap(), [tag("n", "1b")]);
    assert_eq!(subject.call(get(second)).await.unwrap(), [tag("n", "2")]);
    assert_eq!(subject.read(&at).await.unwrap(), "second", "tagging makes no version");
}

pub(super) async fn versions_and_delete_markers_are_listed_and_those_of_other_prefixes_are_not(subject: &Subject) {
    if subject.lacks(Capability::Versions) {
        return;
    }
    let (a, b) = (subject.versioned_at("p/a é+"), subject.versioned_at("p/b"));
    let first = subject.put(&a, "first").await.version.unwrap();
    let second = subject.put(&a, "second").await.version.unwrap();
    let only = subject.put(&b, "x").await.version.unwrap();
    subject.put(&subject.versioned_at("q"), "x").await;
    let delete = DeleteObject { at: b.clone(), version: None, if_match: None };
    let marker = subject.call(delete).await.unwrap().version.unwrap();
    let request = ListObjectVersions { bucket: subject.versioned.clone(), prefix: "p/".to_owned(), after: None };
    let page = subject.call(request).await.unwrap();
    assert_eq!(page.next, None);
    assert!(page.versions.iter().all(|row| row.modified.is_some() && row.size.is_some() != row.is_delete_marker));
    let row = |row: ListedVersion| (row.key, row.version, row.is_delete_marker, row.is_latest);
    let mut listed: Vec<_> = page.versions.into_iter().map(row).collect();
    let mut expected = vec![
        (a.key.clone(), first, false, false),
        (a.key, second, false, true),
        (b.key.clone(), only, false, false),
        (b.key, marker, true, true),
    ];
    for rows in [&mut listed, &mut expected] {
        rows.sort_by_key(|(key, version, ..)| (key.clone(), version.as_str().to_owned()));
    }
    assert_eq!(listed, expected);
}

pub(super) async fn a_version_under_legal_hold_stays_until_the_hold_ends(subject: &Subject) {
    if subject.lacks(Capability::ObjectLock) {
        return;
    }
    let at = subject.versioned_at("held");
    let version = subject.put(&at, "held").await.version;
    let hold = |is_held| PutObjectLegalHold { at: at.clone(), version: version.clone(), is_held };
    let delete = || DeleteObject { at: at.clone(), version: version.clone(), if_match: None };
    subject.call(hold(true)).await.unwrap();
    assert_refused(subject.call(delete()).await, "AccessDenied", 403, Verdict::Denied);
    assert_eq!(subject.read_version(&at, version.as_ref().unwrap()).await.unwrap(), "held");
    subject.call(hold(false)).await.unwrap();
    subject.call(delete()).await.unwrap();
    assert_eq!(subject.head(&at).await.unwrap_err().verdict, Verdict::Missing);
}
