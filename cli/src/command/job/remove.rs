//! `brigade job remove`: takes a job off the list, and cancels it first where it runs.

use brigade_model::JobId;
use brigade_model::status::Status;
use serde_json::json;

use super::create::consent;
use super::found::FoundJob;
use super::job_arg::JobArg;
use super::output::{Format, print_json};
use super::{CommandContext, found};
use crate::printer::say;
use crate::progress::grouped;

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which job
    job: JobArg,
    /// Do not ask, even when it has to be cancelled
    #[arg(long)]
    yes: bool,
}

/// Does it. The COS dialect answers without a body.
///
/// # Errors
/// As the service answers; a job to be cancelled without consent.
pub async fn run(context: &CommandContext, arguments: Arguments) -> anyhow::Result<()> {
    let client = context.client()?;
    let job = arguments.job.resolve(&client).await?;
    let mut status = None;
    if !arguments.yes {
        let found = found::describe(&client, job).await?.job;
        if is_cancelled_first(found.status) {
            consent::agree("removing a job that has not ended", &question(&found), None)?;
        }
        status = Some(found.status);
    }
    found::ask(client.delete_job(job), client.delete_job_of_any_dialect(job)).await?;
    match context.output {
        Format::Table => say(removed(job, status)),
        Format::Json => print_json(&json!({})),
        Format::Xml => Ok(()),
    }
}

/// What became of a job that had this status, if it was looked at.
fn removed(job: JobId, status: Option<Status>) -> String {
    match status {
        Some(status) if status.is_terminal() => format!("{job} is removed"),
        Some(_) => format!("{job} leaves the list as soon as it has ended"),
        None => format!("{job} is removed; if it was running, it is cancelled and disappears then"),
    }
}

/// Whether it is cancelled to be removed: it has not ended, nor does it end by itself now.
fn is_cancelled_first(status: Status) -> bool {
    let ends_anyway = matches!(status, Status::Completing | Status::Failing | Status::Cancelling);
    !status.is_terminal() && !ends_anyway
}

fn question(job: &FoundJob) -> String {
    let (id, status, operation) = (job.id, job.status, &job.operation);
    let done = grouped(job.progress.succeeded + job.progress.failed);
    let total = grouped(job.progress.total);
    format!(
        "Job {id} ({operation}) is {status}, {done} of {total} done. To remove it cancels it: what is done stays done, the \
         rest is not. Type yes to go on: "
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_job_that_would_be_cancelled_is_asked_about() {
        let asked: Vec<_> = Status::ALL.into_iter().filter(|status| is_cancelled_first(*status)).collect();
        let wanted = [
            Status::New,
            Status::Preparing,
            Status::Suspended,
            Status::Ready,
            Status::Active,
            Status::Pausing,
            Status::Paused,
        ];
        assert!(wanted.iter().all(|status| asked.contains(status)), "{asked:?}");
        assert_eq!(asked.len(), wanted.len(), "{asked:?}");
    }
}
