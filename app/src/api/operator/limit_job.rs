//! LimitJob: what the tasks of a job may use, changed while they run.

use std::sync::Arc;

use axum::extract::State;
use brigade_model::{Change, Job};
use brigade_wire::cos::CosError;
use brigade_wire::cos::route::JobIdText;

use super::{Done, Given, Kept, Named, Operator, errors};
use crate::api::Api;
use crate::operator::{JobState, LimitsChange, Refusals};

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
    Operator { asked, caller }: Operator,
    Named(job): Named,
    Given(limits): Given<LimitsChange>,
) -> Result<Done<JobState>, Kept> {
    if limits.is_empty() {
        return Err(errors::no_limits().into());
    }
    let limit = |job: &Job| Ok(Change::LimitsSet(limits.of(job.limits)));
    let illegal = |job: &Job| errors::forbidden_by_status(job.status, "limited");
    let job = api.change_job(&caller, &JobIdText::from(job), CosError::no_such_job, limit, illegal).await?;
    api.audit(&asked, &caller, "limit", job.id);
    api.engine.ring();
    Ok(Done(JobState::from(&job)))
}
