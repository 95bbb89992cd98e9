//! A client of the COS dialect, of the operator's API (`admin`), and of the S3 Control dialect as far as COS has no word
//! for an operation: signed requests out, decoded answers back.
//!
//! The command line, the demo and the tests use it; it knows nothing of the service's inside
//! and works with any endpoint that speaks the dialect. One request is sent once: the caller
//! decides whether to repeat it.

#![warn(clippy::print_stdout, clippy::print_stderr)]

use std::sync::Arc;

use brigade_model::job::JobId;
use brigade_model::options::JobOptions;
use brigade_model::ports::Clock;
use brigade_wire::cos::describe_job::{self, DescribedJob};
use brigade_wire::cos::list_jobs::{self, ListQuery, ListedJobs};
use brigade_wire::cos::update_job_priority::{self, UpdatedPriority};
use brigade_wire::cos::update_job_status::{self, Requested, UpdatedStatus};
use brigade_wire::cos::{create_job, decode_error};
use brigade_wire::s3control;
use bytes::Bytes;
use http::{Method, StatusCode};

mod admin;
mod config;
mod connection;
mod error;
mod request;

pub use config::ClientConfig;
pub use error::ClientError;

use connection::Connection;
use request::{Document, RequestDraft, SignedBy};

/// What the service answered.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    /// Its meaning.
    pub value: T,
    /// Its body as it came.
    pub body: Bytes,
    /// The service's id of the request.
    pub request_id: String,
}

/// The client. Cheap to clone: clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    config: Arc<ClientConfig>,
    connection: Connection,
}

impl Client {
    /// A client of that service; nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError`] when the CA certificates cannot be read.
    pub fn new(config: ClientConfig, clock: Arc<dyn Clock>) -> Result<Self, ClientError> {
        let connection = Connection::new(&config, clock)?;
        Ok(Self { config: Arc::new(config), connection })
    }

    /// Creates a job from a CreateJobRequest and says which it is.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create_job(&self, body: Vec<u8>, options: &JobOptions) -> Result<Answer<JobId>, ClientError> {
        self.call(creation("/jobs", body, options), create_job::decode_result).await
    }

    /// Creates a job in the S3 Control dialect, which has words for every operation, for the account of that number.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create_job_by_s3control(
        &self,
        account_id: &str,
        body: Vec<u8>,
        options: &JobOptions,
    ) -> Result<Answer<JobId>, ClientError> {
        let draft = creation("/v20180820/jobs", body, options);
        self.call_by(SignedBy::S3Control { account_id }, draft, s3control::create_job::decode_result).await
    }

    /// Describes a job.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn describe_job(&self, id: JobId) -> Result<Answer<DescribedJob>, ClientError> {
        self.call(RequestDraft::new(Method::GET, format!("/jobs/{id}")), describe_job::decode_result).await
    }

    /// Lists one page of jobs.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list_jobs(&self, query: &ListQuery) -> Result<Answer<ListedJobs>, ClientError> {
        let draft = RequestDraft { query: list_jobs::encode_query(query), ..RequestDraft::new(Method::GET, "/jobs") };
        self.call(draft, list_jobs::decode_result).await
    }

    /// Changes a job's priority.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn update_job_priority(&self, id: JobId, priority: i32) -> Result<Answer<UpdatedPriority>, ClientError> {
        let query = update_job_priority::encode_query(priority);
        let draft = RequestDraft { query, ..RequestDraft::new(Method::POST, format!("/jobs/{id}/priority")) };
        self.call(draft, update_job_priority::decode_result).await
    }

    /// Confirms or cancels a job.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn update_job_status(
        &self,
        id: JobId,
        requested: Requested,
        reason: &str,
    ) -> Result<Answer<UpdatedStatus>, ClientError> {
        let query = update_job_status::encode_query(requested, reason);
        let draft = RequestDraft { query, ..RequestDraft::new(Method::POST, format!("/jobs/{id}/status")) };
        self.call(draft, update_job_status::decode_result).await
    }

    /// Deletes a job: it is cancelled where that is possible, and gone once it has ended.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn delete_job(&self, id: JobId) -> Result<Answer<()>, ClientError> {
        let no_body = |_: &[u8]| Ok::<_, std::convert::Infallible>(());
        self.call(RequestDraft::new(Method::DELETE, format!("/jobs/{id}")), no_body).await
    }

    async fn call<T, E: std::fmt::Display>(
        &self,
        draft: RequestDraft,
        decode: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<Answer<T>, ClientError> {
        self.call_by(SignedBy::Cos, draft, decode).await
    }

    async fn call_by<T, E: std::fmt::Display>(
        &self,
        signed_by: SignedBy<'_>,
        draft: RequestDraft,
        decode: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<Answer<T>, ClientError> {
        let request = draft.signed(&signed_by, &self.config, self.connection.now())?;
        let received = self.connection.send(request).await?;
        if !received.status.is_success() {
            return Err(refusal(received.status, &received.body, received.request_id));
        }
        let value = decode(&received.body).map_err(|error| ClientError::Unreadable {
            url: self.config.url.as_str().to_owned(),
            problem: error.to_string(),
        })?;
        Ok(Answer { value, body: received.body, request_id: received.request_id })
    }
}

/// The request for a job; its options are headers.
fn creation(path: &str, body: Vec<u8>, options: &JobOptions) -> RequestDraft {
    let given = options.given().into_iter().map(|(name, value)| (format!("x-brigade-{name}"), value));
    let body = Some(Document { media: "application/xml", bytes: body.into() });
    RequestDraft { body, headers: given.collect(), ..RequestDraft::new(Method::POST, path) }
}

fn refusal(status: StatusCode, body: &[u8], request_id: String) -> ClientError {
    let status = status.as_u16();
    match decode_error(body).or_else(|| s3control::decode_error(body)).or_else(|| admin::decode_error(body)) {
        Some(error) => ClientError::Refused { status, code: error.code, message: error.message, request_id },
        None => ClientError::NoErrorBody { status, request_id },
    }
}

#[cfg(any(test, feature = "stub"))]
pub mod stub;
#[cfg(test)]
mod tests;
