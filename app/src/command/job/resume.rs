//! `brigade job resume`.

use brigade_model::job::JobId;

use super::{Desk, output};

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
pub async fn run(desk: &Desk, arguments: Arguments) -> anyhow::Result<()> {
    let job = arguments.job;
    let answer = desk.client()?.resume_job(job).await?;
    output::print_document(desk.output, &answer.body, || {
        format!("{job} is resumed: it is {}, and goes on as soon as it may", answer.value.status)
    })
}
