//! `brigade job report`: the outcome of each object.

use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use brigade_config::UsageError;
use brigade_model::ports::ObjectStore;
use serde_json::{Value, json};

use super::found::FoundJob;
use super::job_arg::JobArg;
use super::output::{Format, print_json};
use super::{CommandContext, describe, found, watch};
use crate::command::access::StoreFlags;
use crate::printer::{self, say};
use crate::progress::grouped;
use crate::report::{self, DryRunFound, ReportManifest, RestoresMet, ResultFile, Row, Tasks};
use crate::table;

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which job
    job: JobArg,
    /// How many rows to show
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    rows: usize,
    /// Failed tasks only
    #[arg(long)]
    failed: bool,
    /// Successes only: a manifest for the next job
    #[arg(long, conflicts_with = "failed")]
    succeeded: bool,
    /// Follow the job until it ends, then show its report
    #[arg(long)]
    watch: bool,
    /// Fetch the whole report into this folder, checked against its MD5s
    #[arg(long, value_name = "FOLDER")]
    download: Option<PathBuf>,
    /// For spreadsheets: an apostrophe stands before every cell that would be taken for a formula, also in
    /// downloaded files (which then do not have the MD5s of the report any more)
    #[arg(long)]
    safe: bool,
    #[command(flatten)]
    store: StoreFlags,
}

/// Does it.
///
/// # Errors
/// When the job has no report (yet), or the store does not give it.
pub async fn run(context: &CommandContext, arguments: Arguments) -> anyhow::Result<()> {
    let client = context.client()?;
    let mut job = found::describe(&client, arguments.job.resolve(&client).await?).await?.job;
    if arguments.watch && !job.status.is_terminal() {
        job = watch::follow(&client, Arc::clone(&context.tools.clock), job.id, watch::ASK_EVERY).await?.job;
    }
    let state = describe::state_of(&client, &job).await;
    let removed = state.and_then(|state| state.outcomes_removed).map(|at| format!("removed on {at}"));
    let Some(at) = report::place_of(job.id, &job.report)? else {
        let removed = removed.map_or_else(String::new, |removed| format!("; outcomes {removed}"));
        bail!("job {} was created without a report{removed}", job.id);
    };
    if !job.status.is_terminal() {
        bail!(
            "job {id} is {} and has no report yet: --watch waits for it, and brigade job failures {id} shows what has \
             failed so far",
            job.status,
            id = job.id
        );
    }
    let store = context.open_store(&arguments.store)?;
    let read = report::read_manifest(&*store, &at).await;
    let (manifest, bytes) = match &removed {
        Some(removed) => {
            read.with_context(|| format!("outcomes {removed}, so its report is all that tells of its tasks"))?
        }
        None => read?,
    };
    let wanted = manifest.results.iter().filter(|file| match file.is_of_failures() {
        true => !arguments.succeeded,
        false => !arguments.failed,
    });
    if let Some(folder) = &arguments.download {
        return download(&*store, &manifest, wanted, &bytes, folder, arguments.safe).await;
    }
    let mut rows = first_rows(&*store, &manifest, wanted, arguments.rows).await?;
    if arguments.safe {
        rows = rows.into_iter().map(Row::guarded).collect();
    }
    match context.output {
        Format::Table => say(to_text(&job, removed, &manifest, &rows)),
        Format::Json => print_json(&with_rows(serde_json::from_slice(&bytes)?, &rows)),
        Format::Xml => Err(UsageError("a report has no XML: say --output table or json".to_owned()).into()),
    }
}

/// The report's manifest, with the rows that were read.
fn with_rows(mut manifest: Value, rows: &[Row]) -> Value {
    let row = |row: &Row| {
        json!({
            "Bucket": row.bucket,
            "Key": row.key,
            "VersionId": row.version,
            "TaskStatus": row.status,
            "ErrorCode": row.error_code,
            "HTTPStatusCode": row.http_status,
            "ResultMessage": row.message,
        })
    };
    manifest["Rows"] = rows.iter().map(row).collect();
    manifest
}

/// The first rows of these files.
///
/// # Errors
/// When a file cannot be read.
pub async fn first_rows<'a>(
    store: &dyn ObjectStore,
    manifest: &ReportManifest,
    files: impl Iterator<Item = &'a ResultFile>,
    count: usize,
) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for file in files {
        let take = |row| {
            if rows.len() < count {
                rows.push(row);
            }
            if rows.len() < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        report::read_rows(store, manifest, file, |_| Ok(()), take).await?;
        if rows.len() >= count {
            break;
        }
    }
    Ok(rows)
}

fn to_text(job: &FoundJob, removed: Option<String>, manifest: &ReportManifest, rows: &[Row]) -> String {
    let left_out = manifest.left_out_rows.iter().map(|rows| format!("{} {}", grouped(rows.rows), rows.reason));
    let mut pairs = describe::pairs(job);
    let is_dry_run = manifest.dry_run.is_some();
    let reported = manifest.tasks.as_ref().map(|tasks| totals_to_text(tasks, is_dry_run));
    pairs.push(("Reported", reported.unwrap_or_default()));
    pairs.push(("Restores", manifest.restores_met.as_ref().map(restores_to_text).unwrap_or_default()));
    pairs.push(("Dry run", manifest.dry_run.as_ref().map(dry_run_to_text).unwrap_or_default()));
    pairs.push(("Left out", left_out.collect::<Vec<_>>().join(", ")));
    pairs.push(("Outcomes", removed.unwrap_or_default()));
    format!("{}\n\n{}", table::pairs(pairs, printer::width()), rows_to_text(rows))
}

fn totals_to_text(tasks: &Tasks, is_dry_run: bool) -> String {
    let Tasks { total, succeeded, failed, not_attempted } = *tasks;
    let [total, succeeded, failed, not_attempted] = [total, succeeded, failed, not_attempted].map(grouped);
    match is_dry_run {
        false => format!("{total} tasks: {succeeded} succeeded, {failed} failed, {not_attempted} not attempted"),
        true => {
            format!("{total} tasks: {succeeded} would be attempted, {failed} would fail, {not_attempted} not looked at")
        }
    }
}

fn restores_to_text(met: &RestoresMet) -> String {
    let (restored, under_way) = (grouped(met.already_restored), grouped(met.already_being_restored));
    format!("{restored} of the successes were restored already, {under_way} were being restored")
}

fn dry_run_to_text(found: &DryRunFound) -> String {
    let requests: Vec<String> =
        found.requests.iter().map(|(kind, count)| format!("{} {kind}", grouped(*count))).collect();
    let mut parts = vec!["nothing was changed".to_owned()];
    if !requests.is_empty() {
        parts.push(format!("requests: {}", requests.join(", ")));
    }
    if found.bytes > 0 {
        parts.push(format!("{} bytes", grouped(found.bytes)));
    }
    if found.tasks_of_unknown_size > 0 {
        parts.push(format!("{} objects of unknown size", grouped(found.tasks_of_unknown_size)));
    }
    parts.push(format!("about {} s", grouped(found.estimated_seconds)));
    parts.join("; ")
}

/// Rows of a report for people.
#[must_use]
pub fn rows_to_text(rows: &[Row]) -> String {
    const HEADER: [&str; 7] = ["bucket", "key", "version", "status", "error", "http", "message"];
    if rows.is_empty() {
        return "no rows".to_owned();
    }
    let cells = |row: &Row| {
        let Row { bucket, key, version, status, error_code, http_status, message } = row.clone();
        vec![bucket, key, version, status, error_code, http_status, message]
    };
    let rows: Vec<_> = rows.iter().map(cells).collect();
    match printer::width() {
        Some(width) => table::fitted(&HEADER, &[], &rows, width),
        None => table::columns(&HEADER, &[], &rows),
    }
}

async fn download<'a>(
    store: &dyn ObjectStore,
    manifest: &ReportManifest,
    files: impl Iterator<Item = &'a ResultFile>,
    bytes: &[u8],
    folder: &Path,
    is_safe: bool,
) -> anyhow::Result<()> {
    let unwritable = |path: &Path| format!("cannot write {}", path.display());
    std::fs::create_dir_all(folder).with_context(|| unwritable(folder))?;
    for file in files {
        let path = folder.join(local_name(&file.key));
        let checked = if is_safe { path.with_added_extension("partial") } else { path.clone() };
        let mut target = File::create(&checked).with_context(|| unwritable(&checked))?;
        let copy = |piece: &[u8]| target.write_all(piece);
        report::read_rows(store, manifest, file, copy, |_| ControlFlow::Continue(())).await?;
        if is_safe {
            report::guard_file(&checked, &path).with_context(|| unwritable(&path))?;
            std::fs::remove_file(&checked).with_context(|| format!("cannot remove {}", checked.display()))?;
        }
        say(path.display())?;
    }
    let path = folder.join("manifest.json");
    std::fs::write(&path, bytes).with_context(|| unwritable(&path))?;
    say(path.display())?;
    Ok(())
}

/// The last part of the key, without anything that would leave the folder.
fn local_name(key: &str) -> &str {
    let name = key.rsplit('/').next().unwrap_or_default();
    if matches!(name, "" | "." | "..") { "results.csv" } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_of_a_report_is_its_manifest_with_the_rows_that_were_asked_for() {
        let row = Row {
            bucket: "photos".into(),
            key: "a\n.jpg".into(),
            version: String::new(),
            status: "failed".into(),
            error_code: "NoSuchKey".into(),
            http_status: "404".into(),
            message: "gone".into(),
        };
        let shown = with_rows(json!({"Results": []}), &[row]);
        assert_eq!((&shown["Results"], &shown["Rows"][0]["ErrorCode"]), (&json!([]), &json!("NoSuchKey")));
        assert_eq!(shown["Rows"][0]["Key"], "a\n.jpg");
    }
}
