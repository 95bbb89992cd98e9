//! The COS dialect at `/jobs`: an action is a file here, which decodes, acts by a use case, and encodes.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use brigade_config::value;
use brigade_model::Dialect;
use brigade_wire::cos::route;
use http::header::ALLOW;
use http::{HeaderValue, StatusCode};
use tracing::Instrument;

use crate::api::Api;
use crate::refusal::{Ids, Refusal};
use crate::request::RequestHead;

mod answer;
pub(crate) mod auth;
mod create_job;
mod delete_job;
mod describe_job;
pub(crate) mod errors;
mod list_jobs;
mod options;
mod update_job_priority;
mod update_job_status;

use answer::Answer;
use auth::Authenticated;
use errors::Failure;

/// One request of the dialect.
pub(crate) async fn answer_request(State(api): State<Arc<Api>>, request: Request) -> Response {
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
        Err(refusal) => {
            let is_wrong_method = refusal.told.status == StatusCode::METHOD_NOT_ALLOWED;
            let mut response = answer::refuse(refusal, &ids, &head.resource());
            if let Some(methods) = route::allowed_methods(head.path()).filter(|_| is_wrong_method) {
                response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
            }
            response
        }
    }
}

impl Api {
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
            // On the heap: its future would make that of every request as large.
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
