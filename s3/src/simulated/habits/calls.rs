//! How habits change a call and what it reads: each function is the effect of a row.

use std::io::Read;

use brigade_model::names::{ObjectKey, VersionId};
use brigade_model::ports::object_store::{Answer, At, Call, CallKind, GetObjectAcl, ObjectHead, TextForm};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use md5::{Digest as _, Md5};

use super::super::Body;
use super::super::refusal::{self, Refusal};
use crate::metadata_text;

/// The object that a call is about: of a copy its target, of many the first.
pub(super) fn object_of(call: &Call) -> Option<At> {
    let mut call = call.clone();
    let bucket = call.bucket().clone();
    let key = match &mut call {
        Call::CopyObject(r) => &r.target.key,
        Call::UploadPartCopy(r) => &r.target.key,
        other => keys_of(other).into_iter().next()?,
    };
    Some(At { bucket, key: key.clone() })
}

/// The keys that a call names.
fn keys_of(call: &mut Call) -> Vec<&mut ObjectKey> {
    match call {
        Call::HeadObject(r) => vec![&mut r.at.key],
        Call::GetObject(r) => vec![&mut r.at.key],
        Call::PutObject(r) => vec![&mut r.at.key],
        Call::CopyObject(r) => vec![&mut r.source.key, &mut r.target.key],
        Call::DeleteObject(r) => vec![&mut r.at.key],
        Call::DeleteObjects(r) => r.objects.iter_mut().map(|(key, _)| key).collect(),
        Call::GetObjectTagging(r) => vec![&mut r.at.key],
        Call::PutObjectTagging(r) => vec![&mut r.at.key],
        Call::DeleteObjectTagging(r) => vec![&mut r.at.key],
        Call::GetObjectAcl(r) => vec![&mut r.at.key],
        Call::PutObjectAcl(r) => vec![&mut r.at.key],
        Call::RestoreObject(r) => vec![&mut r.at.key],
        Call::ListObjectsV2(_)
        | Call::ListObjectVersions(_)
        | Call::ListMultipartUploads(_)
        | Call::GetBucketOwnershipControls(_)
        | Call::GetBucketRequestPayment(_) => vec![],
        Call::CreateMultipartUpload(r) => vec![&mut r.at.key],
        Call::UploadPart(r) => vec![&mut r.at.key],
        Call::UploadPartCopy(r) => vec![&mut r.source.key, &mut r.target.key],
        Call::CompleteMultipartUpload(r) => vec![&mut r.at.key],
        Call::AbortMultipartUpload(r) => vec![&mut r.at.key],
        Call::PutObjectLegalHold(r) => vec![&mut r.at.key],
        Call::UpdateObjectEncryption(r) => vec![&mut r.at.key],
        Call::PutObjectRetention(r) => vec![&mut r.at.key],
        Call::GetObjectAttributes(r) => vec![&mut r.at.key],
        Call::HeadPart(r) => vec![&mut r.at.key],
        Call::ListParts(r) => vec![&mut r.at.key],
    }
}

/// The versions that a call may name.
fn versions_of(call: &mut Call) -> Vec<&mut Option<VersionId>> {
    match call {
        Call::HeadObject(r) => vec![&mut r.version],
        Call::GetObject(r) => vec![&mut r.version],
        Call::CopyObject(r) => vec![&mut r.source_version],
        Call::DeleteObject(r) => vec![&mut r.version],
        Call::DeleteObjects(r) => r.objects.iter_mut().map(|(_, version)| version).collect(),
        Call::GetObjectTagging(r) => vec![&mut r.version],
        Call::PutObjectTagging(r) => vec![&mut r.version],
        Call::DeleteObjectTagging(r) => vec![&mut r.version],
        Call::GetObjectAcl(r) => vec![&mut r.version],
        Call::PutObjectAcl(r) => vec![&mut r.version],
        Call::RestoreObject(r) => vec![&mut r.version],
        Call::UploadPartCopy(r) => vec![&mut r.source_version],
        Call::PutObjectLegalHold(r) => vec![&mut r.version],
        Call::UpdateObjectEncryption(r) => vec![&mut r.version],
        Call::PutObjectRetention(r) => vec![&mut r.version],
        Call::GetObjectAttributes(r) => vec![&mut r.version],
        Call::HeadPart(r) => vec![&mut r.version],
        Call::PutObject(_)
        | Call::ListObjectsV2(_)
        | Call::ListObjectVersions(_)
        | Call::ListMultipartUploads(_)
        | Call::GetBucketOwnershipControls(_)
        | Call::GetBucketRequestPayment(_)
        | Call::CreateMultipartUpload(_)
        | Call::UploadPart(_)
        | Call::CompleteMultipartUpload(_)
        | Call::AbortMultipartUpload(_)
        | Call::ListParts(_) => vec![],
    }
}

pub(super) fn without_versions(call: &mut Call) {
    versions_of(call).into_iter().for_each(|version| *version = None);
}

pub(super) fn without_source_conditions(call: &mut Call) {
    match call {
        Call::CopyObject(r) => r.source_if_match = None,
        Call::UploadPartCopy(r) => r.source_if_match = None,
        _ => {}
    }
}

pub(super) fn without_target_conditions(call: &mut Call) {
    match call {
        Call::PutObject(r) => (r.if_match, r.if_none_match) = (None, false),
        Call::CopyObject(r) => (r.if_match, r.if_none_match) = (None, false),
        Call::CompleteMultipartUpload(r) => (r.if_match, r.if_none_match) = (None, false),
        _ => {}
    }
}

pub(super) fn without_delete_condition(call: &mut Call) {
    if let Call::DeleteObject(r) = call {
        r.if_match = None;
    }
}

/// As Ceph RGW: those that are given are dropped, and all as soon as the metadata is replaced.
pub(super) fn without_tags_of_copies(call: &mut Call) {
    if let Call::CopyObject(r) = call
        && (r.tags.is_some() || r.metadata.is_some())
    {
        r.tags = Some(Vec::new());
    }
}

pub(super) fn without_metadata_of_copies(call: &mut Call) {
    if let Call::CopyObject(r) = call {
        r.metadata = None;
    }
}

pub(super) fn with_encoded_metadata(call: &mut Call) {
    let metadata = match call {
        Call::PutObject(r) => Some(&mut r.with.metadata),
        Call::CopyObject(r) => r.metadata.as_deref_mut(),
        Call::CreateMultipartUpload(r) => Some(&mut r.with.metadata),
        _ => None,
    };
    for metadata in metadata.into_iter().filter(|metadata| metadata.form == Some(TextForm::Utf8)) {
        for (_, value) in metadata.user.iter_mut().filter(|(_, value)| !value.is_ascii()) {
            let latin: String = value.bytes().map(char::from).collect();
            *value = metadata_text::encoded(&latin);
        }
    }
}

pub(super) fn without_canned_acl(call: &mut Call) {
    match call {
        Call::PutObject(r) => r.with.canned_acl = None,
        Call::CopyObject(r) => r.canned_acl = None,
        Call::CreateMultipartUpload(r) => r.with.canned_acl = None,
        _ => {}
    }
}

/// Reads the ACL, so that an object that is not there is refused.
pub(super) fn pose_as_putting_an_acl(call: &Call) -> Option<(Call, Answer)> {
    let Call::PutObjectAcl(r) = call else { return None };
    let read = GetObjectAcl { at: r.at.clone(), version: r.version.clone() };
    Some((Call::GetObjectAcl(read), Answer::PutObjectAcl(())))
}

pub(super) fn without_class(call: &mut Call) {
    match call {
        Call::PutObject(r) => r.with.storage_class = None,
        Call::CopyObject(r) => r.storage_class = None,
        Call::CreateMultipartUpload(r) => r.with.storage_class = None,
        _ => {}
    }
}

pub(super) fn refuse_part_copies(call: &Call) -> Option<Refusal> {
    matches!(call, Call::UploadPartCopy(_)).then_some(refusal::NOT_IMPLEMENTED)
}

pub(super) fn with_folded_keys(call: &mut Call) {
    for key in keys_of(call) {
        let folded: Vec<&str> = key.as_str().split('/').filter(|name| !name.is_empty()).collect();
        let end = if key.as_str().ends_with('/') { "/" } else { "" };
        if let Ok(folded) = ObjectKey::new(folded.join("/") + end) {
            *key = folded;
        }
    }
}

pub(super) fn without_code_of_head(kind: CallKind, refusal: Refusal) -> Refusal {
    match (kind, refusal.status) {
        (CallKind::HeadObject, 404) => refusal::NOT_FOUND,
        _ => refusal,
    }
}

pub(super) fn refuse_listings(call: &Call) -> Option<Refusal> {
    let is_listing = matches!(call.kind(), CallKind::ListObjectsV2 | CallKind::ListObjectVersions);
    is_listing.then_some(refusal::ACCESS_DENIED)
}

pub(super) fn denied_when_absent(_: CallKind, refusal: Refusal) -> Refusal {
    let is_absent = [refusal::NO_SUCH_KEY, refusal::NO_SUCH_VERSION, refusal::NOT_FOUND].contains(&refusal);
    if is_absent { refusal::ACCESS_DENIED } else { refusal }
}

/// What is shared by every sixteenth key.
pub(crate) fn is_unreadable(key: &ObjectKey) -> bool {
    Md5::digest(key.as_str())[15] < 16
}

pub(super) fn refuse_unreadable_keys(call: &Call) -> Option<Refusal> {
    let mut call = call.clone();
    let is_one =
        !matches!(call, Call::DeleteObjects(_)) && keys_of(&mut call).into_iter().any(|key| is_unreadable(key));
    is_one.then_some(refusal::NO_READ_QUORUM)
}

pub(super) fn zeros(_: &mut ObjectHead, body: Body) -> Body {
    Body::zeros(body.size())
}

/// Bytes that are no gzip are sent as they are.
pub(super) fn decompressed(head: &mut ObjectHead, body: Body) -> Body {
    if head.metadata.content_encoding.as_deref() != Some("gzip") {
        return body;
    }
    let mut bytes = Vec::new();
    match MultiGzDecoder::new(&body.to_bytes()[..]).read_to_end(&mut bytes) {
        Ok(_) => {
            head.metadata.content_encoding = None;
            head.size = bytes.len() as u64;
            Body::from(Bytes::from(bytes))
        }
        Err(_) => body,
    }
}
