//! The error table: every condition that the dialect names, each with its code, its HTTP status and its
//! message. Each row is also the constructor of its error.
//!
//! Codes are the names of the exceptions in the service model, so that SDKs raise them typed, and S3's own
//! where a request is not let in. The model gives no statuses: 400 is wrong as asked, 404 no such job, 429 wait
//! and ask again, 500 ask again.

use std::fmt::Display;

use super::NAMESPACE;
use crate::cos::errors::{DecodeError, ErrorBody};
use crate::fields::FieldError;
use crate::xml::{self, Element, Writer};

/// The error as the client gets it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct S3ControlError {
    /// The code, such as `BadRequestException`.
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
    /// The message; `{name}` stands for what the constructor is given.
    pub message: &'static str,
}

macro_rules! error_table {
    ($($condition:ident($($given:ident),*) $code:literal $status:literal $message:literal;)*) => {
        /// Every condition.
        pub const TABLE: &[ErrorRow] = &[$(ErrorRow {
            condition: stringify!($condition),
            code: $code,
            status: $status,
            message: $message,
        }),*];

        impl S3ControlError {
            $(
                #[doc = concat!("`", $code, "` ", $status, ": ", $message)]
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
    // The request is wrong as asked.
    missing_element(name)            "BadRequestException"        400 "The request lacks {name}";
    invalid_element(name, why)       "BadRequestException"        400 "{name} is invalid: {why}";
    malformed_xml(why)               "BadRequestException"        400 "The request is not well-formed or does not have the expected format: {why}";
    not_offered(name)                "BadRequestException"        400 "{name} is not implemented: this service does not carry it out";
    no_replication()                 "BadRequestException"        400 "S3ReplicateObject is not implemented: no call of S3 replicates one object; S3PutObjectCopy to the bucket of the replication rule copies them";
    unknown_parameter(name)          "BadRequestException"        400 "Parameter {name} is unknown";
    invalid_option(why)              "BadRequestException"        400 "x-brigade is invalid: {why}";
    bad_request(why)                 "BadRequestException"        400 "The request is illegal: {why}";
    body_differs()                   "XAmzContentSHA256Mismatch"  400 "The x-amz-content-sha256 is not that of the request body";
    token_in_use(job)                "IdempotencyException"       400 "The ClientRequestToken was already used by another request, which created job {job}";
    illegal_status(current, wanted)  "JobStatusException"         400 "The job is {current} and cannot be {wanted}";
    too_many_tags(max)               "TooManyTagsException"       400 "A job has {max} tags at most";
    invalid_request(why)             "InvalidRequestException"    400 "The request is illegal: {why}";
    invalid_next_token()             "InvalidNextTokenException"  400 "nextToken is none that this service gave";
    no_such_job()                    "NotFoundException"          404 "The specified job does not exist";
    invalid_uri()                    "InvalidURI"                 400 "The path is none of this service's";
    method_not_allowed()             "MethodNotAllowed"           405 "The method is not allowed for this resource";
    // It is not let in.
    access_denied(why)               "AccessDenied"               403 "Access Denied: {why}";
    request_expired()                "AccessDenied"               403 "Request has expired";
    invalid_access_key_id()          "InvalidAccessKeyId"         403 "The access key id does not exist";
    signature_does_not_match()       "SignatureDoesNotMatch"      403 "The signature does not match the one that the service computed; check the secret key and what was signed";
    request_time_too_skewed()        "RequestTimeTooSkewed"       403 "The difference between the request's time and the service's is more than 15 minutes";
    expired_token()                  "ExpiredToken"               400 "The security token has expired";
    // Later it may be right.
    too_many_requests(why)           "TooManyRequestsException"   429 "{why}";
    cannot_create(why)               "InternalServiceException"   500 "The job could not be created: {why}";
    internal_error()                 "InternalServiceException"   500 "The service met an error that it did not expect; try again";
    unavailable()                    "InternalServiceException"   500 "The service could not load or store its data; try again";
}

impl FieldError for S3ControlError {
    fn missing(path: String) -> Self {
        Self::missing_element(path)
    }

    fn invalid(path: String, why: impl Display) -> Self {
        Self::invalid_element(path, why)
    }

    fn malformed(_: &str, why: impl Display) -> Self {
        Self::malformed_xml(why)
    }
}

/// The body of an error's answer: SDKs take the request id from it only in this form.
#[must_use]
pub fn encode_error(error: &S3ControlError, request_id: &str) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.within_namespace("ErrorResponse", NAMESPACE, |w| {
        w.within("Error", |w| {
            w.leaf("Code", error.code);
            w.leaf("Message", &error.message);
        });
        w.leaf("RequestId", request_id);
    });
    writer.finish()
}

/// Reads the body of an error's answer; `None` when it is none.
#[must_use]
pub fn decode_error(body: &[u8]) -> Option<ErrorBody> {
    let root = xml::parse(body).ok().filter(|root| root.name == "ErrorResponse")?;
    let error = child(&root, "Error")?;
    let text = |of, name| child(of, name).map_or_else(String::new, |leaf| leaf.text.clone());
    Some(ErrorBody {
        code: text(error, "Code"),
        message: text(error, "Message"),
        request_id: text(&root, "RequestId"),
        resource: String::new(),
        trace_id: String::new(),
    })
}

fn child<'a>(of: &'a Element, name: &str) -> Option<&'a Element> {
    of.children.iter().find(|child| child.name == name)
}

impl From<S3ControlError> for DecodeError {
    fn from(error: S3ControlError) -> Self {
        Self(error.message)
    }
}
