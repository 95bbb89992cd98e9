//! `brigade endpoint limit`.

use crate::command::job::{CommandContext, output};
use crate::command::limits::{self, LimitFlags};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which endpoint
    endpoint: String,
    #[command(flatten)]
    limits: LimitFlags,
}

/// Does it.
///
/// # Errors
/// As the service answers.
pub async fn run(context: &CommandContext, arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { endpoint, limits } = arguments;
    let client = context.client()?;
    let answer = match client.limit_endpoint(&endpoint, &limits.change()).await {
        Ok(answer) => answer,
        Err(error) => return Err(super::explain(&client, &endpoint, error).await),
    };
    output::print_document(context.output, &answer.body, || match limits::to_text(answer.value.limits) {
        text if text.is_empty() => format!("{endpoint} now has the configuration's limits only"),
        text => format!("{endpoint} is now limited to {text}"),
    })
}
