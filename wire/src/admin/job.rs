//! What a job is, and what became of it.

use std::collections::BTreeMap;

use brigade_model::job::{Hold, JobFailure, Taken};
use brigade_model::ports::job_store::LeftUploads;
use brigade_model::rates::Rates;
use brigade_model::report::ReportSpec;
use brigade_model::{DryRun, Job, Progress, Waiting};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::failures::FailureCount;
use super::left_uploads::LeftUploadsState;
use super::limits::Limits;
use super::preview::PreviewState;
use super::rates::RatesState;
use super::waiting::WaitState;
use super::written;

/// A job: what was asked, what became of it, and what an operator changed of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobState {
    /// The job's id.
    pub job: String,
    /// The dialect that it was created in: `cos` or `s3control`.
    #[schema(example = "s3control")]
    pub dialect: String,
    /// A text for people.
    #[schema(required)]
    pub description: Option<String>,
    /// What is done to the objects, in one word.
    #[schema(example = "copy")]
    pub operation: String,
    /// The operation with its parameters, in the words of the job's dialect, as its report has them.
    #[schema(value_type = Object)]
    pub parameters: Value,
    /// Where its manifest lies.
    pub manifest: ObjectPlace,
    /// Where its report goes; null when none was asked for.
    #[schema(required)]
    pub report: Option<ReportPlace>,
    /// The name of the role that it was given.
    pub role: String,
    /// How urgent it is now.
    pub priority: i32,
    /// How far it is.
    pub progress: JobProgress,
    /// Why it failed; empty when it did not.
    pub failures: Vec<FailureReason>,
    /// When it was created.
    #[schema(format = DateTime)]
    pub created: String,
    /// When it began to wait for a confirmation.
    #[schema(required, format = DateTime)]
    pub suspended: Option<String>,
    /// When it ended.
    #[schema(required, format = DateTime)]
    pub terminated: Option<String>,
    /// Where it stands, by the dialect's name.
    #[schema(example = "Active")]
    pub status: String,
    /// Why, as far as there is something to say.
    pub status_update_reason: String,
    /// For what it waits now; null while it goes on, and once it has ended.
    #[serde(default)]
    #[schema(required)]
    pub waiting: Option<WaitState>,
    /// How fast it goes; null while its tasks do not run.
    #[serde(default)]
    #[schema(required)]
    pub rates: Option<RatesState>,
    /// What its tasks failed by so far, the most frequent code first; of outcomes from before release 0.2 nothing is
    /// counted.
    #[serde(default)]
    #[schema(required)]
    pub failure_counts: Vec<FailureCount>,
    /// The bytes that its tasks copied or restored; null for other operations.
    #[serde(default)]
    #[schema(required)]
    pub done_bytes: Option<DoneBytes>,
    /// What its preparation found that its user should know: short sentences.
    #[serde(default)]
    #[schema(required)]
    pub notes: Vec<String>,
    /// Whether its user paused it: it runs no task until it is resumed.
    pub is_paused: bool,
    /// Why the service holds it, though its user did not pause it.
    #[serde(default)]
    #[schema(required)]
    pub hold: Option<HoldState>,
    /// What its tasks may use now.
    pub limits: Limits,
    /// The ended job whose failed and unattempted tasks are this one's.
    #[schema(required)]
    pub retry_of: Option<String>,
    /// The job whose successes are this one's tasks, once it has ended.
    #[serde(default)]
    #[schema(required)]
    pub follows: Option<String>,
    /// Whether it changes nothing and only reports what it would do.
    #[serde(default)]
    pub is_dry_run: bool,
    /// What it is going to do, while it has tasks ahead and its manifest is read.
    #[serde(default)]
    #[schema(required)]
    pub preview: Option<PreviewState>,
    /// What it would do, once it has ended as a dry run.
    #[schema(required)]
    pub dry_run: Option<DryRunFound>,
    /// When its slices and outcomes were removed, after its end: it cannot be retried any more.
    #[serde(default)]
    #[schema(required, format = DateTime)]
    pub outcomes_removed: Option<String>,
    /// Multipart uploads that it left open, in the buckets of its objects and of its report; null while it has not ended,
    /// and when it left none.
    #[serde(default)]
    #[schema(required)]
    pub left_uploads: Option<LeftUploadsState>,
}

impl From<&Job> for JobState {
    fn from(job: &Job) -> Self {
        let spec = &job.spec;
        let location = &spec.manifest.location.object;
        let layout = crate::report_layout(job.dialect);
        let source = |takes: Taken| spec.retry_of.filter(|_| spec.takes == takes).map(|id| id.to_string());
        Self {
            job: job.id.to_string(),
            dialect: job.dialect.word().to_owned(),
            description: spec.description.clone(),
            operation: spec.operation.kind().word().to_owned(),
            parameters: layout.map_or(Value::Null, |layout| (layout.operation)(&spec.operation)),
            manifest: ObjectPlace { bucket: location.bucket.to_string(), key: location.key.to_string() },
            report: ReportPlace::of(&spec.report),
            role: spec.role.name.clone(),
            priority: job.priority,
            progress: job.progress.into(),
            failures: job.failures.iter().map(FailureReason::from).collect(),
            created: written(job.created),
            suspended: job.suspended.map(written),
            terminated: job.terminated.map(written),
            status: job.status.name().to_owned(),
            status_update_reason: job.status_update_reason.clone(),
            waiting: None,
            rates: None,
            failure_counts: FailureCount::of(job),
            done_bytes: spec.operation.kind().moves_bytes().then(|| job.done_bytes.into()),
            notes: job.prepared.as_ref().map(|prepared| prepared.notes.clone()).unwrap_or_default(),
            is_paused: job.held_by_user,
            hold: job.hold.as_ref().map(HoldState::from),
            limits: job.limits.into(),
            retry_of: source(Taken::Unfinished),
            follows: source(Taken::Succeeded),
            is_dry_run: spec.options.is_dry_run(),
            preview: None,
            dry_run: job.dry_run.as_ref().map(DryRunFound::from),
            outcomes_removed: job.outcomes_removed.map(written),
            left_uploads: None,
        }
    }
}

impl JobState {
    /// The same job, which waits for that.
    #[must_use]
    pub fn with_waiting(self, waiting: Option<&Waiting>) -> Self {
        Self { waiting: waiting.map(WaitState::from), ..self }
    }

    /// The same job, which goes so fast.
    #[must_use]
    pub fn with_rates(self, rates: Option<&Rates>) -> Self {
        Self { rates: rates.map(RatesState::from), ..self }
    }

    /// The same job, which left that open.
    #[must_use]
    pub fn with_left_uploads(self, left: &LeftUploads) -> Self {
        Self { left_uploads: LeftUploadsState::of(left), ..self }
    }
}

/// The bytes of objects that were copied or restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoneBytes {
    /// Those of objects whose size the manifest tells, or an answer that the task needed anyway.
    pub bytes: u64,
    /// Tasks that succeeded, and whose object's size neither tells.
    pub tasks_of_unknown_size: u64,
}

impl From<brigade_model::DoneBytes> for DoneBytes {
    fn from(done: brigade_model::DoneBytes) -> Self {
        let brigade_model::DoneBytes { bytes, tasks_of_unknown_size } = done;
        Self { bytes, tasks_of_unknown_size }
    }
}

/// Where an object lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectPlace {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
}

/// Where a report goes, and what it lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportPlace {
    /// The bucket.
    pub bucket: String,
    /// What its keys begin with; null when that was not given.
    #[schema(required)]
    pub prefix: Option<String>,
    /// `AllTasks` or `FailedTasksOnly`; null when that was not given.
    #[schema(required)]
    pub scope: Option<String>,
}

impl ReportPlace {
    fn of(report: &ReportSpec) -> Option<Self> {
        let bucket = report.bucket.as_ref().filter(|_| report.enabled)?.bucket.to_string();
        let scope = report.scope.map(|scope| scope.name().to_owned());
        Some(Self { bucket, prefix: report.prefix.clone(), scope })
    }
}

/// How many tasks a job has, and how many of them have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobProgress {
    /// The tasks, as far as they are counted.
    pub total: u64,
    /// Those that succeeded.
    pub succeeded: u64,
    /// Those that failed.
    pub failed: u64,
}

impl From<Progress> for JobProgress {
    fn from(Progress { total, succeeded, failed }: Progress) -> Self {
        Self { total, succeeded, failed }
    }
}

impl From<JobProgress> for Progress {
    fn from(JobProgress { total, succeeded, failed }: JobProgress) -> Self {
        Self { total, succeeded, failed }
    }
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureReason {
    /// A word for programs.
    #[schema(example = "ManifestNotFound")]
    pub code: String,
    /// What happened and where.
    pub reason: String,
}

impl From<&JobFailure> for FailureReason {
    fn from(JobFailure { code, reason }: &JobFailure) -> Self {
        Self { code: code.clone(), reason: reason.clone() }
    }
}

/// A job in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobSummary {
    /// The job's id.
    pub job: String,
    /// The dialect that it was created in: `cos` or `s3control`.
    #[schema(example = "s3control")]
    pub dialect: String,
    /// A text for people.
    #[schema(required)]
    pub description: Option<String>,
    /// What is done to the objects, in one word.
    #[schema(example = "copy")]
    pub operation: String,
    /// Whether it changes nothing and only reports.
    pub is_dry_run: bool,
    /// Where it stands, by the dialect's name.
    #[schema(example = "Active")]
    pub status: String,
    /// How urgent it is now.
    pub priority: i32,
    /// How far it is.
    pub progress: JobProgress,
    /// For what it waits now; null while it goes on, and once it has ended.
    #[serde(default)]
    #[schema(required)]
    pub waiting: Option<WaitState>,
    /// When it was created.
    #[schema(format = DateTime)]
    pub created: String,
    /// When it ended.
    #[schema(required, format = DateTime)]
    pub terminated: Option<String>,
}

impl JobSummary {
    /// The same job, which waits for that.
    #[must_use]
    pub fn with_waiting(self, waiting: Option<&Waiting>) -> Self {
        Self { waiting: waiting.map(WaitState::from), ..self }
    }
}

impl From<&Job> for JobSummary {
    fn from(job: &Job) -> Self {
        Self {
            job: job.id.to_string(),
            dialect: job.dialect.word().to_owned(),
            description: job.spec.description.clone(),
            operation: job.spec.operation.kind().word().to_owned(),
            is_dry_run: job.spec.options.is_dry_run(),
            status: job.status.name().to_owned(),
            priority: job.priority,
            progress: job.progress.into(),
            waiting: None,
            created: written(job.created),
            terminated: job.terminated.map(written),
        }
    }
}

/// A page of jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobList {
    /// The jobs, in the order asked for.
    pub jobs: Vec<JobSummary>,
    /// What `after` of the next page is; null when this is the last.
    #[schema(required)]
    pub next: Option<String>,
}

/// A hold by the service: tasks of the job fail by what a person must change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HoldState {
    /// The code by which its tasks fail.
    #[schema(example = "NoSuchBucket")]
    pub code: String,
    /// What fails, and what the store says of it.
    pub reason: String,
    /// Whether a task of it is tried now, rather than within a minute.
    pub is_tried_now: bool,
}

impl From<&Hold> for HoldState {
    fn from(hold: &Hold) -> Self {
        let JobFailure { code, reason } = hold.why.clone();
        Self { code, reason, is_tried_now: hold.next_try.is_none() }
    }
}

/// What a dry run found: nothing of it was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DryRunFound {
    /// How many requests of each kind would be sent, by the names of the S3 API.
    pub requests: BTreeMap<String, u64>,
    /// The bytes of the objects of tasks that would be attempted, as far as the manifest knows them.
    pub bytes: u64,
    /// Tasks that would be attempted, whose size the manifest does not tell.
    pub tasks_of_unknown_size: u64,
    /// How long it would take under the limits that stood when it ended.
    pub estimated_seconds: u64,
}

impl From<&DryRun> for DryRunFound {
    fn from(found: &DryRun) -> Self {
        Self {
            requests: found.requests.iter().cloned().collect(),
            bytes: found.bytes,
            tasks_of_unknown_size: found.tasks_of_unknown_size,
            estimated_seconds: found.seconds,
        }
    }
}
