//! PauseJob: no task of the job starts until it is resumed; those in flight end and are recorded.

use std::sync::Arc;

use axum::extract::State;
use brigade_wire::admin::{JobState, Refusals};

use super::{AdminCaller, Done, JsonRefusal, PathName, job_id};
use crate::api::Api;

/// Pauses a job
///
/// No task starts until the job is resumed. A job that does not run yet is prepared and then waits.
#[utoipa::path(
    post,
    path = "/brigade/v1/jobs/{job}/pause",
    operation_id = "PauseJob",
    tag = "jobs",
    params(("job" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The job is paused, or will be once what is in flight has ended", body = JobState),
        Refusals,
    ),
)]
pub(super) async fn handle(
    State(api): State<Arc<Api>>,
    AdminCaller(caller): AdminCaller,
    PathName(job): PathName,
) -> Result<Done<JobState>, JsonRefusal> {
    let job = api.job_service.pause_job(&caller, job_id(&job)?).await?;
    Ok(Done(api.job_state(&job).await?))
}
