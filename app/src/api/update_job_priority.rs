//! UpdateJobPriority: of a job that has not ended, whether it runs or not.

use brigade_model::Change;
use brigade_wire::cos::{CosError, route, update_job_priority};

use crate::api::Api;
use crate::api::answer::{Answer, Refusal};
use crate::api::request::Asked;
use crate::auth::Caller;

impl Api {
    pub(super) async fn update_job_priority(
        &self,
        asked: &Asked,
        caller: &Caller,
        id: &route::JobIdText,
        query: &[(String, String)],
    ) -> Result<Answer, Refusal> {
        let priority = update_job_priority::decode_query(query)?;
        let set = |_: &_| Ok(Change::PrioritySet(priority));
        let illegal = |_: &_| CosError::no_such_open_job();
        let job = self.change_job(caller, id, CosError::no_such_open_job, set, illegal).await?;
        self.audit(asked, caller, "priority", job.id);
        self.engine.ring();
        Ok(Answer::document(update_job_priority::encode_result(job.id, job.priority)))
    }
}
