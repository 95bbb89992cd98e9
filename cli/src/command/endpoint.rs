//! `brigade endpoint`: the endpoints of the service, which all its jobs share.

use clap::Subcommand;

use crate::command::access::ConfigFlag;
use crate::command::job::CommandContext;
use crate::command::job::output::Format;

pub mod limit;
pub mod list;
pub mod probe;
pub mod start;
pub mod stop;

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
    /// List endpoints: whether they answer, what is set for them, what goes on there
    List,
    /// Change what all jobs together may ask of an endpoint, within the configuration's own limits
    Limit(limit::Arguments),
    /// Stop an endpoint: no request to it begins until it is started, over restarts too
    Stop(stop::Arguments),
    /// Start an endpoint that was stopped
    Start(start::Arguments),
    /// Find out what an endpoint can do, by its effects, and believe it from then on
    Probe(probe::Arguments),
}

/// Does it.
///
/// # Errors
/// [`brigade_config::UsageError`] for what the user got wrong (exit code 2), anything else for what failed (1).
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let context = CommandContext::new(arguments.config, arguments.output);
    match arguments.action {
        Action::List => list::run(&context).await,
        Action::Limit(arguments) => limit::run(&context, arguments).await,
        Action::Stop(arguments) => stop::run(&context, arguments).await,
        Action::Start(arguments) => start::run(&context, arguments).await,
        Action::Probe(arguments) => probe::run(&context, arguments).await,
    }
}
