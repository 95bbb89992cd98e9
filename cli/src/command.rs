//! The commands: one file each, all with `Arguments` and `run`.

pub mod access;
pub mod backup;
pub mod completions;
pub mod config;
pub mod demo;
pub mod endpoint;
pub mod init;
pub mod job;
pub mod limits;
pub mod man;
pub mod manifest;
pub mod restore;
pub mod sandbox;
pub mod serve;
pub mod store;
