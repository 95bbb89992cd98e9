//! Changes of a job by its user: read, decide, compare and set; a loser of a race reads and
//! decides again.

use brigade_model::ports::job_store::{Apply, ApplyError, ChangeId};
use brigade_model::{Change, Job};
use brigade_wire::cos::{CosError, route};

use crate::api::Api;
use crate::api::answer::Refusal;
use crate::auth::Caller;

impl Api {
    /// Applies what `decide` makes of the job as it is now, and gives the job after it. `missing`
    /// is the action's own answer where there is no such job; a change that the status table does
    /// not allow is `illegal`'s to name.
    pub(super) async fn change_job(
        &self,
        caller: &Caller,
        id: &route::JobIdText,
        missing: fn() -> CosError,
        decide: impl Fn(&Job) -> Result<Change, CosError> + Send + Sync,
        illegal: impl Fn(&Job) -> CosError + Send + Sync,
    ) -> Result<Job, Refusal> {
        let mut name = [0; 16];
        self.entropy.fill(&mut name);
        let change_id = ChangeId(uuid::Builder::from_random_bytes(name).into_uuid());
        loop {
            let job = self.find_job(caller, id).await?.ok_or_else(missing)?;
            let change = decide(&job)?;
            let apply = Apply { job: job.id, revision: job.revision, id: change_id, change, stage_fence: None };
            match self.jobs.apply(apply).await {
                Ok(after) => return Ok(after),
                Err(ApplyError::Lost) => {}
                Err(ApplyError::NotFound) => return Err(missing().into()),
                Err(ApplyError::Illegal(_)) => return Err(illegal(&job).into()),
                Err(error @ (ApplyError::Fenced | ApplyError::Store(_))) => return Err(Refusal::store(error)),
            }
        }
    }
}
