//! Actions on objects: read, write, copy, delete.

use brigade_model::ports::object_store::{
    ChecksumAlgorithm, CopyExtras, CopyObject, DeleteObject, DeleteObjects, DeleteResult, HeadObject, HeadPart,
    NewObject, ObjectHead, PutObject,
};
use brigade_s3::simulated::Body;
use futures::stream;
use http::HeaderValue;
use s3s::dto::{
    self, ChecksumMode, ChecksumType, CopyObjectInput, CopyObjectOutput, CopyObjectResult, DeleteObjectInput,
    DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, Error, GetObjectInput, GetObjectOutput,
    HeadObjectInput, HeadObjectOutput, MetadataDirective, ObjectIdentifier, PutObjectInput, PutObjectOutput, Range,
    ServerSideEncryption, StorageClass, StreamingBlob, TaggingDirective,
};
use s3s::{S3ErrorCode, S3Response, S3Result};

use super::answers::{self, HoldsObject, etag, refusal, size, timestamp};
use super::input::{self, customer_key, metadata_of, refuse_given};
use super::locks::{check_digest, has_digest, legal_hold_status, lock_of};
use super::multipart;
use super::store::Sandbox;

pub(super) async fn head_object(sandbox: &Sandbox, input: HeadObjectInput) -> S3Result<S3Response<HeadObjectOutput>> {
    refuse_given!(input: if_match if_modified_since if_none_match if_unmodified_since range);
    let (at, version) = (input::at(&input.bucket, &input.key)?, input::version(input.version_id)?);
    let part = match input.part_number.map(multipart::part_number).transpose()? {
        Some(part) => Some(sandbox.call(HeadPart { at: at.clone(), version: version.clone(), part }).await?),
        None => None,
    };
    let head = match customer_key!(input)? {
        None => sandbox.call(HeadObject { at, version }).await?,
        Some(key_md5) => {
            sandbox.check_payer(&at.bucket)?;
            sandbox.store.head(&at, version.as_ref(), Some(&key_md5)).map_err(refusal)?
        }
    };
    let (tag_count, metadata) = (head.tag_count, head.metadata.clone());
    let [checksum_crc32, checksum_crc32c, checksum_crc64nvme, checksum_sha1, checksum_sha256] =
        checksums(&head, input.checksum_mode.as_ref());
    let kept = [&checksum_crc32, &checksum_crc32c, &checksum_crc64nvme, &checksum_sha1, &checksum_sha256];
    let checksum_type = kept.iter().any(|kept| kept.is_some()).then(of_whole);
    let mut response = S3Response::new(HeadObjectOutput {
        checksum_crc32,
        checksum_crc32c,
        checksum_crc64nvme,
        checksum_sha1,
        checksum_sha256,
        checksum_type,
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some(size(part.map_or(head.size, |part| part.size))),
        parts_count: part.and_then(|part| part.parts).and_then(|parts| i32::try_from(parts).ok()),
        e_tag: head.etag.as_ref().map(etag),
        last_modified: head.modified.map(timestamp),
        version_id: head.version.as_ref().map(ToString::to_string),
        storage_class: head.storage_class.clone().map(StorageClass::from),
        restore: head.restore.clone(),
        server_side_encryption: head.sse.clone().map(ServerSideEncryption::from),
        ssekms_key_id: head.sse_key.clone(),
        website_redirect_location: head.redirect.clone(),
        object_lock_mode: head.lock.retention.map(|kept| dto::ObjectLockMode::from_static(kept.mode.name())),
        object_lock_retain_until_date: head.lock.retention.map(|kept| timestamp(kept.until)),
        object_lock_legal_hold_status: head.lock.is_held.map(legal_hold_status),
        expires: answers::expires(&head.metadata),
        metadata: answers::user_metadata(&head.metadata),
        cache_control: head.metadata.cache_control,
        content_disposition: head.metadata.content_disposition,
        content_encoding: head.metadata.content_encoding,
        content_language: head.metadata.content_language,
        content_type: head.metadata.content_type,
        ..HeadObjectOutput::default()
    });
    answers::tell_bytes(&mut response.headers, &metadata);
    if let Some(count) = tag_count {
        response.headers.insert("x-amz-tagging-count", HeaderValue::from(count));
    }
    Ok(response)
}

pub(super) async fn get_object(sandbox: &Sandbox, input: GetObjectInput) -> S3Result<S3Response<GetObjectOutput>> {
    refuse_given!(input: if_modified_since if_none_match if_unmodified_since part_number);
    let at = input::at(&input.bucket, &input.key)?;
    let (version, if_match) = (input::version(input.version_id)?, input::if_match(input.if_match.as_ref())?);
    let key_md5 = customer_key!(input)?;
    sandbox.check_payer(&at.bucket)?;
    let read = sandbox.store.read(&at, version.as_ref(), if_match.as_ref(), key_md5.as_deref());
    let (head, whole) = read.map_err(refusal)?;
    let [.., checksum_sha256] = checksums(&head, input.checksum_mode.as_ref().filter(|_| input.range.is_none()));
    let checksum_type = checksum_sha256.is_some().then(of_whole);
    let (body, content_range) = cut(whole, input.range)?;
    let metadata = head.metadata.clone();
    let output = GetObjectOutput { checksum_sha256, checksum_type, ..got(head, body, content_range) };
    let mut response = S3Response::new(output);
    answers::tell_bytes(&mut response.headers, &metadata);
    response.extensions.insert(HoldsObject);
    Ok(response)
}

/// The checksums that the object was put or copied with, by each algorithm, where they are asked for.
fn checksums(head: &ObjectHead, mode: Option<&ChecksumMode>) -> [Option<String>; 5] {
    let is_asked = mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
    ChecksumAlgorithm::ALL.map(|algorithm| {
        let kept = head.checksums.iter().find(|checksum| checksum.algorithm == algorithm);
        kept.filter(|_| is_asked).map(|checksum| checksum.value.clone())
    })
}

fn of_whole() -> ChecksumType {
    ChecksumType::from_static(ChecksumType::FULL_OBJECT)
}

/// The bytes of the range, and what Content-Range says of it.
fn cut(whole: Body, range: Option<Range>) -> S3Result<(Body, Option<String>)> {
    let total = whole.size();
    let (first, last) = match range {
        None => return Ok((whole, None)),
        Some(Range::Int { first, last }) => (first, last.unwrap_or(u64::MAX)),
        Some(Range::Suffix { length }) => (total.saturating_sub(length), u64::MAX),
    };
    let body = whole.slice(first, last).ok_or(S3ErrorCode::InvalidRange)?;
    let content_range = format!("bytes {first}-{}/{total}", first + body.size() - 1);
    Ok((body, Some(content_range)))
}

fn got(head: ObjectHead, body: Body, content_range: Option<String>) -> GetObjectOutput {
    GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some(size(body.size())),
        content_range,
        body: Some(StreamingBlob::wrap(stream::iter(body.pieces().map(Ok::<_, std::io::Error>)))),
        e_tag: head.etag.as_ref().map(etag),
        last_modified: head.modified.map(timestamp),
        version_id: head.version.as_ref().map(ToString::to_string),
        storage_class: head.storage_class.clone().map(StorageClass::from),
        restore: head.restore.clone(),
        server_side_encryption: head.sse.clone().map(ServerSideEncryption::from),
        ssekms_key_id: head.sse_key.clone(),
        tag_count: head.tag_count.and_then(|count| i32::try_from(count).ok()),
        expires: answers::expires(&head.metadata),
        metadata: answers::user_metadata(&head.metadata),
        cache_control: head.metadata.cache_control,
        content_disposition: head.metadata.content_disposition,
        content_encoding: head.metadata.content_encoding,
        content_language: head.metadata.content_language,
        content_type: head.metadata.content_type,
        ..GetObjectOutput::default()
    }
}

pub(super) async fn put_object(sandbox: &Sandbox, input: PutObjectInput) -> S3Result<S3Response<PutObjectOutput>> {
    refuse_given!(input: grant_full_control grant_read grant_read_acp grant_write_acp);
    refuse_given!(input: write_offset_bytes);
    let (at, key_md5) = (input::at(&input.bucket, &input.key)?, customer_key!(input)?);
    check_digest(sandbox, &at.bucket, has_digest!(input))?;
    let body = input::body(input.body, input.content_md5.as_deref()).await?;
    let with = NewObject {
        metadata: metadata_of!(sandbox, input)?,
        tags: input::tagging_header(input.tagging.as_deref()),
        canned_acl: input.acl.map(|acl| acl.as_str().to_owned()),
        storage_class: input.storage_class.map(|class| class.as_str().to_owned()),
        lock: lock_of!(input)?,
        sse: input::encryption_of!(input)?,
        redirect: input.website_redirect_location,
        checksum_sha256: input.checksum_sha256,
    };
    let done = sandbox
        .call(PutObject {
            if_match: input::if_match(input.if_match.as_ref())?,
            if_none_match: input::if_none_match(input.if_none_match.as_ref())?,
            ..PutObject::new(at.clone(), body, with)
        })
        .await?;
    if let Some(key_md5) = key_md5 {
        sandbox.store.put_under_customer_key(&at, done.version.as_ref(), &key_md5).map_err(refusal)?;
    }
    Ok(S3Response::new(PutObjectOutput {
        e_tag: Some(etag(&done.etag)),
        version_id: done.version.map(|version| version.to_string()),
        server_side_encryption: done.sse.map(ServerSideEncryption::from),
        ..PutObjectOutput::default()
    }))
}

pub(super) async fn copy_object(sandbox: &Sandbox, input: CopyObjectInput) -> S3Result<S3Response<CopyObjectOutput>> {
    refuse_given!(input: grant_full_control grant_read grant_read_acp grant_write_acp sse_customer_algorithm);
    refuse_given!(input: copy_source_if_modified_since copy_source_if_none_match copy_source_if_unmodified_since);
    refuse_given!(input: copy_source_sse_customer_algorithm);
    let (source, source_version) = input::copy_source(&input.copy_source)?;
    let directive = |given: Option<&str>, replace| given == Some(replace);
    let replaces_metadata =
        directive(input.metadata_directive.as_ref().map(MetadataDirective::as_str), MetadataDirective::REPLACE);
    let replaces_tags =
        directive(input.tagging_directive.as_ref().map(TaggingDirective::as_str), TaggingDirective::REPLACE);
    let request = CopyObject {
        source,
        source_version: source_version.clone(),
        target: input::at(&input.bucket, &input.key)?,
        metadata: if replaces_metadata { Some(Box::new(metadata_of!(sandbox, input)?)) } else { None },
        tags: replaces_tags.then(|| input::tagging_header(input.tagging.as_deref())),
        canned_acl: input.acl.map(|acl| acl.as_str().to_owned()),
        storage_class: input.storage_class.map(|class| class.as_str().to_owned()),
        sse: input::encryption_of!(input)?,
        extras: CopyExtras::of(lock_of!(input)?.map(|lock| *lock), input.website_redirect_location),
        checksum: input.checksum_algorithm.as_ref().map(algorithm_of).transpose()?,
        source_if_match: input::if_match(input.copy_source_if_match.as_ref())?,
        if_match: input::if_match(sandbox.condition("if-match")?.as_ref())?,
        if_none_match: input::if_none_match(sandbox.condition("if-none-match")?.as_ref())?,
        size: None,
    };
    let done = sandbox.call(request).await?;
    let result = CopyObjectResult {
        e_tag: Some(etag(&done.etag)),
        last_modified: done.modified.map(timestamp),
        ..CopyObjectResult::default()
    };
    Ok(S3Response::new(CopyObjectOutput {
        copy_object_result: Some(result),
        copy_source_version_id: source_version.map(|version| version.to_string()),
        version_id: done.version.map(|version| version.to_string()),
        ..CopyObjectOutput::default()
    }))
}

fn algorithm_of(given: &dto::ChecksumAlgorithm) -> S3Result<ChecksumAlgorithm> {
    let is_it = |algorithm: &ChecksumAlgorithm| algorithm.name().eq_ignore_ascii_case(given.as_str());
    ChecksumAlgorithm::ALL.into_iter().find(is_it).ok_or_else(|| S3ErrorCode::InvalidRequest.into())
}

pub(super) async fn delete_object(
    sandbox: &Sandbox,
    input: DeleteObjectInput,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    refuse_given!(input: if_match_last_modified_time if_match_size mfa);
    let request = DeleteObject {
        at: input::at(&input.bucket, &input.key)?,
        version: input::version(input.version_id)?,
        if_match: input::if_match(input.if_match.as_ref())?,
    };
    let deleted = sandbox.call(request).await?;
    Ok(S3Response::new(DeleteObjectOutput {
        delete_marker: deleted.is_delete_marker.then_some(true),
        version_id: deleted.version.map(|version| version.to_string()),
        request_charged: None,
    }))
}

pub(super) async fn delete_objects(
    sandbox: &Sandbox,
    input: DeleteObjectsInput,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    refuse_given!(input: mfa);
    let is_quiet = input.delete.quiet.unwrap_or(false);
    let named = input.delete.objects;
    let mut objects = Vec::with_capacity(named.len());
    for object in &named {
        refuse_given!(object: e_tag last_modified_time size);
        let at = input::at(&input.bucket, &object.key)?;
        objects.push((at.key, input::version(object.version_id.as_deref())?));
    }
    let results = sandbox.call(DeleteObjects { bucket: input::bucket(&input.bucket)?, objects }).await?;
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for (object, result) in named.into_iter().zip(results) {
        match deleted_or_error(object, result) {
            Some(Ok(_)) if is_quiet => {}
            Some(Ok(one)) => deleted.push(one),
            Some(Err(error)) => errors.push(error),
            None => {}
        }
    }
    Ok(S3Response::new(DeleteObjectsOutput { deleted: Some(deleted), errors: Some(errors), request_charged: None }))
}

/// `None` where the answer does not name the object.
fn deleted_or_error(object: ObjectIdentifier, result: DeleteResult) -> Option<Result<DeletedObject, Error>> {
    let (key, version_id) = (Some(object.key), object.version_id);
    Some(match result {
        DeleteResult::Deleted(deleted) => Ok(DeletedObject {
            key,
            version_id,
            delete_marker: deleted.is_delete_marker.then_some(true),
            delete_marker_version_id: deleted.version.filter(|_| deleted.is_delete_marker).map(|id| id.to_string()),
        }),
        DeleteResult::Failed { code, message, .. } => {
            Err(Error { code: Some(code), key, message: Some(message), version_id })
        }
        DeleteResult::Unnamed => return None,
    })
}
