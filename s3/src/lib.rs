//! Object stores: the implementations of the port `ObjectStore`, and the decorators around them.
//!
//! The usual stack is `retry` outside `limit` outside `http`, so that a backoff holds no permit:
//!
//! ```text
//! Retry -> Limit -> Stamps -> HttpStore -> the server
//! ```
//!
//! This crate alone knows S3's wire: requests, signatures, XML, error codes. It knows no jobs, tasks
//! or database.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod credentials;
pub mod fail_fast;
pub mod faults;
pub mod http;
pub mod limit;
mod metadata_text;
pub mod probe;
pub mod retry;
#[cfg(any(test, feature = "scripted"))]
pub mod scripted;
pub mod simulated;
pub mod stamps;
pub mod timeouts;
pub mod unanswered;
pub mod verdict;
pub mod xml;
