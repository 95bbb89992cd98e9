//! The bodies of the ports `JobStore` and `Spool`.
//!
//! `memory` is the reference: what it does is what the contract means. `sqlite` is the embedded
//! default, durable, for one process on one data directory. `directory` keeps spool files.
//! `backup` copies a data directory, both of them together, and brings the copy back.
//! `conformance` is the suite that every body passes (a feature, for tests).

pub mod backup;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod directory;
mod folders;
pub mod memory;
mod moment;
mod rights;
pub mod sqlite;
