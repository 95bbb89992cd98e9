//! The commands that are clients: one file each, `Arguments` and `run` alike in all.

pub mod access;
pub mod demo;
pub mod endpoint;
pub mod job;
pub mod limits;
pub mod manifest;
