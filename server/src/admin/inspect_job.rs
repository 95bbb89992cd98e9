//! InspectJob: a job of any dialect, and what an operator changed of it.

use std::sync::Arc;

use axum::extract::State;
use brigade_wire::admin::{JobState, Refusals};

use super::{AdminCaller, Done, JsonRefusal, PathName, job_id};
use crate::api::Api;

/// Shows a job: what was asked, what became of it, its pause and its limits
#[utoipa::path(
    get,
    path = "/brigade/v1/jobs/{job}",
    operation_id = "InspectJob",
    tag = "jobs",
    params(("job" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The job", body = JobState),
        Refusals,
    ),
)]
pub(super) async fn handle(
    State(api): State<Arc<Api>>,
    AdminCaller(caller): AdminCaller,
    PathName(job): PathName,
) -> Result<Done<JobState>, JsonRefusal> {
    let job = api.job_service.describe_job(&caller, job_id(&job)?).await?;
    Ok(Done(api.job_state(&job).await?))
}
