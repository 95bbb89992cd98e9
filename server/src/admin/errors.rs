//! What the operator's API answers to what a use case refuses, and to what it refuses itself: the
//! COS dialect's own code wherever that has one.

use std::fmt::Display;

use brigade_model::job::{CannotFollow, CannotRetry};
use brigade_service::{PlaceUse, ServiceError};
use brigade_wire::cos::words::operation_name;

use crate::refusal::{ErrorAnswer, Refusal, lacking};

/// The code and message for each meaning.
pub(super) fn refusal(error: ServiceError) -> Refusal {
    let told = match &error {
        ServiceError::NoSuchJob => told("NoSuchJob", 404, sentence(&error)),
        ServiceError::IllegalChange { .. } => told("IllegalJobStatus", 409, sentence(&error)),
        ServiceError::NoSuchRole => invalid("RoleArn", &error),
        ServiceError::OperationDenied(kind) => {
            invalid("Operation", format_args!("the role may not do {}", operation_name(*kind)))
        }
        ServiceError::MissingCapabilities { operation, missing } => {
            invalid("Operation", lacking(operation_name(*operation), missing))
        }
        ServiceError::BucketDenied { place, .. } | ServiceError::WrongRegion { place, .. } => {
            invalid(parameter(*place), &error)
        }
        ServiceError::UnknownGrantee(_) => invalid("AccessControlGrants", &error),
        ServiceError::UnknownStorageClass(_) => invalid("StorageClass", &error),
        ServiceError::NoSuchFunction(_) => invalid("FunctionArn", &error),
        ServiceError::NoSpace(_) => told("ServiceUnavailable", 500, sentence(&error)),
        ServiceError::TokenInUse(job) => {
            let why = format!("The ClientRequestToken was already used by another request, which created job {job}");
            told("InvalidRequest", 400, why)
        }
        ServiceError::TooManyCreates { .. } => told("SlowDown", 503, sentence(&error)),
        ServiceError::TooManyJobs { .. } | ServiceError::TooManyListed { .. } | ServiceError::DiskQuotaFull { .. } => {
            told("TooManyJobs", 500, sentence(&error))
        }
        ServiceError::CannotRetry(why) => told(cannot_retry(*why), 409, sentence(&error)),
        ServiceError::CannotFollow(why) => told(cannot_follow(*why), 409, sentence(&error)),
        ServiceError::NoSuchEndpoint => told("NoSuchEndpoint", 404, sentence(&error)),
        ServiceError::BeyondConfiguration { limit, .. } => invalid(limit, &error),
        ServiceError::ReasonTooLong { .. } => invalid("reason", &error),
        ServiceError::EndpointStopped => told("EndpointStopped", 409, sentence(&error)),
        ServiceError::NoCredentials => told("NoCredentials", 409, sentence(&error)),
        ServiceError::ProbeFailed(why) => {
            told("ProbeFailed", 409, format!("Nothing was found out and nothing stored: {why}"))
        }
        ServiceError::ProbeLost => internal_error(),
        ServiceError::Store(_) => told("ServiceUnavailable", 500, sentence(&error)),
    };
    match error {
        ServiceError::Store(cause) => Refusal::because(told, cause),
        _ => told.into(),
    }
}

fn cannot_retry(why: CannotRetry) -> &'static str {
    match why {
        CannotRetry::NotEnded(_) => "IllegalJobStatus",
        CannotRetry::NeverRead => "ManifestNotRead",
        CannotRetry::NothingLeft => "NothingToRetry",
        CannotRetry::OutcomesRemoved(_) => "OutcomesRemoved",
    }
}

fn cannot_follow(why: CannotFollow) -> &'static str {
    match why {
        CannotFollow::NotARestore | CannotFollow::DryRun => "NotARestore",
        CannotFollow::NeverRead => "ManifestNotRead",
        CannotFollow::NothingSucceeded => "NothingToWaitFor",
        CannotFollow::OutcomesRemoved(_) => "OutcomesRemoved",
    }
}

/// What in the job's request names the bucket.
fn parameter(place: PlaceUse) -> &'static str {
    match place {
        PlaceUse::Manifest => "Manifest.Location.ObjectArn",
        PlaceUse::Report => "Report.Bucket",
        PlaceUse::Target => "TargetResource",
    }
}

fn told(code: &'static str, status: u16, message: String) -> ErrorAnswer {
    ErrorAnswer { code, status, message }
}

/// The error's text, which begins a sentence.
fn sentence(error: &ServiceError) -> String {
    let text = error.to_string();
    let mut chars = text.chars();
    chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect()
}

/// A field of the body, or of the job, breaks a rule.
pub(super) fn invalid(name: &str, why: impl Display) -> ErrorAnswer {
    told("InvalidArgument", 400, format!("Parameter {name} is invalid: {why}"))
}

/// The body is not the document that the action takes.
pub(super) fn malformed_json(why: impl Display) -> ErrorAnswer {
    told("MalformedJSON", 400, format!("The body is not what the action takes: {why}"))
}

/// A change of limits that names none.
pub(super) fn no_limits() -> ErrorAnswer {
    let names = "requests_in_flight, requests_per_second, objects_per_second or bytes_per_second";
    told("InvalidArgument", 400, format!("No limit was provided: give {names}, each a number above 0 or null"))
}

/// The request cannot be read.
pub(super) fn invalid_request(why: impl Display) -> ErrorAnswer {
    told("InvalidRequest", 400, format!("The request is illegal: {why}"))
}

/// The key may not do it so.
pub(super) fn access_denied(why: impl Display) -> ErrorAnswer {
    told("AccessDenied", 403, format!("Access Denied: {why}"))
}

/// A path that is none of the API's.
pub(super) fn invalid_uri() -> ErrorAnswer {
    told("InvalidURI", 400, "The path is none of this service's".to_owned())
}

/// A method that the path does not take.
pub(super) fn method_not_allowed() -> ErrorAnswer {
    told("MethodNotAllowed", 405, "The method is not allowed for this resource".to_owned())
}

/// The answer cannot be written.
pub(super) fn cannot_format() -> ErrorAnswer {
    told("InternalError", 500, "The response could not be formatted".to_owned())
}

/// Nothing that a client could have caused.
pub(super) fn internal_error() -> ErrorAnswer {
    told("InternalError", 500, "The service met an error that it did not expect; try again".to_owned())
}
