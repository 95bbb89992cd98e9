//! Real servers: a test probes what each can do, then holds it to that by the conformance suite of
//! object stores and by the life of a job for every operation that it proves capable of.
//!
//! Each test starts one server, once. `fixtures/compatibility/` keeps the findings, and
//! `docs/compatibility.md` is rendered from there.
#![allow(clippy::unwrap_used)]

mod conformance;
mod findings;
mod lives;
mod page;
mod servers;
