//! `brigade endpoint start`.

use crate::command::job::{Desk, output};

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
pub async fn run(desk: &Desk, arguments: Arguments) -> anyhow::Result<()> {
    let endpoint = arguments.endpoint;
    let answer = desk.client()?.start_endpoint(&endpoint).await?;
    output::print_document(desk.output, &answer.body, || format!("{endpoint} is started"))
}
