//! `brigade job`: jobs, from the command line, on any endpoint of the COS dialect.
//!
//! Exit codes: 0 done; 1 refused or unreachable; 2 a mistake on the command line; and of
//! `watch`: 3 the job is Complete and some of its tasks failed, 4 it is Failed or Cancelled.

use std::sync::Arc;

use brigade_client::Client;
use brigade_model::Dialect;
use brigade_model::ports::ObjectStore;
use clap::Subcommand;

use crate::command::access::{ConfigFlag, PlaceUse, StoreFlags, Tools, open_client};
use crate::store_path::StorePath;

pub mod cancel;
pub mod confirm;
pub mod create;
pub mod describe;
pub mod failures;
pub mod found;
pub mod job_arg;
pub mod limit;
pub mod list;
mod operation_text;
pub mod output;
pub mod pause;
pub mod priority;
pub mod remove;
pub mod report;
pub mod resume;
pub mod retry_failed;
pub mod wait_for_restore;
pub mod watch;

use create::flags::Names;
use output::Format;

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigFlag,
    /// How answers are printed
    #[arg(long, global = true, value_name = "FORMAT", default_value = "table", help_heading = "General")]
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
    /// List jobs, newest first
    List(list::Arguments),
    /// Follow a job until it ends
    Watch(watch::Arguments),
    /// Show what has failed, also while the job runs
    Failures(failures::Arguments),
    /// Let a job run that waits for a confirmation
    Confirm(confirm::Arguments),
    /// Cancel a job
    Cancel(cancel::Arguments),
    /// Pause a job: no task of it starts until it is resumed
    Pause(pause::Arguments),
    /// Let a paused job go on
    Resume(resume::Arguments),
    /// Change what a job may use, while it runs
    Limit(limit::Arguments),
    /// Change a job's priority
    Priority(priority::Arguments),
    /// Take a job off the list (asks before it cancels one); objects and reports stay as they are
    #[command(visible_alias = "delete")]
    Remove(remove::Arguments),
    /// Do again what failed or was not attempted in a job that has ended
    RetryFailed(retry_failed::Arguments),
    /// Wait, by a job of its own, until what a job restores is readable
    WaitForRestore(wait_for_restore::Arguments),
    /// Show the report of a job that has ended
    Report(report::Arguments),
}

/// What each subcommand works with.
pub struct CommandContext {
    config: ConfigFlag,
    pub(crate) output: Format,
    tools: Tools,
}

impl CommandContext {
    pub(crate) fn new(config: ConfigFlag, output: Format) -> Self {
        Self { config, output, tools: Tools::of_system() }
    }

    /// The client of the configuration.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        Ok(open_client(self.config.load()?.client, &self.tools)?)
    }

    /// What the configuration completes short names with, in a request of that dialect.
    fn names(&self, dialect: Dialect) -> anyhow::Result<Names> {
        Ok(Names::of(&self.config.load()?.client, dialect)?)
    }

    /// The store at a place of a role, and whether it is known to be that.
    fn open_place(
        &self,
        flags: &StoreFlags,
        role: &str,
        use_of: PlaceUse,
    ) -> anyhow::Result<(Arc<dyn ObjectStore>, bool)> {
        flags.open_place(&self.config, &self.tools, role, use_of)
    }

    /// The store of a path that `check_path` let pass.
    fn open_path(
        &self,
        flags: &StoreFlags,
        role: &str,
        use_of: PlaceUse,
        path: &StorePath,
    ) -> anyhow::Result<Arc<dyn ObjectStore>> {
        flags.open_path_of(&self.config, &self.tools, role, use_of, path)
    }

    /// Refuses a path in another store than the role's.
    fn check_path(&self, flags: &StoreFlags, role: &str, use_of: PlaceUse, path: &StorePath) -> anyhow::Result<()> {
        flags.check_path(&self.config, role, use_of, path)
    }

    fn open_store(&self, flags: &StoreFlags) -> anyhow::Result<Arc<dyn ObjectStore>> {
        flags.open(&self.config, &self.tools)
    }
}

/// Does it.
///
/// # Errors
/// [`brigade_config::UsageError`] for what the user got wrong (exit code 2), anything else for what failed (1).
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let context = CommandContext::new(arguments.config, arguments.output);
    match arguments.action {
        Action::Create(arguments) => create::run(&context, *arguments).await,
        Action::Describe(arguments) => describe::run(&context, arguments).await,
        Action::List(arguments) => list::run(&context, arguments).await,
        Action::Watch(arguments) => watch::run(&context, arguments).await,
        Action::Failures(arguments) => failures::run(&context, arguments).await,
        Action::Confirm(arguments) => confirm::run(&context, arguments).await,
        Action::Cancel(arguments) => cancel::run(&context, arguments).await,
        Action::Pause(arguments) => pause::run(&context, arguments).await,
        Action::Resume(arguments) => resume::run(&context, arguments).await,
        Action::Limit(arguments) => limit::run(&context, arguments).await,
        Action::Priority(arguments) => priority::run(&context, arguments).await,
        Action::Remove(arguments) => remove::run(&context, arguments).await,
        Action::RetryFailed(arguments) => retry_failed::run(&context, arguments).await,
        Action::WaitForRestore(arguments) => wait_for_restore::run(&context, arguments).await,
        Action::Report(arguments) => report::run(&context, arguments).await,
    }
}
