//! `brigade job`: jobs, from the command line, on any endpoint of the COS dialect.
//!
//! Exit codes: 0 done; 1 refused or unreachable; 2 a mistake on the command line; and of
//! `watch`: 3 the job is Complete and some of its tasks failed, 4 it is Failed or Cancelled.

use std::sync::Arc;

use brigade_model::ports::{Clock, Entropy, ObjectStore};
use brigade_runtime::{SystemClock, SystemEntropy};
use clap::Subcommand;

use crate::cli::Mistake;
use crate::client::{Client, ClientConfig};
use crate::command::access::{ConfigFlag, StoreFlags};

pub mod cancel;
pub mod confirm;
pub mod create;
pub mod delete;
pub mod describe;
pub mod list;
pub mod output;
pub mod priority;
pub mod report;
pub mod watch;

use create::flags::Names;
use output::Format;

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigFlag,
    /// How answers are printed
    #[arg(long, global = true, value_name = "FORMAT", default_value = "table")]
    output: Format,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a job
    Create(Box<create::Arguments>),
    /// Show a job
    Describe(describe::Arguments),
    /// List jobs, oldest first
    List(list::Arguments),
    /// Follow a job until it ends
    Watch(watch::Arguments),
    /// Let a job run that waits for a confirmation
    Confirm(confirm::Arguments),
    /// Cancel a job
    Cancel(cancel::Arguments),
    /// Change a job's priority
    Priority(priority::Arguments),
    /// Delete a job; it is cancelled first where that is possible
    Delete(delete::Arguments),
    /// Show the report of a job that has ended
    Report(report::Arguments),
}

/// What each subcommand works with.
pub struct Desk {
    config: ConfigFlag,
    output: Format,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Desk {
    /// The client of the configuration.
    fn client(&self) -> anyhow::Result<Client> {
        let client = self.config.load()?.client;
        let secret_key = client.secret_key.map(|secret| secret.current());
        let config = ClientConfig {
            url: client.url,
            appid: client.appid,
            uin: client.uin,
            region: client.region,
            secret_id: client.secret_id,
            secret_key: secret_key.ok_or_else(|| Mistake("client.secret_key is missing".to_owned()))?,
            security_token: client.security_token.map(|token| token.current()),
            ca: client.ca_file,
        };
        Client::new(config, Arc::clone(&self.clock)).map_err(|error| Mistake(error.to_string()).into())
    }

    /// What the configuration completes short names with.
    fn names(&self) -> Result<Names, Mistake> {
        let client = self.config.load()?.client;
        Ok(Names { region: client.region, appid: client.appid, uin: client.uin, role: client.role })
    }

    /// A request's own name: a random UUID.
    fn fresh_token(&self) -> String {
        let mut random = [0; 16];
        self.entropy.fill(&mut random);
        uuid::Builder::from_random_bytes(random).into_uuid().to_string()
    }

    fn open_store(&self, flags: &StoreFlags) -> anyhow::Result<Arc<dyn ObjectStore>> {
        flags.open(&self.config, Arc::clone(&self.clock), Arc::clone(&self.entropy))
    }
}

/// Does it.
///
/// # Errors
/// [`crate::cli::Mistake`] for what the user got wrong (exit code 2), anything else for what failed (1).
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let desk = Desk {
        config: arguments.config,
        output: arguments.output,
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy::new()),
    };
    match arguments.action {
        Action::Create(arguments) => create::run(&desk, *arguments).await,
        Action::Describe(arguments) => describe::run(&desk, arguments).await,
        Action::List(arguments) => list::run(&desk, arguments).await,
        Action::Watch(arguments) => watch::run(&desk, arguments).await,
        Action::Confirm(arguments) => confirm::run(&desk, arguments).await,
        Action::Cancel(arguments) => cancel::run(&desk, arguments).await,
        Action::Priority(arguments) => priority::run(&desk, arguments).await,
        Action::Delete(arguments) => delete::run(&desk, arguments).await,
        Action::Report(arguments) => report::run(&desk, arguments).await,
    }
}
