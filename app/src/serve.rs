//! `brigade serve`: the service.

pub mod listener;

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::net::TcpListener;

use crate::config::Config;

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The configuration.
    #[arg(long, default_value = crate::config::DEFAULT_FILE, env = "BRIGADE_CONFIG")]
    config: PathBuf,
}

/// A service that runs in this process.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
}

/// Starts the service on a listener: opens the stores, starts the engine, answers requests.
///
/// # Errors
/// When the data directory is in use or cannot be opened, or an endpoint cannot be used.
pub async fn start(config: Config, listener: TcpListener) -> anyhow::Result<Running> {
    let _ = (config, listener);
    anyhow::bail!("not built yet")
}

impl Running {
    /// Stops it: no new requests, tasks in flight are recorded.
    pub async fn stop(self) {}
}

/// Does it.
///
/// # Errors
/// [`crate::cli::Mistake`] for what the user got wrong (exit code 2), anything else for what failed (1).
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let _ = arguments.config;
    anyhow::bail!("not built yet")
}
