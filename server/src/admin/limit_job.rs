//! LimitJob: what the tasks of a job may use, changed while they run.

use std::sync::Arc;

use axum::extract::State;
use brigade_wire::admin::{JobState, LimitsChange, Refusals};

use super::{AdminCaller, Done, JsonBody, JsonRefusal, PathName, errors, job_id};
use crate::api::Api;

/// Changes a job's limits
///
/// They hold for the job's tasks, also for those that wait already; in each process for itself.
#[utoipa::path(
    post,
    path = "/brigade/v1/jobs/{job}/limit",
    operation_id = "LimitJob",
    tag = "jobs",
    params(("job" = String, Path, description = "The job's id")),
    request_body = LimitsChange,
    responses(
        (status = 200, description = "The job with its limits", body = JobState),
        Refusals,
    ),
)]
pub(super) async fn handle(
    State(api): State<Arc<Api>>,
    AdminCaller(caller): AdminCaller,
    PathName(job): PathName,
    JsonBody(limits): JsonBody<LimitsChange>,
) -> Result<Done<JobState>, JsonRefusal> {
    if limits.is_empty() {
        return Err(errors::no_limits().into());
    }
    let job = api.job_service.limit_job(&caller, job_id(&job)?, |before| limits.of(before)).await?;
    Ok(Done(api.job_state(&job).await?))
}
