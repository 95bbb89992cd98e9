//! `manifest.json`: what the report consists of and what became of the job; and its `.md5`.
//!
//! It is written last: where it exists, all that it names exists too. The members after
//! `ReportSchema` are ours.

use std::collections::BTreeMap;

use brigade_model::job::Taken;
use brigade_model::ports::job_store::{OpenUpload, ReportFile, UploadsOf};
use brigade_model::status::{self, Event};
use brigade_model::{DryRun, Job, Timestamp};
use bytes::Bytes;
use md5::{Digest, Md5};
use serde::Serialize;
use serde_json::Value;

use crate::report::WriteReport;
use crate::report::destination::Destination;
use crate::report::restores::{RestoresMet, restores_met};
use crate::report::rows::{DRY_RUN, Kind, SCHEMA};
use crate::stage_error::StageError;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Manifest<'a> {
    format: &'static str,
    report_creation_date: String,
    results: Vec<ResultFile<'a>>,
    report_schema: &'static str,
    job_id: String,
    /// What the job ends as, once the report is written.
    job_status: String,
    operation: Value,
    /// The job whose failed tasks these are.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_of: Option<String>,
    /// The job whose successes these are.
    #[serde(skip_serializing_if = "Option::is_none")]
    follows: Option<String>,
    /// What would be done: nothing of it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    dry_run: Option<DryRunFigures<'a>>,
    tasks: Tasks,
    /// Successes of a restore that met one.
    #[serde(skip_serializing_if = "Option::is_none")]
    restores_met: Option<RestoresMet>,
    left_out_rows: Vec<LeftOut<'a>>,
    /// What the preparation wanted the user to know.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    notes: &'a [String],
    failure_reasons: Vec<Failure<'a>>,
    /// Uploads of copies that the store did not let us abort; a thousand at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_uploads: Vec<LeftUpload<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ResultFile<'a> {
    task_execution_status: &'a str,
    bucket: &'a str,
    #[serde(rename = "MD5Checksum")]
    md5_checksum: &'a str,
    key: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DryRunFigures<'a> {
    requests: BTreeMap<&'a str, u64>,
    bytes: u64,
    tasks_of_unknown_size: u64,
    estimated_seconds: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tasks {
    total: u64,
    succeeded: u64,
    failed: u64,
    not_attempted: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct LeftOut<'a> {
    reason: &'a str,
    rows: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failure<'a> {
    failure_code: &'a str,
    failure_reason: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct LeftUpload<'a> {
    bucket: &'a str,
    key: &'a str,
    upload_id: &'a str,
}

/// Uploads that a report names at most.
const LEFT_UPLOADS_MAX: usize = 1000;

/// Writes `manifest.json.md5` and then `manifest.json`.
pub(super) async fn write_manifest(what: WriteReport<'_>, to: &Destination<'_>) -> Result<(), StageError> {
    let files = what.jobs.report_files(what.job.id).await?;
    let mut left = what.jobs.uploads(what.job.id, UploadsOf::Slices).await?;
    left.truncate(LEFT_UPLOADS_MAX);
    let met = restores_met(what.job, what.jobs).await?;
    let json = encode(what, to.named.as_str(), (&files, &left, met));
    let md5 = hex::encode(Md5::digest(&json));
    to.put(to.manifest_md5_key()?, Bytes::from(md5), "text/plain").await?;
    to.put(to.manifest_key()?, Bytes::from(json), "application/json").await
}

fn encode(
    what: WriteReport<'_>,
    bucket: &str,
    (files, left, restores_met): (&[ReportFile], &[OpenUpload], Option<RestoresMet>),
) -> Vec<u8> {
    let (job, layout, now) = (what.job, what.layout, what.clock.now());
    let source = |takes| job.spec.retry_of.filter(|_| job.spec.takes == takes).map(|id| id.to_string());
    let left_out = job.prepared.iter().flat_map(|prepared| &prepared.left_out);
    let manifest = Manifest {
        format: layout.format,
        report_creation_date: Timestamp::from_second(now.as_second()).unwrap_or(now).to_string(),
        results: files.iter().map(|file| result_file(bucket, file, job.spec.options.is_dry_run())).collect(),
        report_schema: SCHEMA,
        job_id: job.id.to_string(),
        job_status: status::next(job.status, Event::ReportWritten).unwrap_or(job.status).to_string(),
        operation: (layout.operation)(&job.spec.operation),
        retry_of: source(Taken::Unfinished),
        follows: source(Taken::Succeeded),
        dry_run: job.dry_run.as_ref().map(dry_run_figures),
        tasks: count_tasks(job),
        restores_met,
        notes: job.prepared.as_ref().map(|prepared| &prepared.notes[..]).unwrap_or_default(),
        left_out_rows: left_out.map(|(reason, rows)| LeftOut { reason, rows: *rows }).collect(),
        failure_reasons: failures(job),
        left_uploads: left.iter().map(left_upload).collect(),
    };
    serde_json::to_vec_pretty(&manifest).expect("texts and numbers are always JSON")
}

fn result_file<'a>(bucket: &'a str, file: &'a ReportFile, is_dry_run: bool) -> ResultFile<'a> {
    let is_done = file.kind == Kind::Succeeded.word();
    let task_execution_status = if is_dry_run && is_done { DRY_RUN } else { &file.kind };
    ResultFile { task_execution_status, bucket, md5_checksum: &file.md5, key: file.key.as_str() }
}

fn dry_run_figures(dry_run: &DryRun) -> DryRunFigures<'_> {
    DryRunFigures {
        requests: dry_run.requests.iter().map(|(kind, count)| (kind.as_str(), *count)).collect(),
        bytes: dry_run.bytes,
        tasks_of_unknown_size: dry_run.tasks_of_unknown_size,
        estimated_seconds: dry_run.seconds,
    }
}

fn left_upload(upload: &OpenUpload) -> LeftUpload<'_> {
    let OpenUpload { bucket, key, upload_id, .. } = upload;
    LeftUpload { bucket: bucket.as_str(), key: key.as_str(), upload_id }
}

fn count_tasks(job: &Job) -> Tasks {
    let progress = job.progress;
    let attempted = progress.succeeded + progress.failed;
    Tasks {
        total: progress.total,
        succeeded: progress.succeeded,
        failed: progress.failed,
        not_attempted: progress.total.saturating_sub(attempted),
    }
}

fn failures(job: &Job) -> Vec<Failure<'_>> {
    job.failures.iter().map(|why| Failure { failure_code: &why.code, failure_reason: &why.reason }).collect()
}
