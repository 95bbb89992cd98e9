//! Real servers: what each can do is probed, and then it is held to it, by the conformance suite
//! of object stores and by the life of a job for every operation that it proves capable of.
//!
//! A test is a server, which it starts once. What was found out is kept in
//! `fixtures/compatibility/`, and `docs/compatibility.md` is rendered from there.
#![allow(clippy::unwrap_used)]

mod conformance;
mod findings;
mod lives;
mod page;
mod servers;
