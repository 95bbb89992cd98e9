//! DeleteJob.

use brigade_service::{Caller, ServiceError};
use brigade_wire::cos::{delete_job, route};

use crate::api::Api;
use crate::cos::answer::Answer;
use crate::cos::errors::Failure;

impl Api {
    pub(super) async fn delete_job(
        &self,
        caller: &Caller,
        id: &route::JobIdText,
        query: &[(String, String)],
    ) -> Result<Answer, Failure> {
        delete_job::decode_query(query)?;
        let id = id.id().ok_or(ServiceError::NoSuchJob)?;
        self.job_service.delete_job(caller, id).await?;
        Ok(Answer::empty(delete_job::STATUS))
    }
}
