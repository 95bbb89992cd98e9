//! PauseJob: no task of the job starts until it is resumed; those in flight end and are recorded.

use std::sync::Arc;

use axum::extract::State;
use brigade_model::{Change, Job};
use brigade_wire::cos::CosError;
use brigade_wire::cos::route::JobIdText;

use super::{Done, Kept, Named, Operator, errors};
use crate::api::Api;
use crate::operator::{JobState, Refusals};

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
    Operator { asked, caller }: Operator,
    Named(job): Named,
) -> Result<Done<JobState>, Kept> {
    let pause = |_: &_| Ok(Change::Held);
    let illegal = |job: &Job| errors::forbidden_by_status(job.status, "paused");
    let job = api.change_job(&caller, &JobIdText::from(job), CosError::no_such_job, pause, illegal).await?;
    api.engine.stop_job(job.id);
    api.audit(&asked, &caller, "pause", job.id);
    api.engine.ring();
    Ok(Done(JobState::from(&job)))
}
