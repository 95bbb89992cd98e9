//! `brigade store list`: the named stores of the configuration.

use brigade_config::account::{Place, Role};
use brigade_config::credentials::CredentialsFrom;
use brigade_config::endpoint::Endpoint;
use clap::Subcommand;

use super::access::ConfigFlag;
use crate::printer::{self, say};
use crate::table;

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigFlag,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the stores that places such as main/photos/logs/ can name, and what roles use them for
    List,
}

/// Does it.
///
/// # Errors
/// [`brigade_config::UsageError`] for what the user got wrong (exit code 2), anything else for what failed (1).
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Action::List = arguments.action;
    let config = arguments.config.load()?;
    let row = |(name, endpoint): (&String, &Endpoint)| {
        let roles: Vec<_> = config.roles.iter().filter_map(|(role, places)| uses(role, places, name)).collect();
        vec![name.clone(), endpoint.url.as_str().to_owned(), credentials(endpoint), roles.join("; ")]
    };
    let rows: Vec<_> = config.endpoints.iter().map(row).collect();
    match rows.is_empty() {
        true => say("the configuration names no store: add [endpoints.NAME] with a url"),
        false => say(table::wrapped(&["store", "url", "credentials", "roles"], &rows, printer::width())),
    }
}

/// The id of its key, or where its credentials come from.
fn credentials(endpoint: &Endpoint) -> String {
    match (endpoint.credentials, &endpoint.access_key) {
        (CredentialsFrom::Keys, Some(key)) => format!("key {key}"),
        (CredentialsFrom::Keys, None) => "of its roles".to_owned(),
        (way, _) => way.word().to_owned(),
    }
}

/// What a role has there: `batch: objects, reports`; `None` for nothing.
fn uses(role: &str, places: &Role, store: &str) -> Option<String> {
    let source = places.source.endpoint.as_deref();
    let is_there = |place: Option<&Place>| place.and_then(|place| place.endpoint.as_deref()).or(source) == Some(store);
    let all = [
        ("objects", None),
        ("copies", places.target.as_ref()),
        ("manifests", places.manifest.as_ref()),
        ("reports", places.report.as_ref()),
    ];
    let uses: Vec<_> = all.into_iter().filter(|(_, place)| is_there(*place)).map(|(word, _)| word).collect();
    (!uses.is_empty()).then(|| format!("{role}: {}", uses.join(", ")))
}
