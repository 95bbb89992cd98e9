//! ListJobs.

use brigade_model::Dialect;
use brigade_model::ports::job_store::ListJobs;
use brigade_wire::cos::list_jobs;

use crate::api::Api;
use crate::api::answer::{Answer, Refusal};
use crate::auth::Caller;

impl Api {
    pub(super) async fn list_jobs(&self, caller: &Caller, query: &[(String, String)]) -> Result<Answer, Refusal> {
        let asked = list_jobs::decode_query(query)?;
        let wanted = ListJobs {
            account: caller.owner.account.clone(),
            dialect: Dialect::Cos,
            statuses: asked.statuses,
            after: asked.next,
            ended_since: self.listed_since().await?,
            // One more than wanted, to know whether there is a next page.
            limit: asked.max_results + 1,
        };
        let mut jobs = self.jobs.list_jobs(&wanted).await.map_err(Refusal::store)?;
        let has_more = jobs.len() > asked.max_results;
        jobs.truncate(asked.max_results);
        let next = if has_more { jobs.last().map(|job| job.id) } else { None };
        Ok(Answer::document(list_jobs::encode_result(&jobs, next)))
    }
}
