//! `brigade job resume`.

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
    let answer = client.resume_job(job).await?;
    output::print_document(context.output, &answer.body, || {
        format!("{job} is resumed: it is {}, and goes on as soon as it may", answer.value.status)
    })
}
