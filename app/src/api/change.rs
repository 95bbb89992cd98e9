//! Changes of a job by its user, who changes only what is shown to him.

use brigade_model::ports::change_job::{NotChanged, change_job};
use brigade_model::ports::job_store::{ApplyError, ChangeId};
use brigade_model::{Change, Job};
use brigade_wire::cos::{CosError, route};

use crate::api::answer::Refusal;
use crate::api::{Api, shows};
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
        let id = id.id().ok_or_else(missing)?;
        let listed_since = self.listed_since().await?;
        let decide = |job: &Job| if shows(caller, job, listed_since) { decide(job) } else { Err(missing()) };
        match change_job(&*self.jobs, id, change_id, None, decide).await {
            Ok(changed) => Ok(changed.after),
            Err(NotChanged::NotFound) => Err(missing().into()),
            Err(NotChanged::Refused(_, why)) => Err(why.into()),
            Err(NotChanged::Illegal(job, _)) => Err(illegal(&job).into()),
            Err(NotChanged::Fenced) => Err(Refusal::store(ApplyError::Fenced)),
            Err(NotChanged::Store(error)) => Err(Refusal::store(error)),
        }
    }
}
