//! The error table: every condition that the dialect names, each with its code, its HTTP
//! status and its message.
//!
//! Sources: the error page of COS Batch and the actions' own pages; messages in their style
//! ("Parameter X is invalid", "No X was provided"), literally where a page shows one. The same
//! code serves several conditions, so the table is keyed by condition: each row is also the
//! constructor of its error.

use std::fmt::Display;

use crate::fields::FieldError;
use crate::xml::{self, Writer};

/// The error as the client gets it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct CosError {
    /// The code, such as `InvalidArgument`.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, naming the field.
    pub message: String,
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct ErrorRow {
    /// The condition: the name of the constructor.
    pub condition: &'static str,
    /// The code.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Which actions answer it.
    pub api: &'static str,
    /// The message; `{name}` stands for what the constructor is given.
    pub message: &'static str,
}

macro_rules! error_table {
    ($($condition:ident($($given:ident),*) $code:literal $status:literal $api:literal $message:literal;)*) => {
        /// Every condition, in the order of the specification.
        pub const TABLE: &[ErrorRow] = &[$(ErrorRow {
            condition: stringify!($condition),
            code: $code,
            status: $status,
            api: $api,
            message: $message,
        }),*];

        impl CosError {
            $(
                #[doc = concat!("`", $code, "` ", $status, " (", $api, "): ", $message)]
                #[must_use]
                pub fn $condition($($given: impl Display),*) -> Self {
                    Self { code: $code, status: $status, message: format!($message) }
                }
            )*
        }

    };
}

#[rustfmt::skip]
error_table! {
    // The dialect's own conditions.
    empty_parameter(name)                     "InvalidArgument"       400 "CreateJob"         "No {name} was provided";
    invalid_parameter(name, why)              "InvalidArgument"       400 "CreateJob"         "Parameter {name} is invalid: {why}";
    no_appid()                                "InvalidArgument"       400 "any"               "No x-cos-appid was provided";
    invalid_appid()                           "InvalidArgument"       400 "any"               "Parameter x-cos-appid is invalid";
    invalid_option(why)                       "InvalidArgument"       400 "CreateJob"         "Parameter x-brigade is invalid: {why}";
    unknown_parameter(name)                   "InvalidArgument"       400 "any"               "Parameter {name} is unknown";
    invalid_priority(name)                    "InvalidArgument"       400 "CreateJob, UpdateJobPriority" "Parameter {name} is invalid: must be a whole number from 0 to 2147483647";
    no_requested_status()                     "InvalidArgument"       400 "UpdateJobStatus"   "No requestedJobStatus was provided";
    invalid_requested_status()                "InvalidArgument"       400 "UpdateJobStatus"   "Parameter requestedJobStatus is invalid";
    invalid_status_reason()                   "InvalidArgument"       400 "UpdateJobStatus"   "Parameter statusUpdateReason is invalid";
    invalid_job_statuses()                    "InvalidArgument"       400 "ListJobs"          "Parameter jobStatuses is invalid";
    invalid_max_results()                     "InvalidArgument"       400 "ListJobs"          "Parameter maxResults is invalid";
    invalid_next_token()                      "InvalidArgument"       400 "ListJobs"          "Parameter nextToken is invalid";
    invalid_request(why)                      "InvalidRequest"        400 "any"               "The request is illegal: {why}";
    empty_body()                              "InvalidRequest"        400 "any"               "The request body is empty";
    no_job_id()                               "InvalidRequest"        400 "any"               "No job id was provided";
    no_priority()                             "InvalidRequest"        400 "UpdateJobPriority" "No priority was provided";
    duplicate_token(job)                      "InvalidRequest"        400 "CreateJob"         "The ClientRequestToken was already used by another request, which created job {job}";
    already_finished()                        "InvalidRequest"        400 "UpdateJobStatus"   "The specified job was already finished";
    illegal_status_change(current, requested) "InvalidRequest"        400 "UpdateJobStatus"   "The specified job is {current} and cannot be changed to {requested}";
    malformed_xml(why)                        "MalformedXML"          400 "any"               "The request is not well-formed or does not have the expected format: {why}";
    malformed_manifest(why)                   "MalformedXML"          400 "CreateJob"         "The Manifest element is malformed: {why}";
    malformed_operation(why)                  "MalformedXML"          400 "CreateJob"         "The Operation element is malformed: {why}";
    malformed_report(why)                     "MalformedXML"          400 "CreateJob"         "The Report element is malformed: {why}";
    no_such_job()                             "NoSuchJob"             404 "DescribeJob, DeleteJob" "The specified job does not exist";
    no_such_open_job()                        "NoSuchJob"             404 "UpdateJobStatus, UpdateJobPriority" "The specified job does not exist or was already finished";
    cannot_format()                           "InternalError"         500 "any"               "The response could not be formatted";
    internal_error()                          "InternalError"         500 "any"               "The service met an error that it did not expect; try again";
    service_unavailable()                     "ServiceUnavailable"    500 "any"               "The service could not load or store its data; try again";
    cannot_create(why)                        "ServiceUnavailable"    500 "CreateJob"         "The job could not be created: {why}";
    too_many_jobs(max)                        "TooManyJobs"           500 "CreateJob"         "The account has as many unfinished jobs as it may have (open_jobs_max = {max}): wait until one has ended, or cancel one";
    too_many_listed_jobs(max)                 "TooManyJobs"           500 "CreateJob"         "The account has as many jobs as it may have (jobs_listed_max = {max}), and none can leave the list for another: wait until one has ended, or delete ended ones whose report was not delivered";
    disk_quota_full(max)                      "TooManyJobs"           500 "CreateJob"         "Unfinished jobs of the account, and ended ones whose report was not delivered, fill the disk that it may use (account_bytes_max = {max}): wait until one has ended, or cancel or delete one";
    // General conditions of COS.
    access_denied(why)                        "AccessDenied"          403 "any"               "Access Denied: {why}";
    request_expired()                         "AccessDenied"          403 "any"               "Request has expired";
    invalid_access_key_id()                   "InvalidAccessKeyId"    403 "any"               "The access key id does not exist";
    signature_does_not_match()                "SignatureDoesNotMatch" 403 "any"               "The signature does not match the one that the service computed; check the secret key and what was signed";
    request_time_too_skewed()                 "RequestTimeTooSkewed"  403 "any"               "The signature begins to be valid more than 15 minutes after the service's time";
    expired_token()                           "ExpiredToken"          400 "any"               "The security token has expired";
    bad_digest()                              "BadDigest"             400 "any"               "The Content-MD5 does not match the request body";
    invalid_digest()                          "InvalidDigest"         400 "any"               "The Content-MD5 is not the base64 form of 16 bytes";
    missing_request_body()                    "MissingRequestBodyError" 400 "any"             "The request body is missing";
    xml_size_limit()                          "XMLSizeLimit"          400 "any"               "The request body is larger than allowed";
    request_timeout()                         "RequestTimeout"        400 "any"               "The request did not arrive in time";
    invalid_uri()                             "InvalidURI"            400 "any"               "The path is none of this service's";
    method_not_allowed()                      "MethodNotAllowed"      405 "any"               "The method is not allowed for this resource";
    missing_content_length()                  "MissingContentLength"  411 "any"               "No Content-Length was provided";
    not_implemented(what)                     "NotImplemented"        501 "any"               "This service does not offer {what}";
    slow_down()                               "SlowDown"              503 "any"               "Too many requests; slow down";
    too_many_creates(max)                     "SlowDown"              503 "CreateJob"         "The account created as many jobs within a minute as it may (jobs_per_minute_max = {max}); slow down";
}

/// A wrong structure is MalformedXML, in the row of the element that holds it (Manifest, Operation, Report); a
/// value that is wrong, missing or empty is InvalidArgument.
impl FieldError for CosError {
    fn missing(path: String) -> Self {
        Self::empty_parameter(path)
    }

    fn invalid(path: String, why: impl Display) -> Self {
        Self::invalid_parameter(path, why)
    }

    fn malformed(path: &str, why: impl Display) -> Self {
        match path.split('.').next() {
            Some("Manifest") => Self::malformed_manifest(why),
            Some("Operation") => Self::malformed_operation(why),
            Some("Report") => Self::malformed_report(why),
            _ => Self::malformed_xml(why),
        }
    }
}

/// The body of an error's answer. `resource` is host and path of the request.
#[must_use]
pub fn encode_error(error: &CosError, resource: &str, request_id: &str, trace_id: &str) -> Vec<u8> {
    let mut writer = Writer::with_declaration();
    writer.within("Error", |w| {
        w.leaf("Code", error.code);
        w.leaf("Message", &error.message);
        w.leaf("Resource", resource);
        w.leaf("RequestId", request_id);
        w.leaf("TraceId", trace_id);
    });
    writer.finish()
}

/// An error as a client reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorBody {
    /// The code, of this table or another service's.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// Host and path of the request.
    pub resource: String,
    /// Names the request in the service's log.
    pub request_id: String,
    /// Opaque.
    pub trace_id: String,
}

/// Reads the body of an error's answer; `None` when it is none.
#[must_use]
pub fn decode_error(body: &[u8]) -> Option<ErrorBody> {
    let root = xml::parse(body).ok().filter(|root| root.name == "Error")?;
    let text =
        |name| root.children.iter().find(|child| child.name == name).map_or_else(String::new, |leaf| leaf.text.clone());
    Some(ErrorBody {
        code: text("Code"),
        message: text("Message"),
        resource: text("Resource"),
        request_id: text("RequestId"),
        trace_id: text("TraceId"),
    })
}

/// Why a client cannot read a result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the service's answer cannot be read: {0}")]
pub struct DecodeError(pub(crate) String);

impl From<CosError> for DecodeError {
    fn from(error: CosError) -> Self {
        Self(error.message)
    }
}
