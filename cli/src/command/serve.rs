//! `brigade serve`: the service, from its configuration to its end.

use std::path::PathBuf;

use brigade_config::Config;

use crate::verbosity::Verbosity;

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The configuration.
    #[arg(long, default_value = brigade_config::DEFAULT_FILE, env = "BRIGADE_CONFIG")]
    config: PathBuf,
}

/// Does it, until SIGTERM or SIGINT; SIGHUP reads the configuration again.
///
/// # Errors
/// [`brigade_config::UsageError`] for what the user got wrong (exit code 2), anything else for what failed (1).
pub async fn run(arguments: Arguments, verbosity: Verbosity) -> anyhow::Result<()> {
    let (mut config, warnings) = Config::load(&arguments.config)?;
    if let Some(filter) = verbosity.log_filter() {
        config.server.log_filter = filter.to_owned();
    }
    brigade_server::serve::run(config, warnings, &arguments.config).await
}
