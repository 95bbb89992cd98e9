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
    let client = context.client()?;
    let answer = match client.start_endpoint(&endpoint).await {
        Ok(answer) => answer,
        Err(error) => return Err(super::explain(&client, &endpoint, error).await),
    };
    output::print_document(context.output, &answer.body, || format!("{endpoint} is started"))
}
