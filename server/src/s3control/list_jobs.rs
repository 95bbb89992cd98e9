//! ListJobs.

use brigade_service::{JobPage, ListRequest};
use brigade_wire::s3control::list_jobs::{self, ListQuery};

use super::auth::Authenticated;
use super::errors::Failure;
use crate::api::Api;

pub(super) async fn answer(api: &Api, by: &Authenticated, query: &[(String, String)]) -> Result<Vec<u8>, Failure> {
    let ListQuery { statuses, max_results, next } = list_jobs::decode_query(query)?;
    let request = ListRequest { statuses, after: next, is_newest_first: false, max: max_results };
    let JobPage { jobs, next } = api.job_service.list_jobs(&by.caller, request).await?;
    let now = api.job_service.now().await?;
    let timed = |job: brigade_model::Job| {
        let active = job.active_for(now);
        (job, active)
    };
    Ok(list_jobs::encode_result(&jobs.into_iter().map(timed).collect::<Vec<_>>(), next))
}
