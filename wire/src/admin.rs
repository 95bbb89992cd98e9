//! The documents of the operator's API, as its handlers write and its client reads them.
//!
//! Their JSON is the interface: a field that was released keeps its name and its meaning.

mod change;
mod endpoint;
mod failures;
mod given;
mod job;
mod left_uploads;
mod limits;
mod places;
mod preview;
mod probe;
mod query;
mod rates;
mod waiting;

use brigade_model::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoResponses, ToSchema};

pub use change::{ChangeReason, PriorityChange, RetryRequest, StopReason, WaitRequest};
pub use endpoint::{EndpointList, EndpointState, HardCaps, LaneState, ProtectionState, StoppedSince, WindowState};
pub use failures::{FailedRow, FailureCount, FailureList};
pub use job::{
    DoneBytes, DryRunFound, FailureReason, HoldState, JobList, JobProgress, JobState, JobSummary, ObjectPlace,
    ReportPlace,
};
pub use left_uploads::{LeftUpload, LeftUploadsState};
pub use limits::{Limits, LimitsChange};
pub use places::{PlaceList, PlaceQuery, PlaceState};
pub use preview::{PreviewRow, PreviewState};
pub use probe::{ProbeFinding, ProbeRequest, ProbeResult};
pub use query::{FailureQuery, JobQuery, WrongParameter, dialect_of};
pub use rates::RatesState;
pub use waiting::WaitState;

/// Where the API lies. The path of every action begins so.
pub const PREFIX: &str = "/brigade/v1/";

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refused {
    /// A word for programs; the dialect's own wherever it has one.
    #[schema(example = "NoSuchJob")]
    pub code: String,
    /// What is wrong, for people.
    #[schema(example = "The specified job does not exist")]
    pub message: String,
    /// Names the request in the service's log; also the header `x-cos-request-id`.
    pub request_id: String,
}

/// How every action refuses.
#[derive(IntoResponses)]
pub enum Refusals {
    /// The request is wrong
    #[response(status = 400)]
    Wrong(Refused),
    /// The signature is not right, or the key may not do it
    #[response(status = 403)]
    Denied(Refused),
    /// There is no such job or endpoint
    #[response(status = 404)]
    Missing(Refused),
    /// The job's status forbids it
    #[response(status = 409)]
    Conflict(Refused),
    /// The service has trouble of its own; try again
    #[response(status = 500)]
    Trouble(Refused),
}

/// A point in time as the documents have it: whole seconds.
fn written(at: Timestamp) -> String {
    format!("{at:.0}")
}
