//! The store of jobs, leases, slices and outcomes.
//!
//! Every method is one transaction: it happens whole or not at all, and once it has returned `Ok`
//! it survives `kill -9`. Nothing here assumes one process: two processes on one store see each
//! other's work at once, and the store decides who gets a lease and which of two changes wins. Rows
//! and epochs make it right; locks do not.
//!
//! **Leases.** A piece of work (a job's *stage*, a *slice*) has one owner at a time. Every lease
//! carries a [`Fence`]: an *epoch*, and a random *token* that its taker made up. A write made under
//! a lease names its fence, and the store refuses it with [`LeaseError::Fenced`] when the unit has
//! another fence or no holder. Taking or revoking a lease raises the epoch; renewing and releasing
//! keep it. An epoch alone repeats when the store falls back to an older state (a snapshot that an
//! operator restores, a replica that is promoted); a token never does. The store's clock judges
//! expiry, and expiry by itself takes nothing away: a lease that expired but was neither revoked
//! nor taken over still counts, and can be renewed.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::endpoint::EndpointRow;
use crate::job::{Dialect, Job, JobId};
use crate::names::{AccountId, EndpointName};
use crate::quota::Quota;
use crate::service_clock::ServiceTime;
use crate::slots::SlotMove;
use crate::status::Status;

mod error;
mod fence;
mod forward;
mod job;
mod lease;
mod purge;
mod report;
mod slice;
mod upload;

pub use error::{AddSlicesError, ApplyError, CreateJobError, LeaseError, SetEndpointError, StoreError};
pub use fence::{Fence, LeaseToken, OwnerId};
pub use forward::{ForwardJobStore, JobStoreCall};
pub use job::{Apply, ChangeId, JobHead, ListJobs};
pub use lease::{KnownLeases, SliceLease, StageLease};
pub use purge::{Due, Purged};
pub use report::ReportFile;
pub use slice::{NewSlice, OutcomePart, SliceRow};
pub use upload::{Completing, LeftUploads, OpenUpload, UploadScope, UploadsOf};

/// The port. See the module for what holds of every method.
#[async_trait]
pub trait JobStore: Send + Sync + 'static {
    /// The service clock now. It never goes back for any caller of this store, and advances no
    /// faster than time does; over a gap in which no process had the store open, by the time of
    /// day, at most `SERVICE_CLOCK_GAP_MAX`. No stored moment lies ahead of it. The store records
    /// it with each change of a job, and in this call when the last record is
    /// `SERVICE_CLOCK_STORED_EVERY` old.
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
    /// A change whose id was applied before is not applied again: the job is returned as it is now,
    /// whatever the revision and the fence say. Otherwise the store checks the fence first
    /// (`Fenced`), then the revision (`Lost`), then the table (`Illegal`). Time of the change is
    /// the store's. Changes that set a terminal status end the stage's lease. A deleted job gives
    /// its token back.
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

    /// Takes the stage of a job that has not ended, if it has no holder or its lease expired at
    /// least `grace` ago. `None` when it is held, or the job has ended or is gone.
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

    /// Adds slices while the job is Preparing; `Fenced` in any other status. One whose index exists
    /// is skipped, since slicing is a pure function of the manifest's bytes; one that would leave a
    /// gap is a [`StoreError::Conflict`]. `OverQuota`, and nothing is added, when the slices and
    /// outcomes of the account would take more than `bytes_max`, though ended jobs gave up theirs
    /// as for [`JobStore::create_job`].
    async fn add_slices(&self, lease: &StageLease, slices: Vec<NewSlice>, bytes_max: u64)
    -> Result<(), AddSlicesError>;

    /// Slices in their order, from index `from`, at most `limit`.
    async fn slices(&self, job: JobId, from: u32, limit: usize) -> Result<Vec<SliceRow>, StoreError>;

    /// Leases a slice of an Active job that is not done and not leased: the first of those that were put
    /// off to the earliest round, if that is no later than the job's. `None` when there is none, or the
    /// job is not Active.
    async fn lease_slice(
        &self,
        job: JobId,
        owner: OwnerId,
        token: LeaseToken,
        ttl: Duration,
    ) -> Result<Option<SliceLease>, StoreError>;

    /// Leases one slice for the holder of the job's stage, whatever the job's status, to record
    /// what is unknown about it. `None` when it is held, it is done or it does not exist.
    async fn lease_slice_to_close(
        &self,
        stage: &StageLease,
        slice: u32,
        token: LeaseToken,
        ttl: Duration,
    ) -> Result<Option<SliceLease>, LeaseError>;

    /// Prolongs it and returns the job's status now, which tells the worker whether to go on.
    async fn renew_slice(&self, lease: &SliceLease, ttl: Duration) -> Result<Status, LeaseError>;

    /// Releases it; every attempt has ended. `must_check` says that tasks without an outcome may
    /// have had an effect; once said (or once revoked), a slice stays so until it is done, since
    /// the store does not know which of its tasks an earlier holder tried; it must be checked since
    /// the oldest such lease began. A lease that is lost already is no error.
    async fn release_slice(&self, lease: &SliceLease, must_check: bool) -> Result<(), StoreError>;

    /// Releases it until the job's round of that number: every task without an outcome was looked at, and
    /// no attempt, under whichever lease, can have had an effect, so that it is not `must_check` any more. A lease that is lost already is no error.
    async fn put_off_slice(&self, lease: &SliceLease, round: u32) -> Result<(), StoreError>;

    /// Revokes slice leases of a job that have no worker: those that expired at least `grace` ago
    /// and, where an owner says which ones it knows, every other one of this owner, whose answer or
    /// whose worker got lost. Raises their epochs and marks them `must_check`. Returns how many.
    async fn revoke_lost(&self, job: JobId, grace: Duration, known: Option<KnownLeases>) -> Result<u64, StoreError>;

    /// How many slices of the job are leased, expired or not.
    async fn count_leased(&self, job: JobId) -> Result<u64, StoreError>;

    /// Records outcomes, whatever the job's status, while the lease is held under this fence and
    /// `seq` is the slice's next. A part that was recorded already under the slice's current
    /// fence (same epoch, token and seq) succeeds and changes nothing, even when the lease has
    /// ended with it. A part with any other number is `Fenced`, and so is one that would give the
    /// slice more outcomes than tasks.
    ///
    /// In the same transaction the slice's counters and the job's counts of failures and bytes rise, and the revocations of all slices of the
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

    /// How many uploads of a job are remembered, of its slices and of its report, and the first of them: so many at most.
    async fn left_uploads(&self, job: JobId, uploads_max: usize) -> Result<LeftUploads, StoreError>;

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
