//! `brigade job pause`.

use brigade_wire::admin::JobState;

use super::job_arg::JobArg;
use super::{CommandContext, output};

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
    let job = arguments.job.resolve(&client).await?;
    let answer = client.pause_job(job).await?;
    output::print_document(context.output, &answer.body, || to_text(&answer.value))
}

fn to_text(job: &JobState) -> String {
    let id = &job.job;
    match job.status.as_str() {
        "Active" | "Pausing" => format!("{id} pauses: tasks in flight end and are recorded"),
        "Paused" => format!("{id} is paused"),
        status => format!("{id} is {status}, and runs no task until it is resumed"),
    }
}
