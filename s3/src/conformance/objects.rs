//! Objects written and read.

use brigade_model::capability::Capability;
use brigade_model::ports::object_store::{
    Checksum, ChecksumAlgorithm, Encryption, GetObject, GetObjectAttributes, Metadata, NewObject, PutObject,
    UpdateObjectEncryption, Verdict,
};

use super::{Subject, assert_refused, never, tag};

/// Everything that metadata can hold.
pub(super) fn full_metadata() -> Metadata {
    Metadata {
        cache_control: Some("max-age=60, public".to_owned()),
        content_disposition: Some("attachment; filename=\"a b.txt\"".to_owned()),
        content_encoding: Some("identity".to_owned()),
        content_language: Some("en, zh-CN".to_owned()),
        content_type: Some("text/plain; charset=utf-8".to_owned()),
        expires: Some("Thu, 01 Jan 2032 00:00:00 GMT".to_owned()),
        user: vec![("colour".to_owned(), "blue = #00f".to_owned()), ("owner-id".to_owned(), "42".to_owned())],
        form: None,
    }
}

pub(super) async fn an_object_comes_back_as_it_was_put(subject: &Subject) {
    let at = subject.at("object");
    let done = subject.put(&at, "abc").await;
    assert_eq!(done.etag.unquoted(), "900150983cd24fb0d6963f7d28e17f72", "the MD5 of the bytes");
    let head = subject.head(&at).await.unwrap();
    assert_eq!(head.size, 3);
    assert!(head.etag.unwrap().matches(&done.etag));
    let modified = head.modified.unwrap();
    assert_eq!(modified.subsec_nanosecond(), 0, "times are whole seconds");
    let (got, body) = subject.get(GetObject { at, version: None, range: None, if_match: None }).await.unwrap();
    assert_eq!((got.size, got.modified, body.as_str()), (3, Some(modified), "abc"));
    assert!(got.etag.unwrap().matches(&done.etag));
}

pub(super) async fn an_empty_object_is_an_object(subject: &Subject) {
    let at = subject.at("empty");
    subject.put(&at, "").await;
    assert_eq!(subject.head(&at).await.unwrap().size, 0);
    assert_eq!(subject.read(&at).await.unwrap(), "");
}

pub(super) async fn metadata_comes_back_as_it_was_given(subject: &Subject) {
    let at = subject.at("metadata");
    let with = NewObject { metadata: full_metadata(), ..NewObject::default() };
    subject.put_with(&at, "x", with).await;
    assert_eq!(subject.head(&at).await.unwrap().metadata, full_metadata());
    let request = GetObject { at, version: None, range: None, if_match: None };
    assert_eq!(subject.get(request).await.unwrap().0.metadata, full_metadata());
}

pub(super) async fn a_second_put_replaces_everything(subject: &Subject) {
    let at = subject.at("replaced");
    let tags = if subject.lacks(Capability::Tagging) { vec![] } else { vec![tag("a", "1")] };
    let with = NewObject { metadata: full_metadata(), tags, ..NewObject::default() };
    subject.put_with(&at, "first", with).await;
    subject.put(&at, "second!").await;
    let head = subject.head(&at).await.unwrap();
    assert_eq!((head.size, head.metadata.user, head.tag_count), (7, vec![], None));
    assert_eq!(head.metadata.cache_control, None);
    assert_eq!(subject.read(&at).await.unwrap(), "second!");
}

pub(super) async fn a_range_gives_its_bytes_and_no_others(subject: &Subject) {
    let at = subject.at("range");
    subject.put(&at, "0123456789").await;
    for (range, expected) in [((0, 0), "0"), ((2, 4), "234"), ((9, 9), "9"), ((0, 9), "0123456789")] {
        let request = GetObject { at: at.clone(), version: None, range: Some(range), if_match: None };
        let (head, body) = subject.get(request).await.unwrap();
        assert_eq!((head.size, body.as_str()), (expected.len() as u64, expected));
    }
}

pub(super) async fn a_range_is_cut_at_the_end_and_refused_beyond_it(subject: &Subject) {
    let at = subject.at("range");
    subject.put(&at, "0123456789").await;
    let request = |range| GetObject { at: at.clone(), version: None, range: Some(range), if_match: None };
    assert_eq!(subject.get(request((8, 99))).await.unwrap().1, "89");
    assert_refused(subject.get(request((10, 12))).await, "InvalidRange", 416, Verdict::Invalid);
}

pub(super) async fn bytes_are_given_only_while_the_etag_is_the_expected_one(subject: &Subject) {
    let at = subject.at("condition");
    let done = subject.put(&at, "expected").await;
    let request = |etag| GetObject { at: at.clone(), version: None, range: None, if_match: Some(etag) };
    assert_eq!(subject.get(request(done.etag.clone())).await.unwrap().1, "expected");
    subject.put(&at, "another").await;
    let refused = subject.get(request(done.etag)).await;
    assert_refused(refused, "PreconditionFailed", 412, Verdict::Precondition);
    assert_refused(subject.get(request(never())).await, "PreconditionFailed", 412, Verdict::Precondition);
}

pub(super) async fn an_object_has_the_storage_class_it_was_put_with(subject: &Subject) {
    if subject.lacks(Capability::StorageClasses) {
        return;
    }
    let (plain, rare) = (subject.at("plain"), subject.at("rare"));
    subject.put(&plain, "x").await;
    let with = NewObject { storage_class: Some("STANDARD_IA".to_owned()), ..NewObject::default() };
    subject.put_with(&rare, "x", with).await;
    assert_eq!(subject.head(&plain).await.unwrap().storage_class, None);
    assert_eq!(subject.head(&rare).await.unwrap().storage_class.as_deref(), Some("STANDARD_IA"));
}

pub(super) async fn a_checksum_is_given_back_as_it_was_put(subject: &Subject) {
    if subject.lacks(Capability::Checksums) {
        return;
    }
    let (at, plain) = (subject.at("checksum"), subject.at("plain"));
    let sum = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
    let with = |sum: &str| NewObject { checksum_sha256: Some(sum.to_owned()), ..NewObject::default() };
    subject.put_with(&at, "abc", with(sum)).await;
    subject.put(&plain, "abc").await;
    let attributes = |at| GetObjectAttributes { at, version: None };
    assert_eq!(subject.call(attributes(at)).await.unwrap().checksum_sha256.as_deref(), Some(sum));
    assert_eq!(subject.call(attributes(plain)).await.unwrap().checksum_sha256, None);
}

pub(super) async fn a_checksum_is_declared_with_the_head_and_with_the_bytes(subject: &Subject) {
    if subject.lacks(Capability::Checksums) {
        return;
    }
    let at = subject.at("checksum");
    let sum = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=".to_owned();
    let with = NewObject { checksum_sha256: Some(sum.clone()), ..NewObject::default() };
    subject.put_with(&at, "abc", with).await;
    let expected = Checksum { algorithm: ChecksumAlgorithm::Sha256, value: sum, is_of_whole: true };
    assert!(subject.head(&at).await.unwrap().checksums.contains(&expected));
    let request = GetObject { at, version: None, range: None, if_match: None };
    assert!(subject.get(request).await.unwrap().0.checksums.contains(&expected));
}

pub(super) async fn the_key_of_an_objects_encryption_is_changed_and_nothing_else_of_it(subject: &Subject) {
    if subject.lacks(Capability::UpdateEncryption) {
        return;
    }
    let at = subject.at("encrypted");
    let with = NewObject { metadata: full_metadata(), sse: Some(Encryption::OwnKey), ..NewObject::default() };
    let put = subject.put_with(&at, "abc", with).await;
    let key = "arn:aws:kms:us-east-1:123456789012:key/other".to_owned();
    let request = UpdateObjectEncryption { at: at.clone(), version: None, key: key.clone(), bucket_key: false };
    subject.call(request).await.unwrap();
    let head = subject.head(&at).await.unwrap();
    assert_eq!((head.sse.as_deref(), head.sse_key), (Some("aws:kms"), Some(key)));
    assert_eq!((head.etag, head.metadata), (Some(put.etag), full_metadata()));
    assert_eq!(subject.read(&at).await.unwrap(), "abc");
}

pub(super) async fn a_put_is_made_only_over_the_expected_object(subject: &Subject) {
    if subject.lacks(Capability::IfMatchOnPut) {
        return;
    }
    let at = subject.at("object");
    let put = |etag| PutObject { if_match: Some(etag), ..PutObject::new(at.clone(), "new", NewObject::default()) };
    assert_refused(subject.call(put(never())).await, "NoSuchKey", 404, Verdict::Missing);
    let first = subject.put(&at, "first").await;
    assert_refused(subject.call(put(never())).await, "PreconditionFailed", 412, Verdict::Precondition);
    assert_eq!(subject.read(&at).await.unwrap(), "first");
    subject.call(put(first.etag)).await.unwrap();
    assert_eq!(subject.read(&at).await.unwrap(), "new");
}

pub(super) async fn a_put_is_made_only_where_no_object_is(subject: &Subject) {
    if subject.lacks(Capability::IfNoneMatchOnPut) {
        return;
    }
    let at = subject.at("object");
    let put = || PutObject { if_none_match: true, ..PutObject::new(at.clone(), "new", NewObject::default()) };
    subject.call(put()).await.unwrap();
    subject.put(&at, "another").await;
    assert_refused(subject.call(put()).await, "PreconditionFailed", 412, Verdict::Precondition);
    assert_eq!(subject.read(&at).await.unwrap(), "another");
}
