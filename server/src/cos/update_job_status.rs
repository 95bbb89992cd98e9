//! UpdateJobStatus: a confirmation (`Ready`) or a cancel.
//!
//! | requested | legal in | ends in |
//! |---|---|---|
//! | Ready | Suspended; New and Preparing of a job that asked to be confirmed | Ready; remembered |
//! | Ready | New to Completing of a job that needs no confirmation | the status that it has |
//! | Cancelled | New, Preparing, Suspended, Ready | Cancelled, at once |
//! | Cancelled | Active, Pausing, Paused, Cancelling | Cancelling: a report is due |
//!
//! Everything else is InvalidRequest. Source: the transition rules of UpdateJobStatus.

use brigade_service::{Caller, ServiceError};
use brigade_wire::cos::update_job_status::Requested;
use brigade_wire::cos::{route, update_job_status};

use crate::api::Api;
use crate::cos::answer::Answer;
use crate::cos::errors::Failure;

impl Api {
    pub(super) async fn update_job_status(
        &self,
        caller: &Caller,
        id: &route::JobIdText,
        query: &[(String, String)],
    ) -> Result<Answer, Failure> {
        let (requested, reason) = update_job_status::decode_query(query)?;
        let id = id.id().ok_or(ServiceError::NoSuchJob)?;
        let job = match requested {
            Requested::Ready => self.job_service.confirm_job(caller, id, &reason).await?,
            Requested::Cancelled => self.job_service.cancel_job(caller, id, &reason).await?,
        };
        let said = &job.status_update_reason;
        Ok(Answer::document(update_job_status::encode_result(job.id, job.status, said)))
    }
}
