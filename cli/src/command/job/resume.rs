//! `brigade job resume`.

use brigade_model::job::JobId;

use super::{CommandContext, output};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which job
    job: JobId,
}

/// Does it.
///
/// # Errors
/// As the service answers.
pub async fn run(context: &CommandContext, arguments: Arguments) -> anyhow::Result<()> {
    let job = arguments.job;
    let answer = context.client()?.resume_job(job).await?;
    output::print_document(context.output, &answer.body, || {
        format!("{job} is resumed: it is {}, and goes on as soon as it may", answer.value.status)
    })
}
