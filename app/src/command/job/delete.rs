//! `brigade job delete`.

use brigade_model::job::JobId;
use serde_json::json;

use super::Desk;
use super::output::{Format, print_json};
use crate::printer::say;

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which job
    job: JobId,
}

/// Does it. The service answers without a body.
///
/// # Errors
/// As the service answers.
pub async fn run(desk: &Desk, arguments: Arguments) -> anyhow::Result<()> {
    let job = arguments.job;
    desk.client()?.delete_job(job).await?;
    match desk.output {
        Format::Table => say(format_args!("{job} is deleted; if it was running, it ends first and then disappears")),
        Format::Json => print_json(&json!({})),
        Format::Xml => Ok(()),
    }
}
