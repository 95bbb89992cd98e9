//! The embedded default: a [`SqliteStore`] in a data directory that one process uses alone.
//!
//! SQLite in WAL mode with `synchronous=FULL`: what was answered survives `kill -9` and loss of
//! power. One writer commits in groups (`writer`), a few readers see the last commit (`readers`),
//! and an I/O error ends the process (`fail_stop`). The functions that act on a connection are in
//! files named as the port's sections; this file sends them to the writer or a reader. Each method
//! reads the time when it is called: a lease begins no earlier than its holder began to count, so
//! no worker takes over too soon.

mod accounts;
mod column;
mod endpoints;
mod fail_stop;
mod job_row;
mod jobs;
mod lists;
pub(crate) mod opening;
mod purge;
mod readers;
mod removal;
mod service_clock;
mod slices;
pub(crate) mod snapshot;
mod stages;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ServiceTime;
use brigade_model::endpoint::EndpointRow;
use brigade_model::job::{Dialect, Job, JobId};
use brigade_model::names::{AccountId, EndpointName};
use brigade_model::ports::clock::Clock;
use brigade_model::ports::job_store::{
    AddSlicesError, Apply, ApplyError, CreateJobError, Due, JobHead, JobStore, KnownLeases, LeaseError, LeaseToken,
    LeftUploads, ListJobs, NewSlice, OpenUpload, OutcomePart, OwnerId, Purged, ReportFile, SetEndpointError,
    SliceLease, SliceRow, StageLease, StoreError, UploadScope, UploadsOf,
};
use brigade_model::quota::Quota;
use brigade_model::slots::SlotMove;
use brigade_model::status::Status;
use bytes::Bytes;
use rusqlite::Connection;

use self::fail_stop::FailStop;
pub use self::opening::OpenError;
use self::opening::{Opened, open_directory};
use self::readers::Readers;
use self::service_clock::OpenClock;
use self::writer::Writer;
pub use self::writer::Written;
use crate::moment::Moment;

/// A job store in a directory.
pub struct SqliteStore {
    clock: Arc<dyn Clock>,
    service: OpenClock,
    writer: Writer,
    readers: Readers,
}

impl SqliteStore {
    /// Opens the store in `directory`, which is made if it is missing, and revokes all leases.
    /// Blocks for as long as the disk takes.
    ///
    /// # Errors
    /// [`OpenError`] when another process has the directory, when a newer program wrote it, or
    /// when the system refuses.
    pub fn open(directory: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Self::open_with_fail_stop(directory, clock, FailStop::abort())
    }

    fn open_with_fail_stop(directory: &Path, clock: Arc<dyn Clock>, fail_stop: FailStop) -> Result<Self, OpenError> {
        let Opened { lock, file, mut connection } = open_directory(directory)?;
        let in_database =
            |e: rusqlite::Error| OpenError::Database { directory: directory.into(), problem: e.to_string() };
        let in_system = |e: std::io::Error| OpenError::Io { directory: directory.into(), problem: e.to_string() };
        let service = OpenClock::resume(&mut connection, &*clock).map_err(in_database)?;
        let lock = Arc::new(lock);
        let readers = Readers::open(&file, lock, fail_stop.clone()).map_err(in_database)?;
        let writer = Writer::start(connection, fail_stop).map_err(in_system)?;
        Ok(Self { clock, service, writer, readers })
    }

    /// How much was written since the store was opened.
    #[must_use]
    pub fn written(&self) -> Written {
        self.writer.written()
    }

    /// How far the time of day had moved, when the store was opened, beyond what the service clock
    /// counts of it; see `ServiceClock::missed_ms`.
    #[must_use]
    pub fn missed_ms(&self) -> i64 {
        self.service.clock().missed_ms()
    }

    fn now(&self) -> Moment {
        Moment::now(&*self.clock, self.service.clock())
    }

    /// A command that is never refused.
    async fn write<T, E>(&self, act: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.writer.write(move |connection| Ok(act(connection)?)).await
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("written", &self.written()).finish_non_exhaustive()
    }
}

#[async_trait]
impl JobStore for SqliteStore {
    async fn service_time(&self) -> Result<ServiceTime, StoreError> {
        let now = self.now();
        if self.service.must_store(now.service) {
            self.write::<_, StoreError>(move |connection| service_clock::store(connection, now)).await?;
        }
        Ok(now.service)
    }

    async fn create_job(&self, job: &Job, quota: &Quota) -> Result<(), CreateJobError> {
        let (job, quota, now) = (job.clone(), *quota, self.now());
        self.writer.write(move |connection| jobs::create_job(connection, &job, &quota, now)).await
    }

    async fn job_of_token(
        &self,
        account: &AccountId,
        dialect: Dialect,
        token: &str,
    ) -> Result<Option<JobId>, StoreError> {
        let (account, token) = (account.clone(), token.to_owned());
        self.readers.read(move |connection| jobs::job_of_token(connection, &account, dialect, &token)).await
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.readers.read_row(move |connection| jobs::find_job(connection, id)).await
    }

    async fn list_jobs(&self, query: &ListJobs) -> Result<Vec<Job>, StoreError> {
        let query = query.clone();
        self.readers.read(move |connection| lists::list_jobs(connection, &query)).await
    }

    async fn apply(&self, apply: Apply) -> Result<Job, ApplyError> {
        let now = self.now();
        self.writer.write(move |connection| jobs::apply(connection, &apply, now)).await
    }

    async fn open_jobs(&self) -> Result<Vec<JobHead>, StoreError> {
        let now = self.now().monotonic;
        self.readers.read(move |connection| lists::open_jobs(connection, now)).await
    }

    async fn count_jobs(&self) -> Result<Vec<(Status, u64)>, StoreError> {
        self.readers.read(|connection| lists::count_jobs(connection)).await
    }

    async fn reschedule(&self, endpoint: &EndpointName, slots: usize) -> Result<Vec<(JobId, SlotMove)>, StoreError> {
        let (endpoint, now) = (endpoint.clone(), self.now());
        self.writer.write(move |connection| jobs::reschedule(connection, &endpoint, slots, now)).await
    }

    async fn purge(&self, due: &Due, rows_max: usize) -> Result<Purged, StoreError> {
        let (due, now) = (due.clone(), self.now().wall);
        self.write(move |connection| purge::purge(connection, &due, rows_max, now)).await
    }

    async fn lease_stage(
        &self,
        job: JobId,
        owner: OwnerId,
        token: LeaseToken,
        ttl: Duration,
        grace: Duration,
    ) -> Result<Option<StageLease>, StoreError> {
        let now = self.now();
        self.write(move |connection| stages::lease_stage(connection, job, owner, token, ttl, grace, now)).await
    }

    async fn renew_stage(&self, lease: &StageLease, ttl: Duration) -> Result<(), LeaseError> {
        let (lease, now) = (lease.clone(), self.now());
        self.writer.write(move |connection| stages::renew_stage(connection, &lease, ttl, now)).await
    }

    async fn release_stage(&self, lease: &StageLease) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.write(move |connection| stages::release_stage(connection, &lease)).await
    }

    async fn add_slices(
        &self,
        lease: &StageLease,
        slices: Vec<NewSlice>,
        bytes_max: u64,
    ) -> Result<(), AddSlicesError> {
        let (lease, now) = (lease.clone(), self.now().wall);
        self.writer.write(move |connection| stages::add_slices(connection, &lease, &slices, bytes_max, now)).await
    }

    async fn slices(&self, job: JobId, from: u32, limit: usize) -> Result<Vec<SliceRow>, StoreError> {
        self.readers.read(move |connection| slices::slices(connection, job, from, limit)).await
    }

    async fn lease_slice(
        &self,
        job: JobId,
        owner: OwnerId,
        token: LeaseToken,
        ttl: Duration,
    ) -> Result<Option<SliceLease>, StoreError> {
        let now = self.now();
        self.write(move |connection| slices::lease_slice(connection, job, owner, token, ttl, now)).await
    }

    async fn lease_slice_to_close(
        &self,
        stage: &StageLease,
        slice: u32,
        token: LeaseToken,
        ttl: Duration,
    ) -> Result<Option<SliceLease>, LeaseError> {
        let (stage, now) = (stage.clone(), self.now());
        let act =
            move |connection: &Connection| slices::lease_slice_to_close(connection, &stage, slice, token, ttl, now);
        self.writer.write(act).await
    }

    async fn renew_slice(&self, lease: &SliceLease, ttl: Duration) -> Result<Status, LeaseError> {
        let (lease, now) = (lease.clone(), self.now());
        self.writer.write(move |connection| slices::renew_slice(connection, &lease, ttl, now)).await
    }

    async fn release_slice(&self, lease: &SliceLease, must_check: bool) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.write(move |connection| slices::release_slice(connection, &lease, must_check)).await
    }

    async fn put_off_slice(&self, lease: &SliceLease, round: u32) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.write(move |connection| slices::put_off_slice(connection, &lease, round)).await
    }

    async fn revoke_lost(&self, job: JobId, grace: Duration, known: Option<KnownLeases>) -> Result<u64, StoreError> {
        let now = self.now();
        self.write(move |connection| slices::revoke_lost(connection, job, grace, known.as_ref(), now)).await
    }

    async fn count_leased(&self, job: JobId) -> Result<u64, StoreError> {
        self.readers.read(move |connection| slices::count_leased(connection, job)).await
    }

    async fn record_part(&self, part: OutcomePart) -> Result<(), LeaseError> {
        self.writer.write(move |connection| slices::record_part(connection, &part)).await
    }

    async fn parts(&self, job: JobId, slice: u32) -> Result<Vec<(u64, Bytes)>, StoreError> {
        self.readers.read(move |connection| slices::parts(connection, job, slice)).await
    }

    async fn record_upload(&self, job: JobId, scope: &UploadScope, upload: &OpenUpload) -> Result<(), LeaseError> {
        let (scope, upload) = (scope.clone(), upload.clone());
        self.writer.write(move |connection| stages::record_upload(connection, job, &scope, &upload)).await
    }

    async fn forget_upload(&self, job: JobId, upload_id: &str) -> Result<(), StoreError> {
        let upload_id = upload_id.to_owned();
        self.write(move |connection| stages::forget_upload(connection, job, &upload_id)).await
    }

    async fn uploads(&self, job: JobId, of: UploadsOf) -> Result<Vec<OpenUpload>, StoreError> {
        self.readers.read(move |connection| stages::uploads(connection, job, of)).await
    }

    async fn left_uploads(&self, job: JobId, uploads_max: usize) -> Result<LeftUploads, StoreError> {
        self.readers.read(move |connection| stages::left_uploads(connection, job, uploads_max)).await
    }

    async fn record_report_file(&self, lease: &StageLease, file: &ReportFile) -> Result<(), LeaseError> {
        let (lease, file) = (lease.clone(), file.clone());
        self.writer.write(move |connection| stages::record_report_file(connection, &lease, &file)).await
    }

    async fn report_files(&self, job: JobId) -> Result<Vec<ReportFile>, StoreError> {
        self.readers.read(move |connection| stages::report_files(connection, job)).await
    }

    async fn endpoints(&self) -> Result<Vec<EndpointRow>, StoreError> {
        self.readers.read(|connection| endpoints::endpoints(connection)).await
    }

    async fn set_endpoint(&self, row: &EndpointRow) -> Result<EndpointRow, SetEndpointError> {
        let row = row.clone();
        self.writer.write(move |connection| endpoints::set_endpoint(connection, row)).await
    }
}

#[cfg(test)]
mod tests;
