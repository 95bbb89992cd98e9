//! The embedded S3 server. It serves a simulated bucket with versions, tags, ACL, archive and restore,
//! object lock, SSE-C and requester-pays over S3's API and checks signatures: for a first try, for
//! tests, for the demo. Not for data that matters.

#![warn(clippy::print_stdout, clippy::print_stderr)]

use brigade_model::names::BucketName;

mod answers;
mod attributes;
mod buckets;
mod encryption;
mod input;
mod listings;
mod locks;
mod multipart;
mod objects;
mod server;
mod service;
mod store;

pub use server::{Credentials, routes, serve};

#[cfg(test)]
mod tests;

/// Whether clients of S3 take a bucket of that name.
#[must_use]
pub fn is_bucket_name(bucket: &BucketName) -> bool {
    s3s::path::check_bucket_name(bucket.as_str())
}
