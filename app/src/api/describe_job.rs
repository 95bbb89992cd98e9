//! DescribeJob: the job as it is stored, and why it does not move where nothing is stored.

use brigade_model::limits::STATUS_UPDATE_REASON_BYTES_MAX;
use brigade_model::outcome::cut;
use brigade_model::{Job, Status};
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
        let mut job = self.find_job(caller, id).await?.ok_or_else(CosError::no_such_job)?;
        self.say_that_space_is_low(&mut job);
        Ok(Answer::document(describe_job::encode_result(&job)))
    }

    /// A nearly full disk is a gate and not a status: the reason is true now, or not at all.
    fn say_that_space_is_low(&self, job: &mut Job) {
        if matches!(job.status, Status::New | Status::Preparing | Status::Ready | Status::Active)
            && let Some(reason) = self.engine.why_full()
        {
            job.status_update_reason = cut(reason, STATUS_UPDATE_REASON_BYTES_MAX);
        }
    }
}
