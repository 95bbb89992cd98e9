//! The service in a process: the listener, TLS and the HTTP APIs around the use cases, the configured
//! endpoints around the engine, metrics and logs.
//!
//! Each face has a folder: `cos` and `s3control` (the dialects) and `admin` (JSON); they share `api`. This crate
//! alone knows both the use cases and the wire.

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod admin;
mod api;
mod clock_watch;
mod cos;
mod descriptors;
mod health;
mod keys;
mod listener;
pub mod log;
mod metrics;
mod notify;
mod refusal;
mod reload;
mod request;
pub mod roles;
mod router;
mod s3control;
pub mod serve;
mod settings;
mod tls;
