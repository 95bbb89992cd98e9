//! The life of jobs, told by the AWS SDK for Rust (`aws-sdk-s3control`). The SDK puts the account id before the
//! host, so the service is its proxy, as `HTTP_PROXY` makes it one for other clients.
//!
//! A test binary of its own: the SDK takes longer to compile than the rest of this crate.
#![allow(clippy::unwrap_used)]

mod fixtures;
mod lives;
mod proxy;
