//! Uploads a local manifest: in one request, or in parts when it is large.
//!
//! The file's name and MD5 name the object, so that the same manifest is the same object and no other
//! replaces it while a job reads it. An interrupt aborts an upload in parts: none is left.

use std::fs::File;
use std::io::{Read, Seek};

use anyhow::Context as _;
use brigade_config::UsageError;
use brigade_model::limits::part_size;
use brigade_model::names::{ETag, VersionId};
use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::{
    AbortMultipartUpload, At, CancelToken, CompleteMultipartUpload, CreateMultipartUpload, Metadata, NewObject,
    PutObject, UploadPart, send,
};
use bytes::Bytes;

use super::manifest::{Local, Pinned};
use crate::command::job::watch::INTERRUPTED;
use crate::exit::ExitWith;
use crate::printer::tell;
use crate::s3_url::S3Url;

/// Larger files go in parts of this size: what is held in memory at once.
const PART_BYTES: u64 = 16 * 1024 * 1024;

/// What is said of an interrupt before the service was asked.
const INTERRUPTED_EARLY: &str = "interrupted: no job was created";

/// Where the manifest will lie.
///
/// # Errors
/// [`UsageError`] when its key gets too long.
pub fn destination(local: &Local, to: &S3Url) -> Result<At, UsageError> {
    let key = to.key_under(&format!("{}-{}.csv", local.stem, &local.md5[..12]));
    let key = key.map_err(|error| UsageError(format!("--manifest-to {to}: {error}")))?;
    Ok(At { bucket: to.bucket.clone(), key })
}

/// The manifest as it will be pinned, for a request that is only printed.
///
/// # Errors
/// [`UsageError`] when it goes in parts: what ETag a store gives then is not known before.
pub fn forecast(local: &Local, at: At) -> Result<Pinned, UsageError> {
    if local.bytes > PART_BYTES {
        let way_out = "upload it and give its place as --manifest s3://BUCKET/KEY";
        return Err(UsageError(format!(
            "--dry-print: the ETag of so large a manifest is known once it is there: {way_out}"
        )));
    }
    let etag = ETag::new(format!("\"{}\"", local.md5)).map_err(|error| UsageError(error.to_string()))?;
    Ok(Pinned { at, etag, version: None })
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
    let (etag, version) = sent.with_context(|| format!("manifest {} could not be uploaded to {place}", local.name))?;
    Ok(Pinned { at, etag, version: version.filter(|version| version.as_str() != "null") })
}

async fn upload_whole(store: &dyn ObjectStore, local: &Local, at: At) -> anyhow::Result<(ETag, Option<VersionId>)> {
    let mut file = &local.file;
    file.rewind()?;
    let body = read_exactly(file, local.bytes)?;
    let put = PutObject::ours(at, body, as_csv());
    let done =
        until_interrupted(INTERRUPTED_EARLY, async { Ok(send(store, &CancelToken::unbounded(), put).await?) }).await?;
    Ok((done.etag, done.version))
}

async fn upload_in_parts(store: &dyn ObjectStore, local: &Local, at: At) -> anyhow::Result<(ETag, Option<VersionId>)> {
    let cancel = CancelToken::unbounded();
    let upload_id = send(store, &cancel, CreateMultipartUpload { at: at.clone(), with: Box::new(as_csv()) }).await?;
    let sent = until_interrupted(INTERRUPTED_EARLY, send_parts(store, local, &at, &upload_id)).await;
    if sent.is_err() {
        // The first error is the one to tell; an upload that stays is listed by the store.
        let _ = send(store, &cancel, AbortMultipartUpload { at: at.clone(), upload_id: upload_id.clone() }).await;
    }
    let done = send(store, &cancel, CompleteMultipartUpload::new(at, upload_id, sent?)).await?;
    Ok((done.etag, done.version))
}

/// What the work gives, unless ctrl-c comes first, which is told so.
///
/// # Errors
/// Those of the work; [`ExitWith`] after an interrupt.
pub async fn until_interrupted<T>(told: &str, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::select! {
        done = work => done,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            // The terminal shows ^C on the line before.
            tell("");
            tell(told);
            Err(ExitWith(INTERRUPTED).into())
        }
    }
}

async fn send_parts(
    store: &dyn ObjectStore,
    local: &Local,
    at: &At,
    upload_id: &str,
) -> anyhow::Result<Vec<(u32, ETag)>> {
    let mut file = &local.file;
    file.rewind()?;
    let mut parts = Vec::new();
    let size = part_size(local.bytes, PART_BYTES);
    let mut left = local.bytes;
    while left > 0 {
        let body = read_exactly(file, left.min(size))?;
        left -= body.len() as u64;
        let part = parts.len() as u32 + 1;
        let call = UploadPart { at: at.clone(), upload_id: upload_id.to_owned(), part, body };
        parts.push((part, send(store, &CancelToken::unbounded(), call).await?.etag));
    }
    Ok(parts)
}

fn read_exactly(file: &File, bytes: u64) -> anyhow::Result<Bytes> {
    let mut buffer = Vec::with_capacity(usize::try_from(bytes)?);
    file.take(bytes).read_to_end(&mut buffer)?;
    anyhow::ensure!(buffer.len() as u64 == bytes, "the file became shorter while it was read");
    Ok(buffer.into())
}

fn as_csv() -> NewObject {
    let metadata = Metadata { content_type: Some("text/csv".to_owned()), ..Metadata::default() };
    NewObject { metadata, ..NewObject::default() }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use brigade_model::names::BucketName;
    use brigade_model::options::JobOptions;
    use brigade_runtime::{SeededEntropy, SystemClock};
    use brigade_s3::simulated::{SimulatedConfig, SimulatedStore, Versioning};

    use super::super::manifest::{Said, look_here, look_there};
    use super::*;

    fn store(versioning: Versioning) -> SimulatedStore {
        let (clock, entropy) = (Arc::new(SystemClock::new()), Arc::new(SeededEntropy::new(1)));
        let store = SimulatedStore::new(SimulatedConfig::default(), clock, entropy);
        store.create_bucket(&"lists".parse().unwrap(), versioning).unwrap();
        store
    }

    fn file_of(rows: usize) -> tempfile::NamedTempFile {
        let mut file = tempfile::Builder::new().prefix("objects").suffix(".csv").tempfile().unwrap();
        file.write_all("photos,a-key-of-some-length\n".repeat(rows).as_bytes()).unwrap();
        file
    }

    fn look(file: &tempfile::NamedTempFile) -> Local {
        look_here(file.path(), Said { fields: None, bucket: None, options: &JobOptions::default() }).unwrap()
    }

    async fn bring(store: &SimulatedStore, rows: usize) -> (Local, Pinned) {
        let file = file_of(rows);
        let local = look(&file);
        let at = destination(&local, &"s3://lists/in".parse().unwrap()).unwrap();
        let pinned = upload(store, &local, at).await.unwrap();
        (local, pinned)
    }

    #[tokio::test]
    async fn a_manifest_is_uploaded_and_pinned_by_what_the_store_says() {
        for rows in [3, 700_000] {
            let store = store(Versioning::Off);
            let (local, pinned) = bring(&store, rows).await;
            assert_eq!(local.rows, rows as u64);
            let there = store.object(&pinned.at).unwrap();
            assert_eq!((there.head.etag, pinned.version.clone()), (Some(pinned.etag.clone()), None));
            assert!(pinned.at.key.as_str().starts_with("in/objects") && pinned.at.key.as_str().ends_with(".csv"));
            let place = format!("s3://lists/{}", pinned.at.key).parse().unwrap();
            let said = Said { fields: None, bucket: None, options: &JobOptions::default() };
            assert_eq!(look_there(&store, &place, None, said).await.unwrap(), (pinned, local.reading));
            assert_eq!(store.open_uploads(), []);
        }
    }

    #[tokio::test]
    async fn in_a_bucket_with_versions_the_version_is_pinned_too() {
        let store = store(Versioning::Enabled);
        let (_, pinned) = bring(&store, 3).await;
        assert!(pinned.version.is_some());
    }

    #[tokio::test]
    async fn a_refused_upload_is_told_and_leaves_nothing_open() {
        for rows in [3, 700_000] {
            let store = store(Versioning::Off);
            store.deny_bucket(&BucketName::new("lists").unwrap());
            let file = file_of(rows);
            let local = look(&file);
            let at = destination(&local, &"s3://lists/in".parse().unwrap()).unwrap();
            let error = upload(&store, &local, at).await.unwrap_err();
            assert!(format!("{error:#}").contains("AccessDenied"), "{error:#}");
            assert_eq!(store.open_uploads(), []);
        }
    }
}
