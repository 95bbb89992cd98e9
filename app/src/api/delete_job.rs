//! DeleteJob: cancels where that is legal; the job stays visible until it has ended.

use brigade_model::Change;
use brigade_wire::cos::{CosError, delete_job, route};

use crate::api::Api;
use crate::api::answer::{Answer, Refusal};
use crate::api::request::Asked;
use crate::auth::Caller;

impl Api {
    pub(super) async fn delete_job(
        &self,
        asked: &Asked,
        caller: &Caller,
        id: &route::JobIdText,
        query: &[(String, String)],
    ) -> Result<Answer, Refusal> {
        delete_job::decode_query(query)?;
        let delete = |_: &_| Ok(Change::DeleteRequested);
        let illegal = |_: &_| CosError::no_such_job();
        let job = self.change_job(caller, id, CosError::no_such_job, delete, illegal).await?;
        self.engine.stop_job(job.id);
        self.audit(asked, caller, "delete", job.id);
        self.engine.ring();
        Ok(Answer::empty(delete_job::STATUS))
    }
}
