//! The configuration.

pub mod command;
