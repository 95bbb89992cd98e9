//! `brigade backup`: copies the data directory, while the service runs or not.

use std::path::PathBuf;

use brigade_config::server::Server;
use brigade_config::{ConfigError, UsageError};
use brigade_model::ports::Clock;
use brigade_runtime::SystemClock;
use brigade_store::backup::{About, BackupError, back_up};

use crate::printer::say;
use crate::progress::grouped;

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The folder to make; best on another disk.
    target: PathBuf,
    /// The configuration, of which only `[server]` counts here.
    #[arg(long, default_value = brigade_config::DEFAULT_FILE, env = "BRIGADE_CONFIG")]
    config: PathBuf,
}

/// Does it.
///
/// # Errors
/// [`UsageError`] for what the user got wrong (exit code 2), anything else for what failed (1).
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let data = data_directory(&arguments.config)?;
    let target = arguments.target.clone();
    let now = SystemClock::new().now();
    let made = tokio::task::spawn_blocking(move || back_up(&data, &target, now)).await?;
    let about = made.map_err(tell)?;
    say(format_args!("backed up into {}: {}", arguments.target.display(), contents(&about)))?;
    say("the configuration and the secrets that it names are not part of it")
}

/// The data directory that a configuration names.
pub(crate) fn data_directory(config: &std::path::Path) -> Result<PathBuf, ConfigError> {
    Ok(Server::load(config)?.data_dir)
}

/// A wrong place is the user's mistake.
pub(crate) fn tell(error: BackupError) -> anyhow::Error {
    if error.is_mistake() { UsageError(error.to_string()).into() } else { error.into() }
}

/// What a backup holds, in a line.
pub(crate) fn contents(about: &About) -> String {
    let About { jobs, held, files, bytes, .. } = about;
    let [jobs, held, files, bytes] = [jobs, held, files, bytes].map(|number| grouped(*number));
    format!("jobs {jobs} (held {held}), spool files {files}, their bytes {bytes}")
}
