//! ListJobs: a page of an account's jobs, of every dialect or of one.

use std::sync::Arc;

use axum::extract::State;
use brigade_model::limits::LIST_JOBS_MAX;
use brigade_service::{Caller, JobPage, ListRequest};
use brigade_wire::admin::{JobList, JobQuery, JobSummary, Refusals};

use super::{AdminCaller, Done, JsonRefusal, QueryParameters, errors};
use crate::api::Api;

/// Lists the jobs of every dialect
#[utoipa::path(
    get,
    path = "/brigade/v1/jobs",
    operation_id = "ListJobs",
    tag = "jobs",
    params(
        ("dialect" = Option<String>, Query, description = "Only those of this dialect: `cos` or `s3control`"),
        ("status" = Option<String>, Query, description = "Only those in these statuses, separated by commas"),
        ("after" = Option<String>, Query, description = "What `next` of the page before is"),
        ("order" = Option<String>, Query, description = "`newest`: the newest first; the oldest first unless given"),
        ("max" = Option<i32>, Query, minimum = 1, maximum = 1000, description = "How many at most; 1000 unless given"),
    ),
    responses(
        (status = 200, description = "The jobs, in that order", body = JobList),
        Refusals,
    ),
)]
pub(super) async fn handle(
    State(api): State<Arc<Api>>,
    AdminCaller(caller): AdminCaller,
    QueryParameters(query): QueryParameters,
) -> Result<Done<JobList>, JsonRefusal> {
    let query = JobQuery::decode(&query).map_err(|wrong| errors::invalid(&wrong.name, wrong.why))?;
    let JobQuery { dialect, statuses, after, is_newest_first, max } = query;
    let caller = Caller { dialect, ..caller };
    let request = ListRequest { statuses, after, is_newest_first, max: max.unwrap_or(LIST_JOBS_MAX) };
    let JobPage { jobs, next } = api.job_service.list_jobs(&caller, request).await?;
    let now = api.job_service.now().await?;
    let summary = |job| JobSummary::from(job).with_waiting(api.job_service.waiting(job, now).as_ref());
    let jobs = jobs.iter().map(summary).collect();
    Ok(Done(JobList { jobs, next: next.map(|next| next.to_string()) }))
}
