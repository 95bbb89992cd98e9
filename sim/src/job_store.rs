//! The job store of a node: injects the fault schedule's faults (slow, down, failing, a crash of the
//! process), and writes each event into the history at the moment it happens.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ports::JobStore;
use brigade_model::ports::job_store::*;
use brigade_model::slots::SlotMove;
use brigade_model::{EndpointName, Job, JobId, ServiceTime, Status, Timestamp};

use crate::cluster::SimulatedCluster;
use crate::executor::Node;
use crate::fault_schedule::Fate;
use crate::history::Event;
use crate::node_faults;

/// The store as one process has it.
pub(crate) struct NodeStore {
    cluster: Arc<SimulatedCluster>,
    node: Node,
    /// Which of the nodes the process is.
    slot: usize,
    noting: Noting,
}

impl NodeStore {
    pub(crate) fn new(cluster: Arc<SimulatedCluster>, node: Node, slot: usize) -> Self {
        let noting = Noting { cluster: cluster.clone(), node: node.id };
        Self { cluster, node, slot, noting }
    }

    /// Carries a call out, or not.
    async fn call<T, E: From<StoreError>>(
        &self,
        JobStoreCall { name, is_read }: JobStoreCall,
        answer: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        let (cluster, fault_schedule) = (&self.cluster, &self.cluster.fault_schedule);
        let fate = fault_schedule.fate(name, is_read);
        if fate == Some(Fate::FreezesBefore) {
            node_faults::freeze(cluster, &self.node);
        }
        self.pause(fate == Some(Fate::LateBefore)).await;
        match fate {
            Some(Fate::DiesBefore) => return self.die(name, "the process dies before it").await,
            Some(Fate::FailsBefore) => return Err(self.fail(name, "fails").into()),
            _ => {}
        }
        if fault_schedule.is_store_away(self.slot, cluster.executor.now()) {
            return Err(self.fail(name, "the store is away").into());
        }
        let answer = answer.await;
        match fate {
            Some(Fate::DiesAfter) => return self.die(name, "the process dies after it").await,
            Some(Fate::FailsAfter) => return Err(self.fail(name, "its answer is lost").into()),
            Some(Fate::FreezesAfter) => node_faults::freeze(cluster, &self.node),
            _ => {}
        }
        self.pause(fate == Some(Fate::LateAfter)).await;
        answer
    }

    async fn pause(&self, is_late: bool) {
        let (fault_schedule, executor) = (&self.cluster.fault_schedule, &self.cluster.executor);
        let pause = if is_late { fault_schedule.late_pause() } else { fault_schedule.store_pause(executor.now()) };
        executor.sleep(pause).await;
    }

    fn fail(&self, call: &'static str, how: &'static str) -> StoreError {
        self.cluster.note(Some(self.node.id), Event::StoreFailed { call, how });
        StoreError::Unavailable(format!("{call}: {how}, by the seed"))
    }

    async fn die<T>(&self, call: &'static str, how: &'static str) -> T {
        self.cluster.note(Some(self.node.id), Event::StoreFailed { call, how });
        self.cluster.crash(&self.node);
        std::future::pending().await
    }
}

#[async_trait]
impl ForwardJobStore for NodeStore {
    fn inner(&self) -> &dyn JobStore {
        &self.noting
    }

    async fn around<T, E, A>(&self, call: JobStoreCall, answer: A) -> Result<T, E>
    where
        T: Send,
        E: From<StoreError> + Send,
        A: Future<Output = Result<T, E>> + Send,
    {
        self.call(call, answer).await
    }
}

/// The store of the cluster; a call writes into the history what it did, at the moment that it has its true answer.
struct Noting {
    cluster: Arc<SimulatedCluster>,
    node: u32,
}

impl Noting {
    fn note(&self, job: JobId, event: impl FnOnce(usize) -> Event) {
        self.cluster.note_of(self.node, job, event);
    }

    /// Notes a write under a lease that another worker has by now.
    fn note_fenced<T>(&self, call: &'static str, job: JobId, answer: Result<T, LeaseError>) -> Result<T, LeaseError> {
        if let Err(LeaseError::Fenced) = &answer {
            self.note(job, |job| Event::Fenced { call, job });
        }
        answer
    }

    fn note_leased(&self, lease: Option<&SliceLease>, closes: bool) {
        let Some(lease) = lease else { return };
        // Its holder before was lost.
        if lease.slice.must_check {
            node_faults::wake_others(&self.cluster, self.node);
        }
        let (slice, epoch, free) = (lease.slice.index, lease.fence.epoch, self.cluster.free_slots());
        let since = lease.slice.must_check_since.into_iter().fold(lease.leased_at, Timestamp::min);
        self.note(lease.job, |job| Event::Leased { job, slice, epoch, closes, since, free });
    }
}

#[async_trait]
impl ForwardJobStore for Noting {
    fn inner(&self) -> &dyn JobStore {
        &self.cluster.jobs
    }

    async fn service_time(&self) -> Result<ServiceTime, StoreError> {
        let now = self.inner().service_time().await?;
        self.cluster.look_at_service_clock(self.node, now);
        Ok(now)
    }

    async fn apply(&self, apply: Apply) -> Result<Job, ApplyError> {
        let answer = self.inner().apply(apply).await;
        self.cluster.look_at_jobs(self.node);
        answer
    }

    async fn reschedule(&self, endpoint: &EndpointName, slots: usize) -> Result<Vec<(JobId, SlotMove)>, StoreError> {
        let answer = self.inner().reschedule(endpoint, slots).await;
        self.cluster.look_at_jobs(self.node);
        if let Ok(moves) = &answer {
            let moves = format!("{moves:?}");
            self.cluster.note(Some(self.node), Event::Rescheduled { moves, slots: self.cluster.slots() });
        }
        answer
    }

    async fn renew_stage(&self, lease: &StageLease, ttl: Duration) -> Result<(), LeaseError> {
        self.note_fenced("renew_stage", lease.job, self.inner().renew_stage(lease, ttl).await)
    }

    async fn add_slices(
        &self,
        lease: &StageLease,
        slices: Vec<NewSlice>,
        bytes_max: u64,
    ) -> Result<(), AddSlicesError> {
        let answer = self.inner().add_slices(lease, slices, bytes_max).await;
        if let Err(AddSlicesError::Fenced) = &answer {
            self.note(lease.job, |job| Event::Fenced { call: "add_slices", job });
        }
        answer
    }

    async fn lease_slice(
        &self,
        job: JobId,
        owner: OwnerId,
        token: LeaseToken,
        ttl: Duration,
    ) -> Result<Option<SliceLease>, StoreError> {
        let lease = self.inner().lease_slice(job, owner, token, ttl).await?;
        self.note_leased(lease.as_ref(), false);
        Ok(lease)
    }

    async fn lease_slice_to_close(
        &self,
        stage: &StageLease,
        slice: u32,
        token: LeaseToken,
        ttl: Duration,
    ) -> Result<Option<SliceLease>, LeaseError> {
        let lease = self.inner().lease_slice_to_close(stage, slice, token, ttl).await?;
        self.note_leased(lease.as_ref(), true);
        Ok(lease)
    }

    async fn renew_slice(&self, lease: &SliceLease, ttl: Duration) -> Result<Status, LeaseError> {
        self.note_fenced("renew_slice", lease.job, self.inner().renew_slice(lease, ttl).await)
    }

    async fn release_slice(&self, lease: &SliceLease, must_check: bool) -> Result<(), StoreError> {
        let answer = self.inner().release_slice(lease, must_check).await;
        let (slice, epoch) = (lease.slice.index, lease.fence.epoch);
        self.note(lease.job, |job| Event::Released { job, slice, epoch, must_check });
        answer
    }

    async fn revoke_lost(&self, job: JobId, grace: Duration, known: Option<KnownLeases>) -> Result<u64, StoreError> {
        let answer = self.inner().revoke_lost(job, grace, known).await;
        self.cluster.look_at_revocations(Some(self.node), job);
        answer
    }

    async fn record_part(&self, part: OutcomePart) -> Result<(), LeaseError> {
        let OutcomePart { job, slice, fence: Fence { epoch, .. }, seq, succeeded, failed, .. } = part;
        let answer = self.inner().record_part(part).await;
        self.note(job, |job| match &answer {
            Ok(()) => Event::Recorded { job, slice, epoch, seq, succeeded, failed },
            Err(_) => Event::Fenced { call: "record_part", job },
        });
        answer
    }

    async fn record_upload(&self, job: JobId, scope: &UploadScope, upload: &OpenUpload) -> Result<(), LeaseError> {
        let answer = self.inner().record_upload(job, scope, upload).await;
        let id = upload.upload_id.clone();
        self.note(job, |job| match &answer {
            Ok(()) => Event::UploadRecorded { job, id },
            Err(_) => Event::Fenced { call: "record_upload", job },
        });
        answer
    }

    async fn record_report_file(&self, lease: &StageLease, file: &ReportFile) -> Result<(), LeaseError> {
        self.note_fenced("record_report_file", lease.job, self.inner().record_report_file(lease, file).await)
    }
}
