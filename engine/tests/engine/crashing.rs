//! A job store whose process dies at a chosen write: just before it, or just after it with the
//! answer lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ports::JobStore;
use brigade_model::ports::job_store::*;
use brigade_model::slots::SlotMove;
use brigade_model::{EndpointName, Job, JobId, Status, Timestamp};
use brigade_runtime::Node;
use brigade_store::memory::MemoryStore;
use bytes::Bytes;

/// When to die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Death {
    /// At which write, from 1.
    pub(crate) write: u64,
    /// After it has happened rather than before.
    pub(crate) is_after: bool,
}

/// The store of one process.
pub(crate) struct Crashing {
    inner: MemoryStore,
    node: Node,
    death: Option<Death>,
    writes: Arc<AtomicU64>,
}

impl Crashing {
    /// The store of `node`, which dies as `death` says; `writes` counts over all processes.
    pub(crate) fn new(inner: MemoryStore, node: Node, death: Option<Death>, writes: Arc<AtomicU64>) -> Self {
        Self { inner, node, death, writes }
    }

    async fn write<T>(&self, write: impl Future<Output = T> + Send) -> T {
        let number = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        let death = self.death.filter(|death| death.write == number);
        if death.is_some_and(|death| !death.is_after) {
            return self.die().await;
        }
        let answer = write.await;
        if death.is_some() {
            return self.die().await;
        }
        answer
    }

    async fn die<T>(&self) -> T {
        self.node.crash();
        std::future::pending().await
    }
}

macro_rules! delegate {
    ($(write $write:ident($($wa:ident: $wt:ty),*) -> $wr:ty;)* --- $(read $read:ident($($ra:ident: $rt:ty),*) -> $rr:ty;)*) => {
        #[async_trait]
        impl JobStore for Crashing {
            $(async fn $write(&self, $($wa: $wt),*) -> $wr { self.write(self.inner.$write($($wa),*)).await })*
            $(async fn $read(&self, $($ra: $rt),*) -> $rr { self.inner.$read($($ra),*).await })*
        }
    };
}

delegate! {
    write create_job(job: &Job, open_jobs_max: usize) -> Result<(), CreateJobError>;
    write apply(apply: Apply) -> Result<Job, ApplyError>;
    write reschedule(endpoint: &EndpointName, slots: usize) -> Result<Vec<(JobId, SlotMove)>, StoreError>;
    write purge(ended_before: Timestamp, rows_max: usize) -> Result<Purged, StoreError>;
    write lease_stage(job: JobId, owner: OwnerId, ttl: Duration, grace: Duration) -> Result<Option<StageLease>, StoreError>;
    write renew_stage(lease: &StageLease, ttl: Duration) -> Result<(), LeaseError>;
    write release_stage(lease: &StageLease) -> Result<(), StoreError>;
    write add_slices(lease: &StageLease, slices: Vec<NewSlice>) -> Result<(), LeaseError>;
    write lease_slice(job: JobId, owner: OwnerId, ttl: Duration) -> Result<Option<SliceLease>, StoreError>;
    write lease_slice_to_settle(stage: &StageLease, slice: u32, ttl: Duration) -> Result<Option<SliceLease>, LeaseError>;
    write renew_slice(lease: &SliceLease, ttl: Duration) -> Result<Status, LeaseError>;
    write release_slice(lease: &SliceLease, must_look: bool) -> Result<(), StoreError>;
    write revoke_expired(job: JobId, grace: Duration) -> Result<u64, StoreError>;
    write record_part(part: OutcomePart) -> Result<(), LeaseError>;
    write record_upload(job: JobId, scope: &UploadScope, upload: &OpenUpload) -> Result<(), LeaseError>;
    write forget_upload(job: JobId, upload_id: &str) -> Result<(), StoreError>;
    write record_report_file(lease: &StageLease, file: &ReportFile) -> Result<(), LeaseError>;
    ---
    read job(id: JobId) -> Result<Option<Job>, StoreError>;
    read list_jobs(query: &ListJobs) -> Result<Vec<Job>, StoreError>;
    read open_jobs() -> Result<Vec<JobHead>, StoreError>;
    read count_jobs() -> Result<Vec<(Status, u64)>, StoreError>;
    read slices(job: JobId, from: u32, limit: usize) -> Result<Vec<SliceRow>, StoreError>;
    read count_leased(job: JobId) -> Result<u64, StoreError>;
    read parts(job: JobId, slice: u32) -> Result<Vec<(u64, Bytes)>, StoreError>;
    read uploads(job: JobId, slice: Option<u32>) -> Result<Vec<OpenUpload>, StoreError>;
    read report_files(job: JobId) -> Result<Vec<ReportFile>, StoreError>;
}
