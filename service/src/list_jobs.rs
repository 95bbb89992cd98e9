//! A page of an account's jobs.

use brigade_model::ports::job_store::ListJobs;
use brigade_model::{Dialect, Job, JobId, Status};

use crate::{Caller, JobService, ServiceError};

/// Whose jobs are listed to a caller who speaks no dialect.
const DIALECTS: [Dialect; 2] = [Dialect::Cos, Dialect::S3Control];

/// Which jobs are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRequest {
    /// In which statuses; empty for all.
    pub statuses: Vec<Status>,
    /// After this position in the order asked for, which need not be a job.
    pub after: Option<JobId>,
    /// The newest first, and not the oldest.
    pub is_newest_first: bool,
    /// How many at most, at least one.
    pub max: usize,
}

/// Jobs in the order asked for.
#[derive(Debug, Clone)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// Where the next page begins, if there is one.
    pub next: Option<JobId>,
}

impl JobService {
    /// The jobs that the caller sees.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn list_jobs(&self, caller: &Caller, request: ListRequest) -> Result<JobPage, ServiceError> {
        let ListRequest { statuses, after, is_newest_first, max } = request;
        let ended_since = self.listed_since().await?;
        let account = caller.account.name.clone();
        // One more than wanted, to know whether there is a next page.
        let (dialect, limit) = (Dialect::Cos, max + 1);
        let mut wanted = ListJobs { account, dialect, statuses, after, is_newest_first, ended_since, limit };
        let mut jobs = Vec::new();
        for dialect in DIALECTS.into_iter().filter(|dialect| caller.dialect.is_none_or(|only| only == *dialect)) {
            wanted.dialect = dialect;
            jobs.extend(self.jobs.list_jobs(&wanted).await.map_err(ServiceError::store)?);
        }
        jobs.sort_unstable_by_key(|job| job.id);
        if is_newest_first {
            jobs.reverse();
        }
        let has_more = jobs.len() > max;
        jobs.truncate(max);
        let next = if has_more { jobs.last().map(|job| job.id) } else { None };
        Ok(JobPage { jobs, next })
    }
}
