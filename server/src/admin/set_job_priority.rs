//! SetJobPriority: how urgent a job is, whether it runs or not.

use std::sync::Arc;

use axum::extract::State;
use brigade_wire::admin::{JobState, PriorityChange, Refusals};

use super::{AdminCaller, Done, JsonBody, JsonRefusal, PathName, errors, job_id};
use crate::api::Api;

/// Sets a job's priority
#[utoipa::path(
    post,
    path = "/brigade/v1/jobs/{job}/priority",
    operation_id = "SetJobPriority",
    tag = "jobs",
    params(("job" = String, Path, description = "The job's id")),
    request_body = PriorityChange,
    responses(
        (status = 200, description = "The job with its priority", body = JobState),
        Refusals,
    ),
)]
pub(super) async fn handle(
    State(api): State<Arc<Api>>,
    AdminCaller(caller): AdminCaller,
    PathName(job): PathName,
    JsonBody(PriorityChange { priority }): JsonBody<PriorityChange>,
) -> Result<Done<JobState>, JsonRefusal> {
    if priority < 0 {
        return Err(errors::invalid("priority", "must not be below 0").into());
    }
    let job = api.job_service.set_job_priority(&caller, job_id(&job)?, priority).await?;
    Ok(Done(api.job_state(&job).await?))
}
