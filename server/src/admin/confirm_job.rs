//! ConfirmJob: a job that waits for a confirmation may run.

use std::sync::Arc;

use axum::extract::State;
use brigade_wire::admin::{ChangeReason, JobState, Refusals};

use super::{AdminCaller, Done, JsonBody, JsonRefusal, PathName, errors, job_id};
use crate::api::Api;

/// Confirms a job
#[utoipa::path(
    post,
    path = "/brigade/v1/jobs/{job}/confirm",
    operation_id = "ConfirmJob",
    tag = "jobs",
    params(("job" = String, Path, description = "The job's id")),
    request_body = ChangeReason,
    responses(
        (status = 200, description = "The job is confirmed", body = JobState),
        Refusals,
    ),
)]
pub(super) async fn handle(
    State(api): State<Arc<Api>>,
    AdminCaller(caller): AdminCaller,
    PathName(job): PathName,
    JsonBody(why): JsonBody<ChangeReason>,
) -> Result<Done<JobState>, JsonRefusal> {
    let reason = why.read().map_err(|wrong| errors::invalid("reason", wrong))?;
    let job = api.job_service.confirm_job(&caller, job_id(&job)?, reason).await?;
    Ok(Done(api.job_state(&job).await?))
}
