//! `brigade job limit`.

use super::job_arg::JobArg;
use super::{CommandContext, output};
use crate::command::limits::{self, LimitFlags};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which job
    job: JobArg,
    #[command(flatten)]
    limits: LimitFlags,
}

/// Does it.
///
/// # Errors
/// As the service answers.
pub async fn run(context: &CommandContext, arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { job, limits } = arguments;
    let (client, change) = (context.client()?, limits.change());
    let job = job.resolve(&client).await?;
    let answer = client.limit_job(job, &change).await?;
    output::print_document(context.output, &answer.body, || match limits::to_text(answer.value.limits) {
        text if text.is_empty() => format!("{job} has no limits of its own now"),
        text => format!("{job} is now limited to {text}"),
    })
}
