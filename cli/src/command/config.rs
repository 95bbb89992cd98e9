//! `brigade config check` and `brigade config reference`.

use std::path::PathBuf;

use brigade_config::{Config, DEFAULT_FILE, reference};
use clap::Subcommand;

use crate::printer::{say, tell};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say whether a configuration is sound, or every mistake in it with its line.
    Check {
        /// The configuration.
        #[arg(long, default_value = DEFAULT_FILE, env = "BRIGADE_CONFIG")]
        config: PathBuf,
    },
    /// Print the reference of all settings, in Markdown.
    Reference,
}

/// Does it.
///
/// # Errors
/// [`brigade_config::ConfigError`] for what the user got wrong (exit code 2), anything else for what failed (1).
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Check { config } => {
            let (checked, warnings) = Config::load(&config)?;
            warnings.iter().for_each(|warning| tell(format_args!("warning: {warning}")));
            let (endpoints, accounts) = (checked.endpoints.len(), checked.accounts.len());
            say(format_args!("{} is sound: endpoints {endpoints}, accounts {accounts}", config.display()))
        }
        Command::Reference => say(reference::render().trim_end()),
    }
}
