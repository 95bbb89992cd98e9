//! `brigade restore`: restores a backup into an empty data directory and holds its jobs.

use std::path::PathBuf;

use brigade_store::backup::restore;

use crate::command::backup::{contents, data_directory, tell};
use crate::printer::say;

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The folder that `brigade backup` made.
    backup: PathBuf,
    /// The configuration, of which only `[server]` counts here.
    #[arg(long, default_value = brigade_config::DEFAULT_FILE, env = "BRIGADE_CONFIG")]
    config: PathBuf,
}

/// Does it.
///
/// # Errors
/// [`brigade_config::UsageError`] for what the user got wrong (exit code 2), anything else for what failed (1).
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let data = data_directory(&arguments.config)?;
    let (backup, into) = (arguments.backup, data.clone());
    let about = tokio::task::spawn_blocking(move || restore(&backup, &into)).await?.map_err(tell)?;
    say(format_args!("restored into {}, as of {:.0}: {}", data.display(), about.made, contents(&about)))?;
    say("held jobs do nothing until 'brigade job resume JOB': look at each first ('brigade job list')")
}
