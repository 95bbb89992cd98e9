//! DescribeJob.

use brigade_service::{Caller, ServiceError};
use brigade_wire::cos::{describe_job, route};

use crate::api::Api;
use crate::cos::answer::Answer;
use crate::cos::errors::Failure;

impl Api {
    pub(super) async fn describe_job(
        &self,
        caller: &Caller,
        id: &route::JobIdText,
        query: &[(String, String)],
    ) -> Result<Answer, Failure> {
        describe_job::decode_query(query)?;
        let id = id.id().ok_or(ServiceError::NoSuchJob)?;
        let job = self.job_service.describe_job(caller, id).await?;
        Ok(Answer::document(describe_job::encode_result(&job)))
    }
}
