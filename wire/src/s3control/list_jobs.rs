//! ListJobs: `GET /v20180820/jobs?jobStatuses=&maxResults=&nextToken=`.
//!
//! Several statuses come as repeated parameters. `Jobs` is written even when it is empty, and `NextToken`, the id
//! of the page's last job, only when more pages exist.

use std::time::Duration;

use brigade_model::limits::LIST_JOBS_MAX;
use brigade_model::{Job, JobId, Status};

use super::parameters::Parameters;
use super::words::operation_name;
use super::{S3ControlError, document, progress};
use crate::numbers::parse_whole_number;
use crate::times;
use crate::xml::Writer;

/// Which jobs are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// In which statuses; empty for all.
    pub statuses: Vec<Status>,
    /// How many at most, 1 to 1,000.
    pub max_results: usize,
    /// After this position, which need not be a job.
    pub next: Option<JobId>,
}

impl Default for ListQuery {
    fn default() -> Self {
        Self { statuses: Vec::new(), max_results: LIST_JOBS_MAX, next: None }
    }
}

/// Reads the query; `maxResults` 0, which the model allows, is the default.
///
/// # Errors
/// Names the parameter that is wrong.
pub fn decode_query(query: &[(String, String)]) -> Result<ListQuery, S3ControlError> {
    let parameters = Parameters::read(query, &["jobStatuses", "maxResults", "nextToken"])?;
    let statuses: Result<Vec<Status>, _> = parameters.each("jobStatuses").map(str::parse).collect();
    let max_results = parameters.one("maxResults", invalid_max_results)?.map(parse_max_results).transpose()?;
    let next = parameters.one("nextToken", S3ControlError::invalid_next_token)?.map(str::parse).transpose();
    Ok(ListQuery {
        statuses: statuses.map_err(|_| S3ControlError::invalid_request("jobStatuses names no status of jobs"))?,
        max_results: max_results.filter(|max| *max > 0).unwrap_or(LIST_JOBS_MAX),
        next: next.map_err(|_| S3ControlError::invalid_next_token())?,
    })
}

fn invalid_max_results() -> S3ControlError {
    S3ControlError::invalid_request("maxResults must be one whole number from 0 to 1000")
}

fn parse_max_results(text: &str) -> Result<usize, S3ControlError> {
    let number = parse_whole_number(text).and_then(|number| usize::try_from(number).ok());
    number.filter(|number| *number <= LIST_JOBS_MAX).ok_or_else(invalid_max_results)
}

/// Writes a result: each job with how long it has been Active in all; `next` is the last job's id when more pages
/// exist.
#[must_use]
pub fn encode_result(jobs: &[(Job, Duration)], next: Option<JobId>) -> Vec<u8> {
    document("ListJobsResult", |w| {
        w.leaf_if("NextToken", next);
        w.within("Jobs", |w| {
            for (job, active) in jobs {
                w.within("member", |w| write_member(w, job, *active));
            }
        });
    })
}

fn write_member(w: &mut Writer, job: &Job, active: Duration) {
    w.leaf("JobId", job.id);
    w.leaf_if("Description", job.spec.description.as_ref());
    w.leaf("Operation", operation_name(job.spec.operation.kind()));
    w.leaf("Priority", job.priority);
    w.leaf("Status", job.status);
    w.leaf("CreationTime", times::iso(job.created));
    w.leaf_if("TerminationDate", job.terminated.map(times::iso));
    progress::write(w, &job.progress, active);
}
