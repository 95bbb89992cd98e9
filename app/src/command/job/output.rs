//! How an answer is printed: for people, as JSON or as the service's own XML.

use clap::ValueEnum;
use serde_json::Value;

use crate::document;

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table, or a short text
    Table,
    /// JSON with the interface's element names
    Json,
    /// The interface's XML, indented
    Xml,
}

/// Prints an answer: `text` for people, its body otherwise.
///
/// # Errors
/// When the body is not XML.
pub fn print(format: Format, body: &[u8], text: impl FnOnce() -> String) -> anyhow::Result<()> {
    match format {
        Format::Table => println!("{}", text()),
        Format::Json => print_json(&document::to_json(body)?),
        Format::Xml => print!("{}", document::indent(body)?),
    }
    Ok(())
}

/// Prints JSON, indented.
pub fn print_json(value: &Value) {
    println!("{value:#}");
}
