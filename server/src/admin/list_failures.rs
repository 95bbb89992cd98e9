//! ListFailures: the failed rows of a job, also while it runs.

use std::sync::Arc;

use axum::extract::State;
use brigade_engine::{FailedRows, RowPosition};
use brigade_model::Task;
use brigade_model::limits::LIST_JOBS_MAX;
use brigade_model::outcome::TaskFailure;
use brigade_model::ports::object_store::Effect;
use brigade_wire::admin::{FailedRow, FailureList, FailureQuery, Refusals};

use super::{AdminCaller, Done, JsonRefusal, PathName, QueryParameters, errors, job_id};
use crate::api::Api;

/// Lists the failed tasks of a job, also while it runs
#[utoipa::path(
    get,
    path = "/brigade/v1/jobs/{job}/failures",
    operation_id = "ListFailures",
    tag = "jobs",
    params(
        ("job" = String, Path, description = "The job's id"),
        ("after" = Option<String>, Query, description = "What `next` of the page before is"),
        ("max" = Option<i32>, Query, minimum = 1, maximum = 1000, description = "How many at most; 1000 unless given"),
    ),
    responses(
        (status = 200, description = "The failed tasks that are recorded, in manifest order", body = FailureList),
        Refusals,
    ),
)]
pub(super) async fn handle(
    State(api): State<Arc<Api>>,
    AdminCaller(caller): AdminCaller,
    PathName(job): PathName,
    QueryParameters(query): QueryParameters,
) -> Result<Done<FailureList>, JsonRefusal> {
    let query = FailureQuery::decode(&query).map_err(|wrong| errors::invalid(&wrong.name, wrong.why))?;
    let from = query.after.map(|(slice, offset)| RowPosition { slice, offset }).unwrap_or_default();
    let max = query.max.unwrap_or(LIST_JOBS_MAX);
    let FailedRows { rows, next } = api.job_service.list_failures(&caller, job_id(&job)?, from, max).await?;
    let next = next.map(|RowPosition { slice, offset }| FailureQuery::place(slice, offset));
    Ok(Done(FailureList { failures: rows.into_iter().map(failed_row).collect(), next }))
}

fn failed_row((task, failure): (Task, TaskFailure)) -> FailedRow {
    FailedRow {
        bucket: task.bucket.to_string(),
        key: task.key.to_string(),
        version: task.version.map(|version| version.to_string()),
        code: failure.code,
        http_status: failure.http_status,
        message: failure.message,
        is_effect_unknown: failure.effect == Effect::Unknown,
    }
}
