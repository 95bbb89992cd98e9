//! What the faces of the HTTP API share, and the steps of every request. `router` leads requests to the faces.
//!
//! Every request goes through the same steps:
//!
//! 1. `route` finds the action; 2. `auth` authenticates the caller; 3. the API reads the body, within
//!    its bounds, and checks its digest, where the action has one; 4. the action's own file decodes,
//!    acts, encodes; 5. one line in the log, one count in the metrics, one answer with its ids.
//!
//! A refusal gives the client a code and a message, and the log the cause.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use brigade_config::value;
use brigade_model::Dialect;
use brigade_model::ports::{Clock, Entropy, JobStore, Monotonic, Spool};
use brigade_service::{EndpointService, EngineHandle, JobService, Origin};
use brigade_wire::cos::CosError;
use bytes::Bytes;
use futures::FutureExt;

use crate::clock_watch::ClockWatch;
use crate::cos::auth::Authenticated;
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::refusal::Refusal;
use crate::request::RequestHead;
use crate::roles::ConfiguredRoles;

/// What the configuration says about the API.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// How long a request may take.
    pub request_timeout: Duration,
    /// Whether CreateJob must send its Content-MD5, signed.
    pub require_content_md5: bool,
    /// Whether labels of metrics name buckets.
    pub metrics_bucket_names: bool,
    /// The region that names of jobs have in the S3 Control dialect.
    pub s3control_region: String,
    /// Whether a job of that dialect that does not say so waits for a confirmation.
    pub s3control_confirmation_required: bool,
}

/// Everything that a request can need.
pub(crate) struct Api {
    /// Who may ask.
    pub keys: Keys,
    /// What is done for jobs.
    pub job_service: JobService,
    /// What is done for endpoints.
    pub endpoint_service: EndpointService,
    /// What roles allow.
    pub roles: Arc<ConfiguredRoles>,
    /// Where jobs lie.
    pub jobs: Arc<dyn JobStore>,
    /// Where slices lie.
    pub spool: Arc<dyn Spool>,
    /// Who carries jobs out.
    pub engine: Arc<dyn EngineHandle>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What the configuration says.
    pub rules: Rules,
    /// Notices when the time of day is set.
    pub clock_watch: ClockWatch,
    /// Whether the process is about to end.
    pub is_stopping: AtomicBool,
}

impl Api {
    /// Acts, unless it takes too long or panics: the client hears of both. The body's coming has
    /// `request_timeout`, and what is done with it as much again.
    pub(crate) async fn in_time<T>(&self, acting: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
        // Most requests are answered at once, and then no timer is begun.
        tokio::select! {
            biased;
            acted = AssertUnwindSafe(acting).catch_unwind() => {
                acted.unwrap_or_else(|_| Err(Refusal::because(CosError::internal_error(), "panicked")))
            }
            () = self.clock.sleep(2 * self.rules.request_timeout) => {
                Err(Refusal::because(CosError::service_unavailable(), "took longer than request_timeout"))
            }
        }
    }

    /// The body, if it comes in time. Until it is there the connection counts as slow.
    pub(crate) async fn read_body(&self, head: &RequestHead, body: Body) -> Result<Bytes, Refusal> {
        head.wait_for_body();
        let body = tokio::select! {
            body = head.read_body(body) => body,
            () = self.clock.sleep(self.rules.request_timeout) => Err(CosError::request_timeout().into()),
        }?;
        head.work()?;
        Ok(body)
    }

    /// One count in the metrics, one line in the log: the status of a success, or the refusal. Clients that
    /// wait for a job ask each second, and what a change changed stands in its line for the audit: so a success is
    /// told to who debugs.
    pub(crate) fn note_answer(
        &self,
        action: &'static str,
        told: Result<u16, &Refusal>,
        head: &RequestHead,
        began: Monotonic,
    ) {
        let seconds = self.clock.monotonic().since(began).as_secs_f64();
        match told {
            Ok(status) => {
                self.metrics.api_answered(action, status, "OK", seconds);
                tracing::debug!(status, peer = head.peer(), "request answered");
            }
            Err(refusal) => {
                self.metrics.api_answered(action, refusal.told.status, refusal.told.code, seconds);
                refusal.log(head.peer());
            }
        }
    }

    /// Authenticates the caller by that dialect. From here on the account, not the address, holds the
    /// connection's place.
    pub(crate) fn authenticate(
        &self,
        head: &RequestHead,
        action: value::Action,
        dialect: Option<Dialect>,
    ) -> Result<Authenticated, CosError> {
        let origin = Origin { address: head.peer().to_owned(), request_id: head.request_id().to_owned() };
        let by = head.with_parts(|parts| self.keys.authenticate(parts, action, dialect, origin, self.clock.now()))?;
        head.belongs_to(&by.caller.account.name);
        Ok(by)
    }

    /// Whether the process is about to end.
    #[must_use]
    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
pub(crate) mod tests;
