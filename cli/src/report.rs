//! Reads a job's report: `manifest.json` and the rows of its result files.
//!
//! Rows are streamed: memory does not grow with the report. The reader checks the MD5 in
//! `manifest.json` of each file that it reads to the end.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use anyhow::{Context as _, bail, ensure};
use brigade_model::job::JobId;
use brigade_model::names::{BucketName, ObjectKey};
use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::{At, ByteStream, CancelToken, GetObject, send};
use brigade_model::report::ReportSpec;
use md5::{Digest, Md5};
use serde::Deserialize;

mod rows;
mod safe;

pub use rows::Row;
pub use safe::guard_file;

use rows::RowReader;

/// `manifest.json` of a report. What else it says is for people.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReportManifest {
    /// Names of the columns, separated by commas.
    pub report_schema: String,
    /// The result files, in order.
    pub results: Vec<ResultFile>,
    /// What became of the tasks, where the service says it.
    pub tasks: Option<Tasks>,
    /// How many restores met one, of a job that restores.
    #[serde(default)]
    pub restores_met: Option<RestoresMet>,
    /// What would be done, of a job that was only a dry run.
    pub dry_run: Option<DryRunFound>,
    /// Rows of the job's manifest that are no tasks, where the service says it.
    #[serde(default)]
    pub left_out_rows: Vec<LeftOut>,
}

/// What became of the tasks of a job.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tasks {
    /// All of them.
    pub total: u64,
    /// Done.
    pub succeeded: u64,
    /// Not done.
    pub failed: u64,
    /// Not tried, in a job that did not complete.
    pub not_attempted: u64,
}

/// Restores that succeeded because the object was restored, or about to be, before the job asked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RestoresMet {
    /// Restored: the copy stays as long as the job says, counted anew.
    pub already_restored: u64,
    /// Under way: the copy stays as long as the earlier request says.
    pub already_being_restored: u64,
}

/// What a dry run found: nothing of it was done.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DryRunFound {
    /// How many requests of each kind would be sent.
    pub requests: BTreeMap<String, u64>,
    /// The bytes of the objects whose sizes the manifest gives.
    pub bytes: u64,
    /// How many objects it gives no size for.
    pub tasks_of_unknown_size: u64,
    /// How long it would take.
    pub estimated_seconds: u64,
}

/// Rows that were left out on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LeftOut {
    /// Why.
    pub reason: String,
    /// How many.
    pub rows: u64,
}

/// A result file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResultFile {
    /// `succeeded` or `failed`; `dry-run` where nothing was done.
    pub task_execution_status: String,
    /// The bucket it lies in.
    pub bucket: String,
    /// The MD5 of its bytes, in hexadecimal.
    #[serde(rename = "MD5Checksum")]
    pub md5: String,
    /// Its key.
    pub key: String,
}

impl ResultFile {
    /// Whether its rows are failed tasks.
    #[must_use]
    pub fn is_of_failures(&self) -> bool {
        self.task_execution_status == "failed"
    }
}

/// Where the report of a job lies; `None` when none was asked for.
///
/// # Errors
/// When the prefix makes no key.
pub fn place_of(job: JobId, report: &ReportSpec) -> anyhow::Result<Option<At>> {
    let Some(bucket) = report.bucket.as_ref().filter(|_| report.enabled) else { return Ok(None) };
    let prefix = report.prefix.as_deref().unwrap_or_default();
    let prefix = if prefix.is_empty() { String::new() } else { format!("{}/", prefix.trim_end_matches('/')) };
    let key = ObjectKey::new(format!("{prefix}job-{job}/manifest.json"))?;
    Ok(Some(At { bucket: bucket.bucket.clone(), key }))
}

/// Reads `manifest.json`, and gives its bytes too.
///
/// # Errors
/// When the store does not give it, or it is none.
pub async fn read_manifest(store: &dyn ObjectStore, at: &At) -> anyhow::Result<(ReportManifest, Vec<u8>)> {
    /// A file entry is some 300 bytes and stands for up to 1,000,000 rows.
    const BYTES_MAX: usize = 64 * 1024 * 1024;
    let place = || format!("s3://{}/{}", at.bucket, at.key);
    let mut body = open(store, at.clone()).await.with_context(place)?;
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        bytes.extend_from_slice(&piece.with_context(place)?);
        ensure!(bytes.len() <= BYTES_MAX, "{} is too large for the manifest of a report", place());
    }
    let manifest = serde_json::from_slice(&bytes).with_context(place)?;
    Ok((manifest, bytes))
}

/// Gives each row of a result file to `take`, until it breaks or the file ends; and each piece
/// of the file's bytes to `copy`.
///
/// # Errors
/// When the file cannot be read, has a row of other columns than the manifest says, or (read
/// to its end) another MD5.
pub async fn read_rows(
    store: &dyn ObjectStore,
    manifest: &ReportManifest,
    file: &ResultFile,
    mut copy: impl FnMut(&[u8]) -> std::io::Result<()>,
    mut take: impl FnMut(Row) -> ControlFlow<()>,
) -> anyhow::Result<()> {
    let place = || format!("s3://{}/{}", file.bucket, file.key);
    let at = At { bucket: BucketName::new(&file.bucket)?, key: ObjectKey::new(&file.key)? };
    let mut rows = RowReader::new(&manifest.report_schema).with_context(place)?;
    let mut body = open(store, at).await.with_context(place)?;
    let mut md5 = Md5::new();
    loop {
        let piece = body.next().await.transpose().with_context(place)?;
        if let Some(piece) = &piece {
            md5.update(piece);
            copy(piece)?;
        }
        for row in rows.feed(piece.as_deref().unwrap_or_default()).with_context(place)? {
            if take(row).is_break() {
                return Ok(());
            }
        }
        if piece.is_none() {
            break;
        }
    }
    if hex::encode(md5.finalize()) != file.md5.to_lowercase() {
        bail!("{} does not have the MD5 that the report's manifest.json names", place());
    }
    Ok(())
}

async fn open(store: &dyn ObjectStore, at: At) -> anyhow::Result<Box<dyn ByteStream>> {
    let get = GetObject { at, version: None, range: None, if_match: None };
    Ok(send(store, &CancelToken::unbounded(), get).await?.body)
}
