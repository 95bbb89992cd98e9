//! DeleteJob: a job is cancelled where that is legal, and hidden once it has ended.

use std::sync::Arc;

use axum::extract::State;
use brigade_wire::admin::{JobState, Refusals};

use super::{AdminCaller, Done, JsonRefusal, PathName, job_id};
use crate::api::Api;

/// Deletes a job
///
/// It is cancelled where that is possible, and nothing shows it any more once it has ended.
#[utoipa::path(
    delete,
    path = "/brigade/v1/jobs/{job}",
    operation_id = "DeleteJob",
    tag = "jobs",
    params(("job" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The job is deleted, or will be once it has ended", body = JobState),
        Refusals,
    ),
)]
pub(super) async fn handle(
    State(api): State<Arc<Api>>,
    AdminCaller(caller): AdminCaller,
    PathName(job): PathName,
) -> Result<Done<JobState>, JsonRefusal> {
    let job = api.job_service.delete_job(&caller, job_id(&job)?).await?;
    Ok(Done(api.job_state(&job).await?))
}
