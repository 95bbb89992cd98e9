//! DescribeJob.

use brigade_wire::cos::{CosError, describe_job, route};

use crate::api::Api;
use crate::api::answer::{Answer, Refusal};
use crate::auth::Caller;

impl Api {
    pub(super) async fn describe_job(
        &self,
        caller: &Caller,
        id: &route::JobIdText,
        query: &[(String, String)],
    ) -> Result<Answer, Refusal> {
        describe_job::decode_query(query)?;
        let job = self.find_job(caller, id).await?.ok_or_else(CosError::no_such_job)?;
        Ok(Answer::document(describe_job::encode_result(&job)))
    }
}
