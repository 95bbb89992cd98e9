//! A cluster for an engine: stores, a bucket, a clock and an account, and processes that can die.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade_engine::places::{AlwaysWell, Health};
use brigade_engine::ports::NoObserver;
use brigade_engine::{BucketRules, Engine, EngineConfig, Place, Ports, RolePlaces, Roles};
use brigade_model::capability::Capability;
use brigade_model::job::{Change, Retry};
use brigade_model::operation::OperationKind;
use brigade_model::ports::change_job;
use brigade_model::ports::job_store::ChangeId;
use brigade_model::ports::object_store::{At, CancelToken, NewObject, ObjectStore, PutObject, send};
use brigade_model::ports::{Clock, Entropy, JobStore, OwnIds, Spawn, Spool};
use brigade_model::{
    AccountId, Capabilities, Dialect, ETag, EndpointKind, EndpointName, Job, JobId, JobSpec, ObjectKey, Operation,
    Quota, ReportLayout, StoreClock, samples,
};
use brigade_runtime::{Node, SeededEntropy, SimulatedClock};
use brigade_s3::simulated::{SimulatedStore, Versioning};
use brigade_store::memory::{MemorySpool, MemoryStore};

pub(crate) use brigade_model::samples::{at, bucket, bucket_ref};

use crate::crashing::{Counted, Crashing, Mishap};

/// Everything that outlives a process.
pub(crate) struct TestCluster {
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) entropy: Arc<SeededEntropy>,
    pub(crate) jobs: MemoryStore,
    pub(crate) spool: Arc<dyn Spool>,
    pub(crate) bucket: Arc<SimulatedStore>,
    /// What the engine calls: the bucket, possibly behind something that misbehaves.
    pub(crate) store: Arc<dyn ObjectStore>,
    /// What is known of that clock; from the beginning on, unless a test forgets it.
    pub(crate) stamps: Arc<StoreClock>,
    /// What the engine is told about the store's health.
    pub(crate) health: Arc<dyn Health>,
    /// The configuration has lost the role.
    pub(crate) is_role_gone: Arc<AtomicBool>,
    /// Which buckets the role may touch.
    pub(crate) rules: Arc<Mutex<BucketRules>>,
    /// What the role allows.
    pub(crate) allowed: Arc<Mutex<Vec<OperationKind>>>,
    pub(crate) config: EngineConfig,
    pub(crate) counted: Counted,
}

/// A process of the service.
pub(crate) struct Process {
    pub(crate) node: Node,
    pub(crate) engine: Arc<Engine>,
}

struct OneRole {
    store: Arc<dyn ObjectStore>,
    stamps: Arc<StoreClock>,
    health: Arc<dyn Health>,
    is_gone: Arc<AtomicBool>,
    rules: Arc<Mutex<BucketRules>>,
    allowed: Arc<Mutex<Vec<OperationKind>>>,
}

impl Roles for OneRole {
    fn places(&self, _: &AccountId, role: &str) -> Option<RolePlaces> {
        let place = Place {
            endpoint: EndpointName::new("e").unwrap(),
            kind: EndpointKind::Other,
            store: self.store.clone(),
            capabilities: Capabilities::proved(Capability::ALL),
            buckets: self.rules.lock().unwrap().clone(),
            grantees: Arc::new(OwnIds),
            health: self.health.clone(),
            multipart_etag: Arc::default(),
            stamps: self.stamps.clone(),
        };
        (role == "role" && !self.is_gone.load(Ordering::SeqCst)).then(|| RolePlaces {
            operations: self.allowed.lock().unwrap().clone(),
            source: place.clone(),
            target: place.clone(),
            manifest: place.clone(),
            report: place,
        })
    }
}

/// One dialect has reports, without words of its own.
fn report_layouts(dialect: Dialect) -> Option<ReportLayout> {
    let operation = |operation: &Operation| operation.kind().word().into();
    (dialect == Dialect::Cos).then_some(ReportLayout { format: "Report_CSV_V1", operation })
}

impl TestCluster {
    /// A cluster with the buckets `source`, `target` and `aside` (manifests and reports).
    pub(crate) fn new(seed: u64) -> Self {
        let clock = Arc::new(SimulatedClock::new());
        let entropy = Arc::new(SeededEntropy::new(seed));
        let store = Arc::new(SimulatedStore::new(Default::default(), clock.clone(), entropy.clone()));
        for name in ["source", "target", "aside"] {
            store.create_bucket(&bucket(name), Versioning::Off).unwrap();
        }
        let stamps = Arc::new(StoreClock::new(clock.clone()));
        stamps.observe(stamps.read(), clock.now());
        Self {
            jobs: MemoryStore::new(clock.clone()),
            stamps,
            spool: Arc::new(MemorySpool::default()),
            store: store.clone(),
            bucket: store,
            health: Arc::new(AlwaysWell),
            is_role_gone: Arc::default(),
            rules: Arc::new(Mutex::new(BucketRules::any())),
            allowed: Arc::new(Mutex::new(OperationKind::ALL.to_vec())),
            config: EngineConfig::default(),
            counted: Counted::default(),
            clock,
            entropy,
        }
    }

    /// Starts a process, as a restart does: whatever leases there were are revoked, and the service
    /// clock goes on from what was stored of it.
    pub(crate) fn start(&self, mishap: Option<Mishap>) -> Process {
        self.jobs.reopen();
        self.start_beside(mishap)
    }

    /// A process that was not started yet.
    pub(crate) fn start_idle(&self) -> Process {
        let node = Node::default();
        node.crash();
        self.start_with(node.clone(), None, Arc::new(node))
    }

    /// Starts a process beside those that run.
    pub(crate) fn start_beside(&self, mishap: Option<Mishap>) -> Process {
        let node = Node::default();
        self.start_with(node.clone(), mishap, Arc::new(node))
    }

    /// Starts a process whose work is started by `spawn`.
    pub(crate) fn start_with(&self, node: Node, mishap: Option<Mishap>, spawn: Arc<dyn Spawn>) -> Process {
        let jobs = Crashing {
            inner: self.jobs.clone(),
            node: node.clone(),
            mishap,
            counted: self.counted.clone(),
            clock: self.clock.clone(),
        };
        let roles = OneRole {
            store: self.store.clone(),
            stamps: self.stamps.clone(),
            health: self.health.clone(),
            is_gone: self.is_role_gone.clone(),
            rules: self.rules.clone(),
            allowed: self.allowed.clone(),
        };
        let ports = Ports {
            jobs: Arc::new(jobs),
            spool: self.spool.clone(),
            roles: Arc::new(roles),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            spawn: spawn.clone(),
            report_layouts,
            observer: Arc::new(NoObserver),
        };
        let engine = Engine::new(ports, self.config.clone());
        spawn.spawn("engine", Box::pin(engine.clone().run()));
        Process { node, engine }
    }

    /// Runs processes until the job has ended: one that dies is followed by another.
    pub(crate) async fn run_to_end(&self, job: JobId, mishap: Option<Mishap>) -> Job {
        self.jobs.revoke_all_leases();
        self.run_to_end_from(self.start_beside(mishap), job, || self.start(None)).await
    }

    /// The same beside processes that run already: no lease is revoked.
    pub(crate) async fn run_to_end_beside(&self, job: JobId, mishap: Option<Mishap>) -> Job {
        self.run_to_end_from(self.start_beside(mishap), job, || self.start_beside(None)).await
    }

    async fn run_to_end_from(&self, mut process: Process, job: JobId, restart: impl Fn() -> Process) -> Job {
        for _ in 0..100_000 {
            let now = self.job(job).await;
            if now.status.is_terminal() {
                // A process that dies while it stops never says that it has stopped.
                let died = async {
                    while !process.node.is_crashed() {
                        self.clock.sleep(Duration::from_secs(1)).await;
                    }
                };
                tokio::select! {
                    () = process.engine.shut_down() => {}
                    () = died => {}
                }
                return now;
            }
            if process.node.is_crashed() {
                process = restart();
            }
            self.clock.sleep(Duration::from_millis(100)).await;
        }
        panic!("the job does not end: {:#?}", self.job(job).await);
    }

    pub(crate) async fn job(&self, id: JobId) -> Job {
        self.jobs.job(id).await.unwrap().unwrap()
    }

    /// Waits until the job satisfies `is_it`.
    pub(crate) async fn wait(&self, id: JobId, is_it: impl Fn(&Job) -> bool) -> Job {
        for _ in 0..100_000 {
            let job = self.job(id).await;
            if is_it(&job) {
                return job;
            }
            assert!(!job.status.is_terminal(), "the job ended before: {job:#?}");
            self.clock.sleep(Duration::from_millis(20)).await;
        }
        panic!("it never happens: {:#?}", self.job(id).await);
    }

    /// What a user does: reads, decides, applies; again when another change came first.
    pub(crate) async fn change(&self, id: JobId, change: Change) -> Job {
        let mut bytes = [0; 16];
        self.entropy.fill(&mut bytes);
        let change_id = ChangeId(uuid::Builder::from_random_bytes(bytes).into_uuid());
        let decide = |_: &Job| Ok::<_, Infallible>(change.clone());
        change_job(&self.jobs, id, change_id, None, decide).await.unwrap().after
    }

    pub(crate) async fn put(&self, bucket_name: &str, key: &str, body: impl AsRef<[u8]>) -> ETag {
        let at = At { bucket: bucket(bucket_name), key: ObjectKey::new(key).unwrap() };
        let put = PutObject::new(at, body.as_ref().to_vec(), NewObject::default());
        send(&*self.bucket, &CancelToken::unbounded(), put).await.unwrap().etag
    }

    /// Puts `n` objects into `source`.
    pub(crate) async fn fill(&self, n: usize) {
        for i in 0..n {
            self.put("source", &key(i), format!("body {i}")).await;
        }
        // Objects are older than jobs: a store tells their age in whole seconds.
        self.clock.sleep(Duration::from_secs(10)).await;
    }

    /// A job over these rows of `source`, created but not started.
    pub(crate) async fn create(&self, operation: Operation, keys: impl IntoIterator<Item = String>) -> JobId {
        self.create_with(operation, keys, |_| {}).await
    }

    pub(crate) async fn create_with(
        &self,
        operation: Operation,
        keys: impl IntoIterator<Item = String>,
        adjust: impl FnOnce(&mut JobSpec),
    ) -> JobId {
        self.create_for("1", operation, keys, adjust).await
    }

    /// The same for that account.
    pub(crate) async fn create_for(
        &self,
        account: &str,
        operation: Operation,
        keys: impl IntoIterator<Item = String>,
        adjust: impl FnOnce(&mut JobSpec),
    ) -> JobId {
        let manifest: String = keys.into_iter().map(|key| format!("source,{key}\n")).collect();
        self.create_job(account, operation, manifest, adjust).await
    }

    /// A job over this manifest, created but not started.
    pub(crate) async fn create_over(
        &self,
        operation: Operation,
        manifest: impl AsRef<[u8]>,
        adjust: impl FnOnce(&mut JobSpec),
    ) -> JobId {
        self.create_job("1", operation, manifest, adjust).await
    }

    async fn create_job(
        &self,
        account: &str,
        operation: Operation,
        manifest: impl AsRef<[u8]>,
        adjust: impl FnOnce(&mut JobSpec),
    ) -> JobId {
        let number = self.counted.writes.load(Ordering::SeqCst) + self.entropy.below(1 << 40);
        let etag = self.put("aside", &format!("manifest-{number}.csv"), manifest).await;
        let mut spec = JobSpec {
            client_request_token: number.to_string(),
            manifest: samples::manifest("aside", &format!("manifest-{number}.csv"), etag),
            operation,
            report: samples::report("aside", "reports"),
            ..samples::job_spec()
        };
        adjust(&mut spec);
        self.store_job(account, Dialect::Cos, spec).await
    }

    /// A job that retries an ended one, created but not started.
    pub(crate) async fn retry(&self, source: JobId, adjust: impl FnOnce(&mut JobSpec)) -> JobId {
        let client_request_token = format!("retry-{}", self.entropy.below(1 << 40));
        let mut spec = self.job(source).await.retried(Retry { client_request_token, ..Retry::default() });
        adjust(&mut spec);
        self.store_job("1", Dialect::Cos, spec).await
    }

    /// Stores a job of that dialect.
    pub(crate) async fn store_job(&self, account: &str, dialect: Dialect, spec: JobSpec) -> JobId {
        let mut random = [0; 10];
        self.entropy.fill(&mut random);
        let id = JobId::new(self.clock.now(), &random);
        let account = AccountId::new(account).unwrap();
        let job = Job::new(id, account, dialect, EndpointName::new("e").unwrap(), spec, self.clock.now());
        self.jobs.create_job(&job, &Quota::of_open_jobs(1000)).await.unwrap();
        id
    }
}

/// The key of the `i`th object.
pub(crate) fn key(i: usize) -> String {
    format!("k/{i:06}")
}
