//! `brigade endpoint stop`.

use brigade_wire::admin::StopReason;

use crate::command::job::{CommandContext, output};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which endpoint
    endpoint: String,
    /// Why, for those who read a job that waits
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

/// Does it.
///
/// # Errors
/// As the service answers.
pub async fn run(context: &CommandContext, arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { endpoint, reason } = arguments;
    let client = context.client()?;
    let answer = match client.stop_endpoint(&endpoint, &StopReason { reason }).await {
        Ok(answer) => answer,
        Err(error) => return Err(super::explain(&client, &endpoint, error).await),
    };
    output::print_document(context.output, &answer.body, || {
        let in_flight = answer.value.requests_in_flight_now;
        format!("{endpoint} is stopped (requests in flight that end by themselves: {in_flight})")
    })
}
