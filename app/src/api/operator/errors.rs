//! What the operator's API refuses and the dialect has no word for.

use brigade_model::Status;
use brigade_model::job::CannotRetry;
use brigade_wire::cos::CosError;

/// The body is not the document that the action takes.
pub(super) fn malformed_json(why: impl std::fmt::Display) -> CosError {
    CosError { code: "MalformedJSON", status: 400, message: format!("The body is not what the action takes: {why}") }
}

/// The status forbids it; `what` completes "cannot be".
pub(super) fn forbidden_by_status(status: Status, what: &str) -> CosError {
    let message = format!("The specified job is {status} and cannot be {what}");
    CosError { code: "IllegalJobStatus", status: 409, message }
}

/// No endpoint has that name.
pub(super) fn no_such_endpoint() -> CosError {
    let message = "The configuration has no such endpoint".to_owned();
    CosError { code: "NoSuchEndpoint", status: 404, message }
}

/// A change of limits that names none.
pub(super) fn no_limits() -> CosError {
    let names = "requests_in_flight, requests_per_second, objects_per_second or bytes_per_second";
    let message = format!("No limit was provided: give {names}, each a number above 0 or null");
    CosError { code: "InvalidArgument", status: 400, message }
}

/// A limit beyond what the configuration allows.
pub(super) fn beyond_the_configuration(name: &str, cap: u64) -> CosError {
    let message = format!("Parameter {name} is invalid: the configuration allows {cap} at most");
    CosError { code: "InvalidArgument", status: 400, message }
}

/// The reason of a stop is too long.
pub(super) fn reason_too_long(chars_max: usize) -> CosError {
    let message = format!("Parameter reason is invalid: must be {chars_max} characters at most");
    CosError { code: "InvalidArgument", status: 400, message }
}

/// A job that cannot be retried.
pub(in crate::api) fn cannot_retry(why: CannotRetry) -> CosError {
    let code = match why {
        CannotRetry::NotEnded(_) => "IllegalJobStatus",
        CannotRetry::NeverRead => "ManifestNotRead",
        CannotRetry::NothingLeft => "NothingToRetry",
        CannotRetry::OutcomesRemoved(_) => "OutcomesRemoved",
    };
    CosError { code, status: 409, message: format!("The specified job cannot be retried: {why}") }
}

/// A field of the body breaks a rule.
pub(super) fn invalid(name: &str, why: impl std::fmt::Display) -> CosError {
    let message = format!("Parameter {name} is invalid: {why}");
    CosError { code: "InvalidArgument", status: 400, message }
}

/// The bucket's name is none.
pub(super) fn no_bucket(why: impl std::fmt::Display) -> CosError {
    CosError { code: "InvalidArgument", status: 400, message: format!("Parameter bucket is invalid: {why}") }
}

/// A probe needs the endpoint's own credentials, whatever roles have.
pub(super) fn no_credentials() -> CosError {
    let message = "The endpoint has no access_key and secret_key of its own, which a probe needs".to_owned();
    CosError { code: "NoCredentials", status: 409, message }
}

/// An endpoint that an operator stopped gets no request.
pub(super) fn endpoint_stopped() -> CosError {
    let message = "The endpoint is stopped: start it before it is probed".to_owned();
    CosError { code: "EndpointStopped", status: 409, message }
}

/// The probe found nothing out.
pub(super) fn probe_failed(why: impl std::fmt::Display) -> CosError {
    CosError { code: "ProbeFailed", status: 409, message: format!("Nothing was found out and nothing stored: {why}") }
}
