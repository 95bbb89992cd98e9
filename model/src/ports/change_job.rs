//! Changes a job: reads it, decides, applies; the loser of a race reads and decides again.

use crate::job::{Change, IllegalChange, Job, JobId};
use crate::ports::job_store::{Apply, ApplyError, ChangeId, Fence, JobStore, StoreError};

/// A job that was changed.
#[derive(Debug)]
pub struct Changed {
    /// As it was read.
    pub before: Job,
    /// As it is since.
    pub after: Job,
}

/// Why a job was not changed.
#[derive(Debug)]
pub enum NotChanged<E> {
    /// There is no such job.
    NotFound,
    /// The caller wants no change of the job as it was read, and says why.
    Refused(Box<Job>, E),
    /// The status table does not allow the change of the job as it was read.
    Illegal(Box<Job>, IllegalChange),
    /// Another holder has the stage's lease by now.
    Fenced,
    /// The store failed; the change may or may not have been made.
    Store(StoreError),
}

/// Applies what `decide` makes of the job as it is now. The change has that name, however often it
/// loses a race; it is made under the lease of the job's stage if a fence is given.
///
/// # Errors
/// [`NotChanged`].
pub async fn change_job<E>(
    jobs: &dyn JobStore,
    job: JobId,
    id: ChangeId,
    stage_fence: Option<Fence>,
    decide: impl Fn(&Job) -> Result<Change, E>,
) -> Result<Changed, NotChanged<E>> {
    loop {
        let before = jobs.job(job).await.map_err(NotChanged::Store)?.ok_or(NotChanged::NotFound)?;
        let change = match decide(&before) {
            Ok(change) => change,
            Err(why) => return Err(NotChanged::Refused(Box::new(before), why)),
        };
        match jobs.apply(Apply { job, revision: before.revision, id, change, stage_fence }).await {
            Ok(after) => return Ok(Changed { before, after }),
            Err(ApplyError::Lost) => {}
            Err(ApplyError::NotFound) => return Err(NotChanged::NotFound),
            Err(ApplyError::Illegal(illegal)) => return Err(NotChanged::Illegal(Box::new(before), illegal)),
            Err(ApplyError::Fenced) => return Err(NotChanged::Fenced),
            Err(ApplyError::Store(error)) => return Err(NotChanged::Store(error)),
        }
    }
}
