//! The log: what happens, on standard error, as text for people or JSON for machines. Lines of
//! the target `audit` say who changed which job.

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::config::value::LogFormat;

/// Reads a filter such as `warn,audit=info`.
///
/// # Errors
/// When it is none.
pub fn parse_filter(text: &str) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    EnvFilter::builder().parse(text)
}

/// Begins to log. Once a process.
///
/// # Errors
/// When the filter is none, or somebody else logs already.
pub fn start(format: LogFormat, filter: &str) -> anyhow::Result<()> {
    let filter = parse_filter(filter).context("log filter")?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => log.with_ansi(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("cannot log: {error}"))
}
