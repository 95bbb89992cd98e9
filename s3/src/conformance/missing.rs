//! Objects, versions and uploads that do not exist.

use brigade_model::capability::Capability;
use brigade_model::names::BucketName;
use brigade_model::ports::object_store::{
    At, CallError, CreateMultipartUpload, DeleteObject, DeleteObjects, GetObject, GetObjectAcl, GetObjectTagging,
    ListObjectsV2, NewObject, PutObject, PutObjectTagging, RestoreObject, Verdict,
};

use super::{Subject, assert_refused, copy, tag};

/// HEAD has no body that could name a code.
fn assert_head_is_missing<T>(result: Result<T, CallError>) {
    let error = result.err().expect("the call must be refused");
    assert_eq!((error.http_status, error.verdict), (Some(404), Verdict::Missing), "{error}");
}

pub(super) async fn a_missing_object_is_missing_in_every_call(subject: &Subject) {
    let at = subject.at("nothing here");
    let there = subject.at("there");
    subject.put(&there, "x").await;
    assert_head_is_missing(subject.head(&at).await);
    assert_refused(subject.read(&at).await, "NoSuchKey", 404, Verdict::Missing);
    assert_refused(subject.call(copy(&at, &there)).await, "NoSuchKey", 404, Verdict::Missing);
    if !subject.lacks(Capability::Tagging) {
        let get = GetObjectTagging { at: at.clone(), version: None };
        assert_refused(subject.call(get).await, "NoSuchKey", 404, Verdict::Missing);
        let put = PutObjectTagging { at: at.clone(), version: None, tags: vec![tag("a", "b")] };
        assert_refused(subject.call(put).await, "NoSuchKey", 404, Verdict::Missing);
    }
    if !subject.lacks(Capability::CannedAcl) {
        let acl = GetObjectAcl { at: at.clone(), version: None };
        assert_refused(subject.call(acl).await, "NoSuchKey", 404, Verdict::Missing);
    }
    if !subject.lacks(Capability::Restore) {
        let restore = RestoreObject { at, version: None, days: 1, tier: "Standard".to_owned() };
        assert_refused(subject.call(restore).await, "NoSuchKey", 404, Verdict::Missing);
    }
    assert_eq!(subject.read(&there).await.unwrap(), "x");
}

/// What a HEAD cannot tell, for it has no body.
pub(super) async fn a_read_of_the_first_byte_tells_what_is_not_there(subject: &Subject) {
    let first_byte = |at: &At| GetObject { at: at.clone(), version: None, range: Some((0, 0)), if_match: None };
    let empty = subject.at("empty");
    subject.put(&empty, "").await;
    assert_refused(subject.get(first_byte(&empty)).await, "InvalidRange", 416, Verdict::Invalid);
    assert_refused(subject.get(first_byte(&subject.at("nothing"))).await, "NoSuchKey", 404, Verdict::Missing);
    let nowhere = At { bucket: BucketName::new("no-such-bucket-anywhere").unwrap(), key: empty.key.clone() };
    assert_refused(subject.get(first_byte(&nowhere)).await, "NoSuchBucket", 404, Verdict::Missing);
    if subject.lacks(Capability::Versions) {
        return;
    }
    let hidden = subject.versioned_at("hidden");
    let version = subject.put(&hidden, "x").await.version;
    let marker = subject.call(DeleteObject { at: hidden.clone(), version: None, if_match: None }).await.unwrap();
    assert_refused(subject.get(first_byte(&hidden)).await, "NoSuchKey", 404, Verdict::Missing);
    let of_marker = GetObject { version: marker.version, ..first_byte(&hidden) };
    // S3 says 405 MethodNotAllowed, Ceph NoSuchKey, moto NoSuchVersion.
    let error = subject.get(of_marker).await.map(|_| ()).expect_err("a delete marker is no object");
    assert!(matches!(error.verdict, Verdict::Invalid | Verdict::Missing), "{error}");
    subject.call(DeleteObject { at: hidden.clone(), version: version.clone(), if_match: None }).await.unwrap();
    let of_removed = GetObject { version, ..first_byte(&hidden) };
    // S3 says NoSuchVersion, Ceph NoSuchKey.
    let error = subject.get(of_removed).await.map(|_| ()).expect_err("the version was removed");
    let is_known = matches!(error.code.as_str(), "NoSuchVersion" | "NoSuchKey");
    assert!(is_known && error.verdict == Verdict::Missing, "{error}");
}

pub(super) async fn a_missing_bucket_is_missing_in_every_call(subject: &Subject) {
    let there = subject.at("there");
    subject.put(&there, "x").await;
    let bucket = BucketName::new("no-such-bucket-anywhere").unwrap();
    let at = At { bucket: bucket.clone(), key: there.key.clone() };
    let assert_missing = |code: CallError| {
        assert_eq!((code.code.as_str(), code.http_status), ("NoSuchBucket", Some(404)), "{code}");
        assert_eq!(code.verdict, Verdict::Missing);
    };
    assert_head_is_missing(subject.head(&at).await);
    assert_missing(subject.read(&at).await.unwrap_err());
    let put = PutObject::new(at.clone(), "", NewObject::default());
    assert_missing(subject.call(put).await.unwrap_err());
    assert_missing(subject.call(copy(&at, &there)).await.unwrap_err());
    assert_missing(subject.call(copy(&there, &at)).await.unwrap_err());
    assert_missing(subject.call(DeleteObject { at: at.clone(), version: None, if_match: None }).await.unwrap_err());
    let objects = vec![(at.key.clone(), None)];
    assert_missing(subject.call(DeleteObjects { bucket: bucket.clone(), objects }).await.unwrap_err());
    let list = ListObjectsV2 { bucket, prefix: String::new(), continuation_token: None, max_keys: 1 };
    assert_missing(subject.call(list).await.unwrap_err());
    let create = CreateMultipartUpload { at, with: Box::default() };
    assert_missing(subject.call(create).await.unwrap_err());
}
