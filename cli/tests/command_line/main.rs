//! The program as its users run it: processes, exit codes, output.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends with a panic")]

mod config;
mod creating;
mod demo;
mod inventory;
mod job;
mod kept;
mod keys;
mod newcomer;
mod profiles;
mod reference;
mod screens;
mod terminal;
mod tty;
