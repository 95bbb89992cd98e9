//! UpdateJobPriority.

use brigade_service::{Caller, ServiceError};
use brigade_wire::cos::{route, update_job_priority};

use crate::api::Api;
use crate::cos::answer::Answer;
use crate::cos::errors::Failure;

impl Api {
    pub(super) async fn update_job_priority(
        &self,
        caller: &Caller,
        id: &route::JobIdText,
        query: &[(String, String)],
    ) -> Result<Answer, Failure> {
        let priority = update_job_priority::decode_query(query)?;
        let id = id.id().ok_or(ServiceError::NoSuchJob)?;
        let job = self.job_service.set_job_priority(caller, id, priority).await?;
        Ok(Answer::document(update_job_priority::encode_result(job.id, job.priority)))
    }
}
