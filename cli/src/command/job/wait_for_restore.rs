//! `brigade job wait-for-restore`: a new job that waits until what a restore restored is readable.

use brigade_wire::admin::WaitRequest;

use super::create::value;
use super::job_arg::JobArg;
use super::{CommandContext, output};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which job; it restores objects, and may still run
    job: JobArg,
    /// For how many hours it looks at objects that are not readable yet, 1 to 720 [default: 72]
    #[arg(long, value_name = "HOURS", value_parser = value::wait_hours)]
    patience: Option<u32>,
    /// How urgent the new job is, from 0 [default: as urgent as the restore]
    #[arg(long, value_name = "NUMBER", value_parser = value::priority, allow_negative_numbers = true)]
    priority: Option<i32>,
    /// A text for people [default: one that names the restore]
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The request's own name, so that a repeat gives the same job [default: a fresh one]
    #[arg(long, value_name = "TEXT")]
    token: Option<String>,
}

/// Does it.
///
/// # Errors
/// The service's refusal.
pub async fn run(context: &CommandContext, arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { job, patience, priority, description, token } = arguments;
    let client = context.client()?;
    let job = job.resolve(&client).await?;
    let client_request_token = Some(token.unwrap_or_else(|| context.tools.fresh_token()));
    let request = WaitRequest { client_request_token, priority, description, patience_hours: patience };
    let answer = client.wait_for_restore(job, &request).await?;
    output::print_document(context.output, &answer.body, || answer.value.job.clone())
}
