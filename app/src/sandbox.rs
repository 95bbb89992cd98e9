//! `brigade sandbox`: the embedded S3 server alone.

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Does it.
///
/// # Errors
/// [`crate::cli::Mistake`] for what the user got wrong (exit code 2), anything else for what failed (1).
pub async fn run(_arguments: Arguments) -> anyhow::Result<()> {
    anyhow::bail!("not built yet")
}
