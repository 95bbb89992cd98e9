//! Converts requests of `s3s` to the port's. Refuses what the sandbox cannot honour and never ignores
//! it.

use brigade_model::names::{BucketName, ETag, NameError, ObjectKey, VersionId};
use brigade_model::operation::{KeyService, Tag};
use brigade_model::ports::object_store::{Acl, AclGrant, At, Encryption, Grantee, Metadata, TagSet, TextForm};
use bytes::Bytes;
use futures::StreamExt;
use md5::{Digest as _, Md5};
use s3s::dto::{self, ETagCondition};
use s3s::{S3Error, S3ErrorCode, S3Result};

pub(super) fn bucket(name: &str) -> S3Result<BucketName> {
    BucketName::new(name).map_err(|why| invalid_name(S3ErrorCode::InvalidBucketName, &why))
}

pub(super) fn at(bucket_name: &str, key: &str) -> S3Result<At> {
    let key = ObjectKey::new(key).map_err(|why| invalid_name(S3ErrorCode::KeyTooLongError, &why))?;
    Ok(At { bucket: bucket(bucket_name)?, key })
}

pub(super) fn version(id: Option<impl AsRef<str>>) -> S3Result<Option<VersionId>> {
    let id = id.map(VersionId::new).transpose();
    id.map_err(|why| invalid_name(S3ErrorCode::InvalidArgument, &why))
}

fn invalid_name(code: S3ErrorCode, why: &NameError) -> S3Error {
    S3Error::with_message(code, why.to_string())
}

pub(super) fn etag(etag: &dto::ETag) -> S3Result<ETag> {
    ETag::new(etag.value()).map_err(|why| invalid_name(S3ErrorCode::InvalidArgument, &why))
}

/// The value of an If-Match header.
pub(super) fn if_match(condition: Option<&ETagCondition>) -> S3Result<Option<ETag>> {
    match condition {
        None => Ok(None),
        Some(ETagCondition::ETag(wanted)) => etag(wanted).map(Some),
        Some(ETagCondition::Any) => ETag::new("*").map(Some).map_err(|_| S3ErrorCode::InvalidArgument.into()),
    }
}

/// The value of an If-None-Match header: only `*` says something of what may be written over.
pub(super) fn if_none_match(condition: Option<&ETagCondition>) -> S3Result<bool> {
    match condition {
        None => Ok(false),
        Some(ETagCondition::Any) => Ok(true),
        Some(ETagCondition::ETag(_)) => Err(unsupported("an ETag in If-None-Match: use *")),
    }
}

/// Where a copy reads from.
pub(super) fn copy_source(source: &dto::CopySource) -> S3Result<(At, Option<VersionId>)> {
    match source {
        dto::CopySource::Bucket { bucket, key, version_id } => Ok((at(bucket, key)?, version(version_id.as_deref())?)),
        _ => Err(unsupported("access points as a copy's source")),
    }
}

/// The bytes of a body, checked against its Content-MD5.
pub(super) async fn body(body: Option<dto::StreamingBlob>, content_md5: Option<&str>) -> S3Result<Bytes> {
    let mut bytes = Vec::new();
    if let Some(mut body) = body {
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|why| S3Error::with_source(S3ErrorCode::IncompleteBody, why))?;
            bytes.extend_from_slice(&piece);
        }
    }
    check_md5(&bytes, content_md5)?;
    Ok(bytes.into())
}

fn check_md5(bytes: &[u8], content_md5: Option<&str>) -> S3Result<()> {
    use base64::Engine as _;
    let md5 = || base64::engine::general_purpose::STANDARD.encode(Md5::digest(bytes));
    match content_md5 {
        Some(expected) if expected != md5() => {
            let message = "The Content-MD5 you specified did not match what we received.";
            Err(S3Error::with_message(S3ErrorCode::BadDigest, message))
        }
        _ => Ok(()),
    }
}

/// The value of `x-amz-tagging`: `key=value&..`, encoded as in a query.
pub(super) fn tagging_header(header: Option<&str>) -> TagSet {
    let pairs = brigade_wire::parse_query(header.unwrap_or_default());
    pairs.into_iter().map(|(key, value)| Tag { key, value }).collect()
}

pub(super) fn tag_set(tags: dto::TagSet) -> TagSet {
    let text = Option::unwrap_or_default;
    tags.into_iter().map(|tag| Tag { key: text(tag.key), value: text(tag.value) }).collect()
}

/// What the metadata's fields are called in each request that has them.
macro_rules! metadata_of {
    ($sandbox:ident, $input:ident) => {
        $crate::input::metadata(
            brigade_model::ports::object_store::Metadata {
                cache_control: $input.cache_control,
                content_disposition: $input.content_disposition,
                content_encoding: $input.content_encoding,
                content_language: $input.content_language,
                content_type: $input.content_type,
                ..Default::default()
            },
            $input.expires.as_ref(),
            $sandbox.user_metadata()?,
        )
    };
}
pub(super) use metadata_of;

/// What the encryption's fields are called in each request that has them.
macro_rules! encryption_of {
    ($input:ident) => {
        $crate::input::encryption(
            $input.server_side_encryption.as_ref(),
            $input.ssekms_key_id,
            $input.bucket_key_enabled,
        )
    };
}
pub(super) use encryption_of;

pub(super) fn encryption(
    algorithm: Option<&dto::ServerSideEncryption>,
    key: Option<String>,
    bucket_key: Option<bool>,
) -> S3Result<Option<Encryption>> {
    match (algorithm.map(dto::ServerSideEncryption::as_str), &key) {
        (None, None) => Ok(None),
        (Some("AES256"), None) => Ok(Some(Encryption::OwnKey)),
        (Some("aws:kms"), _) => Ok(Some(Encryption::KeyService(KeyService { key, bucket_key }.into()))),
        (None | Some("AES256"), Some(_)) => Err(S3ErrorCode::InvalidArgument.into()),
        (Some(_), _) => Err(S3ErrorCode::InvalidEncryptionAlgorithmError.into()),
    }
}

pub(super) fn metadata(
    system: Metadata,
    expires: Option<&dto::Timestamp>,
    user: Vec<(String, String)>,
) -> S3Result<Metadata> {
    Ok(Metadata { expires: expires.map(http_date).transpose()?, user, form: Some(TextForm::Utf8), ..system })
}

fn http_date(time: &dto::Timestamp) -> S3Result<String> {
    let mut text = Vec::new();
    time.format(dto::TimestampFormat::HttpDate, &mut text).map_err(S3Error::internal_error)?;
    String::from_utf8(text).map_err(S3Error::internal_error)
}

pub(super) fn acl(policy: dto::AccessControlPolicy) -> S3Result<Acl> {
    let owner = policy.owner.and_then(|owner| owner.id).ok_or(S3ErrorCode::MalformedACLError)?;
    let grants = policy.grants.into_iter().flatten().map(grant);
    Ok(Acl { owner, grants: grants.collect::<S3Result<_>>()? })
}

fn grant(grant: dto::Grant) -> S3Result<AclGrant> {
    let permission = grant.permission.ok_or(S3ErrorCode::MalformedACLError)?.as_str().to_owned();
    let grantee = grant.grantee.ok_or(S3ErrorCode::MalformedACLError)?;
    let grantee = match (grantee.id, grantee.uri) {
        (Some(id), None) => Grantee::Id(id),
        (None, Some(uri)) => Grantee::Group(uri),
        _ => return Err(S3ErrorCode::MalformedACLError.into()),
    };
    Ok(AclGrant { grantee, permission })
}

/// The MD5 of the key that a customer brings.
macro_rules! customer_key {
    ($input:ident) => {
        $crate::input::customer_key_md5(
            $input.sse_customer_algorithm.as_ref().map(|algorithm| algorithm.as_str()),
            $input.sse_customer_key.as_deref(),
            $input.sse_customer_key_md5.as_deref(),
        )
    };
}
pub(super) use customer_key;

pub(super) fn customer_key_md5(
    algorithm: Option<&str>,
    key: Option<&str>,
    md5: Option<&str>,
) -> S3Result<Option<String>> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let (Some(algorithm), Some(key), Some(md5)) = (algorithm, key, md5) else {
        let is_none = algorithm.is_none() && key.is_none() && md5.is_none();
        return if is_none { Ok(None) } else { Err(S3ErrorCode::InvalidArgument.into()) };
    };
    let key = STANDARD.decode(key).ok().filter(|key| algorithm == "AES256" && key.len() == 32);
    let is_it = key.is_some_and(|key| STANDARD.encode(Md5::digest(key)) == md5);
    if is_it { Ok(Some(md5.to_owned())) } else { Err(S3ErrorCode::InvalidArgument.into()) }
}

pub(super) fn unsupported(what: &str) -> S3Error {
    S3Error::with_message(S3ErrorCode::NotImplemented, format!("the sandbox does not support {what}"))
}

/// Refuses a request that gives one of these.
macro_rules! refuse_given {
    ($input:ident: $($field:ident)*) => {
        $(if $input.$field.is_some() {
            return Err($crate::input::unsupported(concat!("the parameter ", stringify!($field))));
        })*
    };
}
pub(super) use refuse_given;
