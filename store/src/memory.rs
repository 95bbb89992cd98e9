//! The reference bodies: a [`MemoryStore`] and a [`MemorySpool`] that live as long as one clone of
//! them does.
//!
//! Clones share what they hold, so that a simulated process that crashed finds everything again
//! through another clone. The clock's monotonic time judges the expiry of leases; the times that
//! people read come from its time of day.

mod accounts;
mod endpoints;
mod jobs;
mod lease;
mod purge;
mod service_clock;
mod slices;
mod spool;
mod stage;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

use self::jobs::State;
use self::service_clock::OpenClock;
pub use self::spool::MemorySpool;
use crate::moment::Moment;

/// A job store in memory. Cheap to clone; clones are one store.
#[derive(Clone)]
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    service: Arc<Mutex<OpenClock>>,
    state: Arc<Mutex<State>>,
}

impl MemoryStore {
    /// An empty store that lives by this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let service = Arc::new(Mutex::new(OpenClock::resume(None, &*clock)));
        Self { clock, service, state: Arc::default() }
    }

    /// Begins the next process, as opening the embedded store does: every holder of a lease is gone,
    /// and the service clock goes on from what was stored of it.
    pub fn reopen(&self) {
        self.service().reopen(&*self.clock);
        self.revoke_all_leases();
    }

    /// Revokes every lease: each holder is gone.
    pub fn revoke_all_leases(&self) {
        self.state().revoke_all_leases();
    }

    /// A store of its own that holds what this one holds now, as a snapshot of a database does.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        let (service, state) = (self.service().clone(), self.state().clone());
        Self { clock: self.clock.clone(), service: Arc::new(Mutex::new(service)), state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn service(&self) -> MutexGuard<'_, OpenClock> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Moment {
        self.service().now(&*self.clock)
    }

    /// Now, for what stores a moment of the service clock.
    fn stamp(&self) -> Moment {
        self.service().stamp(&*self.clock)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl JobStore for MemoryStore {
    async fn service_time(&self) -> Result<ServiceTime, StoreError> {
        Ok(self.service().read(&*self.clock).service)
    }

    async fn create_job(&self, job: &Job, quota: &Quota) -> Result<(), CreateJobError> {
        self.state().create_job(job, quota, self.stamp())
    }

    async fn job_of_token(
        &self,
        account: &AccountId,
        dialect: Dialect,
        token: &str,
    ) -> Result<Option<JobId>, StoreError> {
        Ok(self.state().tokens.get(&(account.clone(), dialect, token.to_owned())).copied())
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        Ok(self.state().jobs.get(&id).map(|record| record.job.clone()))
    }

    async fn list_jobs(&self, query: &ListJobs) -> Result<Vec<Job>, StoreError> {
        Ok(self.state().list_jobs(query))
    }

    async fn apply(&self, apply: Apply) -> Result<Job, ApplyError> {
        self.state().apply(&apply, self.stamp())
    }

    async fn open_jobs(&self) -> Result<Vec<JobHead>, StoreError> {
        Ok(self.state().open_jobs(self.now()))
    }

    async fn count_jobs(&self) -> Result<Vec<(Status, u64)>, StoreError> {
        Ok(self.state().count_jobs())
    }

    async fn reschedule(&self, endpoint: &EndpointName, slots: usize) -> Result<Vec<(JobId, SlotMove)>, StoreError> {
        self.state().reschedule(endpoint, slots, self.stamp())
    }

    async fn purge(&self, due: &Due, rows_max: usize) -> Result<Purged, StoreError> {
        Ok(self.state().purge(due, rows_max, self.clock.now()))
    }

    async fn lease_stage(
        &self,
        job: JobId,
        owner: OwnerId,
        token: LeaseToken,
        ttl: Duration,
        grace: Duration,
    ) -> Result<Option<StageLease>, StoreError> {
        Ok(self.state().lease_stage(job, owner, token, ttl, grace, self.now()))
    }

    async fn renew_stage(&self, lease: &StageLease, ttl: Duration) -> Result<(), LeaseError> {
        self.state().renew_stage(lease, ttl, self.now())
    }

    async fn release_stage(&self, lease: &StageLease) -> Result<(), StoreError> {
        self.state().release_stage(lease);
        Ok(())
    }

    async fn add_slices(
        &self,
        lease: &StageLease,
        slices: Vec<NewSlice>,
        bytes_max: u64,
    ) -> Result<(), AddSlicesError> {
        self.state().add_slices(lease, slices, bytes_max, self.clock.now())
    }

    async fn slices(&self, job: JobId, from: u32, limit: usize) -> Result<Vec<SliceRow>, StoreError> {
        Ok(self.state().slices(job, from, limit))
    }

    async fn lease_slice(
        &self,
        job: JobId,
        owner: OwnerId,
        token: LeaseToken,
        ttl: Duration,
    ) -> Result<Option<SliceLease>, StoreError> {
        Ok(self.state().lease_slice(job, owner, token, ttl, self.now()))
    }

    async fn lease_slice_to_close(
        &self,
        stage: &StageLease,
        slice: u32,
        token: LeaseToken,
        ttl: Duration,
    ) -> Result<Option<SliceLease>, LeaseError> {
        self.state().lease_slice_to_close(stage, slice, token, ttl, self.now())
    }

    async fn renew_slice(&self, lease: &SliceLease, ttl: Duration) -> Result<Status, LeaseError> {
        self.state().renew_slice(lease, ttl, self.now())
    }

    async fn release_slice(&self, lease: &SliceLease, must_check: bool) -> Result<(), StoreError> {
        self.state().release_slice(lease, must_check);
        Ok(())
    }

    async fn put_off_slice(&self, lease: &SliceLease, round: u32) -> Result<(), StoreError> {
        self.state().put_off_slice(lease, round);
        Ok(())
    }

    async fn revoke_lost(&self, job: JobId, grace: Duration, known: Option<KnownLeases>) -> Result<u64, StoreError> {
        Ok(self.state().revoke_lost(job, grace, known.as_ref(), self.now()))
    }

    async fn count_leased(&self, job: JobId) -> Result<u64, StoreError> {
        Ok(self.state().count_leased(job))
    }

    async fn record_part(&self, part: OutcomePart) -> Result<(), LeaseError> {
        self.state().record_part(part)
    }

    async fn parts(&self, job: JobId, slice: u32) -> Result<Vec<(u64, Bytes)>, StoreError> {
        Ok(self.state().parts(job, slice))
    }

    async fn record_upload(&self, job: JobId, scope: &UploadScope, upload: &OpenUpload) -> Result<(), LeaseError> {
        self.state().record_upload(job, scope, upload)
    }

    async fn forget_upload(&self, job: JobId, upload_id: &str) -> Result<(), StoreError> {
        self.state().forget_upload(job, upload_id);
        Ok(())
    }

    async fn uploads(&self, job: JobId, of: UploadsOf) -> Result<Vec<OpenUpload>, StoreError> {
        Ok(self.state().uploads(job, of))
    }

    async fn left_uploads(&self, job: JobId, uploads_max: usize) -> Result<LeftUploads, StoreError> {
        Ok(self.state().left_uploads(job, uploads_max))
    }

    async fn record_report_file(&self, lease: &StageLease, file: &ReportFile) -> Result<(), LeaseError> {
        self.state().record_report_file(lease, file)
    }

    async fn report_files(&self, job: JobId) -> Result<Vec<ReportFile>, StoreError> {
        Ok(self.state().report_files(job))
    }

    async fn endpoints(&self) -> Result<Vec<EndpointRow>, StoreError> {
        Ok(self.state().endpoints())
    }

    async fn set_endpoint(&self, row: &EndpointRow) -> Result<EndpointRow, SetEndpointError> {
        self.state().set_endpoint(row)
    }
}
