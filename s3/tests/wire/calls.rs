//! One example of each call with every field set, and keys that are hard to encode.

use brigade_model::operation::{KeyService, NewLock, Retention, RetentionMode, Tag};
use brigade_model::ports::object_store::{
    AbortMultipartUpload, Acl, AclGrant, At, Call, ChecksumAlgorithm, CompleteMultipartUpload, CopyExtras, CopyObject,
    CreateMultipartUpload, DeleteObject, DeleteObjectTagging, DeleteObjects, Encryption, GetBucketOwnershipControls,
    GetBucketRequestPayment, GetObject, GetObjectAcl, GetObjectAttributes, GetObjectTagging, Grantee, HeadObject,
    HeadPart, ListMultipartUploads, ListObjectVersions, ListObjectsV2, ListParts, Metadata, NewAcl, NewObject,
    PutObject, PutObjectAcl, PutObjectLegalHold, PutObjectRetention, PutObjectTagging, Request, RestoreObject,
    UpdateObjectEncryption, UploadPart, UploadPartCopy, VersionMarker,
};
use brigade_model::{ETag, VersionId};
use bytes::Bytes;

/// Keys that a URL library, a proxy or an XML library may change.
pub(crate) const ODD_KEYS: [&str; 12] = [
    "plain",
    "a//b",
    "/leading",
    "trailing/",
    "dots/../and/./more",
    "..",
    " blank + plus % percent ",
    "q?u=e&r#y;:@!$'()*,[]",
    "ünïcode/日本/😀",
    "control\u{1}\u{7f}\t\r\n",
    "~tilde-._",
    "a\\b\"c<d>e^f`g{h|i}",
];

pub(crate) fn at(key: &str) -> At {
    At { bucket: "photos".parse().unwrap(), key: key.parse().unwrap() }
}

pub(crate) fn etag() -> ETag {
    "\"d41d8cd98f00b204e9800998ecf8427e\"".parse().unwrap()
}

fn tags() -> Vec<Tag> {
    vec![Tag { key: "a b&c".into(), value: "é=/+".into() }, Tag { key: "empty".into(), value: String::new() }]
}

fn metadata() -> Metadata {
    Metadata {
        cache_control: Some("no-cache".into()),
        content_disposition: Some("attachment; filename=\"a b\"".into()),
        content_encoding: Some("gzip".into()),
        content_language: Some("de".into()),
        content_type: Some("text/plain; charset=utf-8".into()),
        expires: Some("Wed, 21 Oct 2015 07:28:00 GMT".into()),
        user: vec![("colour".into(), "dark  blue".into()), ("empty".into(), String::new())],
        form: None,
    }
}

fn lock() -> NewLock {
    let until = "2030-01-02T03:04:05Z".parse().unwrap();
    NewLock { retention: Some(Retention { mode: RetentionMode::Governance, until }), is_held: Some(true) }
}

fn keyed() -> Encryption {
    let key = Some("arn:aws:kms:us-east-1:123456789012:key/0e7f".to_owned());
    Encryption::KeyService(KeyService { key, bucket_key: Some(true) }.into())
}

fn new_object() -> NewObject {
    NewObject {
        metadata: metadata(),
        tags: tags(),
        canned_acl: Some("public-read".into()),
        storage_class: Some("STANDARD_IA".into()),
        sse: Some(keyed()),
        lock: Some(lock().into()),
        redirect: Some("/elsewhere".into()),
        checksum_sha256: None,
    }
}

/// Every call on that key, with all of its parameters, and variants with few of them.
pub(crate) fn all_on(key: &str) -> Vec<Call> {
    let at = at(key);
    let version = Some("3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY".parse().unwrap());
    let full_copy = CopyObject {
        source: at.clone(),
        source_version: version.clone(),
        target: at.clone(),
        metadata: Some(Box::new(metadata())),
        tags: Some(tags()),
        canned_acl: Some("private".into()),
        storage_class: Some("GLACIER".into()),
        sse: Some(keyed()),
        extras: CopyExtras::of(Some(lock()), Some("https://example.com/elsewhere".into())),
        checksum: Some(ChecksumAlgorithm::Crc64Nvme),
        source_if_match: Some(etag()),
        if_match: Some(etag()),
        if_none_match: false,
        size: Some(1),
    };
    let bare_copy = CopyObject {
        source_version: None,
        metadata: None,
        tags: None,
        canned_acl: None,
        storage_class: None,
        sse: None,
        extras: None,
        checksum: None,
        source_if_match: None,
        if_match: None,
        if_none_match: true,
        ..full_copy.clone()
    };
    let acl = Acl {
        owner: "owner-id".into(),
        grants: vec![
            AclGrant { grantee: Grantee::Id("id<&>".into()), permission: "READ".into() },
            AclGrant { grantee: Grantee::Group("http://acs.example.com/all".into()), permission: "WRITE".into() },
        ],
    };
    let body = Bytes::from_static(b"some bytes");
    let sum = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=".to_owned();
    let with_checksum = NewObject {
        metadata: metadata(),
        checksum_sha256: Some(sum),
        sse: Some(Encryption::OwnKey),
        ..NewObject::default()
    };
    let mut objects = vec![(at.key.clone(), version.clone()), (at.key.clone(), None)];
    objects.retain(|(key, _)| brigade_s3::xml::can_carry(key.as_str()));
    objects.push(("other".parse().unwrap(), None));
    let parts = vec![(1, etag()), (2, "\"0123\"".parse().unwrap())];
    let completion = CompleteMultipartUpload::new(at.clone(), "up+/=load".into(), parts);
    vec![
        HeadObject { at: at.clone(), version: version.clone() }.into_call(),
        GetObject { at: at.clone(), version: version.clone(), range: Some((5, 9)), if_match: Some(etag()) }.into_call(),
        GetObject { at: at.clone(), version: None, range: None, if_match: None }.into_call(),
        PutObject { if_match: Some(etag()), ..PutObject::new(at.clone(), body.clone(), new_object()) }.into_call(),
        PutObject { if_none_match: true, ..PutObject::new(at.clone(), body.clone(), with_checksum) }.into_call(),
        full_copy.into_call(),
        bare_copy.into_call(),
        DeleteObject { at: at.clone(), version: version.clone(), if_match: None }.into_call(),
        DeleteObject { at: at.clone(), version: None, if_match: Some(etag()) }.into_call(),
        DeleteObjects { bucket: at.bucket.clone(), objects }.into_call(),
        GetObjectTagging { at: at.clone(), version: version.clone() }.into_call(),
        PutObjectTagging { at: at.clone(), version: version.clone(), tags: tags() }.into_call(),
        GetObjectAcl { at: at.clone(), version: version.clone() }.into_call(),
        PutObjectAcl { at: at.clone(), version: version.clone(), acl: NewAcl::Canned("private".into()) }.into_call(),
        PutObjectAcl { at: at.clone(), version: version.clone(), acl: NewAcl::Grants(acl) }.into_call(),
        RestoreObject { at: at.clone(), version: version.clone(), days: 7, tier: "Bulk".into() }.into_call(),
        ListObjectsV2 {
            bucket: at.bucket.clone(),
            prefix: key.to_owned(),
            continuation_token: Some("to/ken+=".into()),
            max_keys: 1000,
        }
        .into_call(),
        CreateMultipartUpload { at: at.clone(), with: Box::new(new_object()) }.into_call(),
        UploadPart { at: at.clone(), upload_id: "up+/=load".into(), part: 3, body }.into_call(),
        UploadPartCopy {
            source: at.clone(),
            source_version: version.clone(),
            range: (5, 9),
            source_if_match: Some(etag()),
            target: at.clone(),
            upload_id: "up+/=load".into(),
            part: 3,
        }
        .into_call(),
        CompleteMultipartUpload { if_match: Some(etag()), ..completion.clone() }.into_call(),
        CompleteMultipartUpload { if_none_match: true, ..completion }.into_call(),
        ListParts { at: at.clone(), upload_id: "up+/=load".into() }.into_call(),
        AbortMultipartUpload { at: at.clone(), upload_id: "up+/=load".into() }.into_call(),
        ListObjectVersions { bucket: at.bucket.clone(), prefix: "a b/ü+".into(), after: None }.into_call(),
        ListObjectVersions {
            bucket: at.bucket.clone(),
            prefix: "a b/ü+".into(),
            after: Some(VersionMarker { key: "a b/ü+&1".into(), version: Some("v/1".into()) }),
        }
        .into_call(),
        ListMultipartUploads { bucket: at.bucket.clone(), prefix: "a b/ü+".into() }.into_call(),
        UpdateObjectEncryption {
            at: at.clone(),
            version: version.clone(),
            key: "arn:aws:kms:us-east-1:123456789012:key/0e7f".into(),
            bucket_key: true,
        }
        .into_call(),
        PutObjectLegalHold { at: at.clone(), version: version.clone(), is_held: true }.into_call(),
        PutObjectLegalHold { at: at.clone(), version: None, is_held: false }.into_call(),
        DeleteObjectTagging { at: at.clone(), version: version.clone() }.into_call(),
        retain(&at, version.as_ref(), Some(RetentionMode::Governance), true),
        retain(&at, None, Some(RetentionMode::Compliance), false),
        retain(&at, version.as_ref(), None, true),
        GetBucketOwnershipControls { bucket: at.bucket.clone() }.into_call(),
        GetBucketRequestPayment { bucket: at.bucket.clone() }.into_call(),
        GetObjectAttributes { at: at.clone(), version: version.clone() }.into_call(),
        HeadPart { at, version, part: 3 }.into_call(),
    ]
}

fn retain(at: &At, version: Option<&VersionId>, mode: Option<RetentionMode>, bypass_governance: bool) -> Call {
    let until = "2030-01-02T03:04:05Z".parse().unwrap();
    let retention = mode.map(|mode| Retention { mode, until });
    PutObjectRetention { at: at.clone(), version: version.cloned(), retention, bypass_governance }.into_call()
}
