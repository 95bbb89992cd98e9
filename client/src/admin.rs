//! The calls of the operator's API: JSON out, JSON back.

use brigade_model::job::JobId;
use brigade_wire::admin::{
    ChangeReason, EndpointList, EndpointState, FailureList, FailureQuery, JobList, JobQuery, JobState, LimitsChange,
    PREFIX, PlaceList, PlaceQuery, PriorityChange, ProbeRequest, ProbeResult, Refused, RetryRequest, StopReason,
    WaitRequest,
};
use brigade_wire::cos::errors::ErrorBody;
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::request::{Document, RequestDraft};
use super::{Answer, Client, ClientError};

/// What is encoded in a segment of a path; a `.` too, or the segment could be `..`.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

impl Client {
    /// Lists one page of jobs, of every dialect or of one.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_jobs_of_dialects(&self, query: &JobQuery) -> Result<Answer<JobList>, ClientError> {
        let draft = RequestDraft { query: query.encode(), ..RequestDraft::new(Method::GET, format!("{PREFIX}jobs")) };
        self.call(draft, |body| serde_json::from_slice(body)).await
    }

    /// Lets a job of any dialect run that waits for a confirmation.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn confirm_job(&self, id: JobId, why: &ChangeReason) -> Result<Answer<JobState>, ClientError> {
        self.act(&format!("jobs/{id}/confirm"), Some(why)).await
    }

    /// Ends a job of any dialect early.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn cancel_job(&self, id: JobId, why: &ChangeReason) -> Result<Answer<JobState>, ClientError> {
        self.act(&format!("jobs/{id}/cancel"), Some(why)).await
    }

    /// Sets how urgent a job of any dialect is.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn set_job_priority(&self, id: JobId, to: &PriorityChange) -> Result<Answer<JobState>, ClientError> {
        self.act(&format!("jobs/{id}/priority"), Some(to)).await
    }

    /// Deletes a job of any dialect: it is cancelled where that is possible, and gone once it has ended.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn delete_job_of_any_dialect(&self, id: JobId) -> Result<Answer<JobState>, ClientError> {
        let draft = RequestDraft::new(Method::DELETE, format!("{PREFIX}jobs/{id}"));
        self.call(draft, |body| serde_json::from_slice(body)).await
    }

    /// Shows a job of any dialect.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn inspect_job(&self, id: JobId) -> Result<Answer<JobState>, ClientError> {
        self.look(&format!("jobs/{id}")).await
    }

    /// A page of the failed tasks of a job of any dialect, also while it runs.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_failures(&self, id: JobId, query: &FailureQuery) -> Result<Answer<FailureList>, ClientError> {
        let draft = RequestDraft {
            query: query.encode(),
            ..RequestDraft::new(Method::GET, format!("{PREFIX}jobs/{id}/failures"))
        };
        self.call(draft, |body| serde_json::from_slice(body)).await
    }

    /// Looks whether the buckets are there that a job in that role will write to.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn check_places(&self, role: &str, query: &PlaceQuery) -> Result<Answer<PlaceList>, ClientError> {
        let path = format!("{PREFIX}roles/{}/places", utf8_percent_encode(role, SEGMENT));
        let draft = RequestDraft { query: query.encode(), ..RequestDraft::new(Method::GET, path) };
        self.call(draft, |body| serde_json::from_slice(body)).await
    }

    /// Pauses a job.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn pause_job(&self, id: JobId) -> Result<Answer<JobState>, ClientError> {
        self.act(&format!("jobs/{id}/pause"), None::<&()>).await
    }

    /// Lets a paused job go on.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn resume_job(&self, id: JobId) -> Result<Answer<JobState>, ClientError> {
        self.act(&format!("jobs/{id}/resume"), None::<&()>).await
    }

    /// Changes a job's limits.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn limit_job(&self, id: JobId, limits: &LimitsChange) -> Result<Answer<JobState>, ClientError> {
        self.act(&format!("jobs/{id}/limit"), Some(limits)).await
    }

    /// Lists endpoints.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_endpoints(&self) -> Result<Answer<EndpointList>, ClientError> {
        self.look("endpoints").await
    }

    /// Changes an endpoint's limits.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn limit_endpoint(
        &self,
        endpoint: &str,
        limits: &LimitsChange,
    ) -> Result<Answer<EndpointState>, ClientError> {
        self.act(&endpoint_path(endpoint, "limit"), Some(limits)).await
    }

    /// Stops an endpoint.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn stop_endpoint(&self, endpoint: &str, why: &StopReason) -> Result<Answer<EndpointState>, ClientError> {
        self.act(&endpoint_path(endpoint, "stop"), Some(why)).await
    }

    /// Starts an endpoint.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn start_endpoint(&self, endpoint: &str) -> Result<Answer<EndpointState>, ClientError> {
        self.act(&endpoint_path(endpoint, "start"), None::<&()>).await
    }

    /// Creates a job over the failed and the unattempted tasks of an ended one.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn retry_failed(&self, id: JobId, request: &RetryRequest) -> Result<Answer<JobState>, ClientError> {
        self.act(&format!("jobs/{id}/retry-failed"), Some(request)).await
    }

    /// Creates a job that waits until what a restore restored is readable.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn wait_for_restore(&self, id: JobId, request: &WaitRequest) -> Result<Answer<JobState>, ClientError> {
        self.act(&format!("jobs/{id}/wait-for-restore"), Some(request)).await
    }

    /// Finds out what an endpoint can do, on a bucket that is left as it was.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn probe_endpoint(
        &self,
        endpoint: &str,
        request: &ProbeRequest,
    ) -> Result<Answer<ProbeResult>, ClientError> {
        self.act(&endpoint_path(endpoint, "probe"), Some(request)).await
    }

    /// `GET` of a path below the API's prefix.
    async fn look<T: DeserializeOwned>(&self, path: &str) -> Result<Answer<T>, ClientError> {
        self.call(RequestDraft::new(Method::GET, format!("{PREFIX}{path}")), |body| serde_json::from_slice(body)).await
    }

    /// `POST` to a path below the API's prefix.
    async fn act<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<Answer<T>, ClientError> {
        let bytes = body.map(serde_json::to_vec).transpose();
        let bytes = bytes.map_err(|error| ClientError::Unsendable(error.to_string()))?;
        let body = bytes.map(|bytes| Document { media: "application/json", bytes: bytes.into() });
        let draft = RequestDraft { body, ..RequestDraft::new(Method::POST, format!("{PREFIX}{path}")) };
        self.call(draft, |body| serde_json::from_slice(body)).await
    }
}

/// A name is whatever the user typed: it stays one segment of the path.
fn endpoint_path(endpoint: &str, verb: &str) -> String {
    format!("endpoints/{}/{verb}", utf8_percent_encode(endpoint, SEGMENT))
}

/// Reads the body of a refusal; `None` when it is none.
pub(super) fn decode_error(body: &[u8]) -> Option<ErrorBody> {
    let Refused { code, message, request_id } = serde_json::from_slice(body).ok()?;
    Some(ErrorBody { code, message, request_id, resource: String::new(), trace_id: String::new() })
}
