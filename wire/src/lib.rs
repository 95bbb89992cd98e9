//! Decodes bytes into the model and encodes them back, and nothing else.
//!
//! [`cos`] holds the COS Batch dialect and [`s3control`] that of S3 Batch Operations, one file for each action;
//! [`cos_signature`] and [`s3control_signature`] sign and verify their requests, each over one canonical form; [`admin`] holds the JSON documents of the
//! operator's API; [`parse_query`] reads a query string. All of it is pure: no socket, no store, no clock. Both ends are here, the server's (decode a
//! request, encode a result) and the client's (encode a request, decode a result), so that
//! each fixture is read from both sides.

pub mod admin;
pub mod cos;
pub mod cos_signature;
mod fields;
mod manifest;
mod numbers;
mod query;
mod request_parts;
mod resource;
pub mod s3control;
pub mod s3control_signature;
mod spelling;
mod times;
mod xml;

use brigade_model::{Dialect, ReportLayout};

pub use query::{encode_query, parse_query};

/// The layout of reports of that dialect's jobs; `None` as long as no job can be created by it.
#[must_use]
pub fn report_layout(dialect: Dialect) -> Option<ReportLayout> {
    match dialect {
        Dialect::Cos => Some(cos::report_layout::REPORT_LAYOUT),
        Dialect::S3Control => Some(s3control::report_layout::REPORT_LAYOUT),
    }
}
