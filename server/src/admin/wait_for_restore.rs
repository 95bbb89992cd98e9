//! WaitForRestore: a new job that waits until what a restore restored is readable.

use std::sync::Arc;

use axum::extract::State;
use brigade_model::job::Follow;
use brigade_model::limits::RESTORE_WAIT_HOURS_MAX;
use brigade_model::operation::WaitForRestore;
use brigade_service::JobService;
use brigade_wire::admin::{JobState, Refusals, WaitRequest};

use super::arguments::check_new_job;
use super::{AdminCaller, Done, JsonBody, JsonRefusal, PathName, errors, job_id};
use crate::api::Api;
use crate::refusal::ErrorAnswer;

/// Creates a job that waits until the objects that a restore restored are readable
///
/// Its tasks are the successes of the restore, which may still run: the new job begins once that has ended. It
/// looks at each object in rounds, with growing pauses, in which it holds no slot. An object that is readable is
/// a success. With a client_request_token a repeat of the request answers with the job that the first one
/// created.
#[utoipa::path(
    post,
    path = "/brigade/v1/jobs/{job}/wait-for-restore",
    operation_id = "WaitForRestore",
    tag = "jobs",
    params(("job" = String, Path, description = "The id of the job that restores")),
    request_body = WaitRequest,
    responses(
        (status = 200, description = "The new job", body = JobState),
        Refusals,
    ),
)]
pub(super) async fn handle(
    State(api): State<Arc<Api>>,
    AdminCaller(caller): AdminCaller,
    PathName(job): PathName,
    JsonBody(request): JsonBody<WaitRequest>,
) -> Result<Done<JobState>, JsonRefusal> {
    let source = api.job_service.find_job(&caller, job_id(&job)?).await?;
    let follow = read(&api.job_service, request)?;
    let job = api.job_service.wait_for_restore(&caller, &source, follow).await?;
    Ok(Done(api.job_state(&job).await?))
}

/// What is asked of the new job; a request without a token gets a fresh one.
fn read(service: &JobService, request: WaitRequest) -> Result<Follow, ErrorAnswer> {
    let WaitRequest { client_request_token, priority, description, patience_hours } = request;
    check_new_job(client_request_token.as_deref(), description.as_deref(), priority)?;
    let wait = patience_hours.map_or_else(WaitForRestore::default, |hours| WaitForRestore { hours });
    if !(1..=RESTORE_WAIT_HOURS_MAX).contains(&wait.hours) {
        return Err(errors::invalid("patience_hours", format_args!("must be from 1 to {RESTORE_WAIT_HOURS_MAX}")));
    }
    let client_request_token = client_request_token.unwrap_or_else(|| service.fresh_token("wait"));
    Ok(Follow { client_request_token, priority, description, wait })
}
