//! Brings a manifest from here into the store: in one request, or in parts when it is large.
//!
//! The object is named after the file and its MD5, so that the same manifest is the same
//! object and another one never takes its place while a job reads it.

use std::fs::File;
use std::io::Read;

use anyhow::Context as _;
use brigade_model::limits::part_size;
use brigade_model::names::{ETag, NameError, VersionId};
use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::{
    AbortMultipartUpload, At, CompleteMultipartUpload, CreateMultipartUpload, Leash, Metadata, NewObject, PutObject,
    UploadPart, send,
};
use bytes::Bytes;

use super::manifest::{Local, Pinned};
use crate::cli::Mistake;
use crate::s3_url::S3Url;

/// Larger files go in parts of this size: what is held in memory at once.
const PART_BYTES: u64 = 16 * 1024 * 1024;

/// Where the manifest will lie.
///
/// # Errors
/// [`Mistake`] when its key gets too long.
pub fn destination(local: &Local, to: &S3Url) -> Result<At, Mistake> {
    let stem = local.path.file_stem().unwrap_or_default().to_string_lossy();
    let key = to.key_under(&format!("{stem}-{}.csv", &local.md5[..12]));
    let key = key.map_err(|error| Mistake(format!("--manifest-to {to}: {error}")))?;
    Ok(At { bucket: to.bucket.clone(), key })
}

/// The manifest as it will be pinned, for a request that is only printed.
///
/// # Errors
/// When the MD5 makes no ETag, which cannot be.
pub fn forecast(local: &Local, at: At) -> Result<Pinned, NameError> {
    Ok(Pinned { at, etag: ETag::new(format!("\"{}\"", local.md5))?, version: None })
}

/// Uploads the manifest.
///
/// # Errors
/// When the file cannot be read, has changed since it was looked at, or the store refuses it.
pub async fn upload(store: &dyn ObjectStore, local: &Local, at: At) -> anyhow::Result<Pinned> {
    let place = format!("s3://{}/{}", at.bucket, at.key);
    let sent = if local.bytes <= PART_BYTES {
        upload_whole(store, local, at.clone()).await
    } else {
        upload_in_parts(store, local, at.clone()).await
    };
    let (etag, version) =
        sent.with_context(|| format!("manifest {} could not be uploaded to {place}", local.path.display()))?;
    Ok(Pinned { at, etag, version: version.filter(|version| version.as_str() != "null") })
}

async fn upload_whole(store: &dyn ObjectStore, local: &Local, at: At) -> anyhow::Result<(ETag, Option<VersionId>)> {
    let mut file = File::open(&local.path)?;
    let body = read_exactly(&mut file, local.bytes)?;
    let done = send(store, &Leash::unbounded(), PutObject { at, body, with: as_csv() }).await?;
    Ok((done.etag, done.version))
}

async fn upload_in_parts(store: &dyn ObjectStore, local: &Local, at: At) -> anyhow::Result<(ETag, Option<VersionId>)> {
    let leash = Leash::unbounded();
    let upload_id = send(store, &leash, CreateMultipartUpload { at: at.clone(), with: as_csv() }).await?;
    let sent = send_parts(store, local, &at, &upload_id).await;
    if sent.is_err() {
        // The first error is the one to tell; an upload that stays is listed by the store.
        let _ = send(store, &leash, AbortMultipartUpload { at: at.clone(), upload_id: upload_id.clone() }).await;
    }
    let done = send(store, &leash, CompleteMultipartUpload { at, upload_id, parts: sent? }).await?;
    Ok((done.etag, done.version))
}

async fn send_parts(
    store: &dyn ObjectStore,
    local: &Local,
    at: &At,
    upload_id: &str,
) -> anyhow::Result<Vec<(u32, ETag)>> {
    let mut file = File::open(&local.path)?;
    let mut parts = Vec::new();
    let size = part_size(local.bytes, PART_BYTES);
    let mut left = local.bytes;
    while left > 0 {
        let body = read_exactly(&mut file, left.min(size))?;
        left -= body.len() as u64;
        let part = parts.len() as u32 + 1;
        let call = UploadPart { at: at.clone(), upload_id: upload_id.to_owned(), part, body };
        parts.push((part, send(store, &Leash::unbounded(), call).await?));
    }
    Ok(parts)
}

fn read_exactly(file: &mut File, bytes: u64) -> anyhow::Result<Bytes> {
    let mut buffer = Vec::with_capacity(usize::try_from(bytes)?);
    file.take(bytes).read_to_end(&mut buffer)?;
    anyhow::ensure!(buffer.len() as u64 == bytes, "the file became shorter while it was read");
    Ok(buffer.into())
}

fn as_csv() -> NewObject {
    let metadata = Metadata { content_type: Some("text/csv".to_owned()), ..Metadata::default() };
    NewObject { metadata, ..NewObject::default() }
}
