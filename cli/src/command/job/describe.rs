//! `brigade job describe`.

use std::time::Duration;

use brigade_client::Client;
use brigade_model::report::ReportSpec;
use brigade_model::{Progress, Status, Timestamp};
use brigade_wire::admin::{
    DoneBytes, FailureCount, JobState, LeftUpload, LeftUploadsState, PreviewRow, PreviewState, WaitState,
};
use serde_json::Value;

use super::found::{self, FoundAnswer, FoundJob};
use super::job_arg::JobArg;
use super::output::{Body, Format};
use super::{CommandContext, output};
use crate::command::limits;
use crate::progress::{grouped, in_words, rates_text};
use crate::{document, printer, table};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which job
    job: JobArg,
}

/// Does it.
///
/// # Errors
/// As the service answers.
pub async fn run(context: &CommandContext, arguments: Arguments) -> anyhow::Result<()> {
    let client = context.client()?;
    let FoundAnswer { job, body } = found::describe(&client, arguments.job.resolve(&client).await?).await?;
    let state = state_of(&client, &job).await;
    match (&body, &state, context.output) {
        (Body::Xml(xml), Some(state), Format::Json) => output::print_json(&with_state(document::to_json(xml)?, state)?),
        _ => output::print_body(context.output, &body, || to_text(&job, state.as_ref())),
    }
}

/// The dialect's document, and beside it what only the operator's API knows of the job.
fn with_state(mut document: Value, state: &JobState) -> serde_json::Result<Value> {
    document["Brigade"] = serde_json::to_value(state)?;
    Ok(document)
}

/// What the operator's API knows of a job. Another service has no such API, and a key need not be allowed to use it.
pub(super) async fn state_of(client: &Client, job: &FoundJob) -> Option<JobState> {
    match &job.state {
        Some(state) => Some(state.clone()),
        None => client.inspect_job(job.id).await.ok().map(|answer| answer.value),
    }
}

/// The codes, the most frequent first, each with its count and a key that failed so.
fn failed_by(counts: &[FailureCount]) -> String {
    let one = |FailureCount { code, count, example }: &FailureCount| {
        let code = code.as_deref().unwrap_or("other codes");
        let example = example.as_ref().map(|key| format!(" (such as {key})")).unwrap_or_default();
        format!("{code} {}{example}", grouped(*count))
    };
    counts.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The most frequent codes with their counts, for a line that has little room.
pub(super) fn codes(counts: &[FailureCount], codes_max: usize) -> String {
    let one = |one: &FailureCount| format!("{} {}", one.code.as_deref().unwrap_or("other codes"), grouped(one.count));
    let rest: u64 = counts.iter().skip(codes_max).map(|one| one.count).sum();
    let more = (rest > 0).then(|| format!("others {}", grouped(rest)));
    counts.iter().take(codes_max).map(one).chain(more).collect::<Vec<_>>().join(", ")
}

/// What a copy or a restore has moved, as far as that is known.
fn bytes_text(done: DoneBytes) -> String {
    let DoneBytes { bytes, tasks_of_unknown_size } = done;
    match (bytes, tasks_of_unknown_size) {
        (0, 0) => String::new(),
        (_, 0) => format!("{} bytes", grouped(bytes)),
        (0, unknown) => {
            format!("not known: nothing told the sizes of {} objects", grouped(unknown))
        }
        (_, unknown) => format!("{} bytes, and {} objects of unknown size", grouped(bytes), grouped(unknown)),
    }
}

/// A job for people: a name and a value a line.
#[must_use]
pub fn to_text(job: &FoundJob, state: Option<&JobState>) -> String {
    let mut all = pairs(job);
    if let Some(state) = state {
        // What a reader wants to know first stands first.
        let at = all.iter().position(|(name, _)| *name == "Failures").unwrap_or(all.len());
        all.splice(at..at, news(state));
        let is_waiting = state.waiting.as_ref().is_some_and(|wait| job.status_update_reason.starts_with(&wait.what));
        all.retain(|(name, _)| *name != "Reason" || !is_waiting);
        // Who waits has said so.
        all.retain(|(name, _)| *name != "Suspended" || state.waiting.is_none());
        all.extend(hand_pairs(state));
    }
    table::pairs(all, printer::width())
}

/// For what the job waits, who waits and what can be done, and what its tasks fail by.
fn news(state: &JobState) -> Vec<(&'static str, String)> {
    let mut news = Vec::new();
    if let Some(WaitState { who, what, since, advice, .. }) = &state.waiting {
        let since = since.as_ref().map(|at| format!(", since {at}")).unwrap_or_default();
        news.extend([("Waiting for", what.clone()), ("Who waits", format!("{who}{since}"))]);
        news.push(("What to do", advice.clone()));
    }
    news.push(("Failed by", failed_by(&state.failure_counts)));
    news
}

/// What its preparation found, what an operator changed of it, why the service holds it, since when its outcomes are
/// gone, and what it left open.
pub(super) fn hand_pairs(hand: &JobState) -> Vec<(&'static str, String)> {
    let paused = if hand.is_paused { "by its user, until it is resumed" } else { "" };
    let held = hand.hold.as_ref().map(|hold| {
        let tried = if hold.is_tried_now { "a task is tried now" } else { "a task is tried each minute" };
        format!("by the service, {tried}: {}: {}", hold.code, hold.reason)
    });
    let outcomes = hand.outcomes_removed.as_ref().map(|at| format!("removed on {at}"));
    let will = if hand.status == Status::Suspended.name() { "Will do" } else { "Does" };
    let mut pairs = vec![
        ("Goes at", hand.rates.as_ref().map(rates_text).unwrap_or_default()),
        ("Bytes", hand.done_bytes.map(bytes_text).unwrap_or_default()),
        ("Notes", hand.notes.join("; ")),
        ("Paused", paused.to_owned()),
        ("Held", held.unwrap_or_default()),
        ("Limits", limits::to_text(hand.limits)),
        ("Outcomes", outcomes.unwrap_or_default()),
    ];
    if let Some(preview) = &hand.preview {
        // The name stands before the first of several lines.
        let names = std::iter::once(will).chain(std::iter::repeat(""));
        pairs.extend(names.zip(preview.effects.iter().cloned()));
        pairs.push(("Requests", requests_text(preview)));
        let names = std::iter::once("First rows").chain(std::iter::repeat(""));
        pairs.extend(names.zip(preview.first_rows.iter().map(row_text)));
    }
    pairs.extend(hand.left_uploads.iter().flat_map(left_pairs));
    pairs
}

/// The uploads that it left open, how many more there are, and what can be done.
fn left_pairs(left: &LeftUploadsState) -> Vec<(&'static str, String)> {
    let LeftUploadsState { total, uploads, advice } = left;
    let more = total.saturating_sub(uploads.len() as u64);
    let more = (more > 0).then(|| format!("and {} more", grouped(more)));
    let named =
        uploads.iter().map(|LeftUpload { bucket, key, upload_id }| format!("s3://{bucket}/{key}, upload {upload_id}"));
    let count = format!("multipart uploads that the service could not abort: {}", grouped(*total));
    let names = std::iter::once("Left open").chain(std::iter::repeat(""));
    let lines = std::iter::once(count).chain(named).chain(more);
    names.zip(lines).chain([("What to do", advice.clone())]).collect()
}

fn requests_text(preview: &PreviewState) -> String {
    let of_kind = |(kind, count): (&String, &u64)| format!("{} {kind}", grouped(*count));
    let requests: Vec<_> = preview.requests.iter().map(of_kind).collect();
    let time = in_words(Duration::from_secs(preview.estimated_seconds));
    format!("at least {}; at least {time} under the limits now", requests.join(", "))
}

fn row_text(row: &PreviewRow) -> String {
    let PreviewRow { bucket, key, version, target } = row;
    let version = version.as_ref().map(|version| format!(" (version {version})")).unwrap_or_default();
    let target = target.as_ref().map(|target| format!(" to {target}")).unwrap_or_default();
    format!("s3://{bucket}/{key}{version}{target}")
}

/// Its names and values; those without a value are not shown.
#[must_use]
pub fn pairs(job: &FoundJob) -> Vec<(&'static str, String)> {
    let failures: Vec<_> = job.failures.iter().map(|why| format!("{}: {}", why.code, why.reason)).collect();
    vec![
        ("Job", job.id.to_string()),
        ("Dialect", job.dialect.word().to_owned()),
        ("Description", job.description.clone().unwrap_or_default()),
        ("Status", job.status.to_string()),
        ("Reason", job.status_update_reason.clone()),
        ("Failures", failures.join("; ")),
        ("Progress", progress_text(job.progress)),
        ("Operation", job.operation.clone()),
        ("Manifest", job.manifest.clone()),
        ("Report", report_text(&job.report)),
        ("Role", job.role.clone()),
        ("Priority", job.priority.to_string()),
        ("Created", job.created.to_string()),
        ("Suspended", job.suspended.as_ref().map(Timestamp::to_string).unwrap_or_default()),
        ("Ended", job.terminated.as_ref().map(Timestamp::to_string).unwrap_or_default()),
    ]
}

fn progress_text(progress: Progress) -> String {
    let Progress { total, succeeded, failed } = progress;
    format!("{} of {}, {} failed", grouped(succeeded + failed), grouped(total), grouped(failed))
}

fn report_text(report: &ReportSpec) -> String {
    match (&report.bucket, report.enabled) {
        (Some(place), true) => {
            let scope = report.scope.map_or("", |scope| scope.name());
            format!("s3://{}/{} ({scope})", place.bucket, report.prefix.as_deref().unwrap_or_default())
        }
        _ => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_that_are_left_stand_a_line_each_with_how_many_more_there_are_and_what_to_do() {
        let upload = |n: u64| LeftUpload { bucket: "b".into(), key: format!("k {n}"), upload_id: format!("id{n}") };
        let left = |total| LeftUploadsState { total, uploads: vec![upload(1), upload(2)], advice: "abort them".into() };
        let lines = "Left open   multipart uploads that the service could not abort: 1,002
            s3://b/k 1, upload id1
            s3://b/k 2, upload id2
            and 1,000 more
What to do  abort them";
        assert_eq!(table::pairs(left_pairs(&left(1002)), None), lines);
        assert!(!table::pairs(left_pairs(&left(2)), None).contains("more"));
    }
}
