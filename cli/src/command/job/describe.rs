//! `brigade job describe`.

use brigade_client::Client;
use brigade_model::report::ReportSpec;
use brigade_model::{Progress, Timestamp};
use brigade_wire::admin::JobState;

use super::found::{self, FoundAnswer, FoundJob};
use super::job_arg::JobArg;
use super::{CommandContext, output};
use crate::command::limits;
use crate::progress::grouped;
use crate::{table, waiting};

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
    output::print_body(context.output, &body, || {
        table::pairs(pairs(&job).into_iter().chain(state.iter().flat_map(hand_pairs)))
    })
}

/// What the operator's API knows of a job. Another service has no such API, and a key need not be allowed to use it.
pub(super) async fn state_of(client: &Client, job: &FoundJob) -> Option<JobState> {
    match &job.state {
        Some(state) => Some(state.clone()),
        None => client.inspect_job(job.id).await.ok().map(|answer| answer.value),
    }
}

/// A job for people: a name and a value a line.
#[must_use]
pub fn to_text(job: &FoundJob) -> String {
    table::pairs(pairs(job))
}

/// For what it waits, what its preparation found, what an operator's hand did to it, why the service holds it, and since when its outcomes
/// are gone.
fn hand_pairs(hand: &JobState) -> [(&'static str, String); 6] {
    let paused = if hand.is_paused { "by its user, until it is resumed" } else { "" };
    let held = hand.hold.as_ref().map(|hold| {
        let tried = if hold.is_tried_now { "a task is tried now" } else { "a task is tried each minute" };
        format!("by the service, {tried}: {}: {}", hold.code, hold.reason)
    });
    let outcomes = hand.outcomes_removed.as_ref().map(|at| format!("removed on {at}"));
    [
        ("Waiting for", hand.waiting.as_ref().map(waiting::to_text).unwrap_or_default()),
        ("Notes", hand.notes.join("; ")),
        ("Paused", paused.to_owned()),
        ("Held", held.unwrap_or_default()),
        ("Limits", limits::to_text(hand.limits)),
        ("Outcomes", outcomes.unwrap_or_default()),
    ]
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
        ("Waiting since", job.suspended.as_ref().map(Timestamp::to_string).unwrap_or_default()),
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
