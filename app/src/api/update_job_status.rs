//! UpdateJobStatus: a confirmation (`Ready`) or a cancel.
//!
//! | requested | legal in | ends in |
//! |---|---|---|
//! | Ready | Suspended; New and Preparing of a job that asked to be confirmed | Ready; remembered |
//! | Cancelled | New, Preparing, Suspended, Ready | Cancelled, at once |
//! | Cancelled | Active, Pausing, Paused, Cancelling | Cancelling: a report is due |
//!
//! Everything else is InvalidRequest. Source: the transition rules of UpdateJobStatus.

use brigade_model::{Change, Job};
use brigade_wire::cos::update_job_status::Requested;
use brigade_wire::cos::{CosError, route, update_job_status};

use crate::api::Api;
use crate::api::answer::{Answer, Refusal};
use crate::api::request::Asked;
use crate::auth::Caller;

impl Api {
    pub(super) async fn update_job_status(
        &self,
        asked: &Asked,
        caller: &Caller,
        id: &route::JobIdText,
        query: &[(String, String)],
    ) -> Result<Answer, Refusal> {
        let (requested, reason) = update_job_status::decode_query(query)?;
        let change = |_: &_| Ok(change(requested, &reason));
        let illegal = |job: &Job| illegal(job, requested);
        let job = self.change_job(caller, id, CosError::no_such_open_job, change, illegal).await?;
        if requested == Requested::Cancelled {
            // Before the answer: once it is out, no task of the job starts here.
            self.engine.stop_job(job.id);
        }
        self.audit(asked, caller, if requested == Requested::Ready { "confirm" } else { "cancel" }, job.id);
        self.engine.ring();
        let said = &job.status_update_reason;
        Ok(Answer::document(update_job_status::encode_result(job.id, job.status, said)))
    }
}

fn change(requested: Requested, reason: &str) -> Change {
    match requested {
        Requested::Ready => Change::Confirmed(reason.to_owned()),
        Requested::Cancelled => Change::CancelRequested(reason.to_owned()),
    }
}

fn illegal(job: &Job, requested: Requested) -> CosError {
    if job.status.is_terminal() {
        CosError::already_finished()
    } else {
        CosError::illegal_status_change(job.status, requested.name())
    }
}
