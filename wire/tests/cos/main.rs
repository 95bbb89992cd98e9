//! The COS dialect from outside: golden fixtures, and both ends against each other.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod create_job;
mod errors;
mod fixtures;
mod jobs;
mod queries;
mod results;
mod round_trip;
