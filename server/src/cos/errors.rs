//! The COS dialect's codes for the refusals of use cases, and for its own.

use brigade_model::Status;
use brigade_service::{JobAction, PlaceUse, ServiceError};
use brigade_wire::cos::CosError;
use brigade_wire::cos::route::Action;
use brigade_wire::cos::update_job_status::Requested;
use brigade_wire::cos::words::operation_name;

use crate::refusal::{Refusal, lacking};

/// Why an action of the dialect was not carried out.
pub(super) enum Failure {
    /// The dialect refuses the request.
    Refusal(Refusal),
    /// The use case does.
    Service(ServiceError),
}

impl From<CosError> for Failure {
    fn from(told: CosError) -> Self {
        Self::Refusal(told.into())
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

impl Failure {
    /// What the client of that action is told.
    pub(super) fn of(self, action: &Action) -> Refusal {
        match self {
            Failure::Refusal(refusal) => refusal,
            Failure::Service(error) => refusal(error, action),
        }
    }
}

/// The dialect's code and message for each meaning. For what no action of it asks for it has no
/// word: the request is illegal.
pub(crate) fn refusal(error: ServiceError, action: &Action) -> Refusal {
    let told = match error {
        ServiceError::NoSuchJob => action.no_such_job(),
        ServiceError::IllegalChange { status, action: change } => illegal_change(status, change, action),
        ServiceError::NoSuchRole => CosError::invalid_parameter("RoleArn", error),
        ServiceError::OperationDenied(kind) => {
            CosError::invalid_parameter("Operation", format_args!("the role may not do {}", operation_name(kind)))
        }
        ServiceError::MissingCapabilities { operation, missing } => {
            CosError::invalid_parameter("Operation", lacking(operation_name(operation), &missing))
        }
        ServiceError::BucketDenied { place, .. } | ServiceError::WrongRegion { place, .. } => {
            CosError::invalid_parameter(parameter(place), error)
        }
        ServiceError::UnknownGrantee(_) => CosError::invalid_parameter("AccessControlGrants", error),
        ServiceError::UnknownStorageClass(_) => CosError::invalid_parameter("StorageClass", error),
        ServiceError::NoSuchFunction(_) => CosError::invalid_parameter("FunctionArn", error),
        ServiceError::NoSpace(reason) => CosError::cannot_create(reason),
        ServiceError::TokenInUse(job) => CosError::duplicate_token(job),
        ServiceError::TooManyCreates { max } => CosError::too_many_creates(max),
        ServiceError::TooManyJobs { max } => CosError::too_many_jobs(max),
        ServiceError::TooManyListed { max } => CosError::too_many_listed_jobs(max),
        ServiceError::DiskQuotaFull { max } => CosError::disk_quota_full(max),
        ServiceError::CannotRetry(_)
        | ServiceError::CannotFollow(_)
        | ServiceError::NoSuchEndpoint
        | ServiceError::BeyondConfiguration { .. }
        | ServiceError::ReasonTooLong { .. }
        | ServiceError::EndpointStopped
        | ServiceError::NoCredentials
        | ServiceError::ProbeFailed(_) => CosError::invalid_request(error),
        ServiceError::ProbeLost => CosError::internal_error(),
        ServiceError::Store(cause) => return Refusal::because(CosError::service_unavailable(), cause),
    };
    told.into()
}

/// The element that names the bucket.
fn parameter(place: PlaceUse) -> &'static str {
    match place {
        PlaceUse::Manifest => "Manifest.Location.ObjectArn",
        PlaceUse::Report => "Report.Bucket",
        PlaceUse::Target => "TargetResource",
    }
}

fn illegal_change(status: Status, change: JobAction, action: &Action) -> CosError {
    match change {
        JobAction::Confirm | JobAction::Cancel if status.is_terminal() => CosError::already_finished(),
        JobAction::Confirm => CosError::illegal_status_change(status, Requested::Ready.name()),
        JobAction::Cancel => CosError::illegal_status_change(status, Requested::Cancelled.name()),
        // Only an ended job forbids them.
        JobAction::SetPriority | JobAction::Delete => action.no_such_job(),
        JobAction::Pause | JobAction::Resume | JobAction::Limit | JobAction::SetTags => {
            CosError::invalid_request(ServiceError::IllegalChange { status, action: change })
        }
    }
}
