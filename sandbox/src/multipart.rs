//! Actions on multipart uploads.

use brigade_model::names::ETag;
use brigade_model::ports::object_store::{
    AbortMultipartUpload, CompleteMultipartUpload, CreateMultipartUpload, HeadObject, NewObject, UploadPart,
    UploadPartCopy,
};
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput, CompleteMultipartUploadOutput,
    CompletedPart, CopyPartResult, CreateMultipartUploadInput, CreateMultipartUploadOutput, ServerSideEncryption,
    UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3ErrorCode, S3Response, S3Result};

use super::answers::etag;
use super::input::{self, metadata_of, refuse_given};
use super::locks::{check_digest, has_digest, lock_of};
use super::store::Sandbox;

pub(super) async fn create_multipart_upload(
    sandbox: &Sandbox,
    input: CreateMultipartUploadInput,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    refuse_given!(input: grant_full_control grant_read grant_read_acp grant_write_acp sse_customer_algorithm);
    let at = input::at(&input.bucket, &input.key)?;
    let with = NewObject {
        metadata: metadata_of!(sandbox, input)?,
        tags: input::tagging_header(input.tagging.as_deref()),
        canned_acl: input.acl.map(|acl| acl.as_str().to_owned()),
        storage_class: input.storage_class.map(|class| class.as_str().to_owned()),
        lock: lock_of!(input)?,
        sse: input::encryption_of!(input)?,
        redirect: input.website_redirect_location,
        checksum_sha256: None,
    };
    let upload_id = sandbox.call(CreateMultipartUpload { at, with: Box::new(with) }).await?;
    Ok(S3Response::new(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(upload_id),
        ..CreateMultipartUploadOutput::default()
    }))
}

pub(super) async fn upload_part(sandbox: &Sandbox, input: UploadPartInput) -> S3Result<S3Response<UploadPartOutput>> {
    refuse_given!(input: sse_customer_algorithm);
    let at = input::at(&input.bucket, &input.key)?;
    check_digest(sandbox, &at.bucket, has_digest!(input))?;
    let request = UploadPart {
        at,
        upload_id: input.upload_id,
        part: part_number(input.part_number)?,
        body: input::body(input.body, input.content_md5.as_deref()).await?,
    };
    let done = sandbox.call(request).await?;
    let server_side_encryption = done.sse.map(ServerSideEncryption::from);
    let e_tag = Some(etag(&done.etag));
    Ok(S3Response::new(UploadPartOutput { e_tag, server_side_encryption, ..UploadPartOutput::default() }))
}

pub(super) async fn upload_part_copy(
    sandbox: &Sandbox,
    input: UploadPartCopyInput,
) -> S3Result<S3Response<UploadPartCopyOutput>> {
    refuse_given!(input: copy_source_if_modified_since copy_source_if_none_match copy_source_if_unmodified_since);
    refuse_given!(input: sse_customer_algorithm copy_source_sse_customer_algorithm);
    let (source, source_version) = input::copy_source(&input.copy_source)?;
    let range = match input.copy_source_range.as_deref() {
        Some(text) => range(text).ok_or(S3ErrorCode::InvalidArgument)?,
        None => {
            let head = HeadObject { at: source.clone(), version: source_version.clone() };
            (0, sandbox.call(head).await?.size.saturating_sub(1))
        }
    };
    let request = UploadPartCopy {
        source,
        source_version: source_version.clone(),
        range,
        source_if_match: input::if_match(input.copy_source_if_match.as_ref())?,
        target: input::at(&input.bucket, &input.key)?,
        upload_id: input.upload_id,
        part: part_number(input.part_number)?,
    };
    let e_tag = Some(etag(&sandbox.call(request).await?));
    Ok(S3Response::new(UploadPartCopyOutput {
        copy_part_result: Some(CopyPartResult { e_tag, ..CopyPartResult::default() }),
        copy_source_version_id: source_version.map(|version| version.to_string()),
        ..UploadPartCopyOutput::default()
    }))
}

/// `bytes=first-last`, both given.
fn range(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

pub(super) async fn complete_multipart_upload(
    sandbox: &Sandbox,
    input: CompleteMultipartUploadInput,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    refuse_given!(input: sse_customer_algorithm);
    let named = input.multipart_upload.and_then(|upload| upload.parts).ok_or(S3ErrorCode::MalformedXML)?;
    let request = CompleteMultipartUpload {
        at: input::at(&input.bucket, &input.key)?,
        upload_id: input.upload_id,
        parts: named.iter().map(completed_part).collect::<S3Result<_>>()?,
        if_match: input::if_match(input.if_match.as_ref())?,
        if_none_match: input::if_none_match(input.if_none_match.as_ref())?,
    };
    let done = sandbox.call(request).await?;
    Ok(S3Response::new(CompleteMultipartUploadOutput {
        location: Some(format!("/{}/{}", input.bucket, input.key)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: Some(etag(&done.etag)),
        version_id: done.version.map(|version| version.to_string()),
        ..CompleteMultipartUploadOutput::default()
    }))
}

fn completed_part(part: &CompletedPart) -> S3Result<(u32, ETag)> {
    let number = part_number(part.part_number.ok_or(S3ErrorCode::MalformedXML)?)?;
    Ok((number, input::etag(part.e_tag.as_ref().ok_or(S3ErrorCode::MalformedXML)?)?))
}

pub(super) async fn abort_multipart_upload(
    sandbox: &Sandbox,
    input: AbortMultipartUploadInput,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    refuse_given!(input: if_match_initiated_time);
    let at = input::at(&input.bucket, &input.key)?;
    sandbox.call(AbortMultipartUpload { at, upload_id: input.upload_id }).await?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

pub(super) fn part_number(number: i32) -> S3Result<u32> {
    u32::try_from(number).map_err(|_| S3ErrorCode::InvalidArgument.into())
}
