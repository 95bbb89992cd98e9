//! Where jobs, leases, slices and outcomes lie.
//!
//! Every method is one transaction: it happens whole or not at all, and once it has returned
//! `Ok` it survives `kill -9`. Nothing here assumes one process: two processes on one store
//! see each other's work at once, and whatever is decided (who gets a lease, which of two
//! changes wins) is decided by the store. Rows and epochs make it right; locks do not.
//!
//! **Leases.** A piece of work (a job's *stage*, a *slice*) has one owner at a time. Every
//! lease carries a [`Fence`]: an *epoch*, and a random *token* that its taker made up. A write
//! made under a lease names its fence and is refused with [`LeaseError::Fenced`] when the unit
//! has another one by now, or when nobody holds it any more. Taking or revoking a lease raises
//! the epoch; renewing and releasing keep it. An epoch alone repeats when the store falls back to
//! an older state (a snapshot that an operator puts back, a replica that is promoted); a token
//! never does. Expiry is judged by the store's clock, and by itself it takes nothing away: a
//! lease that expired but was neither revoked nor taken over still counts, and can be renewed.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Timestamp;
use crate::endpoint::EndpointRow;
use crate::job::{Change, Dialect, IllegalChange, Job, JobId};
use crate::names::{AccountId, BucketName, ETag, EndpointName, ObjectKey};
use crate::quota::{Quota, Quotas};
use crate::service_clock::ServiceTime;
use crate::slots::SlotMove;
use crate::status::Status;

/// The store itself failed; what was asked may or may not have happened.
#[derive(Debug, Clone, thiserror::Error)]
#[error("job store: {0}")]
pub struct StoreError(pub String);

/// Why a job was not created.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CreateJobError {
    /// A job of this account and dialect that is not deleted has the token already.
    #[error("the client request token is used by job {0}")]
    TokenInUse(JobId),
    /// The account has as many open jobs as it may.
    #[error("the account has as many jobs as it may")]
    TooManyJobs,
    /// The account keeps as many jobs as it may, and none of them may leave.
    #[error("the account keeps as many jobs as it may, and none may leave the list")]
    TooManyListed,
    /// What the account's jobs keep on the disk is as much as it may be, and none of them may
    /// give up its outcomes.
    #[error("the account's jobs keep as many bytes as they may, and none may give up its outcomes")]
    DiskQuotaFull,
    /// The job whose failed tasks it retries is gone.
    #[error("job {0}, whose tasks are to be retried, is gone")]
    RetriedJobGone(JobId),
    /// The job whose failed tasks it retries gave up its outcomes.
    #[error("the outcomes of job {job}, whose tasks are to be retried, were removed on {at:.0}")]
    RetriedOutcomesRemoved {
        /// The job that it retries.
        job: JobId,
        /// When it gave them up.
        at: Timestamp,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a change was not made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApplyError {
    /// No such job.
    #[error("no such job")]
    NotFound,
    /// Another caller changed the job: read it and decide again.
    #[error("another caller changed the job meanwhile")]
    Lost,
    /// Another holder has the stage's lease by now.
    #[error("the lease is lost")]
    Fenced,
    /// The table does not allow it.
    #[error(transparent)]
    Illegal(#[from] IllegalChange),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a write under a lease was refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LeaseError {
    /// The unit has another fence by now, or none: stop, nothing was written.
    #[error("the lease is lost")]
    Fenced,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why slices were not added.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AddSlicesError {
    /// The unit has another fence by now, or none: stop, nothing was written.
    #[error("the lease is lost")]
    Fenced,
    /// They do not fit into what the account may take, though every ended job gave up what it may.
    #[error("the slices do not fit into the account's disk quota")]
    OverQuota,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LeaseError> for AddSlicesError {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Fenced => AddSlicesError::Fenced,
            LeaseError::Store(error) => AddSlicesError::Store(error),
        }
    }
}

/// Why an endpoint's settings were not written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SetEndpointError {
    /// Another caller wrote them meanwhile: read and decide again.
    #[error("another caller changed the endpoint's settings meanwhile")]
    Lost,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who holds leases: one engine of one process, from its start to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OwnerId(pub Uuid);

/// Tells a lease from every other one, also from one that has its epoch: random, and made up by
/// whoever takes the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseToken(pub Uuid);

/// What a write under a lease names: what the unit must have for the write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fence {
    /// How often a lease of the unit was taken or revoked.
    pub epoch: u64,
    /// Which of the leases of that epoch.
    pub token: LeaseToken,
}

/// Recognises a change that is sent again after its answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChangeId(pub Uuid);

/// A change to apply.
#[derive(Debug, Clone)]
pub struct Apply {
    /// Which job.
    pub job: JobId,
    /// The revision that the decision was made on.
    pub revision: u64,
    /// Names this change.
    pub id: ChangeId,
    /// What happens.
    pub change: Change,
    /// The fence of the stage lease that the change is made under; `None` for what users and
    /// the scheduler do.
    pub stage_fence: Option<Fence>,
}

/// Which jobs to list.
#[derive(Debug, Clone)]
pub struct ListJobs {
    /// Whose.
    pub account: AccountId,
    /// By which wire.
    pub dialect: Dialect,
    /// In which statuses; empty for all.
    pub statuses: Vec<Status>,
    /// After this position, which need not be a job.
    pub after: Option<JobId>,
    /// Jobs that ended before this are left out.
    pub ended_since: ServiceTime,
    /// How many at most.
    pub limit: usize,
}

/// A job as the scheduler sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobHead {
    /// Which job.
    pub id: JobId,
    /// Whose.
    pub account: AccountId,
    /// Where its calls go.
    pub endpoint: EndpointName,
    /// Where it stands.
    pub status: Status,
    /// How urgent.
    pub priority: i32,
    /// The revision this was read at.
    pub revision: u64,
    /// Paused by its user.
    pub held_by_user: bool,
    /// When it came to stand there.
    pub since: ServiceTime,
    /// Whether somebody holds its stage with a lease that has not expired.
    pub is_stage_leased: bool,
}

/// The right to prepare, drain or report a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageLease {
    /// Which job.
    pub job: JobId,
    /// Who.
    pub owner: OwnerId,
    /// What every write under it names.
    pub fence: Fence,
}

/// A slice to add: consecutive tasks, whose rows lie in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSlice {
    /// Its number in the job, from 0 without a gap.
    pub index: u32,
    /// The number of its first task.
    pub first_task: u64,
    /// How many tasks, at least one.
    pub tasks: u32,
    /// The file in the spool.
    pub spool_name: String,
    /// The bytes of that file.
    pub bytes: u64,
}

/// A slice as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceRow {
    /// Its number in the job.
    pub index: u32,
    /// The number of its first task.
    pub first_task: u64,
    /// How many tasks.
    pub tasks: u32,
    /// The file in the spool.
    pub spool_name: String,
    /// Successes recorded.
    pub succeeded: u32,
    /// Failures recorded.
    pub failed: u32,
    /// Whether somebody holds it, expired or not.
    pub is_leased: bool,
    /// Whether tasks without an outcome may have been attempted: a lease was revoked, or was
    /// released with `must_look`.
    pub must_look: bool,
    /// How often a lease of it was revoked since the job got on: since an outcome of this slice,
    /// or of another one while this was leased, was recorded.
    pub revocations: u32,
    /// When it was first leased, by the store's clock.
    pub first_leased: Option<Timestamp>,
    /// When the oldest lease began that was revoked or was released with `must_look`, by the
    /// store's clock: what was attempted before has an outcome. Set exactly when `must_look` is.
    pub unsettled_since: Option<Timestamp>,
}

impl SliceRow {
    /// Whether every task has an outcome.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.succeeded + self.failed >= self.tasks
    }
}

/// The right to run the tasks of a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceLease {
    /// Which job.
    pub job: JobId,
    /// Who.
    pub owner: OwnerId,
    /// What every write under it names.
    pub fence: Fence,
    /// The number of the next outcome part.
    pub next_seq: u64,
    /// When the lease was taken, by the store's clock.
    pub leased_at: Timestamp,
    /// The slice as it stood when the lease was taken; `first_leased` is set.
    pub slice: SliceRow,
}

/// The slices of a job that an owner knows it works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownLeases {
    /// Who.
    pub owner: OwnerId,
    /// Slices, each with the fence of its lease.
    pub slices: Vec<(u32, Fence)>,
}

impl KnownLeases {
    /// Whether a lease of that owner, if it is this one's, is none that it knows of.
    #[must_use]
    pub fn lacks(&self, owner: OwnerId, slice: u32, fence: Fence) -> bool {
        self.owner == owner && !self.slices.contains(&(slice, fence))
    }
}

/// Outcomes of some tasks of a slice, in one piece. Its bytes never change once sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomePart {
    /// Which job.
    pub job: JobId,
    /// Which slice.
    pub slice: u32,
    /// Under which lease.
    pub fence: Fence,
    /// Its number in the slice, from [`SliceLease::next_seq`] without a gap.
    pub seq: u64,
    /// Successes in it.
    pub succeeded: u32,
    /// Failures in it.
    pub failed: u32,
    /// The outcomes, encoded by the engine; the store does not look inside.
    pub bytes: Bytes,
}

/// A multipart upload in progress, recorded before its first part so that the worker that takes over
/// can abort it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenUpload {
    /// The bucket.
    pub bucket: BucketName,
    /// The key.
    pub key: ObjectKey,
    /// The store's name for the upload.
    pub upload_id: String,
    /// Set once its completion may have been sent.
    #[serde(default)]
    pub completing: Option<Completing>,
}

/// What proves that an upload was completed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completing {
    /// The number of the task whose copy it is.
    pub task: u64,
    /// The object's size in bytes.
    pub size: u64,
    /// The ETags that the object then has, by the formulas that stores are known to use.
    pub etags: Vec<ETag>,
}

/// Under whose lease an upload is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadScope {
    /// A copy of a task of this slice.
    Slice {
        /// Which slice.
        slice: u32,
        /// Under which lease.
        fence: Fence,
    },
    /// A file of the report.
    Stage {
        /// Under which lease.
        fence: Fence,
    },
}

/// Which recorded uploads are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadsOf {
    /// Those of copies of one slice.
    Slice(u32),
    /// Those of copies of any slice.
    Slices,
    /// Those of the report.
    Report,
}

/// A finished file of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportFile {
    /// Which tasks: `succeeded` or `failed`.
    pub kind: String,
    /// Its number within the kind, from 0.
    pub number: u32,
    /// The key it was written to.
    pub key: ObjectKey,
    /// MD5 of its bytes, in lower-case hex.
    pub md5: String,
    /// Its rows.
    pub rows: u64,
}

/// What a purge removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Jobs that ended before this go.
    pub ended_before: ServiceTime,
    /// Jobs that ended before this give up their slices and outcomes.
    pub outcomes_before: ServiceTime,
    /// Of an account that takes more, the job that ended first gives up its own, or goes.
    pub quotas: Quotas,
}

impl Due {
    /// Jobs that ended before this go, and nothing else does.
    #[must_use]
    pub fn ended_before(ended_before: ServiceTime) -> Self {
        Self { ended_before, outcomes_before: ServiceTime::default(), quotas: Quotas::default() }
    }
}

/// What a step of a purge removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purged {
    /// Jobs whose spool files (`<job id>/...`) no row names any more: they are gone now, or
    /// gave up their outcomes.
    pub jobs: Vec<JobId>,
    /// Whether more remains to be purged.
    pub more: bool,
}

/// The port. See the module for what holds of every method.
#[async_trait]
pub trait JobStore: Send + Sync + 'static {
    /// The service clock now. It never goes back for any caller of this store, and advances no
    /// faster than time does; over a gap in which no process had the store open, by the time of day, at
    /// most `SERVICE_CLOCK_GAP_MAX`. No moment that is stored lies ahead of it. It is stored with each change of
    /// a job, and by this call when it has not been for `SERVICE_CLOCK_STORED_EVERY`.
    async fn service_time(&self) -> Result<ServiceTime, StoreError>;

    /// Inserts a new job, whose status is New and revision 0; its `since` is the store's.
    ///
    /// Refused when its token is used by a job of the same (account, dialect) that is not
    /// deleted, or when it would take its account over the quota; all is judged in the
    /// transaction that inserts, so that of two requests with one token exactly one wins. Refused
    /// too when the job that it retries, or what became of that one's tasks, is not there any more.
    ///
    /// Ended jobs make room first, the one that ended first before the others: one leaves for one
    /// that comes, and as many as it takes give up their slices and outcomes. None does that lacks
    /// its report, or whose tasks are being retried.
    async fn create_job(&self, job: &Job, quota: &Quota) -> Result<(), CreateJobError>;

    /// The job of that account and dialect that has the token and is not deleted.
    async fn job_of_token(
        &self,
        account: &AccountId,
        dialect: Dialect,
        token: &str,
    ) -> Result<Option<JobId>, StoreError>;

    /// The job with its counters: those of its row plus those of its open slices. Deleted jobs
    /// too, until they are purged.
    async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError>;

    /// Visible jobs in the order of their ids.
    async fn list_jobs(&self, query: &ListJobs) -> Result<Vec<Job>, StoreError>;

    /// Applies a change by `Job::change`, if the job still has the revision that the change
    /// was decided on and, where one is named, the stage's fence; returns the job after it.
    ///
    /// A change whose id was applied before is not applied again: the job is returned as it
    /// is now, whatever the revision and the fence say. Otherwise the fence is looked at first
    /// (`Fenced`), then the revision (`Lost`), then the table (`Illegal`). Time of the change
    /// is the store's. Changes that set a terminal status end the stage's lease. A deleted job
    /// gives its token back.
    async fn apply(&self, apply: Apply) -> Result<Job, ApplyError>;

    /// Every job that has not ended, in the order of their ids.
    async fn open_jobs(&self) -> Result<Vec<JobHead>, StoreError>;

    /// How many jobs stand in each status, for metrics; deleted ones not counted.
    async fn count_jobs(&self) -> Result<Vec<(Status, u64)>, StoreError>;

    /// Grants and takes the slots of an endpoint by `slots::decide`, and applies the moves, in
    /// one transaction that no other `reschedule` of the endpoint overlaps.
    async fn reschedule(&self, endpoint: &EndpointName, slots: usize) -> Result<Vec<(JobId, SlotMove)>, StoreError>;

    /// Removes what is due, and deleted jobs that have ended, with all that hangs on them; at most
    /// `rows_max` rows a call (no less than one), so that no other call waits long. A job vanishes whole
    /// at its first step and is returned at its last; one that gives up its slices and outcomes
    /// says so at the first (`Job::outcomes_removed`), keeps its counters, and is returned at the
    /// last. One whose tasks are being retried stays as it is until the job that retries it has
    /// read them (it is neither New nor Preparing any more), and one that lacks its report gives
    /// up nothing before it goes by its age.
    async fn purge(&self, due: &Due, rows_max: usize) -> Result<Purged, StoreError>;

    /// Takes the stage of a job that has not ended, if nobody holds it or its lease expired
    /// at least `grace` ago. `None` when somebody does, or the job has ended or is gone.
    async fn lease_stage(
        &self,
        job: JobId,
        owner: OwnerId,
        token: LeaseToken,
        ttl: Duration,
        grace: Duration,
    ) -> Result<Option<StageLease>, StoreError>;

    /// Prolongs it: expires `ttl` from now.
    async fn renew_stage(&self, lease: &StageLease, ttl: Duration) -> Result<(), LeaseError>;

    /// Gives it back. A lease that is lost already is no error.
    async fn release_stage(&self, lease: &StageLease) -> Result<(), StoreError>;

    /// Adds slices while the job is Preparing; `Fenced` in any other status. One whose index
    /// exists is skipped, since slicing is a pure function of the manifest's bytes; one that
    /// would leave a gap is a `StoreError`. `OverQuota`, and nothing is added, when the slices and
    /// outcomes of the account would take more than `bytes_max`, though ended jobs gave up theirs
    /// as for [`JobStore::create_job`].
    async fn add_slices(&self, lease: &StageLease, slices: Vec<NewSlice>, bytes_max: u64)
    -> Result<(), AddSlicesError>;

    /// Slices in their order, from index `from`, at most `limit`.
    async fn slices(&self, job: JobId, from: u32, limit: usize) -> Result<Vec<SliceRow>, StoreError>;

    /// Leases the first slice of an Active job that is not done and not leased. `None` when
    /// there is none, or the job is not Active.
    async fn lease_slice(
        &self,
        job: JobId,
        owner: OwnerId,
        token: LeaseToken,
        ttl: Duration,
    ) -> Result<Option<SliceLease>, StoreError>;

    /// Leases one slice for the holder of the job's stage, whatever the job's status, to record
    /// what is unknown about it. `None` when somebody holds it, it is done or it does not exist.
    async fn lease_slice_to_settle(
        &self,
        stage: &StageLease,
        slice: u32,
        token: LeaseToken,
        ttl: Duration,
    ) -> Result<Option<SliceLease>, LeaseError>;

    /// Prolongs it and returns the job's status now, which tells the worker whether to go on.
    async fn renew_slice(&self, lease: &SliceLease, ttl: Duration) -> Result<Status, LeaseError>;

    /// Gives it back; every attempt has ended. `must_look` says that tasks without an outcome
    /// may have had an effect; once said (or once revoked), a slice stays so until it is done,
    /// since nobody can tell which of its tasks an earlier holder tried; it is unsettled since the
    /// oldest such lease began. A lease that is lost already is no error.
    async fn release_slice(&self, lease: &SliceLease, must_look: bool) -> Result<(), StoreError>;

    /// Revokes slice leases of a job that nobody can be working under: those that expired at
    /// least `grace` ago and, where an owner says which ones it knows, every other one of this
    /// owner, whose answer or whose worker got lost. Raises their epochs and marks them
    /// `must_look`. Returns how many.
    async fn revoke_lost(&self, job: JobId, grace: Duration, known: Option<KnownLeases>) -> Result<u64, StoreError>;

    /// How many slices of the job are leased, expired or not.
    async fn count_leased(&self, job: JobId) -> Result<u64, StoreError>;

    /// Records outcomes, whatever the job's status, while the lease is held under this fence and
    /// `seq` is the slice's next. A part that was recorded already under the slice's current
    /// fence (same epoch, token and seq) succeeds and changes nothing, even when the lease has
    /// ended with it. A part with any other number is `Fenced`, and so is one that would give the
    /// slice more outcomes than tasks.
    ///
    /// In the same transaction the slice's counters rise, and the revocations of all slices of the
    /// job that are leased are forgotten; when its last task gets its outcome the slice is done, its
    /// counters enter the job's row and its lease ends.
    async fn record_part(&self, part: OutcomePart) -> Result<(), LeaseError>;

    /// The parts of a slice, in their order: (seq, bytes).
    async fn parts(&self, job: JobId, slice: u32) -> Result<Vec<(u64, Bytes)>, StoreError>;

    /// Remembers an upload before its first part; the same upload id again replaces it.
    async fn record_upload(&self, job: JobId, scope: &UploadScope, upload: &OpenUpload) -> Result<(), LeaseError>;

    /// Forgets an upload that was completed or aborted. One that is not there is no error.
    async fn forget_upload(&self, job: JobId, upload_id: &str) -> Result<(), StoreError>;

    /// Uploads remembered, in the order of their ids.
    async fn uploads(&self, job: JobId, of: UploadsOf) -> Result<Vec<OpenUpload>, StoreError>;

    /// Remembers a finished file of the report; one of the same kind and number is replaced.
    async fn record_report_file(&self, lease: &StageLease, file: &ReportFile) -> Result<(), LeaseError>;

    /// Finished files of the report, by kind and number.
    async fn report_files(&self, job: JobId) -> Result<Vec<ReportFile>, StoreError>;

    /// The settings of every endpoint for which any were written, by name.
    async fn endpoints(&self) -> Result<Vec<EndpointRow>, StoreError>;

    /// Writes an endpoint's settings, if the stored revision is still the row's (0: none is
    /// stored); returns the row with its new revision.
    async fn set_endpoint(&self, row: &EndpointRow) -> Result<EndpointRow, SetEndpointError>;
}

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
