//! Listings: objects in both forms, versions, uploads, parts. With `encoding-type=url` every
//! key and prefix of an answer is encoded, as XML cannot carry every key.

use brigade_model::names::ObjectKey;
use brigade_model::ports::object_store::ListedObject;
use brigade_s3::simulated::{ListQuery, Listing, OpenUpload};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{
    CommonPrefix, DeleteMarkerEntry, EncodingType, ListMultipartUploadsInput, ListMultipartUploadsOutput,
    ListObjectVersionsInput, ListObjectVersionsOutput, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input,
    ListObjectsV2Output, ListPartsInput, ListPartsOutput, MultipartUpload, Object, ObjectStorageClass, ObjectVersion,
    ObjectVersionStorageClass, Part,
};
use s3s::{S3Error, S3ErrorCode, S3Response, S3Result};

use super::answers::{etag, owner, refusal, size, timestamp};
use super::input::{self, refuse_given};
use super::store::Sandbox;

/// What S3 leaves as it is in an encoded key.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*').remove(b'/');
/// A page holds at most this many entries. S3
const PAGE_MAX: i32 = 1000;

/// How the keys of an answer are written.
struct Encoding(Option<EncodingType>);

impl Encoding {
    fn text(&self, text: &str) -> String {
        let is_url = self.0.as_ref().is_some_and(|encoding| encoding.as_str() == EncodingType::URL);
        if is_url { utf8_percent_encode(text, KEPT).to_string() } else { text.to_owned() }
    }

    fn given(&self, text: Option<&String>) -> Option<String> {
        text.map(|text| self.text(text))
    }

    fn common_prefixes(&self, prefixes: &[String]) -> Vec<CommonPrefix> {
        prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(self.text(prefix)) }).collect()
    }

    fn objects(&self, objects: Vec<ListedObject>) -> Vec<Object> {
        objects.into_iter().map(|object| self.object(object)).collect()
    }

    fn object(&self, object: ListedObject) -> Object {
        Object {
            key: Some(self.text(object.key.as_str())),
            size: Some(size(object.size)),
            e_tag: object.etag.as_ref().map(etag),
            last_modified: object.modified.map(timestamp),
            storage_class: Some(class_of(&object, ObjectStorageClass::from)),
            ..Object::default()
        }
    }
}

fn class_of<T>(object: &ListedObject, class: impl Fn(String) -> T) -> T {
    class(object.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned()))
}

fn page_size(asked: Option<i32>) -> S3Result<i32> {
    match asked.unwrap_or(PAGE_MAX) {
        asked if asked < 0 => Err(S3ErrorCode::InvalidArgument.into()),
        asked => Ok(asked.min(PAGE_MAX)),
    }
}

fn list(sandbox: &Sandbox, bucket: &str, query: &ListQuery) -> S3Result<Listing> {
    let bucket = input::bucket(bucket)?;
    sandbox.check_payer(&bucket)?;
    sandbox.store.list(&bucket, query).map_err(refusal)
}

pub(super) async fn list_objects(
    sandbox: &Sandbox,
    input: ListObjectsInput,
) -> S3Result<S3Response<ListObjectsOutput>> {
    let max_keys = page_size(input.max_keys)?;
    let query = ListQuery {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone(),
        after: input.marker.clone(),
        max_keys: max_keys.unsigned_abs(),
    };
    let listing = list(sandbox, &input.bucket, &query)?;
    let encoding = Encoding(input.encoding_type);
    Ok(S3Response::new(ListObjectsOutput {
        prefix: Some(encoding.text(&query.prefix)),
        marker: Some(encoding.text(query.after.as_deref().unwrap_or_default())),
        delimiter: encoding.given(query.delimiter.as_ref()),
        max_keys: Some(max_keys),
        is_truncated: Some(listing.last.is_some()),
        next_marker: encoding.given(listing.last.as_ref()),
        common_prefixes: Some(encoding.common_prefixes(&listing.common_prefixes)),
        contents: Some(encoding.objects(listing.objects)),
        name: Some(input.bucket),
        encoding_type: encoding.0,
        ..ListObjectsOutput::default()
    }))
}

pub(super) async fn list_objects_v2(
    sandbox: &Sandbox,
    input: ListObjectsV2Input,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let max_keys = page_size(input.max_keys)?;
    let after = input.continuation_token.as_deref().map(key_of_token).transpose()?;
    let query = ListQuery {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone(),
        after: after.or_else(|| input.start_after.clone()),
        max_keys: max_keys.unsigned_abs(),
    };
    let listing = list(sandbox, &input.bucket, &query)?;
    let encoding = Encoding(input.encoding_type);
    let count = listing.objects.len() + listing.common_prefixes.len();
    Ok(S3Response::new(ListObjectsV2Output {
        prefix: Some(encoding.text(&query.prefix)),
        delimiter: encoding.given(query.delimiter.as_ref()),
        start_after: encoding.given(input.start_after.as_ref()),
        max_keys: Some(max_keys),
        key_count: i32::try_from(count).ok(),
        continuation_token: input.continuation_token,
        is_truncated: Some(listing.last.is_some()),
        next_continuation_token: listing.last.as_deref().map(hex::encode),
        common_prefixes: Some(encoding.common_prefixes(&listing.common_prefixes)),
        contents: Some(encoding.objects(listing.objects)),
        name: Some(input.bucket),
        encoding_type: encoding.0,
        ..ListObjectsV2Output::default()
    }))
}

/// A token names the last key of the page before.
fn key_of_token(token: &str) -> S3Result<String> {
    let key = hex::decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let message = "The continuation token provided is incorrect";
    key.ok_or_else(|| S3Error::with_message(S3ErrorCode::InvalidArgument, message))
}

/// Pages end between keys; a version marker is not needed.
pub(super) async fn list_object_versions(
    sandbox: &Sandbox,
    input: ListObjectVersionsInput,
) -> S3Result<S3Response<ListObjectVersionsOutput>> {
    refuse_given!(input: delimiter version_id_marker);
    let max_keys = page_size(input.max_keys)?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let after = input.key_marker.as_deref().and_then(|key| ObjectKey::new(key).ok());
    let bucket = input::bucket(&input.bucket)?;
    sandbox.check_payer(&bucket)?;
    let listed =
        sandbox.store.list_versions(&bucket, &prefix, after.as_ref(), usize::try_from(max_keys).unwrap_or_default());
    let (listed, is_truncated) = listed.map_err(refusal)?;
    let encoding = Encoding(input.encoding_type);
    let last = listed.last().filter(|_| is_truncated).map(|version| encoding.text(version.key.as_str()));
    let (mut versions, mut markers) = (Vec::new(), Vec::new());
    for version in listed {
        let key = Some(encoding.text(version.key.as_str()));
        let (is_latest, version_id) = (Some(version.is_latest), Some(version.version.to_string()));
        let (last_modified, owner) = (Some(timestamp(version.modified)), Some(owner()));
        match version.object {
            None => markers.push(DeleteMarkerEntry { key, is_latest, version_id, last_modified, owner }),
            Some(object) => versions.push(ObjectVersion {
                key,
                is_latest,
                version_id,
                last_modified,
                owner,
                size: Some(size(object.size)),
                e_tag: object.etag.as_ref().map(etag),
                storage_class: Some(class_of(&object, ObjectVersionStorageClass::from)),
                ..ObjectVersion::default()
            }),
        }
    }
    Ok(S3Response::new(ListObjectVersionsOutput {
        prefix: Some(encoding.text(&prefix)),
        key_marker: encoding.given(input.key_marker.as_ref()),
        max_keys: Some(max_keys),
        is_truncated: Some(is_truncated),
        next_key_marker: last,
        versions: Some(versions),
        delete_markers: Some(markers),
        name: Some(input.bucket),
        encoding_type: encoding.0,
        ..ListObjectVersionsOutput::default()
    }))
}

/// All of them on one page: a sandbox has few.
pub(super) async fn list_multipart_uploads(
    sandbox: &Sandbox,
    input: ListMultipartUploadsInput,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    refuse_given!(input: delimiter key_marker upload_id_marker);
    let bucket = input::bucket(&input.bucket)?;
    sandbox.check_payer(&bucket)?;
    sandbox.store.versioning(&bucket).map_err(refusal)?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let encoding = Encoding(input.encoding_type);
    let open = sandbox.store.listed_uploads(&bucket).into_iter();
    let open = open.filter(|upload| upload.at.key.as_str().starts_with(&prefix));
    let uploads = open.map(|upload| MultipartUpload {
        key: Some(encoding.text(upload.at.key.as_str())),
        upload_id: Some(upload.id),
        initiated: Some(timestamp(upload.begun)),
        owner: Some(owner()),
        ..MultipartUpload::default()
    });
    Ok(S3Response::new(ListMultipartUploadsOutput {
        uploads: Some(uploads.collect()),
        prefix: Some(encoding.text(&prefix)),
        is_truncated: Some(false),
        bucket: Some(input.bucket),
        encoding_type: encoding.0,
        ..ListMultipartUploadsOutput::default()
    }))
}

pub(super) async fn list_parts(sandbox: &Sandbox, input: ListPartsInput) -> S3Result<S3Response<ListPartsOutput>> {
    let at = input::at(&input.bucket, &input.key)?;
    sandbox.check_payer(&at.bucket)?;
    let is_it = |upload: &OpenUpload| upload.at == at && upload.id == input.upload_id;
    let upload = sandbox.store.listed_uploads(&at.bucket).into_iter().find(is_it).ok_or(S3ErrorCode::NoSuchUpload)?;
    let after = input.part_number_marker.unwrap_or(0).unsigned_abs();
    let max_parts = page_size(input.max_parts)?;
    let mut left = upload.parts.into_iter().filter(|part| part.number > after).peekable();
    let count = usize::try_from(max_parts).unwrap_or_default();
    let parts: Vec<Part> = std::iter::from_fn(|| left.next())
        .take(count)
        .map(|part| Part {
            part_number: i32::try_from(part.number).ok(),
            size: Some(size(part.size)),
            e_tag: Some(etag(&part.etag)),
            last_modified: Some(timestamp(part.modified)),
            ..Part::default()
        })
        .collect();
    let is_truncated = left.peek().is_some();
    Ok(S3Response::new(ListPartsOutput {
        next_part_number_marker: parts.last().filter(|_| is_truncated).and_then(|part| part.part_number),
        is_truncated: Some(is_truncated),
        parts: Some(parts),
        max_parts: Some(max_parts),
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        owner: Some(owner()),
        ..ListPartsOutput::default()
    }))
}
