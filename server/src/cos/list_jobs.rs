//! ListJobs.

use brigade_service::{Caller, JobPage, ListRequest};
use brigade_wire::cos::list_jobs::{self, ListQuery};

use crate::api::Api;
use crate::cos::answer::Answer;
use crate::cos::errors::Failure;

impl Api {
    pub(super) async fn list_jobs(&self, caller: &Caller, query: &[(String, String)]) -> Result<Answer, Failure> {
        let ListQuery { statuses, max_results, next } = list_jobs::decode_query(query)?;
        let request = ListRequest { statuses, after: next, is_newest_first: false, max: max_results };
        let JobPage { jobs, next } = self.job_service.list_jobs(caller, request).await?;
        Ok(Answer::document(list_jobs::encode_result(&jobs, next)))
    }
}
