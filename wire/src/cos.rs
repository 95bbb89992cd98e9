//! The COS Batch dialect: one file for each action, all built alike.
//!
//! | action | file |
//! |---|---|
//! | `POST /jobs` | [`create_job`] |
//! | `GET /jobs/<id>` | [`describe_job`] |
//! | `GET /jobs` | [`list_jobs`] |
//! | `POST /jobs/<id>/priority` | [`update_job_priority`] |
//! | `POST /jobs/<id>/status` | [`update_job_status`] |
//! | `DELETE /jobs/<id>` | [`delete_job`] |
//!
//! An action's file has `decode_query` or `decode_request` and `encode_result` for the server,
//! `encode_query` or `encode_request` and `decode_result` for the client. [`route`] finds the
//! action, [`errors`] is the whole error table, [`headers`] names headers and makes request
//! ids. `manifest`, `operation` and `report` are the elements that two actions share.
//!
//! **Strict in requests**: an element or a parameter that the dialect does not know is an
//! error that names it, because a field that is silently ignored is a lie about what the job
//! will do. Results are read leniently: another service of the dialect may say more than we
//! know. Elements are accepted in any order; an empty element counts as absent, except where
//! the empty text means something (prefixes, values of tags and of user metadata).

pub mod create_job;
pub mod delete_job;
pub mod describe_job;
pub mod digest;
pub mod errors;
pub mod grantees;
pub mod headers;
pub mod ids;
pub mod list_jobs;
mod manifest;
mod numbers;
mod operation;
pub(crate) mod parameters;
pub mod qcs;
mod report;
pub mod report_layout;
mod result;
pub mod route;

pub mod update_job_priority;
pub mod update_job_status;
pub mod words;

pub use errors::{CosError, DecodeError, ErrorBody, decode_error, encode_error};

use crate::{spelling, times};

/// The children of an element, read by this dialect.
mod fields {
    pub(super) type Fields<'a> = crate::fields::Fields<'a, super::CosError>;
}
