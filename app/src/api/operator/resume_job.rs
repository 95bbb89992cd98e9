//! ResumeJob: a paused job goes on as soon as it has a slot.

use std::sync::Arc;

use axum::extract::State;
use brigade_model::{Change, Job};
use brigade_wire::cos::CosError;
use brigade_wire::cos::route::JobIdText;

use super::{Done, Kept, Named, Operator, errors};
use crate::api::Api;
use crate::operator::{JobState, Refusals};

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
    Operator { asked, caller }: Operator,
    Named(job): Named,
) -> Result<Done<JobState>, Kept> {
    let resume = |_: &_| Ok(Change::Released);
    let illegal = |job: &Job| errors::forbidden_by_status(job.status, "resumed");
    let job = api.change_job(&caller, &JobIdText::from(job), CosError::no_such_job, resume, illegal).await?;
    api.audit(&asked, &caller, "resume", job.id);
    api.engine.ring();
    Ok(Done(JobState::from(&job)))
}
