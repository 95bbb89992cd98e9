//! `brigade job delete`.

use brigade_model::job::JobId;
use serde_json::json;

use super::output::{Format, print_json};
use super::{CommandContext, found};
use crate::printer::say;

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which job
    job: JobId,
}

/// Does it. The COS dialect answers without a body.
///
/// # Errors
/// As the service answers.
pub async fn run(context: &CommandContext, arguments: Arguments) -> anyhow::Result<()> {
    let job = arguments.job;
    let client = context.client()?;
    found::ask(client.delete_job(job), client.delete_job_of_any_dialect(job)).await?;
    match context.output {
        Format::Table => say(format_args!("{job} is deleted; if it was running, it ends first and then disappears")),
        Format::Json => print_json(&json!({})),
        Format::Xml => Ok(()),
    }
}
