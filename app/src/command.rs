//! The commands that act as clients: one file each, all with `Arguments` and `run`.

pub mod access;
pub mod demo;
pub mod endpoint;
pub mod job;
pub mod limits;
pub mod manifest;
