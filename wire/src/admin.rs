//! The documents of the operator's API, as its handlers write and its client reads them.
//!
//! Their JSON is the interface: a field that was released keeps its name and its meaning.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64};

use brigade_model::job::{Dialect, Hold, JobFailure};
use brigade_model::limits::{LIST_JOBS_MAX, PRIORITY_MAX, STATUS_UPDATE_REASON_BYTES_MAX};
use brigade_model::report::ReportSpec;
use brigade_model::{DryRun, Finding, Job, JobId, LoadLimits, Probe, Progress, Status, Timestamp, Waiting};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Number, Value};
use utoipa::{IntoResponses, ToSchema};

use crate::cos::parameters::is_foreign;
use crate::numbers::parse_whole_number;
use crate::xml::is_xml_char;

/// Where the API lies. The path of every action begins so.
pub const PREFIX: &str = "/brigade/v1/";

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refused {
    /// A word for programs; the dialect's own wherever it has one.
    #[schema(example = "NoSuchJob")]
    pub code: String,
    /// What is wrong, for people.
    #[schema(example = "The specified job does not exist")]
    pub message: String,
    /// Names the request in the service's log; also the header `x-cos-request-id`.
    pub request_id: String,
}

/// How every action refuses.
#[derive(IntoResponses)]
pub enum Refusals {
    /// The request is wrong
    #[response(status = 400)]
    Wrong(Refused),
    /// The signature is not right, or the key may not do it
    #[response(status = 403)]
    Denied(Refused),
    /// There is no such job or endpoint
    #[response(status = 404)]
    Missing(Refused),
    /// The job's status forbids it
    #[response(status = 409)]
    Conflict(Refused),
    /// The service has trouble of its own; try again
    #[response(status = 500)]
    Trouble(Refused),
}

/// A job: what was asked, what became of it, and what an operator's hand did to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
}

impl From<&Job> for JobState {
    fn from(job: &Job) -> Self {
        let spec = &job.spec;
        let location = &spec.manifest.location.object;
        let layout = crate::report_layout(job.dialect);
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
            failure_counts: FailureCount::of(job),
            done_bytes: spec.operation.kind().moves_bytes().then(|| job.done_bytes.into()),
            notes: job.prepared.as_ref().map(|prepared| prepared.notes.clone()).unwrap_or_default(),
            is_paused: job.held_by_user,
            hold: job.hold.as_ref().map(HoldState::from),
            limits: job.limits.into(),
            retry_of: job.spec.retry_of.map(|id| id.to_string()),
            is_dry_run: spec.options.is_dry_run(),
            preview: None,
            dry_run: job.dry_run.as_ref().map(DryRunFound::from),
            outcomes_removed: job.outcomes_removed.map(written),
        }
    }
}

impl JobState {
    /// The same job, which waits for that.
    #[must_use]
    pub fn with_waiting(self, waiting: Option<&Waiting>) -> Self {
        Self { waiting: waiting.map(WaitState::from), ..self }
    }
}

/// What a job is going to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewState {
    /// The effects, a sentence each, the gravest first.
    pub effects: Vec<String>,
    /// How many requests of each kind are sent at least, by the names of the S3 API.
    pub requests: BTreeMap<String, u64>,
    /// How long these take at least under the limits in force now.
    pub estimated_seconds: u64,
    /// The first rows of the manifest.
    pub first_rows: Vec<PreviewRow>,
}

/// A row, and what is written for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewRow {
    /// The bucket of the row.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The version; null when the row names none.
    #[schema(required)]
    pub version: Option<String>,
    /// The key that a copy gets; null for other operations.
    #[schema(required)]
    pub target: Option<String>,
}

/// How many tasks failed with a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureCount {
    /// The store's error code, or one of the service; null for all codes beyond the number that is told apart.
    #[schema(required, example = "AccessDenied")]
    pub code: Option<String>,
    /// How many tasks.
    pub count: u64,
    /// The key of one of them; null when it is not known.
    #[schema(required)]
    pub example: Option<String>,
}

impl FailureCount {
    fn of(job: &Job) -> Vec<Self> {
        let counts = &job.failure_counts;
        let of_code = |one: &brigade_model::FailureCount| Self {
            code: Some(one.code.clone()),
            count: one.count,
            example: one.example.as_ref().map(ToString::to_string),
        };
        let others = (counts.others() > 0).then(|| Self { code: None, count: counts.others(), example: None });
        counts.by_frequency().into_iter().map(of_code).chain(others).collect()
    }
}

/// The bytes of objects that were copied or restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoneBytes {
    /// Those of objects whose size the manifest tells.
    pub bytes: u64,
    /// Tasks that succeeded, and whose object's size it does not tell.
    pub tasks_of_unknown_size: u64,
}

impl From<brigade_model::DoneBytes> for DoneBytes {
    fn from(done: brigade_model::DoneBytes) -> Self {
        let brigade_model::DoneBytes { bytes, tasks_of_unknown_size } = done;
        Self { bytes, tasks_of_unknown_size }
    }
}

/// What stands still, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitState {
    /// A word for programs: `confirmation`, `pause`, `hold`, `slot`, `turn`, `disk_space`, `endpoint_stopped`,
    /// `credentials`, `clock`, `unreachable`, `failing`, `throttled`, `answer`, `retry` or `tasks_in_flight`.
    #[schema(example = "credentials")]
    pub cause: String,
    /// Who waits: the job, or one of its calls.
    #[schema(example = "PutObject in bucket reports")]
    pub who: String,
    /// For what.
    pub what: String,
    /// Since when; null when that is not known.
    #[schema(required, format = DateTime)]
    pub since: Option<String>,
    /// What a person can do; empty when it passes by itself.
    pub advice: String,
}

impl From<&Waiting> for WaitState {
    fn from(waiting: &Waiting) -> Self {
        Self {
            cause: waiting.cause.word().to_owned(),
            who: waiting.who.clone(),
            what: waiting.what.clone(),
            since: waiting.since.map(written),
            advice: waiting.advice(),
        }
    }
}

/// A point in time as the documents have it: whole seconds.
fn written(at: Timestamp) -> String {
    format!("{at:.0}")
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
    /// The jobs, oldest first.
    pub jobs: Vec<JobSummary>,
    /// What `after` of the next page is; null when this is the last.
    #[schema(required)]
    pub next: Option<String>,
}

/// A task that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailedRow {
    /// The bucket of its row.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The version; null when the row names none.
    #[schema(required)]
    pub version: Option<String>,
    /// The store's error code, or one of the service.
    #[schema(example = "NoSuchKey")]
    pub code: String,
    /// The store's HTTP status; null when it did not answer.
    #[schema(required, value_type = Option<i32>)]
    pub http_status: Option<u16>,
    /// What happened.
    pub message: String,
    /// Whether an attempt may have had its effect.
    pub is_effect_unknown: bool,
}

/// A page of failed tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureList {
    /// Those that are recorded, in manifest order.
    pub failures: Vec<FailedRow>,
    /// What `after` of the next page is; null when this is the last. Of a job that runs, later failures may belong
    /// before it.
    #[schema(required)]
    pub next: Option<String>,
}

/// Which failed tasks are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailureQuery {
    /// What `next` of the page before is: the number of a slice, and a place in it.
    pub after: Option<(u32, u32)>,
    /// So many at most; `None` for as many as a page may have.
    pub max: Option<usize>,
}

impl FailureQuery {
    /// Reads the query.
    ///
    /// # Errors
    /// [`WrongParameter`] when one is unknown, given twice, or has no such value.
    pub fn decode(query: &[(String, String)]) -> Result<Self, WrongParameter> {
        let mut read = Self::default();
        for (name, text) in given_once(query)? {
            let wrong = |why: &str| WrongParameter { name: name.to_owned(), why: why.to_owned() };
            match name {
                "after" => {
                    let place = Self::place_of(text);
                    read.after = Some(place.ok_or_else(|| wrong("must be what next of the page before is"))?);
                }
                "max" => read.max = Some(page_size(text).map_err(|why| wrong(&why))?),
                _ => return Err(wrong("is not known here")),
            }
        }
        Ok(read)
    }

    /// Writes the query; what is not asked is not written.
    #[must_use]
    pub fn encode(&self) -> Vec<(String, String)> {
        let after = self.after.map(|(slice, offset)| ("after".to_owned(), Self::place(slice, offset)));
        after.into_iter().chain(self.max.map(|max| ("max".to_owned(), max.to_string()))).collect()
    }

    /// The place that `next` and `after` name.
    #[must_use]
    pub fn place_of(text: &str) -> Option<(u32, u32)> {
        let number = |text| parse_whole_number(text).and_then(|number| u32::try_from(number).ok());
        let (slice, offset) = text.split_once('-')?;
        Some((number(slice)?, number(offset)?))
    }

    /// A place as `next` and `after` have it.
    #[must_use]
    pub fn place(slice: u32, offset: u32) -> String {
        format!("{slice}-{offset}")
    }
}

/// The parameters of ours, none of them given twice.
fn given_once(query: &[(String, String)]) -> Result<Vec<(&str, &str)>, WrongParameter> {
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for (name, text) in query.iter().filter(|(name, _)| !is_foreign(name)) {
        if seen.iter().any(|(before, _)| before == name) {
            return Err(WrongParameter { name: name.chars().take(64).collect(), why: "is given twice".to_owned() });
        }
        seen.push((name, text));
    }
    Ok(seen)
}

/// How many a page has.
fn page_size(text: &str) -> Result<usize, String> {
    let max = parse_whole_number(text).and_then(|number| usize::try_from(number).ok());
    max.filter(|max| (1..=LIST_JOBS_MAX).contains(max)).ok_or_else(|| format!("must be from 1 to {LIST_JOBS_MAX}"))
}

/// Which jobs a list is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobQuery {
    /// Those of one dialect; `None` for those of all.
    pub dialect: Option<Dialect>,
    /// Those in these statuses; empty for all.
    pub statuses: Vec<Status>,
    /// Those after this position, which need not be a job.
    pub after: Option<JobId>,
    /// So many at most; `None` for as many as a page may have.
    pub max: Option<usize>,
}

/// A parameter of a query that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongParameter {
    /// Its name.
    pub name: String,
    /// What is wrong with it.
    pub why: String,
}

impl JobQuery {
    /// Reads the query.
    ///
    /// # Errors
    /// [`WrongParameter`] when one is unknown, given twice, or has no such value.
    pub fn decode(query: &[(String, String)]) -> Result<Self, WrongParameter> {
        let mut read = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        for (name, text) in query.iter().filter(|(name, _)| !is_foreign(name)) {
            let wrong = |why: String| WrongParameter { name: name.chars().take(64).collect(), why };
            if seen.contains(&name.as_str()) {
                return Err(wrong("is given twice".to_owned()));
            }
            seen.push(name);
            match name.as_str() {
                "dialect" => read.dialect = Some(dialect_of(text).ok_or_else(|| wrong(dialect_words()))?),
                "status" => {
                    let statuses = text.split(',').map(str::parse).collect::<Result<_, _>>();
                    let names = || format!("must be among {}", Status::ALL.map(Status::name).join(", "));
                    read.statuses = statuses.map_err(|_| wrong(names()))?;
                }
                "after" => read.after = Some(text.parse().map_err(|_| wrong("must be the id of a job".to_owned()))?),
                "max" => read.max = Some(page_size(text).map_err(wrong)?),
                _ => return Err(wrong("is not known here".to_owned())),
            }
        }
        Ok(read)
    }

    /// Writes the query; what is not asked is not written.
    #[must_use]
    pub fn encode(&self) -> Vec<(String, String)> {
        let statuses = (!self.statuses.is_empty()).then(|| {
            let names: Vec<_> = self.statuses.iter().map(|status| status.name()).collect();
            names.join(",")
        });
        let given = [
            ("dialect", self.dialect.map(|dialect| dialect.word().to_owned())),
            ("status", statuses),
            ("after", self.after.map(|after| after.to_string())),
            ("max", self.max.map(|max| max.to_string())),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// The dialect of that word.
#[must_use]
pub fn dialect_of(word: &str) -> Option<Dialect> {
    [Dialect::Cos, Dialect::S3Control].into_iter().find(|dialect| dialect.word() == word)
}

fn dialect_words() -> String {
    format!("must be {} or {}", Dialect::Cos.word(), Dialect::S3Control.word())
}

/// Why a job is confirmed or cancelled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeReason {
    /// For those who read the job later.
    #[serde(default)]
    #[schema(max_length = 256, example = "the bucket is needed")]
    pub reason: String,
}

impl ChangeReason {
    /// The reason, if jobs can keep it and every dialect can write it; else what is wrong with it.
    ///
    /// # Errors
    /// A text for people.
    pub fn read(&self) -> Result<&str, String> {
        match self.reason.as_str() {
            reason if reason.len() > STATUS_UPDATE_REASON_BYTES_MAX => {
                Err(format!("must be {STATUS_UPDATE_REASON_BYTES_MAX} bytes at most"))
            }
            reason if !reason.chars().all(is_xml_char) => Err("has a character that XML has not".to_owned()),
            reason => Ok(reason),
        }
    }
}

/// How urgent a job shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriorityChange {
    /// Larger is more urgent.
    #[serde(deserialize_with = "needed_priority")]
    #[schema(minimum = 0)]
    pub priority: i32,
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

/// What a retry asks otherwise than the job that it retries; what is not named stays as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryRequest {
    /// Names the request: a repeat gives the same job.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 64)]
    pub client_request_token: Option<String>,
    /// How urgent the new job is.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given_priority")]
    #[schema(minimum = 0)]
    pub priority: Option<i32>,
    /// Whether it waits for a confirmation once its tasks are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmation_required: Option<bool>,
    /// A text for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 256)]
    pub description: Option<String>,
    /// What is done with tasks whose effect is unknown: `look` first and leave what no look can
    /// tell, which is the default; `act`, whatever was written since; or `compare` source and target.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "look")]
    pub unconfirmed: Option<String>,
}

/// Limits of a job or an endpoint; null is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    /// Requests in flight at most.
    #[schema(required, value_type = Option<i64>, minimum = 1)]
    pub requests_in_flight: Option<u32>,
    /// Requests a second at most.
    #[schema(required, value_type = Option<i64>, minimum = 1)]
    pub requests_per_second: Option<u32>,
    /// Objects a second at most that requests are about: a request that deletes a thousand is a thousand.
    #[schema(required, value_type = Option<i64>, minimum = 1)]
    pub objects_per_second: Option<u32>,
    /// Bytes of objects a second at most.
    #[schema(required, minimum = 1)]
    pub bytes_per_second: Option<u64>,
}

impl From<LoadLimits> for Limits {
    fn from(limits: LoadLimits) -> Self {
        let LoadLimits { requests_in_flight, requests_per_second, objects_per_second, bytes_per_second } = limits;
        Self { requests_in_flight, requests_per_second, objects_per_second, bytes_per_second }
    }
}

/// A change of limits: a number sets one, null takes it away, what is not named stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct LimitsChange {
    /// Requests in flight at most.
    #[serde(default, deserialize_with = "given_count", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 4294967295u64)]
    pub requests_in_flight: GivenCount,
    /// Requests a second at most.
    #[serde(default, deserialize_with = "given_count", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 4294967295u64)]
    pub requests_per_second: GivenCount,
    /// Objects a second at most that requests are about: a request that deletes a thousand is a thousand.
    #[serde(default, deserialize_with = "given_count", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 4294967295u64)]
    pub objects_per_second: GivenCount,
    /// Bytes of objects a second at most.
    #[serde(default, deserialize_with = "given_bytes", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 9007199254740991u64)]
    pub bytes_per_second: GivenBytes,
}

impl LimitsChange {
    /// The limits after the change.
    #[must_use]
    pub fn of(self, before: LoadLimits) -> LoadLimits {
        let changed = |change: GivenCount, before| change.map_or(before, |to| to.map(NonZeroU32::get));
        LoadLimits {
            requests_in_flight: changed(self.requests_in_flight, before.requests_in_flight),
            requests_per_second: changed(self.requests_per_second, before.requests_per_second),
            objects_per_second: changed(self.objects_per_second, before.objects_per_second),
            bytes_per_second: self.bytes_per_second.map_or(before.bytes_per_second, |to| to.map(NonZeroU64::get)),
        }
    }

    /// Whether it names nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The greatest number that every reader of JSON reads exactly: 2^53 - 1.
const BYTES_MAX: u64 = (1 << 53) - 1;

type GivenCount = Option<Option<NonZeroU32>>;
type GivenBytes = Option<Option<NonZeroU64>>;

fn given_count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GivenCount, D::Error> {
    let narrow = |count| NonZeroU32::try_from(count).expect("it is within its bounds");
    given_whole(deserializer, u32::MAX.into()).map(|given| given.map(|count| count.map(narrow)))
}

fn given_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GivenBytes, D::Error> {
    given_whole(deserializer, BYTES_MAX)
}

/// A priority, if one is given; the handler refuses one below 0.
fn given_priority<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(deserializer)? else { return Ok(None) };
    let within = whole(&number).and_then(|whole| i32::try_from(whole).ok());
    within.map(Some).ok_or_else(|| D::Error::custom(format!("{number} is no whole number up to {PRIORITY_MAX}")))
}

/// A priority that must be given; the handler refuses one below 0.
fn needed_priority<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    given_priority(deserializer)?.ok_or_else(|| D::Error::custom("a priority is needed"))
}

/// JSON tells no whole number from 5.0, so that is one.
fn whole(number: &Number) -> Option<i64> {
    const MOST: f64 = BYTES_MAX as f64;
    let of_float = || number.as_f64().filter(|float| float.fract() == 0.0 && (-MOST..=MOST).contains(float));
    number.as_i64().or_else(|| of_float().map(|float| float as i64))
}

/// A field that stands there, be it null.
fn given_whole<'de, D: Deserializer<'de>>(deserializer: D, max: u64) -> Result<GivenBytes, D::Error> {
    let Some(number) = Option::<Number>::deserialize(deserializer)? else { return Ok(Some(None)) };
    let within = whole(&number).and_then(|whole| u64::try_from(whole).ok()).filter(|whole| *whole <= max);
    let within = within.and_then(NonZeroU64::new);
    within
        .map(|whole| Some(Some(whole)))
        .ok_or_else(|| D::Error::custom(format!("{number} is no whole number from 1 to {max}")))
}

/// Why an endpoint is stopped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopReason {
    /// For whoever reads a job that waits.
    #[serde(default)]
    #[schema(max_length = 160, example = "maintenance until noon")]
    pub reason: String,
}

/// That an endpoint is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoppedSince {
    /// Since when.
    #[schema(format = DateTime)]
    pub since: String,
    /// Why, in the operator's words.
    pub reason: String,
}

/// What the configuration allows at most; no limit goes beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HardCaps {
    /// Requests in flight.
    pub requests_in_flight: u32,
    /// Whether requests in flight follow what the store takes.
    pub adaptive: bool,
    /// Requests a second.
    #[schema(required)]
    pub requests_per_second: Option<u32>,
    /// Objects a second that requests are about.
    #[schema(required)]
    pub objects_per_second: Option<u32>,
    /// Bytes of bodies in flight.
    #[schema(required)]
    pub bytes_in_flight: Option<u64>,
    /// Bytes of bodies a second.
    #[schema(required)]
    pub bytes_per_second: Option<u64>,
}

/// What is asked of a bucket by a class of calls, and what it takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LaneState {
    /// The bucket; null for all buckets beyond the number that is told apart.
    #[schema(required)]
    pub bucket: Option<String>,
    /// `read` or `write`.
    #[schema(example = "write")]
    pub class: String,
    /// Requests that may be in flight, as the store takes them.
    pub limit: u32,
    /// Requests in flight now.
    pub requests_in_flight_now: u32,
    /// Calls that wait for their turn now.
    pub calls_waiting_now: u64,
    /// Objects a second that were answered, over the last ten seconds.
    pub objects_per_second: f64,
    /// Objects a second that may begin, where the store asked to slow down.
    #[schema(required)]
    pub pace: Option<f64>,
    /// Half of the latest answers took no longer, in milliseconds.
    pub latency_p50_ms: f64,
    /// Of a hundred of the latest answers, 99 took no longer, in milliseconds.
    pub latency_p99_ms: f64,
    /// Why the limit last moved: `start`, `more answers`, `no more answers`, `slow down` or `failures`.
    #[schema(example = "more answers")]
    pub moved_because: String,
}

/// A window that holds now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WindowState {
    /// When it begins on its days.
    #[schema(example = "22:00")]
    pub from: String,
    /// When it ends.
    #[schema(example = "06:00")]
    pub to: String,
    /// Where a clock on the wall shows these times.
    #[schema(example = "Europe/Berlin")]
    pub time_zone: String,
    /// Until when it holds; null when it does not end.
    #[schema(required, format = DateTime)]
    pub until: Option<String>,
    /// What it allows at most.
    pub limits: Limits,
}

/// How the other users of an endpoint are protected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProtectionState {
    /// What others shall wait at most, in milliseconds.
    pub protect_latency_ms: f64,
    /// The bucket whose head is asked for; null for a key that may not list endpoints.
    #[schema(required)]
    pub bucket: Option<String>,
    /// The median of the latest probes, in milliseconds; null before there were any.
    #[schema(required)]
    pub probe_p50_ms: Option<f64>,
    /// Our requests in flight at most; null while nothing had to fall.
    #[schema(required)]
    pub requests_in_flight: Option<u32>,
}

/// An endpoint: what is set for it and what goes on there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EndpointState {
    /// Its name in the configuration.
    pub endpoint: String,
    /// Whether an operator stopped it.
    #[schema(required)]
    pub stopped: Option<StoppedSince>,
    /// Whether it answers, as far as the calls of jobs tell.
    pub is_up: bool,
    /// For what calls to it wait: an operator's start, or that it answers again; null while they do not.
    #[serde(default)]
    #[schema(required)]
    pub waiting: Option<WaitState>,
    /// What the configuration allows at most.
    pub configured: HardCaps,
    /// Limits that an operator set.
    pub limits: Limits,
    /// The windows of the configuration that hold now: the least of all counts.
    pub windows: Vec<WindowState>,
    /// How others are protected; null where that is not configured.
    #[schema(required)]
    pub protection: Option<ProtectionState>,
    /// Requests in flight now.
    pub requests_in_flight_now: u32,
    /// Calls that wait for their turn now.
    pub calls_waiting_now: u64,
    /// What is asked of each bucket by each class of calls; nothing, for a key that may not list endpoints.
    pub lanes: Vec<LaneState>,
    /// When it was last probed; null when never.
    #[schema(required, format = DateTime)]
    pub probed: Option<String>,
    /// What it can do, by names of capabilities: as probed, else as its kind is known.
    pub proved: Vec<String>,
    /// What it cannot do.
    pub lacks: Vec<String>,
    /// What nothing is known of: it is not relied on.
    pub unproven: Vec<String>,
}

/// Which bucket to probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeRequest {
    /// A bucket to write to; it is left as it was.
    #[schema(min_length = 3, max_length = 63, example = "scratch")]
    pub bucket: String,
}

/// What a probe found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProbeResult {
    /// The endpoint's name in the configuration.
    pub endpoint: String,
    /// The bucket that was probed.
    pub bucket: String,
    /// When.
    #[schema(format = DateTime)]
    pub probed: String,
    /// One for each capability.
    pub findings: Vec<ProbeFinding>,
}

/// What was found out about a capability.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProbeFinding {
    /// The capability's name.
    #[schema(example = "tagging-on-copy")]
    pub capability: String,
    /// What holds of a server that has it.
    pub promise: String,
    /// `yes`, `no` or `untested`.
    #[schema(example = "no")]
    pub proved: String,
    /// What was seen instead of a proof; empty when it was proved.
    pub seen: String,
}

impl ProbeResult {
    /// Of that endpoint.
    #[must_use]
    pub fn new(endpoint: &str, probe: &Probe) -> Self {
        let finding = |finding: &Finding| ProbeFinding {
            capability: finding.capability.name().to_owned(),
            promise: finding.capability.promise().to_owned(),
            proved: finding.proof.word().to_owned(),
            seen: finding.seen.clone(),
        };
        Self {
            endpoint: endpoint.to_owned(),
            bucket: probe.bucket.to_string(),
            probed: format!("{:.0}", probe.at),
            findings: probe.findings.iter().map(finding).collect(),
        }
    }
}

/// All endpoints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EndpointList {
    /// By name.
    pub endpoints: Vec<EndpointState>,
}
