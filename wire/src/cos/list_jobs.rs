//! ListJobs: `GET /jobs?jobStatuses=&maxResults=&nextToken=`.
//!
//! Several statuses may be asked for: separated by commas or by `|`, or in repeated
//! parameters. `Jobs` is written even when it is empty, and `NextToken` only when more pages
//! exist: a known client asks again for as long as it sees one. `DryRun` is ours, and is written only
//! of a dry run, which no unmodified client creates.

use brigade_model::limits::LIST_JOBS_MAX;
use brigade_model::{Job, JobId, Progress, Status, Timestamp};

use super::fields::Fields;
use super::numbers::parse_whole_number;
use super::parameters::{Parameters, pair};
use super::words::operation_name;
use super::{CosError, DecodeError, result, times};
use crate::xml::Writer;

const RESULT: &str = "ListJobsResult";

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

/// Reads the query.
///
/// # Errors
/// `InvalidArgument` names the parameter that is wrong.
pub fn decode_query(query: &[(String, String)]) -> Result<ListQuery, CosError> {
    let parameters = Parameters::read(query, &["jobStatuses", "maxResults", "nextToken"])?;
    let statuses = parameters.each("jobStatuses").flat_map(|text| text.split([',', '|']));
    let statuses: Result<Vec<Status>, _> = statuses.map(|name| name.trim().parse()).collect();
    let max_results = parameters.one("maxResults", CosError::invalid_max_results)?.map(parse_max_results);
    let next = parameters.one("nextToken", CosError::invalid_next_token)?.map(str::parse).transpose();
    Ok(ListQuery {
        statuses: statuses.map_err(|_| CosError::invalid_job_statuses())?,
        max_results: max_results.transpose()?.unwrap_or(LIST_JOBS_MAX),
        next: next.map_err(|_| CosError::invalid_next_token())?,
    })
}

fn parse_max_results(text: &str) -> Result<usize, CosError> {
    let number = parse_whole_number(text).and_then(|number| usize::try_from(number).ok());
    number.filter(|number| (1..=LIST_JOBS_MAX).contains(number)).ok_or_else(CosError::invalid_max_results)
}

/// Writes the query; what is default is not written.
#[must_use]
pub fn encode_query(query: &ListQuery) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    if !query.statuses.is_empty() {
        let names: Vec<_> = query.statuses.iter().map(|status| status.name()).collect();
        pairs.push(pair("jobStatuses", names.join(",")));
    }
    if query.max_results != LIST_JOBS_MAX {
        pairs.push(pair("maxResults", query.max_results));
    }
    pairs.extend(query.next.map(|next| pair("nextToken", next)));
    pairs
}

/// Writes a result; `next` is the last job's id when more pages exist.
#[must_use]
pub fn encode_result(jobs: &[Job], next: Option<JobId>) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.within(RESULT, |w| {
        w.within("Jobs", |w| jobs.iter().for_each(|job| w.within("member", |w| write_member(w, job))));
        w.leaf_if("NextToken", next);
    });
    writer.finish()
}

fn write_member(w: &mut Writer, job: &Job) {
    w.leaf("CreationTime", times::iso(job.created));
    w.leaf_if("Description", job.spec.description.as_ref());
    w.leaf_if("DryRun", job.spec.options.is_dry_run().then_some(true));
    w.leaf("JobId", job.id);
    w.leaf("Operation", operation_name(job.spec.operation.kind()));
    w.leaf("Priority", job.priority);
    result::write_progress(w, &job.progress);
    w.leaf("Status", job.status);
    w.leaf_if("TerminationDate", job.terminated.map(times::iso));
}

/// A page of jobs as a client reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedJobs {
    /// The jobs, oldest first.
    pub jobs: Vec<ListedJob>,
    /// Where the next page begins, if there is one.
    pub next: Option<JobId>,
}

/// A job of a list as a client reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedJob {
    /// When it was created.
    pub created: Timestamp,
    /// A text for people.
    pub description: Option<String>,
    /// Whether it changes nothing and only reports; another service does not say.
    pub is_dry_run: bool,
    /// Its name.
    pub id: JobId,
    /// The operation's element, such as `COSPutObjectCopy`; another service may know more.
    pub operation: String,
    /// How urgent it is now.
    pub priority: i32,
    /// How far it is.
    pub progress: Progress,
    /// Where it stands.
    pub status: Status,
    /// When it ended.
    pub terminated: Option<Timestamp>,
}

/// Reads a result.
///
/// # Errors
/// [`DecodeError`] when the body is none.
pub fn decode_result(body: &[u8]) -> Result<ListedJobs, DecodeError> {
    let root = result::parse(body, RESULT)?;
    let mut list = Fields::lenient(&root)?;
    let members = list.container("Jobs")?.map(|mut jobs| jobs.each("member")).transpose()?.unwrap_or_default();
    let next = list.filled("NextToken")?.map(str::parse).transpose();
    Ok(ListedJobs {
        jobs: members.into_iter().map(read_member).collect::<Result<_, _>>()?,
        next: next.map_err(|_| list.invalid("NextToken", "must be a UUID"))?,
    })
}

fn read_member(mut job: Fields<'_>) -> Result<ListedJob, DecodeError> {
    Ok(ListedJob {
        created: result::created(&mut job)?,
        description: job.filled("Description")?.map(str::to_owned),
        is_dry_run: job.filled("DryRun")? == Some("true"),
        id: result::job_id(&mut job)?,
        operation: job.text("Operation")?.unwrap_or_default().to_owned(),
        priority: result::priority(&mut job)?,
        progress: result::progress(&mut job)?,
        status: result::status(&mut job)?,
        terminated: job.time("TerminationDate")?,
    })
}
