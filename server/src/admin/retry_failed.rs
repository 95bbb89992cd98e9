//! RetryFailed: a new job over what an ended one left undone.

use std::sync::Arc;

use axum::extract::State;
use brigade_model::job::{Retry, Unconfirmed};
use brigade_service::JobService;
use brigade_wire::admin::{JobState, Refusals, RetryRequest};

use super::arguments::check_new_job;
use super::{AdminCaller, Done, JsonBody, JsonRefusal, PathName, errors, job_id};
use crate::api::Api;
use crate::refusal::ErrorAnswer;

/// Creates a job over exactly the failed and unattempted tasks of an ended one
///
/// Operation, options, role and places are those of the ended job. With a client_request_token a
/// repeat of the request answers with the job that the first one created.
#[utoipa::path(
    post,
    path = "/brigade/v1/jobs/{job}/retry-failed",
    operation_id = "RetryFailed",
    tag = "jobs",
    params(("job" = String, Path, description = "The id of the job that has ended")),
    request_body = RetryRequest,
    responses(
        (status = 200, description = "The new job", body = JobState),
        Refusals,
    ),
)]
pub(super) async fn handle(
    State(api): State<Arc<Api>>,
    AdminCaller(caller): AdminCaller,
    PathName(job): PathName,
    JsonBody(request): JsonBody<RetryRequest>,
) -> Result<Done<JobState>, JsonRefusal> {
    let source = api.job_service.find_job(&caller, job_id(&job)?).await?;
    let retry = read(&api.job_service, request)?;
    let job = api.job_service.retry_failed(&caller, &source, retry).await?;
    Ok(Done(api.job_state(&job).await?))
}

/// What is asked otherwise; a request without a token gets a fresh one.
fn read(service: &JobService, request: RetryRequest) -> Result<Retry, ErrorAnswer> {
    let RetryRequest { client_request_token, priority, confirmation_required, description, unconfirmed } = request;
    let unconfirmed = unconfirmed.map_or(Ok(Unconfirmed::default()), |word| word.parse());
    let unconfirmed = unconfirmed.map_err(|why| errors::invalid("unconfirmed", why))?;
    check_new_job(client_request_token.as_deref(), description.as_deref(), priority)?;
    let client_request_token = client_request_token.unwrap_or_else(|| service.fresh_token("retry"));
    Ok(Retry { client_request_token, priority, confirmation_required, description, unconfirmed })
}
