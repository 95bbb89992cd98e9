//! A job: what was asked ([`JobSpec`]), what became of it ([`Job`]) and the changes that move
//! it ([`Change`]).
//!
//! [`Job::change`] is pure: it looks the status up in the one table and sets what goes with
//! it (times, reasons, failures). Stores call it inside their transaction, so that every body
//! of `JobStore` moves jobs alike.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Timestamp;
use crate::dry_run::DryRun;
use crate::limits::{FAILURE_CODE_BYTES_MAX, FAILURE_REASON_BYTES_MAX, STATUS_UPDATE_REASON_BYTES_MAX};
use crate::load::LoadLimits;
use crate::manifest::ManifestSpec;
use crate::names::{AccountId, EndpointName};
use crate::operation::Operation;
use crate::options::{JobOptions, Separator};
use crate::outcome::cut;
use crate::progress::Progress;
use crate::report::ReportSpec;
use crate::resource::RoleRef;
use crate::service_clock::ServiceTime;
use crate::status::{self, Event, Status};

mod retry;
pub use retry::{CannotRetry, Retry, Unconfirmed, UnknownWay};

/// The name of a job: a UUIDv7 whose time is the job's creation, so that the order of ids is
/// the order of creation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JobId(Uuid);

impl JobId {
    /// An id for a job created at `created`, made unique by 10 random bytes.
    #[must_use]
    pub fn new(created: Timestamp, random: &[u8; 10]) -> Self {
        let ms = u64::try_from(created.as_millisecond()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(ms, random).into_uuid())
    }

    /// An id from its number, for tests.
    #[must_use]
    pub fn from_u128(number: u128) -> Self {
        Self(Uuid::from_u128(number))
    }

    /// The 16 bytes, in the order of ids.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id from its 16 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not the id of a job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a job id: must be a UUID of 36 characters")]
pub struct NotAJobId;

impl FromStr for JobId {
    type Err = NotAJobId;
    fn from_str(text: &str) -> Result<Self, NotAJobId> {
        if text.len() != 36 {
            return Err(NotAJobId);
        }
        Uuid::parse_str(text).map(Self).map_err(|_| NotAJobId)
    }
}

/// The wire that a job was created through; it is described through the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Dialect {
    /// Tencent COS Batch.
    Cos,
    /// S3 Batch Operations.
    S3Control,
}

impl Dialect {
    /// One word for the stored form, configuration and metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Dialect::Cos => "cos",
            Dialect::S3Control => "s3control",
        }
    }
}

/// What was asked: everything that CreateJob says, unchanged for the job's life (a changed
/// priority stands in [`Job::priority`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSpec {
    /// Unique among the account's jobs of this dialect.
    pub client_request_token: String,
    /// Whether the job waits for a confirmation; `None` when the client did not say.
    pub confirmation_required: Option<bool>,
    /// A text for people.
    pub description: Option<String>,
    /// Which objects.
    pub manifest: ManifestSpec,
    /// What is done to them.
    pub operation: Operation,
    /// How urgent, 0 to 2^31 - 1; larger is more urgent.
    pub priority: i32,
    /// What is reported.
    pub report: ReportSpec,
    /// With which rights.
    pub role: RoleRef,
    /// What the wire has no field for.
    pub options: JobOptions,
    /// The ended job whose tasks without a success are the tasks of this one; `None` reads them
    /// from the manifest. The manifest of a retry is the first job's, and only echoed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<JobId>,
    /// What a retry does with tasks whose effect the job before left unknown.
    #[serde(default, skip_serializing_if = "Unconfirmed::is_look")]
    pub unconfirmed: Unconfirmed,
}

/// Why a job failed, in the words of the interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFailure {
    /// One of [`failure`]'s codes.
    pub code: String,
    /// What happened and where, at most 256 bytes.
    pub reason: String,
}

impl JobFailure {
    /// A failure; over-long texts are cut to the wire's limits.
    #[must_use]
    pub fn new(code: &str, reason: impl Into<String>) -> Self {
        Self {
            code: cut(code.to_owned(), FAILURE_CODE_BYTES_MAX),
            reason: cut(reason.into(), FAILURE_REASON_BYTES_MAX),
        }
    }

    /// Code and reason, as a status' reason.
    fn sentence(&self) -> String {
        format!("{}: {}", self.code, self.reason)
    }
}

/// Codes of [`JobFailure`] (resolution U-30).
pub mod failure {
    /// The job whose failed tasks are retried is gone, with its tasks.
    pub const RETRIED_JOB_NOT_FOUND: &str = "RetriedJobNotFound";
    /// The job's slices do not fit into what its account may take of the disk.
    pub const DISK_QUOTA_EXCEEDED: &str = "DiskQuotaExceeded";
    /// The manifest does not exist.
    pub const MANIFEST_NOT_FOUND: &str = "ManifestNotFound";
    /// The manifest's bytes are not the ones that the ETag names.
    pub const MANIFEST_ETAG_MISMATCH: &str = "ManifestETagMismatch";
    /// The manifest cannot be read as what it claims to be.
    pub const INVALID_MANIFEST_CONTENT: &str = "InvalidManifestContent";
    /// The role does not allow it, or the store refused.
    pub const ACCESS_DENIED: &str = "AccessDenied";
    /// The endpoint lists its regions, and this is none of them.
    pub const REGION_MISMATCH: &str = "RegionMismatch";
    /// Too many tasks failed.
    pub const TASK_FAILURE_THRESHOLD_EXCEEDED: &str = "TaskFailureThresholdExceeded";
    /// The manifest could not be read, or the slices not be made, for too long.
    pub const PREPARATION_FAILED: &str = "PreparationFailed";
    /// The report could not be written.
    pub const REPORT_DELIVERY_FAILED: &str = "ReportDeliveryFailed";
    /// Nobody confirmed in time.
    pub const CONFIRMATION_EXPIRED: &str = "ConfirmationExpired";
    /// The service itself could not go on.
    pub const INTERNAL_ERROR: &str = "InternalError";
}

/// What a finished preparation found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// Tasks counted.
    pub tasks: u64,
    /// Slices written.
    pub slices: u32,
    /// Rows left out on purpose, by reason.
    pub left_out: Vec<(String, u64)>,
    /// Whether any row names a version. Only then is a row without one in doubt, and that is
    /// known only here, at the end: the rows before the first versioned one are in slices
    /// already, so whoever reads a slice asks here what an empty version means. An inventory
    /// says it at its beginning: whether it lists versions.
    #[serde(default)]
    pub some_rows_have_versions: bool,
    /// How keys are read that stand behind a comma and one blank in the slices. Like the meaning
    /// of an empty version it is known only at the end.
    #[serde(default)]
    pub separator: Separator,
    /// What its user should know of the rows, though it fails no job: short sentences.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// What became of what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// Whose it is.
    pub account: AccountId,
    /// The wire it came by.
    pub dialect: Dialect,
    /// Where its calls go; slots are counted there.
    pub endpoint: EndpointName,
    /// What was asked.
    pub spec: JobSpec,
    /// How urgent it is now.
    pub priority: i32,
    /// Where it stands.
    pub status: Status,
    /// When it came to stand there, by the service clock: what patience with it, its confirmation
    /// and, once it has ended, its retention are counted from. Set by the store.
    pub since: ServiceTime,
    /// Raised by every change: what a change is compared with.
    pub revision: u64,
    /// Whether a confirmation came.
    pub is_confirmed: bool,
    /// Whether its user paused it, or must release it after a restore.
    pub held_by_user: bool,
    /// What its tasks may use now; its options say what it began with.
    pub limits: LoadLimits,
    /// When the backup was made that it came back with. What became of it after that nobody
    /// knows: any task without an outcome may have been attempted since.
    pub restored_from: Option<Timestamp>,
    /// Whether a DeleteJob came; hidden once it has ended.
    pub is_deleted: bool,
    /// When it was created.
    pub created: Timestamp,
    /// When it began to wait for a confirmation.
    pub suspended: Option<Timestamp>,
    /// Why it waits or waited.
    pub suspended_cause: Option<String>,
    /// When it ended.
    pub terminated: Option<Timestamp>,
    /// Whether it ended without its report: then its outcomes are all that tells of its tasks.
    #[serde(default)]
    pub lacks_report: bool,
    /// When its slices and outcomes were removed, which ended jobs give up before they leave the
    /// list. A store sets it; a change never does.
    #[serde(default)]
    pub outcomes_removed: Option<Timestamp>,
    /// Why the status is what it is, 0 to 256 bytes.
    pub status_update_reason: String,
    /// Why it failed.
    pub failures: Vec<JobFailure>,
    /// What preparation found, once it ended.
    pub prepared: Option<Prepared>,
    /// What its dry run found, once that has ended.
    pub dry_run: Option<DryRun>,
    /// How far it is. A store fills it from recorded outcomes; a change never touches the
    /// two counters.
    pub progress: Progress,
}

/// What a waiting job says, with `SuspendedDate`.
pub const SUSPENDED_CAUSE: &str = "The job is awaiting confirmation";
/// What a job says that its user paused.
pub const REASON_PAUSED: &str = "paused by its user";
/// What a finished job says, as the documentation's example does.
pub const REASON_COMPLETE: &str = "Job complete";

/// Something that happens to a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// An engine took it.
    PreparationStarted,
    /// Its manifest is read; the job waits for a confirmation if one is wanted and missing.
    ManifestRead(Prepared),
    /// The client confirms, with its reason; legal of a job that asked to be confirmed.
    Confirmed(String),
    /// Nobody confirmed in time.
    ConfirmationExpired,
    /// It may run.
    SlotGranted,
    /// It gives up its slot.
    Preempted,
    /// No lease of it remains.
    Drained,
    /// Every task has an outcome.
    TasksExhausted,
    /// Too many tasks failed.
    FailureRateExceeded(JobFailure),
    /// A stage cannot go on.
    StageFailed(JobFailure),
    /// The client cancels, with its reason.
    CancelRequested(String),
    /// What a dry run found is summed, before its report is written.
    DryRunSummed(DryRun),
    /// The report is written.
    ReportWritten,
    /// The report could not be written.
    ReportFailed(JobFailure),
    /// Another priority; legal until the job has ended.
    PrioritySet(i32),
    /// Its user pauses it; legal while it has tasks ahead.
    Held,
    /// Its user lets it go on; legal while it has tasks ahead.
    Released,
    /// Other limits; legal while it has tasks ahead.
    LimitsSet(LoadLimits),
    /// It lies in a backup that is made at that time: whoever brings it back must find it held
    /// until its user releases it. Legal while tasks of it may still start.
    BackedUp(Timestamp),
    /// Its user deletes it: cancelled where that is legal, hidden once it has ended.
    DeleteRequested,
    /// Something that a person should know now, such as a store that is away; legal until the
    /// job has ended.
    Noted(String),
}

/// A change that the table does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a job that is {status} cannot do that")]
pub struct IllegalChange {
    /// The status that forbids it.
    pub status: Status,
}

impl Job {
    /// A new job.
    #[must_use]
    pub fn new(
        id: JobId,
        account: AccountId,
        dialect: Dialect,
        endpoint: EndpointName,
        spec: JobSpec,
        created: Timestamp,
    ) -> Self {
        Self {
            id,
            account,
            dialect,
            endpoint,
            priority: spec.priority,
            limits: spec.options.limits(),
            spec,
            status: Status::New,
            since: ServiceTime::default(),
            revision: 0,
            is_confirmed: false,
            held_by_user: false,
            restored_from: None,
            is_deleted: false,
            created,
            suspended: None,
            suspended_cause: None,
            terminated: None,
            lacks_report: false,
            outcomes_removed: None,
            status_update_reason: String::new(),
            failures: Vec::new(),
            prepared: None,
            dry_run: None,
            progress: Progress::default(),
        }
    }

    /// Whether its user still sees it.
    #[must_use]
    pub fn is_visible(&self) -> bool {
        !(self.is_deleted && self.status.is_terminal())
    }

    /// Whether its failures have exceeded the threshold.
    #[must_use]
    pub fn has_failed_too_often(&self) -> bool {
        let Progress { total, succeeded, failed } = self.progress;
        self.spec.options.threshold_exceeded(total, succeeded, failed)
    }

    /// Applies a change that happens at `at`, which is `service` by the service clock; raises the
    /// revision.
    ///
    /// # Errors
    /// [`IllegalChange`] when the table has no such row; the job is then unchanged.
    pub fn change(&mut self, change: &Change, at: Timestamp, service: ServiceTime) -> Result<(), IllegalChange> {
        let from = self.status;
        match change {
            Change::PreparationStarted => self.step(Event::PreparationStarted, at)?,
            Change::ManifestRead(prepared) => {
                let must_wait = self.spec.confirmation_required == Some(true) && !self.is_confirmed;
                self.step(if must_wait { Event::ConfirmationNeeded } else { Event::ManifestRead }, at)?;
                self.progress.total = prepared.tasks;
                self.prepared = Some(prepared.clone());
                if let Some(reason) = self.reason_restored() {
                    self.say(&reason);
                } else if self.held_by_user && self.status == Status::Ready {
                    self.say(REASON_PAUSED);
                } else if !self.is_confirmed {
                    // What kept the preparation waiting does so no more.
                    self.say(&self.notes());
                }
            }
            Change::Confirmed(reason) => {
                self.must_ask_for_confirmation()?;
                self.step(Event::Confirmed, at)?;
                self.is_confirmed = true;
                self.say(&self.reason_restored().unwrap_or_else(|| reason.clone()));
            }
            Change::ConfirmationExpired => {
                self.step(Event::ConfirmationExpired, at)?;
                self.fail(JobFailure::new(failure::CONFIRMATION_EXPIRED, "the job was not confirmed in time"));
            }
            Change::SlotGranted => {
                self.step(Event::SlotGranted, at)?;
                self.say(&self.notes());
            }
            Change::Preempted => {
                self.step(Event::Preempted, at)?;
                self.say(if self.held_by_user { REASON_PAUSED } else { "a job of higher priority needs the slot" });
            }
            Change::Drained => self.step(Event::Drained, at)?,
            Change::TasksExhausted => self.step(Event::TasksExhausted, at)?,
            Change::FailureRateExceeded(why) => {
                self.step(Event::FailureRateExceeded, at)?;
                self.fail(why.clone());
            }
            Change::StageFailed(why) => {
                self.step(Event::StageFailed, at)?;
                self.fail(why.clone());
            }
            Change::CancelRequested(reason) => {
                let was_asked = self.status == Status::Cancelling;
                self.step(Event::CancelRequested, at)?;
                if !was_asked || !reason.is_empty() {
                    self.say(reason);
                }
            }
            Change::DryRunSummed(sum) => {
                self.must_be_open()?;
                self.dry_run = Some(sum.clone());
            }
            Change::ReportWritten => {
                self.step(Event::ReportWritten, at)?;
                match (self.status, self.failures.last()) {
                    (Status::Complete, _) => match &self.dry_run {
                        None => self.say(REASON_COMPLETE),
                        Some(dry_run) => self.say(&dry_run.sentence(&self.progress)),
                    },
                    (Status::Failed, Some(why)) => self.say(&why.sentence()),
                    _ => {}
                }
            }
            Change::ReportFailed(why) => {
                self.step(Event::ReportFailed, at)?;
                self.lacks_report = true;
                self.fail(why.clone());
            }
            Change::PrioritySet(priority) => {
                self.must_be_open()?;
                self.priority = *priority;
            }
            Change::Held => {
                self.must_have_tasks_ahead()?;
                self.held_by_user = true;
                if status::stage(self.status) == status::Stage::Wait && self.status != Status::Suspended {
                    self.say(REASON_PAUSED);
                }
            }
            Change::Released => {
                self.must_have_tasks_ahead()?;
                let said = &self.status_update_reason;
                let is_said = said == REASON_PAUSED || self.reason_restored().is_some_and(|reason| reason == *said);
                if is_said {
                    self.say("");
                }
                self.held_by_user = false;
            }
            Change::LimitsSet(limits) => {
                self.must_have_tasks_ahead()?;
                self.limits = *limits;
            }
            Change::BackedUp(at_backup) => {
                self.must_have_tasks_ahead()?;
                if self.status == Status::Active {
                    self.step(Event::Preempted, at)?;
                }
                self.held_by_user = true;
                // What an earlier restore left unknown still is.
                self.restored_from = Some(self.restored_from.map_or(*at_backup, |earlier| earlier.min(*at_backup)));
                self.say(&self.reason_restored().unwrap_or_default());
            }
            Change::DeleteRequested => {
                if status::next(self.status, Event::CancelRequested).is_some() {
                    self.step(Event::CancelRequested, at)?;
                    self.say("deleted by its user");
                }
                self.is_deleted = true;
            }
            Change::Noted(reason) => {
                self.must_be_open()?;
                self.say(reason);
            }
        }
        if self.status != from {
            self.since = service;
        }
        self.revision += 1;
        Ok(())
    }

    fn step(&mut self, event: Event, at: Timestamp) -> Result<(), IllegalChange> {
        let next = status::next(self.status, event).ok_or(IllegalChange { status: self.status })?;
        self.status = next;
        if self.status == Status::Suspended {
            self.suspended = Some(at);
            self.suspended_cause = Some(SUSPENDED_CAUSE.to_owned());
        }
        if self.status.is_terminal() {
            self.terminated = Some(at);
        }
        Ok(())
    }

    fn must_have_tasks_ahead(&self) -> Result<(), IllegalChange> {
        if self.status.has_tasks_ahead() { Ok(()) } else { Err(IllegalChange { status: self.status }) }
    }

    fn must_ask_for_confirmation(&self) -> Result<(), IllegalChange> {
        let asks = self.spec.confirmation_required == Some(true);
        if asks { Ok(()) } else { Err(IllegalChange { status: self.status }) }
    }

    fn must_be_open(&self) -> Result<(), IllegalChange> {
        if self.status.is_terminal() { Err(IllegalChange { status: self.status }) } else { Ok(()) }
    }

    /// Why it is held, if it came back with a backup.
    fn reason_restored(&self) -> Option<String> {
        let backup = self.restored_from.filter(|_| self.held_by_user)?;
        let (backup, id) = (format!("{backup:.0}"), self.id);
        Some(format!("held after a restore from a backup of {backup}: check it, then brigade job resume {id}"))
    }

    /// What its preparation wants its user to know.
    fn notes(&self) -> String {
        self.prepared.as_ref().map_or_else(String::new, |prepared| prepared.notes.join("; "))
    }

    fn say(&mut self, reason: &str) {
        self.status_update_reason = cut(reason.to_owned(), STATUS_UPDATE_REASON_BYTES_MAX);
    }

    fn fail(&mut self, why: JobFailure) {
        self.say(&why.sentence());
        self.failures.push(why);
    }
}

#[cfg(test)]
mod tests;
