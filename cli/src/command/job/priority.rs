//! `brigade job priority`.

use brigade_model::job::JobId;

use super::create::value;
use super::{CommandContext, output};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which job
    job: JobId,
    /// How urgent, from 0; larger is more urgent
    #[arg(value_parser = value::priority, allow_negative_numbers = true)]
    priority: i32,
}

/// Does it.
///
/// # Errors
/// As the service answers.
pub async fn run(context: &CommandContext, arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { job, priority } = arguments;
    let answer = context.client()?.update_job_priority(job, priority).await?;
    output::print(context.output, &answer.body, || format!("{job} now has priority {}", answer.value.priority))
}
