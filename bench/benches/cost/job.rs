//! One job from its creation to its end, with its CPU time by stage.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use brigade_engine::places::{AlwaysWell, Health};
use brigade_engine::{BucketRules, Engine, EngineConfig, Observer, Place, Ports, RolePlaces, Roles};
use brigade_model::capability::Capability;
use brigade_model::operation::{Copy, OperationKind};
use brigade_model::ports::{Clock, JobStore, ObjectStore, OwnIds, Spawn, Spool};
use brigade_model::{
    AccountId, Capabilities, Dialect, EndpointKind, EndpointName, Job, JobId, JobSpec, ManifestSpec, Operation, Quota,
    Status, StoreClock, samples,
};
use brigade_runtime::{SystemClock, SystemEntropy, TokioSpawn};
use brigade_store::memory::{MemorySpool, MemoryStore};
use tokio::sync::watch;

use crate::cpu;
use crate::manifests::Manifest;
use crate::polls::Timed;
use crate::store::{Answers, YesStore, etag};

/// CPU time of a job's stages, in microseconds, and what its slices took in the spool.
pub(crate) struct Cost {
    pub(crate) prepare_us: f64,
    pub(crate) execute_us: f64,
    pub(crate) report_us: f64,
    pub(crate) spool_kib: u64,
}

/// Where a job's objects lie, and whether there is room for more of its tasks.
pub(crate) type Objects = (Arc<dyn ObjectStore>, Arc<dyn Health>);

/// Runs a job over so many computed rows, to its end. Its objects lie on a store of their own when
/// there is one, its manifest and its report always in memory.
pub(crate) fn run(operation: Operation, tasks: u64, answers: Answers, objects: Option<Objects>) -> Cost {
    let manifest = Manifest::computed(tasks);
    let (moves, spool_kib) = run_until(Status::Complete, operation, manifest, answers, objects, Arc::new(TokioSpawn));
    let [begun, ready, completing, complete] =
        [Status::New, Status::Ready, Status::Completing, Status::Complete].map(|to| moves.at(to));
    Cost { prepare_us: ready - begun, execute_us: completing - ready, report_us: complete - completing, spool_kib }
}

/// CPU time, in microseconds, to make slices of a manifest.
pub(crate) fn prepare(manifest: Manifest) -> f64 {
    let (moves, _) = run_until(Status::Suspended, copy(), manifest, Answers::AtOnce, None, Arc::new(TokioSpawn));
    moves.at(Status::Suspended) - moves.at(Status::New)
}

/// The longest time for which a job over this manifest runs without yielding, from its beginning to
/// this status, in milliseconds.
pub(crate) fn longest_poll(last: Status, operation: Operation, manifest: Manifest) -> f64 {
    let timed = Arc::new(Timed::default());
    run_until(last, operation, manifest, Answers::AtOnce, None, timed.clone());
    timed.longest_ms()
}

/// Runs a job until it has this status; gives its moves, and KiB of its slices in the spool.
fn run_until(
    last: Status,
    operation: Operation,
    manifest: Manifest,
    answers: Answers,
    objects: Option<Objects>,
    spawn: Arc<dyn Spawn>,
) -> (Arc<Moves>, u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let clock = Arc::new(SystemClock::new());
        let (jobs, spool) = (Arc::new(MemoryStore::new(clock.clone())), Arc::new(MemorySpool::default()));
        let (tasks, mut spec) = (manifest.tasks(), spec(operation, &manifest));
        spec.confirmation_required = (last == Status::Suspended).then_some(true);
        let yes: Arc<dyn ObjectStore> = Arc::new(YesStore::new(manifest, answers));
        let objects = objects.unwrap_or_else(|| (yes.clone(), Arc::new(AlwaysWell)));
        let below = Below { clock, jobs, spool: spool.clone(), objects, yes, spawn };
        let moves = run_job(last, tasks, spec, below).await;
        (moves, spool.bytes_used().await.unwrap() / 1024)
    })
}

/// What lies below an engine.
pub(crate) struct Below {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) jobs: Arc<dyn JobStore>,
    pub(crate) spool: Arc<dyn Spool>,
    pub(crate) objects: Objects,
    /// Holds the manifest and takes the report.
    pub(crate) yes: Arc<dyn ObjectStore>,
    pub(crate) spawn: Arc<dyn Spawn>,
}

/// The one job.
pub(crate) fn job_id() -> JobId {
    JobId::from_u128(1)
}

/// Runs a job of so many tasks until it has this status.
pub(crate) async fn run_job(last: Status, tasks: u64, spec: JobSpec, below: Below) -> Arc<Moves> {
    let Below { clock, jobs, spool, objects, yes, spawn } = below;
    let moves = Arc::new(Moves::default());
    let account = AccountId::new("1").unwrap();
    let endpoint = EndpointName::new("e").unwrap();
    let job = Job::new(job_id(), account, Dialect::Cos, endpoint, spec, clock.now());
    jobs.create_job(&job, &Quota::of_open_jobs(1)).await.unwrap();
    // Known already: a store that always says yes has no clock.
    let stamps = Arc::new(StoreClock::new(clock.clone()));
    stamps.observe(stamps.read(), clock.now());
    let ports = Ports {
        jobs: jobs.clone(),
        spool,
        roles: Arc::new(OneRole { objects, yes, stamps }),
        clock,
        entropy: Arc::new(SystemEntropy::new()),
        spawn: spawn.clone(),
        report_layouts: brigade_wire::report_layout,
        observer: moves.clone(),
    };
    moves.job_moved(job_id(), Status::New);
    let engine = Engine::new(ports, EngineConfig::default());
    spawn.spawn("engine", Box::pin(engine.clone().run()));
    moves.now.subscribe().wait_for(|now| *now == Some(last)).await.unwrap();
    engine.shut_down().await;
    let job = jobs.job(job_id()).await.unwrap().unwrap();
    assert_eq!((job.status, job.progress.total), (last, tasks), "{job:?}");
    assert!(last == Status::Suspended || job.progress.succeeded == tasks, "{job:?}");
    moves
}

/// Notes when the job came to each status, and how much CPU time was used then.
#[derive(Default)]
pub(crate) struct Moves {
    moves: Mutex<Vec<(Status, f64, Instant)>>,
    now: watch::Sender<Option<Status>>,
}

impl Moves {
    pub(crate) fn at(&self, status: Status) -> f64 {
        self.find(status).0
    }

    /// How long it took from one status to another, in seconds.
    pub(crate) fn seconds(&self, from: Status, to: Status) -> f64 {
        (self.find(to).1 - self.find(from).1).as_secs_f64()
    }

    fn find(&self, status: Status) -> (f64, Instant) {
        let moves = self.moves.lock().unwrap();
        let (_, cpu_us, when) = moves.iter().find(|(to, ..)| *to == status).unwrap();
        (*cpu_us, *when)
    }
}

impl Observer for Moves {
    fn job_moved(&self, _: JobId, status: Status) {
        self.moves.lock().unwrap().push((status, cpu::used_us(), Instant::now()));
        self.now.send_replace(Some(status));
    }
}

struct OneRole {
    objects: Objects,
    yes: Arc<dyn ObjectStore>,
    stamps: Arc<StoreClock>,
}

impl Roles for OneRole {
    fn places(&self, _: &AccountId, _: &str) -> Option<RolePlaces> {
        let place = |store: &Arc<dyn ObjectStore>, health: &Arc<dyn Health>| Place {
            endpoint: EndpointName::new("e").unwrap(),
            kind: EndpointKind::Other,
            store: store.clone(),
            capabilities: Capabilities::proved(Capability::ALL),
            buckets: BucketRules::any(),
            grantees: Arc::new(OwnIds),
            health: health.clone(),
            multipart_etag: Arc::default(),
            stamps: self.stamps.clone(),
        };
        let (objects, health) = &self.objects;
        let aside: Arc<dyn Health> = Arc::new(AlwaysWell);
        Some(RolePlaces {
            operations: OperationKind::ALL.to_vec(),
            source: place(objects, health),
            target: place(objects, health),
            manifest: place(&self.yes, &aside),
            report: place(&self.yes, &aside),
        })
    }
}

/// A copy without parameters: one CopyObject a task.
pub(crate) fn copy() -> Operation {
    Operation::Copy(Box::new(Copy::to(samples::bucket_ref("target"))))
}

/// What the job over a manifest is.
pub(crate) fn spec(operation: Operation, manifest: &Manifest) -> JobSpec {
    JobSpec {
        manifest: ManifestSpec {
            format: manifest.format(),
            fields: manifest.fields(),
            ..samples::manifest("aside", manifest.key(), etag())
        },
        operation,
        report: samples::report("aside", "reports"),
        ..samples::job_spec()
    }
}
