//! The job store of a node: injects the fault schedule's faults (slow, down, failing, a crash of the
//! process), and writes each event into the history at the moment it happens.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ports::JobStore;
use brigade_model::ports::job_store::*;
use brigade_model::slots::SlotMove;
use brigade_model::{AccountId, Dialect, EndpointName, EndpointRow, Job, JobId, Quota, ServiceTime, Status, Timestamp};
use bytes::Bytes;

use crate::cluster::SimulatedCluster;
use crate::executor::Node;
use crate::fault_schedule::Fate;
use crate::history::Event;
use crate::node_faults;

/// The store as one process has it.
pub(crate) struct NodeStore {
    pub(crate) cluster: Arc<SimulatedCluster>,
    pub(crate) node: Node,
    /// Which of the nodes the process is.
    pub(crate) slot: usize,
}

impl NodeStore {
    /// Carries a call out, or not; `note` sees its true answer at the moment that it has one.
    async fn call<T, E: From<StoreError>>(
        &self,
        (name, is_read): (&'static str, bool),
        call: impl Future<Output = Result<T, E>> + Send,
        note: impl FnOnce(&Arc<SimulatedCluster>, u32, &Result<T, E>) + Send,
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
        let answer = call.await;
        note(cluster, self.node.id, &answer);
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

macro_rules! delegate {
    ($(write $write:ident($($wa:ident: $wt:ty),*) -> $wr:ty, $note:expr;)*
     $(clock $clock:ident() -> $cr:ty, $seen:expr;)*
     $(read $read:ident($($ra:ident: $rt:ty),*) -> $rr:ty;)*) => {
        #[async_trait]
        impl JobStore for NodeStore {
            $(async fn $write(&self, $($wa: $wt),*) -> $wr {
                let note = $note;
                self.call((stringify!($write), false), self.cluster.jobs.$write($($wa),*), note).await
            })*
            $(async fn $clock(&self) -> $cr {
                self.call((stringify!($clock), true), self.cluster.jobs.$clock(), $seen).await
            })*
            $(async fn $read(&self, $($ra: $rt),*) -> $rr {
                self.call((stringify!($read), true), self.cluster.jobs.$read($($ra),*), |_, _, _| {}).await
            })*
        }
    };
}

/// Nothing to note.
fn nothing<T>(_: &Arc<SimulatedCluster>, _: u32, _: &T) {}

/// A write under a lease that another worker has by now.
fn fenced<T>(
    call: &'static str,
    job: JobId,
) -> impl FnOnce(&Arc<SimulatedCluster>, u32, &Result<T, LeaseError>) + Send {
    move |cluster, node, answer| {
        if let Err(LeaseError::Fenced) = answer {
            cluster.note_of(node, job, |job| Event::Fenced { call, job });
        }
    }
}

fn leased(cluster: &Arc<SimulatedCluster>, node: u32, lease: Option<&SliceLease>, settles: bool) {
    if let Some(lease) = lease {
        // Its holder before was lost.
        if lease.slice.must_check {
            node_faults::wake_others(cluster, node);
        }
        let (slice, epoch, free) = (lease.slice.index, lease.fence.epoch, cluster.free_slots());
        let since = lease.slice.unsettled_since.into_iter().fold(lease.leased_at, Timestamp::min);
        cluster.note_of(node, lease.job, |job| Event::Leased { job, slice, epoch, settles, since, free });
    }
}

delegate! {
    write create_job(job: &Job, quota: &Quota) -> Result<(), CreateJobError>, nothing;
    write apply(apply: Apply) -> Result<Job, ApplyError>, |cluster: &Arc<SimulatedCluster>, node, _: &_| cluster.look_at_jobs(node);
    write reschedule(endpoint: &EndpointName, slots: usize) -> Result<Vec<(JobId, SlotMove)>, StoreError>,
        |cluster: &Arc<SimulatedCluster>, node, answer: &Result<Vec<(JobId, SlotMove)>, StoreError>| {
            cluster.look_at_jobs(node);
            if let Ok(moves) = answer {
                let moves = format!("{moves:?}");
                cluster.note(Some(node), Event::Rescheduled { moves, slots: cluster.slots() });
            }
        };
    write purge(due: &Due, rows_max: usize) -> Result<Purged, StoreError>, nothing;
    write lease_stage(job: JobId, owner: OwnerId, token: LeaseToken, ttl: Duration, grace: Duration) -> Result<Option<StageLease>, StoreError>, nothing;
    write renew_stage(lease: &StageLease, ttl: Duration) -> Result<(), LeaseError>, fenced("renew_stage", lease.job);
    write release_stage(lease: &StageLease) -> Result<(), StoreError>, nothing;
    write add_slices(lease: &StageLease, slices: Vec<NewSlice>, bytes_max: u64) -> Result<(), AddSlicesError>, {
            let job = lease.job;
            move |cluster: &Arc<SimulatedCluster>, node, answer: &Result<(), AddSlicesError>| {
                if let Err(AddSlicesError::Fenced) = answer {
                    cluster.note_of(node, job, |job| Event::Fenced { call: "add_slices", job });
                }
            }
        };
    write lease_slice(job: JobId, owner: OwnerId, token: LeaseToken, ttl: Duration) -> Result<Option<SliceLease>, StoreError>,
        |cluster: &Arc<SimulatedCluster>, node, answer: &Result<Option<SliceLease>, StoreError>| {
            leased(cluster, node, answer.as_ref().ok().and_then(Option::as_ref), false);
        };
    write lease_slice_to_settle(stage: &StageLease, slice: u32, token: LeaseToken, ttl: Duration) -> Result<Option<SliceLease>, LeaseError>,
        |cluster: &Arc<SimulatedCluster>, node, answer: &Result<Option<SliceLease>, LeaseError>| {
            leased(cluster, node, answer.as_ref().ok().and_then(Option::as_ref), true);
        };
    write renew_slice(lease: &SliceLease, ttl: Duration) -> Result<Status, LeaseError>, fenced("renew_slice", lease.job);
    write release_slice(lease: &SliceLease, must_check: bool) -> Result<(), StoreError>, {
        let (id, slice, epoch) = (lease.job, lease.slice.index, lease.fence.epoch);
        move |cluster: &Arc<SimulatedCluster>, node, _: &_| {
            cluster.note_of(node, id, |job| Event::Released { job, slice, epoch, must_check });
        }
    };
    write revoke_lost(job: JobId, grace: Duration, known: Option<KnownLeases>) -> Result<u64, StoreError>,
        move |cluster: &Arc<SimulatedCluster>, node, _: &_| cluster.look_at_revocations(Some(node), job);
    write record_part(part: OutcomePart) -> Result<(), LeaseError>, {
        let OutcomePart { job: id, slice, fence: Fence { epoch, .. }, seq, succeeded, failed, .. } = part;
        move |cluster: &Arc<SimulatedCluster>, node, answer: &Result<(), LeaseError>| {
            cluster.note_of(node, id, |job| match answer {
                Ok(()) => Event::Recorded { job, slice, epoch, seq, succeeded, failed },
                Err(_) => Event::Fenced { call: "record_part", job },
            });
        }
    };
    write record_upload(job: JobId, scope: &UploadScope, upload: &OpenUpload) -> Result<(), LeaseError>, {
        let id = upload.upload_id.clone();
        move |cluster: &Arc<SimulatedCluster>, node, answer: &Result<(), LeaseError>| {
            cluster.note_of(node, job, |job| match answer {
                Ok(()) => Event::UploadRecorded { job, id },
                Err(_) => Event::Fenced { call: "record_upload", job },
            });
        }
    };
    write forget_upload(job: JobId, upload_id: &str) -> Result<(), StoreError>, nothing;
    write record_report_file(lease: &StageLease, file: &ReportFile) -> Result<(), LeaseError>,
        fenced("record_report_file", lease.job);
    write set_endpoint(row: &EndpointRow) -> Result<EndpointRow, SetEndpointError>, nothing;
    clock service_time() -> Result<ServiceTime, StoreError>,
        |cluster: &Arc<SimulatedCluster>, node, now: &Result<ServiceTime, StoreError>| {
            now.iter().for_each(|now| cluster.look_at_service_clock(node, *now));
        };
    read endpoints() -> Result<Vec<EndpointRow>, StoreError>;
    read job(id: JobId) -> Result<Option<Job>, StoreError>;
    read job_of_token(account: &AccountId, dialect: Dialect, token: &str) -> Result<Option<JobId>, StoreError>;
    read list_jobs(query: &ListJobs) -> Result<Vec<Job>, StoreError>;
    read open_jobs() -> Result<Vec<JobHead>, StoreError>;
    read count_jobs() -> Result<Vec<(Status, u64)>, StoreError>;
    read slices(job: JobId, from: u32, limit: usize) -> Result<Vec<SliceRow>, StoreError>;
    read count_leased(job: JobId) -> Result<u64, StoreError>;
    read parts(job: JobId, slice: u32) -> Result<Vec<(u64, Bytes)>, StoreError>;
    read uploads(job: JobId, of: UploadsOf) -> Result<Vec<OpenUpload>, StoreError>;
    read report_files(job: JobId) -> Result<Vec<ReportFile>, StoreError>;
}
