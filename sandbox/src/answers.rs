//! Converts the port's answers to those of `s3s`, and tells the listener what to do with an answer.

use std::time::{Duration, SystemTime};

use brigade_model::Timestamp;
use brigade_model::names::ETag;
use brigade_model::operation::Tag;
use brigade_model::ports::object_store::{Acl, CallError, Grantee, Metadata, TextForm};
use brigade_s3::simulated::{OWNER, Refusal};
use brigade_s3::verdict::{Seen, own_code};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use s3s::{S3Error, S3ErrorCode, dto};

/// Begins the name of each header of user metadata.
pub(super) const USER_METADATA: &str = "x-amz-meta-";

/// Names the request in answers, as S3 does.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");

/// Tells the listener how a habit of the store spoils an answer. The listener removes it.
pub(super) const SPOILED: HeaderName = HeaderName::from_static("x-sandbox-spoiled");
/// The connection breaks before the answer.
pub(super) const LOST: &str = "lost";
/// The answer has no body.
pub(super) const EMPTY: &str = "empty";

/// Marks an answer whose body is an object's own, not XML that `s3s` wrote.
#[derive(Debug, Clone, Copy)]
pub(super) struct HoldsObject;

/// A call that was refused, or whose answer a habit of the store spoils.
pub(super) fn refused(error: CallError) -> S3Error {
    let mut answer = error_of(&error.code, error.message, error.http_status);
    let mut headers = HeaderMap::new();
    match error.http_status {
        // Whatever was refused has a status.
        None => headers.insert(SPOILED, HeaderValue::from_static(LOST)),
        // Only an error inside has a code of the store.
        Some(200) if error.code == own_code(Seen::Empty) => headers.insert(SPOILED, HeaderValue::from_static(EMPTY)),
        Some(_) => None,
    };
    if let Some(id) = error.request_id {
        if let Ok(value) = HeaderValue::try_from(&id) {
            headers.insert(REQUEST_ID, value);
        }
        answer.set_request_id(id);
    }
    answer.set_headers(headers);
    answer
}

/// An act beside the port that was refused.
pub(super) fn refusal(refusal: Refusal) -> S3Error {
    error_of(refusal.code, refusal.message.into_owned(), Some(refusal.status))
}

fn error_of(code: &str, message: String, http_status: Option<u16>) -> S3Error {
    let code = S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InternalError);
    let mut answer = S3Error::with_message(code, message);
    if let Some(status) = http_status.and_then(|status| StatusCode::from_u16(status).ok()) {
        answer.set_status_code(status);
    }
    answer
}

pub(super) fn timestamp(time: Timestamp) -> dto::Timestamp {
    // Times are whole seconds, and after 1970.
    (SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_second().unsigned_abs())).into()
}

pub(super) fn etag(etag: &ETag) -> dto::ETag {
    dto::ETag::Strong(etag.unquoted().to_owned())
}

/// A size or a count, which `s3s` has as a signed number.
pub(super) fn size(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// A time in a header; it was one when it came.
pub(super) fn expires(metadata: &Metadata) -> Option<dto::Timestamp> {
    dto::Timestamp::parse(dto::TimestampFormat::HttpDate, metadata.expires.as_deref()?).ok()
}

/// User metadata, but for what is told in bytes: `s3s` writes all text as encoded words.
pub(super) fn user_metadata(metadata: &Metadata) -> Option<dto::Metadata> {
    let in_words = metadata.user.iter().filter(|(_, value)| !is_in_bytes(metadata, value));
    let user = in_words.cloned().collect::<dto::Metadata>();
    Some(user).filter(|user| !user.is_empty())
}

fn is_in_bytes(metadata: &Metadata, value: &str) -> bool {
    !value.is_ascii() && metadata.form != Some(TextForm::EncodedWords)
}

/// User metadata that is told in bytes.
pub(super) fn tell_bytes(headers: &mut HeaderMap, metadata: &Metadata) {
    for (name, value) in metadata.user.iter().filter(|(_, value)| is_in_bytes(metadata, value)) {
        let name = HeaderName::try_from(format!("{USER_METADATA}{name}"));
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            headers.insert(name, value);
        }
    }
}

pub(super) fn tag(tag: Tag) -> dto::Tag {
    dto::Tag { key: Some(tag.key), value: Some(tag.value) }
}

pub(super) fn owner() -> dto::Owner {
    dto::Owner { id: Some(OWNER.to_owned()), display_name: Some("sandbox".to_owned()) }
}

pub(super) fn grants(acl: Acl) -> Vec<dto::Grant> {
    let grants = acl.grants.into_iter().map(|grant| dto::Grant {
        grantee: Some(grantee(grant.grantee)),
        permission: Some(dto::Permission::from(grant.permission)),
    });
    grants.collect()
}

fn grantee(grantee: Grantee) -> dto::Grantee {
    let (type_, id, uri) = match grantee {
        Grantee::Id(id) => (dto::Type::CANONICAL_USER, Some(id), None),
        Grantee::Group(uri) => (dto::Type::GROUP, None, Some(uri)),
    };
    let type_ = dto::Type::from_static(type_);
    dto::Grantee { type_, id, uri, display_name: None, email_address: None }
}
