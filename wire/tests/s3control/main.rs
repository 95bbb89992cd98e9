//! The S3 Control dialect from outside: requests as real clients sent them, and what we answer.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod create_job;
mod errors;
mod fixtures;
mod jobs;
mod queries;
mod results;
mod round_trip;
