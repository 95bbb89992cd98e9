//! A job store that fails at a chosen write: its process dies just before the write or just after
//! it with the answer lost, or the write fails before or after it happened, or the store is away
//! from then on for a while. It also counts writes, and the passes of the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ports::clock::Monotonic;
use brigade_model::ports::job_store::*;
use brigade_model::ports::{Clock, JobStore};
use brigade_model::slots::SlotMove;
use brigade_model::{AccountId, Dialect, EndpointName, EndpointRow, Job, JobId, Quota, ServiceTime, Status};
use brigade_runtime::{Node, SimulatedClock};
use brigade_store::memory::MemoryStore;
use bytes::Bytes;

/// More passes than any simulation needs: an engine that gets there spins.
pub(crate) const PASSES_MAX: u64 = 500_000;

/// What goes wrong, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mishap {
    /// At which write, from 1.
    pub(crate) write: u64,
    pub(crate) what: What,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// The process dies before the write happens.
    DiesBefore,
    /// The process dies after it has happened.
    DiesAfter,
    /// The store fails, and nothing has happened.
    FailsBefore,
    /// The store fails, and it has happened.
    FailsAfter,
    /// Every call fails from this one on, for so long.
    Away(Duration),
}

/// What is counted over all processes. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counted {
    pub(crate) writes: Arc<AtomicU64>,
    pub(crate) passes: Arc<AtomicU64>,
    /// Until when the store is away.
    away: Arc<std::sync::Mutex<Option<Monotonic>>>,
}

impl Counted {
    /// Writes and passes so far.
    pub(crate) fn now(&self) -> (u64, u64) {
        (self.writes.load(Ordering::SeqCst), self.passes.load(Ordering::SeqCst))
    }

    /// The store is away from now on, for so long.
    pub(crate) fn go_away(&self, clock: &SimulatedClock, duration: Duration) {
        *self.away.lock().unwrap() = Some(clock.monotonic().after(duration));
    }
}

/// The store of one process.
pub(crate) struct Crashing {
    pub(crate) inner: MemoryStore,
    pub(crate) node: Node,
    pub(crate) mishap: Option<Mishap>,
    pub(crate) counted: Counted,
    pub(crate) clock: Arc<SimulatedClock>,
}

impl Crashing {
    async fn write<T, E: From<StoreError>>(&self, write: impl Future<Output = Result<T, E>> + Send) -> Result<T, E> {
        let number = self.counted.writes.fetch_add(1, Ordering::SeqCst) + 1;
        let what = self.mishap.filter(|mishap| mishap.write == number).map(|mishap| mishap.what);
        match what {
            Some(What::DiesBefore) => return self.die().await,
            Some(What::FailsBefore) => return Err(failure().into()),
            Some(What::Away(duration)) => self.counted.go_away(&self.clock, duration),
            Some(What::DiesAfter | What::FailsAfter) | None => {}
        }
        self.must_be_there()?;
        let answer = write.await;
        match what {
            Some(What::DiesAfter) => self.die().await,
            Some(What::FailsAfter) => Err(failure().into()),
            _ => answer,
        }
    }

    async fn read<T>(&self, read: impl Future<Output = Result<T, StoreError>> + Send) -> Result<T, StoreError> {
        self.must_be_there()?;
        read.await
    }

    fn must_be_there(&self) -> Result<(), StoreError> {
        let away = self.counted.away.lock().unwrap().is_some_and(|until| self.clock.monotonic() < until);
        if away { Err(failure()) } else { Ok(()) }
    }

    async fn die<T>(&self) -> T {
        self.node.crash();
        std::future::pending().await
    }

    fn count_pass(&self) {
        let passes = self.counted.passes.fetch_add(1, Ordering::SeqCst);
        assert!(passes < PASSES_MAX, "the engine spins");
    }
}

fn failure() -> StoreError {
    StoreError::Unavailable("away, for a test".to_owned())
}

macro_rules! delegate {
    ($(write $write:ident($($wa:ident: $wt:ty),*) -> $wr:ty;)* --- $(read $read:ident($($ra:ident: $rt:ty),*) -> $rr:ty;)*) => {
        #[async_trait]
        impl JobStore for Crashing {
            $(async fn $write(&self, $($wa: $wt),*) -> $wr { self.write(self.inner.$write($($wa),*)).await })*
            $(async fn $read(&self, $($ra: $rt),*) -> $rr {
                if stringify!($read) == "open_jobs" {
                    self.count_pass();
                }
                self.read(self.inner.$read($($ra),*)).await
            })*
        }
    };
}

delegate! {
    write create_job(job: &Job, quota: &Quota) -> Result<(), CreateJobError>;
    write apply(apply: Apply) -> Result<Job, ApplyError>;
    write reschedule(endpoint: &EndpointName, slots: usize) -> Result<Vec<(JobId, SlotMove)>, StoreError>;
    write purge(due: &Due, rows_max: usize) -> Result<Purged, StoreError>;
    write lease_stage(job: JobId, owner: OwnerId, token: LeaseToken, ttl: Duration, grace: Duration) -> Result<Option<StageLease>, StoreError>;
    write renew_stage(lease: &StageLease, ttl: Duration) -> Result<(), LeaseError>;
    write release_stage(lease: &StageLease) -> Result<(), StoreError>;
    write add_slices(lease: &StageLease, slices: Vec<NewSlice>, bytes_max: u64) -> Result<(), AddSlicesError>;
    write lease_slice(job: JobId, owner: OwnerId, token: LeaseToken, ttl: Duration) -> Result<Option<SliceLease>, StoreError>;
    write lease_slice_to_settle(stage: &StageLease, slice: u32, token: LeaseToken, ttl: Duration) -> Result<Option<SliceLease>, LeaseError>;
    write renew_slice(lease: &SliceLease, ttl: Duration) -> Result<Status, LeaseError>;
    write release_slice(lease: &SliceLease, must_check: bool) -> Result<(), StoreError>;
    write revoke_lost(job: JobId, grace: Duration, known: Option<KnownLeases>) -> Result<u64, StoreError>;
    write record_part(part: OutcomePart) -> Result<(), LeaseError>;
    write record_upload(job: JobId, scope: &UploadScope, upload: &OpenUpload) -> Result<(), LeaseError>;
    write forget_upload(job: JobId, upload_id: &str) -> Result<(), StoreError>;
    write record_report_file(lease: &StageLease, file: &ReportFile) -> Result<(), LeaseError>;
    write set_endpoint(row: &EndpointRow) -> Result<EndpointRow, SetEndpointError>;
    ---
    read job(id: JobId) -> Result<Option<Job>, StoreError>;
    read service_time() -> Result<ServiceTime, StoreError>;
    read job_of_token(account: &AccountId, dialect: Dialect, token: &str) -> Result<Option<JobId>, StoreError>;
    read list_jobs(query: &ListJobs) -> Result<Vec<Job>, StoreError>;
    read open_jobs() -> Result<Vec<JobHead>, StoreError>;
    read count_jobs() -> Result<Vec<(Status, u64)>, StoreError>;
    read slices(job: JobId, from: u32, limit: usize) -> Result<Vec<SliceRow>, StoreError>;
    read count_leased(job: JobId) -> Result<u64, StoreError>;
    read parts(job: JobId, slice: u32) -> Result<Vec<(u64, Bytes)>, StoreError>;
    read uploads(job: JobId, of: UploadsOf) -> Result<Vec<OpenUpload>, StoreError>;
    read report_files(job: JobId) -> Result<Vec<ReportFile>, StoreError>;
    read endpoints() -> Result<Vec<EndpointRow>, StoreError>;
}
