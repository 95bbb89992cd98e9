//! ResumeJob: a paused job goes on as soon as it has a slot.

use std::sync::Arc;

use axum::extract::State;
use brigade_wire::admin::{JobState, Refusals};

use super::{AdminCaller, Done, JsonRefusal, PathName, job_id};
use crate::api::Api;

/// Lets a paused job go on
#[utoipa::path(
    post,
    path = "/brigade/v1/jobs/{job}/resume",
    operation_id = "ResumeJob",
    tag = "jobs",
    params(("job" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The job is not paused any more", body = JobState),
        Refusals,
    ),
)]
pub(super) async fn handle(
    State(api): State<Arc<Api>>,
    AdminCaller(caller): AdminCaller,
    PathName(job): PathName,
) -> Result<Done<JobState>, JsonRefusal> {
    let job = api.job_service.resume_job(&caller, job_id(&job)?).await?;
    Ok(Done(api.job_state(&job).await?))
}
