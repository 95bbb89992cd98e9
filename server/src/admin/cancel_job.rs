//! CancelJob: a job ends early; tasks in flight end and are recorded.

use std::sync::Arc;

use axum::extract::State;
use brigade_wire::admin::{ChangeReason, JobState, Refusals};

use super::{AdminCaller, Done, JsonBody, JsonRefusal, PathName, errors, job_id};
use crate::api::Api;

/// Cancels a job
///
/// Tasks in flight end and are recorded; the report accounts for the rest as not attempted.
#[utoipa::path(
    post,
    path = "/brigade/v1/jobs/{job}/cancel",
    operation_id = "CancelJob",
    tag = "jobs",
    params(("job" = String, Path, description = "The job's id")),
    request_body = ChangeReason,
    responses(
        (status = 200, description = "The job is cancelled, or will be once what is in flight has ended", body = JobState),
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
    let job = api.job_service.cancel_job(&caller, job_id(&job)?, reason).await?;
    Ok(Done(api.job_state(&job).await?))
}
