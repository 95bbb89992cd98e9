//! The S3 Control dialect of S3 Batch Operations: one file for each action, all built alike.
//!
//! | action | file |
//! |---|---|
//! | `POST /v20180820/jobs` | [`create_job`] |
//! | `GET /v20180820/jobs/<id>` | [`describe_job`] |
//! | `GET /v20180820/jobs` | [`list_jobs`] |
//! | `POST /v20180820/jobs/<id>/priority` | [`update_job_priority`] |
//! | `POST /v20180820/jobs/<id>/status` | [`update_job_status`] |
//! | `PUT /v20180820/jobs/<id>/tagging` | [`put_job_tagging`] |
//! | `GET /v20180820/jobs/<id>/tagging` | [`get_job_tagging`] |
//! | `DELETE /v20180820/jobs/<id>/tagging` | [`delete_job_tagging`] |
//!
//! Names and shapes are those of the service model that every SDK is made from (`s3control/2018-08-20`). An
//! action's file decodes its query or its body and encodes its result; clients of this dialect are the SDKs, and of
//! results only those of CreateJob and the errors are read here, for our own client. [`route`] finds the action, [`errors`] is the whole error table, [`arn`] the
//! names of resources. `manifest`, [`operation`] and `report` are the elements that two actions share.
//!
//! **Strict in requests**: an element or a parameter that this service does not carry out is refused by its
//! name, because a field that is silently ignored is a lie about what the job will do. Elements are accepted in
//! any order and in any name space; an empty element counts as absent, except where the empty set or text means
//! something (the tags of copies, the values of tags and of user metadata).

pub mod arn;
pub mod create_job;
pub mod delete_job_tagging;
pub mod describe_job;
pub mod errors;
pub mod get_job_tagging;
pub mod headers;
pub mod list_jobs;
mod manifest;
pub mod operation;
mod parameters;
mod progress;
pub mod put_job_tagging;
mod report;
pub mod report_layout;
pub mod route;
mod tags;
pub mod update_job_priority;
pub mod update_job_status;
pub mod words;

pub use errors::{S3ControlError, decode_error, encode_error};

use crate::xml::Writer;

/// The name space of every document.
pub const NAMESPACE: &str = "http://awss3control.amazonaws.com/doc/2018-08-20/";

/// The children of an element, read by this dialect.
type Fields<'a> = crate::fields::Fields<'a, S3ControlError>;

impl Fields<'_> {
    /// Refuses by their names what the model knows and this service does not carry out; an empty element says nothing.
    fn refuse(&mut self, names: &[&'static str]) -> Result<(), S3ControlError> {
        for name in names {
            if self.element(name)?.is_some_and(|given| !given.is_blank()) {
                return Err(S3ControlError::not_offered(self.path(name)));
            }
        }
        Ok(())
    }

    /// The same of what is a switch: off, it says nothing.
    fn refuse_switches(&mut self, names: &[&'static str]) -> Result<(), S3ControlError> {
        for name in names {
            if self.boolean(name)? == Some(true) {
                return Err(S3ControlError::not_offered(self.path(name)));
            }
        }
        Ok(())
    }
}

/// A document with that root.
fn document(root: &str, content: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.within_namespace(root, NAMESPACE, content);
    writer.finish()
}
