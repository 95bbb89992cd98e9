//! `brigade endpoint start`.

use crate::command::job::{CommandContext, output};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which endpoint
    endpoint: String,
}

/// Does it.
///
/// # Errors
/// As the service answers.
pub async fn run(context: &CommandContext, arguments: Arguments) -> anyhow::Result<()> {
    let endpoint = arguments.endpoint;
    let answer = context.client()?.start_endpoint(&endpoint).await?;
    output::print_document(context.output, &answer.body, || format!("{endpoint} is started"))
}
