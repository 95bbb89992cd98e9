//! Bucket Brigade's command line: starts the service, and is a client of its API like any other.

// Commands print by `printer`, which lets no text of a server steer a terminal.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod advice;
pub mod cli;
pub mod command;
pub mod core_dumps;
pub mod document;
pub mod exit;
pub mod lines;
pub mod printer;
pub mod progress;
mod proof;
pub mod reference;
pub mod report;
pub mod s3_url;
pub mod signals;
pub mod store_path;
pub mod table;
pub mod verbosity;
mod waiting;
mod words;
