//! Prints an answer: for people, as JSON or as the service's own XML.

use brigade_config::UsageError;
use bytes::Bytes;
use clap::ValueEnum;
use serde_json::Value;

use crate::document;
use crate::printer::{self, say};

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

/// An answer's body, in the form that it came in.
#[derive(Debug, Clone)]
pub enum Body {
    /// Of the COS dialect.
    Xml(Bytes),
    /// Of the operator's API.
    Json(Bytes),
}

/// Prints an answer of either form: `text` for people, its body otherwise.
///
/// # Errors
/// As [`print()`] and [`print_document`].
pub fn print_body(format: Format, body: &Body, text: impl FnOnce() -> String) -> anyhow::Result<()> {
    match body {
        Body::Xml(body) => print(format, body, text),
        Body::Json(body) => print_document(format, body, text),
    }
}

/// Prints an answer: `text` for people, its body otherwise.
///
/// # Errors
/// When the body is not XML.
pub fn print(format: Format, body: &[u8], text: impl FnOnce() -> String) -> anyhow::Result<()> {
    match format {
        Format::Table => say(text()),
        Format::Json => print_json(&document::to_json(body)?),
        Format::Xml => print_xml(body),
    }
}

/// Prints an answer of the operator's API: `text` for people, its JSON otherwise.
///
/// # Errors
/// As [`say`], and [`UsageError`] when XML is asked for.
pub fn print_document(format: Format, body: &[u8], text: impl FnOnce() -> String) -> anyhow::Result<()> {
    match format {
        Format::Table => say(text()),
        Format::Json => print_json(&serde_json::from_slice(body)?),
        Format::Xml => Err(UsageError("this answer is no XML: say --output json".to_owned()).into()),
    }
}

/// Prints JSON, indented.
///
/// # Errors
/// As [`say`].
pub fn print_json(value: &Value) -> anyhow::Result<()> {
    say(printer::json(value))
}

/// Prints XML, indented.
///
/// # Errors
/// As [`say`], and when the body is not XML.
pub fn print_xml(body: &[u8]) -> anyhow::Result<()> {
    say(document::indent(body)?.trim_end())
}
