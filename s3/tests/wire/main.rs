//! `http` against a server on loopback: what it sends, and how it understands the answers.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "these tests and their server are no part of the service"
)]

mod answers;
mod calls;
mod credentials;
mod crowded;
mod function;
mod idle;
mod reach;
mod sdk;
mod store;
mod stub;
