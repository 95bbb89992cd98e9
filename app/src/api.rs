//! The HTTP API: the COS dialect at `/jobs`, the operator's API under `/brigade/v1/` ([`admin`]), and
//! `/healthz` and `/readyz`. [`metrics_router`] serves the metrics at an address of their own.
//!
//! Every request of the dialect goes through the same steps:
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

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use brigade_model::Dialect;
use brigade_model::ports::{Clock, Entropy, JobStore, Monotonic, Spool};
use brigade_service::{EndpointService, EngineHandle, JobService, Origin};
use brigade_wire::cos::{CosError, route};
use bytes::Bytes;
use futures::FutureExt;
use tracing::Instrument;

use crate::auth::{Authenticated, Keys};
use crate::clock_watch::ClockWatch;
use crate::config::value;
use crate::metrics::Metrics;
use crate::roles::ConfiguredRoles;

pub mod admin;
mod answer;
mod create_job;
mod delete_job;
mod describe_job;
mod errors;
mod list_jobs;
mod options;
mod page;
mod request;
mod update_job_priority;
mod update_job_status;

use answer::{Answer, Ids, Refusal};
use errors::Failure;
use request::RequestHead;

/// What the configuration says about the API.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How long a request may take.
    pub request_timeout: Duration,
    /// Whether CreateJob must send its Content-MD5, signed.
    pub require_content_md5: bool,
    /// Whether labels of metrics name buckets.
    pub metrics_bucket_names: bool,
}

/// Everything that a request can need.
pub struct Api {
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

/// The whole API.
pub fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/healthz", get(page::healthz))
        .route("/readyz", get(page::readyz))
        .merge(admin::router(&api))
        .fallback(answer)
        .with_state(api)
}

/// The pages for every client that reaches the metrics' address.
pub fn metrics_router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/healthz", get(page::healthz))
        .route("/readyz", get(page::readyz_with_reasons))
        .route("/metrics", get(page::metrics))
        .with_state(api)
}

/// One request of the dialect.
async fn answer(State(api): State<Arc<Api>>, request: Request) -> Response {
    let began = api.clock.monotonic();
    let ids = Ids::new(&*api.clock, &*api.entropy);
    let (head, body) = request.into_parts();
    let head = RequestHead::new(head, ids.request.clone());
    let action = route::route(head.method(), head.path());
    let name = action.as_ref().map_or("none", route::Action::name);
    let span = tracing::info_span!("request", id = %ids.request, action = name);
    let done = api.in_time(async { api.act(&head, action?, body).await }).instrument(span.clone()).await;
    let told = done.as_ref().map(|answer| answer.status);
    span.in_scope(|| api.note_answer(name, told, &head, began));
    match done {
        Ok(answer) => answer.respond(&ids),
        Err(refusal) => refusal.respond(&ids, &head.resource()),
    }
}

impl Api {
    /// Acts, unless it takes too long or panics: the client hears of both. The body's coming has
    /// `request_timeout`, and what is done with it as much again.
    async fn in_time<T>(&self, acting: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
        tokio::select! {
            acted = AssertUnwindSafe(acting).catch_unwind() => {
                acted.unwrap_or_else(|_| Err(Refusal::because(CosError::internal_error(), "panicked")))
            }
            () = self.clock.sleep(2 * self.rules.request_timeout) => {
                Err(Refusal::because(CosError::service_unavailable(), "took longer than request_timeout"))
            }
        }
    }

    /// The body, if it comes in time. Until it is there the connection counts as slow.
    async fn read_body(&self, head: &RequestHead, body: Body) -> Result<Bytes, Refusal> {
        head.wait_for_body();
        let body = tokio::select! {
            body = head.read_body(body) => body,
            () = self.clock.sleep(self.rules.request_timeout) => Err(CosError::request_timeout().into()),
        }?;
        head.work()?;
        Ok(body)
    }

    /// One count in the metrics, one line in the log: the status of a success, or the refusal. Clients that
    /// wait for a job ask each second, so what only reads is told to who debugs.
    fn note_answer(&self, action: &str, told: Result<u16, &Refusal>, head: &RequestHead, began: Monotonic) {
        let seconds = self.clock.monotonic().since(began).as_secs_f64();
        match told {
            Ok(status) => {
                self.metrics.api_answered(action, status, "OK", seconds);
                match head.method() == "GET" {
                    true => tracing::debug!(status, peer = head.peer(), "request answered"),
                    false => tracing::info!(status, peer = head.peer(), "request answered"),
                }
            }
            Err(refusal) => {
                self.metrics.api_answered(action, refusal.told.status, refusal.told.code, seconds);
                refusal.log(head.peer());
            }
        }
    }

    async fn act(&self, head: &RequestHead, action: route::Action, body: Body) -> Result<Answer, Refusal> {
        let by = self.authenticate(head, permission(&action), Some(Dialect::Cos))?;
        self.carry_out(head, &by, &action, body).await.map_err(|failure| failure.of(&action))
    }

    async fn carry_out(
        &self,
        head: &RequestHead,
        by: &Authenticated,
        action: &route::Action,
        body: Body,
    ) -> Result<Answer, Failure> {
        if let route::Action::CreateJob = action {
            // On the heap: each request is as large as what is done for the largest.
            return Box::pin(self.create_job(head, by, body)).await;
        }
        head.take_no_body(&body)?;
        head.work()?;
        options::refuse(head)?;
        let (caller, query) = (&by.caller, head.query());
        match action {
            route::Action::CreateJob => unreachable!("done above"),
            route::Action::DescribeJob(id) => self.describe_job(caller, id, &query).await,
            route::Action::ListJobs => self.list_jobs(caller, &query).await,
            route::Action::UpdateJobPriority(id) => self.update_job_priority(caller, id, &query).await,
            route::Action::UpdateJobStatus(id) => self.update_job_status(caller, id, &query).await,
            route::Action::DeleteJob(id) => self.delete_job(caller, id, &query).await,
        }
    }

    /// Authenticates the caller by that dialect. From here on the account, not the address, holds the
    /// connection's place.
    fn authenticate(
        &self,
        head: &RequestHead,
        action: value::Action,
        dialect: Option<Dialect>,
    ) -> Result<Authenticated, CosError> {
        let origin = Origin { address: head.peer().to_owned(), request_id: head.request_id().to_owned() };
        let by = head.with_parts(|parts| self.keys.authenticate(parts, action, dialect, origin, self.clock.now()))?;
        head.belongs_to(&by.caller.owner.account);
        Ok(by)
    }

    /// Whether the process is about to end.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }
}

/// What a key must be allowed for an action of the dialect.
fn permission(action: &route::Action) -> value::Action {
    match action {
        route::Action::CreateJob => value::Action::CreateJob,
        route::Action::DescribeJob(_) => value::Action::DescribeJob,
        route::Action::ListJobs => value::Action::ListJobs,
        route::Action::UpdateJobPriority(_) => value::Action::UpdateJobPriority,
        route::Action::UpdateJobStatus(_) => value::Action::UpdateJobStatus,
        route::Action::DeleteJob(_) => value::Action::DeleteJob,
    }
}

#[cfg(test)]
mod tests;
