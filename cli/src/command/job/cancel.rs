//! `brigade job cancel`.

use brigade_model::job::JobId;
use brigade_wire::cos::update_job_status::Requested;

use super::{CommandContext, output};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which job
    job: JobId,
    /// Why, for those who read the job later
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

/// Does it.
///
/// # Errors
/// As the service answers.
pub async fn run(context: &CommandContext, arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { job, reason } = arguments;
    let answer = context.client()?.update_job_status(job, Requested::Cancelled, &reason).await?;
    output::print(context.output, &answer.body, || format!("{job} is now {}", answer.value.status))
}
