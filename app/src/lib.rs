//! Bucket Brigade, the process: configuration, the HTTP API, authentication, metrics and logs
//! around the engine; and the command line, which is a client of that API like any other.

// Commands print by `printer`, which lets no text of a server steer a terminal.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod api;
pub mod auth;
pub mod backup;
pub mod cli;
pub mod client;
pub mod clock_watch;
pub mod command;
pub mod config;
pub mod core_dumps;
pub mod document;
pub mod exit;
mod fail_fast;
pub mod init;
pub mod log;
pub mod metrics;
pub mod notify;
pub mod operator;
pub mod printer;
pub mod progress;
mod proof;
pub mod report;
pub mod restore;
pub mod roles;
pub mod s3_url;
pub mod sandbox;
pub mod serve;
pub mod table;
pub mod tls;
