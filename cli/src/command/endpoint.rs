//! `brigade endpoint`: the endpoints of the service, which all its jobs share.

use brigade_client::{Client, ClientError};
use brigade_config::nearest::nearest;
use brigade_config::{Explained, UsageError};
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

/// The refusal of a name that no endpoint has tells which ones there are.
async fn explain(client: &Client, name: &str, error: ClientError) -> anyhow::Error {
    let is_unknown = matches!(&error, ClientError::Refused { status: 404, code, .. } if code == "NoSuchEndpoint");
    let known = if is_unknown { client.list_endpoints().await.ok() } else { None };
    let Some(known) = known else { return error.into() };
    let names: Vec<&str> = known.value.endpoints.iter().map(|state| state.endpoint.as_str()).collect();
    unknown(name, &names).into()
}

fn unknown(name: &str, names: &[&str]) -> Explained {
    let advice = match nearest(name, names.iter().copied()) {
        Some(meant) => format!("did you mean {meant}?"),
        None => format!("there are: {}", names.join(", ")),
    };
    Explained::new(UsageError(format!("there is no endpoint {name}")), [advice])
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

#[cfg(test)]
mod tests {
    use brigade_client::stub::Stub;

    use super::*;

    #[test]
    fn a_slip_in_the_name_of_an_endpoint_is_asked_back_and_another_word_is_told_which_there_are() {
        let below = |name| unknown(name, &["ceph-east", "main"]).below;
        assert_eq!(below("mian"), ["did you mean main?"]);
        assert_eq!(below("elsewhere"), ["there are: ceph-east, main"]);
    }

    #[tokio::test]
    async fn another_refusal_stays_as_it_is() {
        let stub = Stub::answering(500, "").await;
        let denied = ClientError::NoErrorBody { status: 403, request_id: "R".to_owned() };
        assert!(explain(&stub.client, "main", denied).await.is::<ClientError>());
    }
}
