//! The S3 Control dialect's codes for the refusals of use cases, and for what every face refuses alike.

use brigade_model::Status;
use brigade_service::{JobAction, PlaceUse, ServiceError};
use brigade_wire::s3control::S3ControlError;
use brigade_wire::s3control::words::operation_name;

use crate::refusal::{ErrorAnswer, Refusal, lacking};

/// Why an action of the dialect was not carried out.
pub(super) enum Failure {
    /// The dialect refuses the request.
    Refusal(Refusal),
    /// The use case does.
    Service(ServiceError),
}

impl From<S3ControlError> for Failure {
    fn from(told: S3ControlError) -> Self {
        Self::Refusal(told.into())
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

impl From<S3ControlError> for ErrorAnswer {
    fn from(S3ControlError { code, status, message }: S3ControlError) -> Self {
        Self { code, status, message }
    }
}

impl Failure {
    /// What the client is told.
    pub(super) fn into_refusal(self) -> Refusal {
        match self {
            Failure::Refusal(refusal) => refusal,
            Failure::Service(error) => refusal(error),
        }
    }
}

/// What the steps of every request refuse, by the dialect's codes: a body that is late, cut off or too large, an
/// account that asks too much at once, a failure of ours.
pub(super) fn in_our_words(refusal: Refusal) -> Refusal {
    let mut refusal = refusal;
    let told = &mut refusal.told;
    (told.code, told.status) = match told.code {
        "SlowDown" => ("TooManyRequestsException", 429),
        "InternalError" | "ServiceUnavailable" => ("InternalServiceException", 500),
        "XMLSizeLimit" | "RequestTimeout" | "InvalidRequest" | "BadDigest" | "InvalidDigest" => {
            ("BadRequestException", 400)
        }
        code => (code, told.status),
    };
    refusal
}

/// The dialect's code and message for each meaning. For what no action of it asks for it has no word: the request
/// is illegal.
pub(crate) fn refusal(error: ServiceError) -> Refusal {
    let told = match error {
        ServiceError::NoSuchJob => S3ControlError::no_such_job(),
        ServiceError::IllegalChange { status, action } => illegal_change(status, action),
        ServiceError::NoSuchRole => S3ControlError::invalid_element("RoleArn", error),
        ServiceError::OperationDenied(kind) => {
            let why = format!("the role may not do {}", operation_name(kind));
            S3ControlError::invalid_element("Operation", why)
        }
        ServiceError::MissingCapabilities { operation, missing } => {
            S3ControlError::invalid_element("Operation", lacking(operation_name(operation), &missing))
        }
        ServiceError::BucketDenied { place, .. } | ServiceError::WrongRegion { place, .. } => {
            S3ControlError::invalid_element(element(place), error)
        }
        ServiceError::UnknownGrantee(_) => S3ControlError::invalid_element("AccessControlGrants", error),
        ServiceError::UnknownStorageClass(_) => S3ControlError::invalid_element("StorageClass", error),
        ServiceError::NoSuchFunction(_) => S3ControlError::invalid_element("FunctionArn", error),
        ServiceError::NoSpace(reason) => S3ControlError::cannot_create(reason),
        ServiceError::TokenInUse(job) => S3ControlError::token_in_use(job),
        ServiceError::TooManyCreates { .. }
        | ServiceError::TooManyJobs { .. }
        | ServiceError::TooManyListed { .. }
        | ServiceError::DiskQuotaFull { .. } => S3ControlError::too_many_requests(error),
        ServiceError::CannotRetry(_)
        | ServiceError::CannotFollow(_)
        | ServiceError::NoSuchEndpoint
        | ServiceError::BeyondConfiguration { .. }
        | ServiceError::ReasonTooLong { .. }
        | ServiceError::EndpointStopped
        | ServiceError::NoCredentials
        | ServiceError::ProbeFailed(_) => S3ControlError::bad_request(error),
        ServiceError::ProbeLost => S3ControlError::internal_error(),
        ServiceError::Store(cause) => return Refusal::because(S3ControlError::unavailable(), cause),
    };
    told.into()
}

/// The element that names the bucket.
fn element(place: PlaceUse) -> &'static str {
    match place {
        PlaceUse::Manifest => "Manifest.Location.ObjectArn",
        PlaceUse::Report => "Report.Bucket",
        PlaceUse::Target => "TargetResource",
    }
}

/// Only UpdateJobStatus has an exception for a status that does not fit.
fn illegal_change(status: Status, change: JobAction) -> S3ControlError {
    match change {
        JobAction::Confirm | JobAction::Cancel => S3ControlError::illegal_status(status, change.participle()),
        JobAction::SetPriority
        | JobAction::Delete
        | JobAction::Pause
        | JobAction::Resume
        | JobAction::Limit
        | JobAction::SetTags => S3ControlError::bad_request(ServiceError::IllegalChange { status, action: change }),
    }
}
