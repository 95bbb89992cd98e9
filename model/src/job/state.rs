//! The row of a job, with what is known of its preparation and its failures.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::failure::JobFailure;
use super::hold::Hold;
use super::id::JobId;
use super::rounds::Rounds;
use super::spec::{Dialect, JobSpec};
use crate::Timestamp;
use crate::dry_run::DryRun;
use crate::failure_counts::FailureCounts;
use crate::load::LoadLimits;
use crate::names::{AccountId, BucketName, EndpointName};
use crate::operation::Tag;
use crate::options::Separator;
use crate::progress::{DoneBytes, Progress};
use crate::service_clock::ServiceTime;
use crate::status::Status;

/// A job as the store holds it.
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
    /// Why the service holds it, or tries whether it still must.
    #[serde(default)]
    pub hold: Option<Hold>,
    /// How far it is in its rounds, if it works in rounds and has begun.
    #[serde(default)]
    pub rounds: Option<Rounds>,
    /// What its tasks may use now; its options say what it began with.
    pub limits: LoadLimits,
    /// When the backup was made that it was restored from. What it did after that is unknown: any
    /// task without an outcome may have been attempted since.
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
    /// The tags that it has now, which users find it by.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// How long it has been Active in all, without the time since it became so last, milliseconds.
    #[serde(default)]
    pub active_ms: u64,
    /// How far it is. A store fills it from recorded outcomes; a change never touches the
    /// two counters.
    pub progress: Progress,
    /// What its failed tasks failed by. A store fills it as it does the counters.
    #[serde(default)]
    pub failure_counts: FailureCounts,
    /// What its tasks copied or restored. A store fills it as it does the counters.
    #[serde(default)]
    pub done_bytes: DoneBytes,
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
            tags: spec.tags.clone(),
            spec,
            status: Status::New,
            since: ServiceTime::default(),
            revision: 0,
            is_confirmed: false,
            held_by_user: false,
            hold: None,
            rounds: None,
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
            active_ms: 0,
            progress: Progress::default(),
            failure_counts: FailureCounts::default(),
            done_bytes: DoneBytes::default(),
        }
    }

    /// Whether its user still sees it.
    #[must_use]
    pub fn is_visible(&self) -> bool {
        !(self.is_deleted && self.status.is_terminal())
    }

    /// How long it has been Active in all, until `now` by the service clock.
    #[must_use]
    pub fn active_for(&self, now: ServiceTime) -> Duration {
        let since = if self.status == Status::Active { now.since(self.since) } else { Duration::ZERO };
        Duration::from_millis(self.active_ms).saturating_add(since)
    }

    /// Until when the service holds it, or its next round begins; `None` when it does not wait so, or
    /// tries a task now.
    #[must_use]
    pub fn held_until(&self) -> Option<ServiceTime> {
        let (hold, rounds) = (self.hold.as_ref(), self.rounds.as_ref());
        hold.and_then(|hold| hold.next_try).max(rounds.and_then(|rounds| rounds.next))
    }

    /// Whether its user or the service keeps it from having a slot.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held_by_user || self.held_until().is_some()
    }

    /// Whether its failures have exceeded the threshold.
    #[must_use]
    pub fn has_failed_too_often(&self) -> bool {
        let Progress { total, succeeded, failed } = self.progress;
        self.spec.options.threshold_exceeded(total, succeeded, failed)
    }
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
    /// Whether any row names a version. Only then is a row without one in doubt, and that is known
    /// only here, at the end: the rows before the first versioned one are in slices already, so a
    /// reader of a slice learns here what an empty version means. An inventory says at its
    /// beginning whether it lists versions.
    #[serde(default)]
    pub some_rows_have_versions: bool,
    /// How keys are read that stand behind a comma and one blank in the slices. Like the meaning
    /// of an empty version it is known only at the end.
    #[serde(default)]
    pub separator: Separator,
    /// What its user should know of the rows, though it fails no job: short sentences.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The bucket of its rows: that of the first one, for rows of another fail. `None` without a row, and of what an
    /// earlier program prepared.
    #[serde(default)]
    pub source_bucket: Option<BucketName>,
}
