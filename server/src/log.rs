//! The log: what happens, on standard error, as text for people or JSON for machines. Lines of
//! the target `audit` say who changed which job.
//!
//! Values come from clients and stores, so the formatter keeps them from forging lines or fields: an
//! event is one line, and a value is one value. In the text each field is `name=value`. The formatter
//! quotes, as Rust does, a value with a blank, a quote, an equals sign or anything not printable, and
//! a message that could be taken for more than a message.

use std::fmt::{self, Debug};
use std::io::IsTerminal;

use anyhow::Context;
use brigade_config::server::parse_log_filter;
use brigade_config::value::LogFormat;
use brigade_model::printable::is_printable;
use tracing::Dispatch;
use tracing::field::{Field, Visit};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{FormatFields, Writer};
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

/// Begins to log. Once a process.
///
/// # Errors
/// When the filter does not parse, or the process has a logger already.
pub fn start(format: LogFormat, filter: &str) -> anyhow::Result<SetFilter> {
    let filter = parse_log_filter(filter).context("log filter")?;
    let is_text = match format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let (log, set_filter) = subscriber(is_text, filter, std::io::stderr);
    log.try_init().map_err(|error| anyhow::anyhow!("cannot log: {error}"))?;
    Ok(set_filter)
}

/// Replaces the filter of a log that has begun.
pub struct SetFilter(Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send>);

impl SetFilter {
    /// Lets the log hold what this filter says from now on.
    ///
    /// # Errors
    /// When the filter does not parse, or the log has ended.
    pub fn set(&self, filter: &str) -> anyhow::Result<()> {
        self.0(parse_log_filter(filter).context("log filter")?).context("log filter")
    }
}

/// What writes the log, as text or as JSON.
pub(crate) fn subscriber<W>(is_text: bool, filter: EnvFilter, writer: W) -> (Dispatch, SetFilter)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    if is_text {
        let log = log.with_ansi(false).fmt_fields(Quoting).with_filter_reloading();
        let handle = log.reload_handle();
        (log.into(), SetFilter(Box::new(move |filter| handle.reload(filter))))
    } else {
        let log = log.json().flatten_event(true).with_filter_reloading();
        let handle = log.reload_handle();
        (log.into(), SetFilter(Box::new(move |filter| handle.reload(filter))))
    }
}

/// Writes fields as the module says.
struct Quoting;

impl<'w> FormatFields<'w> for Quoting {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut line = Line { writer, is_begun: false, written: Ok(()) };
        fields.record(&mut line);
        line.written
    }
}

/// Writes the fields of an event.
struct Line<'w> {
    writer: Writer<'w>,
    is_begun: bool,
    written: fmt::Result,
}

impl Line<'_> {
    fn write(&mut self, field: &Field, is_bare: bool, value: &str) -> fmt::Result {
        if self.is_begun {
            self.writer.write_char(' ')?;
        }
        self.is_begun = true;
        if field.name() != "message" {
            write!(self.writer, "{}=", field.name())?;
        }
        if is_bare { self.writer.write_str(value) } else { write!(self.writer, "{value:?}") }
    }
}

impl Visit for Line<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        // A text is quoted always, so that 12 and "12" are told apart.
        let is_bare = field.name() == "message" && is_plain(value);
        self.written = self.written.and_then(|()| self.write(field, is_bare, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = format!("{value:?}");
        let is_bare = is_plain(&value) && (field.name() == "message" || !(value.is_empty() || value.contains(' ')));
        // What the crate `log` adds stands before the fields already.
        if !field.name().starts_with("log.") {
            self.written = self.written.and_then(|()| self.write(field, is_bare, &value));
        }
    }
}

/// Whether nothing in a text can be taken for the end of a line, a field or a quoted value.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| is_printable(c) && !matches!(c, '"' | '=' | '\\'))
}

#[cfg(test)]
pub(crate) mod tests;
