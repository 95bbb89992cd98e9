//! The S3 Control dialect under `/v20180820/`, for any Host, since clients put `<account-id>.` before it: an action
//! is a file here, which decodes, acts by a use case, and encodes.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use brigade_config::value;
use brigade_wire::s3control::route::{self, Action, JobAction};
use bytes::Bytes;
use http::header::ALLOW;
use http::{HeaderValue, StatusCode};
use tracing::Instrument;

use crate::api::Api;
use crate::refusal::{Ids, Refusal};
use crate::request::RequestHead;

mod answer;
pub(crate) mod auth;
mod create_job;
mod delete_job_tagging;
mod describe_job;
mod errors;
mod get_job_tagging;
mod list_jobs;
mod options;
mod put_job_tagging;
mod update_job_priority;
mod update_job_status;

use auth::Authenticated;
use errors::{Failure, in_our_words};

/// The paths of the dialect.
pub(crate) const PATHS: &str = "/v20180820/{*rest}";

/// One request of the dialect.
pub(crate) async fn answer_request(State(api): State<Arc<Api>>, request: Request) -> Response {
    let began = api.clock.monotonic();
    let ids = Ids::new(&*api.clock, &*api.entropy);
    let (head, body) = request.into_parts();
    let head = RequestHead::new(head, ids.request.clone());
    let action = route::route(head.method(), head.path());
    let name = action.as_ref().map_or("none", Action::name);
    let span = tracing::info_span!("request", id = %ids.request, action = name);
    let acting = api.in_time(async { api.act_by_s3control(&head, action?, body).await });
    let done = acting.instrument(span.clone()).await.map_err(in_our_words);
    let told = done.as_ref().map(|_| StatusCode::OK.as_u16());
    span.in_scope(|| api.note_answer(name, told, &head, began));
    match done {
        Ok(document) => answer::document(document, &ids),
        Err(refusal) => {
            let is_wrong_method = refusal.told.status == StatusCode::METHOD_NOT_ALLOWED;
            let mut response = answer::refuse(refusal, &ids);
            if let Some(methods) = route::allowed_methods(head.path()).filter(|_| is_wrong_method) {
                response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
            }
            response
        }
    }
}

impl Api {
    async fn act_by_s3control(&self, head: &RequestHead, action: Action, body: Body) -> Result<Vec<u8>, Refusal> {
        let by = self.authenticate_by_s3control(head, permission(&action))?;
        let takes_body = matches!(action, Action::CreateJob | Action::OfJob(JobAction::PutJobTagging, _));
        let body = if takes_body {
            by.must_sign_body(&action)?;
            self.read_body(head, body).await?
        } else {
            head.take_no_body(&body)?;
            head.work()?;
            Bytes::new()
        };
        by.check_body(&body)?;
        // On the heap: each request is as large as what is done for the largest.
        Box::pin(self.carry_out_by_s3control(head, &by, action, &body)).await.map_err(Failure::into_refusal)
    }

    async fn carry_out_by_s3control(
        &self,
        head: &RequestHead,
        by: &Authenticated,
        action: Action,
        body: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        let query = head.query();
        if action != Action::CreateJob {
            options::refuse(head)?;
        }
        match action {
            Action::CreateJob => create_job::answer(self, head, by, &query, body).await,
            Action::ListJobs => list_jobs::answer(self, by, &query).await,
            Action::OfJob(JobAction::DescribeJob, id) => describe_job::answer(self, by, &id, &query).await,
            Action::OfJob(JobAction::UpdateJobPriority, id) => update_job_priority::answer(self, by, &id, &query).await,
            Action::OfJob(JobAction::UpdateJobStatus, id) => update_job_status::answer(self, by, &id, &query).await,
            Action::OfJob(JobAction::PutJobTagging, id) => put_job_tagging::answer(self, by, &id, &query, body).await,
            Action::OfJob(JobAction::GetJobTagging, id) => get_job_tagging::answer(self, by, &id, &query).await,
            Action::OfJob(JobAction::DeleteJobTagging, id) => delete_job_tagging::answer(self, by, &id, &query).await,
        }
    }
}

/// What a key must be allowed for an action of the dialect.
fn permission(action: &Action) -> value::Action {
    match action {
        Action::CreateJob => value::Action::S3CreateJob,
        Action::ListJobs => value::Action::S3ListJobs,
        Action::OfJob(JobAction::DescribeJob, _) => value::Action::S3DescribeJob,
        Action::OfJob(JobAction::UpdateJobPriority, _) => value::Action::S3UpdateJobPriority,
        Action::OfJob(JobAction::UpdateJobStatus, _) => value::Action::S3UpdateJobStatus,
        Action::OfJob(JobAction::PutJobTagging, _) => value::Action::S3PutJobTagging,
        Action::OfJob(JobAction::GetJobTagging, _) => value::Action::S3GetJobTagging,
        Action::OfJob(JobAction::DeleteJobTagging, _) => value::Action::S3DeleteJobTagging,
    }
}
