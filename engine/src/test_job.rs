//! A job on simulated stores, for the tests of preparing and reporting.

use std::sync::Arc;
use std::time::Duration;

use brigade_model::job::{Change, Dialect, Prepared, Retry};
use brigade_model::limits::{BYTES_IN_FLIGHT, LEASE_TTL};
use brigade_model::ports::job_store::{Apply, ChangeId, LeaseToken, OutcomePart, OwnerId, SliceRow, StageLease};
use brigade_model::ports::object_store::{At, CancelToken, PutObject, send};
use brigade_model::ports::{JobStore, OwnIds};
use brigade_model::{
    AccountId, Capabilities, Capability, ETag, EndpointKind, EndpointName, Job, JobId, JobSpec, ObjectKey, Outcome,
    Quota, ReportLayout, StoreClock, Task, samples,
};
use brigade_runtime::{SeededEntropy, SimulatedClock};
use brigade_s3::simulated::{SimulatedConfig, SimulatedStore, Versioning};
use brigade_store::memory::{MemorySpool, MemoryStore};
use bytes::Bytes;

pub(crate) use brigade_model::samples::{at, bucket, bucket_ref, object_ref};
pub(crate) use brigade_s3::scripted::{Fault as Trouble, Scripted};

use crate::byte_budget::ByteBudget;
use crate::outcomes::PartBuilder;
use crate::places::{AlwaysWell, BucketRules, Place, RolePlaces};
use crate::report::{WriteReport, write_report};
use crate::slice;
use crate::stage::prepare::{Prepare, make_slices, preflight};
use crate::stage_error::StageError;

/// A job, its stage held, and everything around it.
pub(crate) struct TestJob {
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) jobs: MemoryStore,
    pub(crate) spool: MemorySpool,
    pub(crate) objects: SimulatedStore,
    pub(crate) script: Arc<Scripted>,
    pub(crate) places: RolePlaces,
    pub(crate) cancel: CancelToken,
    pub(crate) bytes: ByteBudget,
    pub(crate) job: Job,
    pub(crate) lease: StageLease,
    changes: u128,
}

/// A layout without a dialect's words.
pub(crate) const PLAIN: ReportLayout =
    ReportLayout { format: "Report_CSV_V1", operation: |operation| serde_json::json!({ operation.kind().word(): {} }) };

/// A manifest of `tasks` rows `photos,k0`, `photos,k1`, ...
pub(crate) fn rows(tasks: u64) -> String {
    (0..tasks).map(|n| format!("photos,k{n}\n")).collect()
}

fn spec(etag: ETag) -> JobSpec {
    JobSpec {
        manifest: samples::manifest("lists", "m.csv", etag),
        report: samples::report("reports", "out/"),
        ..samples::job_spec()
    }
}

impl TestJob {
    /// A job over that manifest, Preparing. Call it under paused time.
    pub(crate) async fn new(manifest: &str, adjust: impl FnOnce(&mut JobSpec)) -> Self {
        let clock = Arc::new(SimulatedClock::new());
        let config = SimulatedConfig::default();
        let objects = SimulatedStore::new(config, clock.clone(), Arc::new(SeededEntropy::new(1)));
        for name in ["lists", "reports"] {
            objects.create_bucket(&bucket(name), Versioning::Enabled).unwrap();
        }
        let script = Arc::new(Scripted::over(objects.clone(), clock.clone()));
        let place = Place {
            endpoint: EndpointName::new("main").unwrap(),
            kind: EndpointKind::Other,
            store: script.clone(),
            capabilities: Capabilities::proved(Capability::ALL),
            buckets: BucketRules::any(),
            grantees: Arc::new(OwnIds),
            health: Arc::new(AlwaysWell),
            multipart_etag: Arc::default(),
            stamps: Arc::new(StoreClock::new(clock.clone())),
        };
        // Known already, so that no test of something else has calls for it.
        place.stamps.observe(place.stamps.read(), clock_now(&clock));
        let mut spec = spec(put(&objects, manifest).await);
        adjust(&mut spec);
        let jobs = MemoryStore::new(clock.clone());
        let (id, account) = (JobId::from_u128(0xA1), AccountId::new("1250000000").unwrap());
        let job = Job::new(id, account, Dialect::Cos, place.endpoint.clone(), spec, clock_now(&clock));
        jobs.create_job(&job, &Quota::of_open_jobs(9)).await.unwrap();
        let lease = take_stage(&jobs, id).await;
        let places = RolePlaces {
            operations: Vec::new(),
            source: place.clone(),
            target: place.clone(),
            manifest: place.clone(),
            report: place,
        };
        let (spool, cancel) = (MemorySpool::new(), CancelToken::unbounded());
        let bytes = ByteBudget::new(BYTES_IN_FLIGHT);
        let mut test_job = Self { clock, jobs, spool, objects, script, places, cancel, bytes, job, lease, changes: 0 };
        test_job.change(Change::PreparationStarted).await;
        test_job
    }

    pub(crate) async fn change(&mut self, change: Change) {
        self.changes += 1;
        let id = ChangeId(uuid::Uuid::from_u128(self.changes));
        let job = self.jobs.job(self.job.id).await.unwrap().unwrap();
        let apply = Apply { job: job.id, revision: job.revision, id, change, stage_fence: None };
        self.job = self.jobs.apply(apply).await.unwrap();
    }

    fn what(&self) -> Prepare<'_> {
        let Self { jobs, spool, places, cancel, job, lease, bytes, .. } = self;
        Prepare { job, lease, jobs, spool, places, cancel, bytes, bytes_max: u64::MAX }
    }

    pub(crate) async fn prepare(&self) -> Result<Prepared, StageError> {
        Ok(make_slices(self.what()).await?.0)
    }

    /// Prepares the job and looks at a sample of its rows.
    pub(crate) async fn preflight(&self) -> Result<Prepared, StageError> {
        let (prepared, sample) = make_slices(self.what()).await?;
        preflight(self.what(), prepared, sample).await
    }

    /// Another owner takes the stage over.
    pub(crate) async fn take_over(&mut self) {
        self.jobs.revoke_all_leases();
        self.lease = take_stage(&self.jobs, self.job.id).await;
    }

    pub(crate) async fn slices(&self) -> Vec<SliceRow> {
        self.jobs.slices(self.job.id, 0, usize::MAX).await.unwrap()
    }

    /// Every task of every slice, as a worker would read them.
    pub(crate) async fn tasks(&self) -> Vec<Task> {
        let mut tasks = Vec::new();
        for row in self.slices().await {
            let slice = slice::open(&self.spool, &self.job, &row).await.unwrap();
            tasks.extend(slice.map(Result::unwrap));
        }
        tasks
    }

    /// Prepares the job, runs its tasks (those without an outcome are not attempted) and leaves
    /// it draining into its report.
    pub(crate) async fn run(&mut self, outcome: impl Fn(u64) -> Option<Outcome>) {
        let prepared = self.prepare().await.unwrap();
        self.change(Change::ManifestRead(prepared)).await;
        self.change(Change::SlotGranted).await;
        self.work(outcome).await;
    }

    /// Runs the tasks of an Active job and leaves it draining into its report.
    pub(crate) async fn work(&mut self, outcome: impl Fn(u64) -> Option<Outcome>) {
        let owner = OwnerId(uuid::Uuid::from_u128(2));
        let mut leases = Vec::new();
        while let Some(lease) = self.jobs.lease_slice(self.job.id, owner, TOKEN, LEASE_TTL).await.unwrap() {
            let mut part = PartBuilder::default();
            let mut seq = 0;
            for offset in 0..lease.slice.tasks {
                let Some(outcome) = outcome(lease.slice.first_task + u64::from(offset)) else { continue };
                if part.add(offset, outcome) {
                    self.record(&lease, seq, std::mem::take(&mut part)).await;
                    seq += 1;
                }
            }
            if !part.is_empty() {
                self.record(&lease, seq, part).await;
            }
            leases.push(lease);
        }
        for lease in leases {
            self.jobs.release_slice(&lease, false).await.unwrap();
        }
        let job = self.jobs.job(self.job.id).await.unwrap().unwrap();
        let is_exhausted = job.progress.is_exhausted();
        self.change(if is_exhausted { Change::TasksExhausted } else { Change::CancelRequested("enough".into()) }).await;
    }

    /// The job of the test job, which has ended, makes room for one that retries it, Preparing.
    pub(crate) async fn retry(&mut self) {
        let retry = Retry { client_request_token: "again".into(), ..Retry::default() };
        let Job { account, endpoint, dialect, .. } = self.job.clone();
        let id = JobId::from_u128(0xA2);
        self.job = Job::new(id, account, dialect, endpoint, self.job.retried(retry), clock_now(&self.clock));
        self.jobs.create_job(&self.job, &Quota::of_open_jobs(9)).await.unwrap();
        self.lease = take_stage(&self.jobs, id).await;
        self.change(Change::PreparationStarted).await;
    }

    async fn record(&self, lease: &brigade_model::ports::job_store::SliceLease, seq: u64, part: PartBuilder) {
        let part = part.finish();
        let part = OutcomePart {
            job: self.job.id,
            slice: lease.slice.index,
            fence: lease.fence,
            seq,
            succeeded: part.succeeded,
            failed: part.failed,
            failure_counts: part.failure_counts,
            done_bytes: part.done_bytes,
            bytes: part.bytes,
        };
        self.jobs.record_part(part).await.unwrap();
    }

    pub(crate) fn report(&self) -> WriteReport<'_> {
        let Self { jobs, spool, places, cancel, job, lease, clock, bytes, .. } = self;
        let (layout, place) = (PLAIN, &places.report);
        WriteReport { job, lease, jobs, spool, layout, place, clock: &**clock, cancel, bytes }
    }

    pub(crate) async fn write_report(&self) -> Result<(), StageError> {
        write_report(self.report()).await
    }

    /// The bytes of an object of the report bucket.
    pub(crate) async fn report_object(&self, key: &ObjectKey) -> Bytes {
        let get = brigade_model::ports::object_store::GetObject {
            at: At { bucket: bucket("reports"), key: key.clone() },
            version: None,
            range: None,
            if_match: None,
        };
        let mut got = send(&self.objects, &self.cancel, get).await.unwrap();
        let mut bytes = Vec::new();
        while let Some(piece) = got.body.next().await {
            bytes.extend_from_slice(&piece.unwrap());
        }
        Bytes::from(bytes)
    }

    /// Puts another manifest in the place of the first.
    pub(crate) async fn overwrite_manifest(&self, text: &str) -> ETag {
        put(&self.objects, text).await
    }
}

fn clock_now(clock: &SimulatedClock) -> brigade_model::Timestamp {
    brigade_model::ports::Clock::now(clock)
}

async fn put(objects: &SimulatedStore, manifest: &str) -> ETag {
    let body = Bytes::from(manifest.to_owned());
    let request = PutObject::new(at("lists", "m.csv"), body, Default::default());
    send(objects, &CancelToken::unbounded(), request).await.unwrap().etag
}

/// The store of a test job never falls back, so epochs tell its leases apart.
const TOKEN: LeaseToken = LeaseToken(uuid::Uuid::nil());

async fn take_stage(jobs: &MemoryStore, job: JobId) -> StageLease {
    let owner = OwnerId(uuid::Uuid::from_u128(1));
    jobs.lease_stage(job, owner, TOKEN, LEASE_TTL, Duration::ZERO).await.unwrap().unwrap()
}
