//! A process of the service: the real engine behind the ports of one node.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use brigade_engine::places::{Health, Refusal};
use brigade_engine::ports::NoObserver;
use brigade_engine::{BucketRules, Engine, EngineConfig, Place, Ports, RolePlaces, Roles};
use brigade_model::limits::{THRESHOLD_FAILED_PERCENT, THRESHOLD_TASKS_MIN};
use brigade_model::operation::OperationKind;
use brigade_model::ports::{Entropy, Function, ObjectStore, OwnIds, Spawn};
use brigade_model::{AccountId, Dialect, EndpointKind, EndpointName, Live, ReportLayout, StoreClock};
use brigade_runtime::SeededEntropy;
use brigade_s3::limit::{Limit, LimitConfig};
use brigade_s3::retry::{CircuitBreaker, OpenCircuit, Retry, RetryPolicy};
use brigade_s3::simulated::Habit;
use brigade_s3::stamps::Stamps;
use brigade_service::{JobRules, JobService, Pace};

use crate::cluster::SimulatedCluster;
use crate::executor::Node;
use crate::function;
use crate::history::Event;
use crate::job_store::NodeStore;
use crate::network::Network;
use crate::spool::NodeSpool;

/// A process. Clones are one.
#[derive(Clone)]
pub(crate) struct Process {
    pub(crate) node: Node,
    pub(crate) engine: Arc<Engine>,
    /// What it does for users.
    pub(crate) service: Arc<JobService>,
}

impl Process {
    /// Starts a process on a node. A node that is alone opens its store as the embedded service does, and
    /// so revokes all leases.
    pub(crate) fn start(cluster: &Arc<SimulatedCluster>, slot: usize) -> Self {
        let node = cluster.executor.node();
        let is_alone = cluster.run_plan.nodes == 1;
        if is_alone {
            cluster.jobs.reopen();
            cluster.ids().into_iter().for_each(|id| cluster.look_at_revocations(Some(node.id), id));
        }
        cluster.note(Some(node.id), Event::Started { is_alone });
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(cluster.seed ^ (u64::from(node.id) << 32)));
        let jobs = Arc::new(NodeStore::new(cluster.clone(), node.clone(), slot));
        let roles = Arc::new(TwoRoles::new(cluster, slot, node.id, &entropy));
        let ports = Ports {
            jobs: jobs.clone(),
            spool: Arc::new(NodeSpool(cluster.clone())),
            roles: roles.clone(),
            clock: cluster.node_clocks[slot].clone(),
            entropy: entropy.clone(),
            spawn: Arc::new(node.clone()),
            report_layouts,
            observer: Arc::new(NoObserver),
        };
        let engine = Engine::new(ports, cluster.run_plan.config.clone());
        node.spawn("engine", Box::pin(engine.clone().run()));
        let service = Arc::new(JobService {
            jobs,
            roles,
            engine: engine.clone(),
            clock: cluster.node_clocks[slot].clone(),
            entropy,
            rules: Live::new(job_rules(&cluster.run_plan.config)),
            pace: Pace::default(),
        });
        Self { node, engine, service }
    }
}

/// Users of the simulation read no words of a dialect.
fn report_layouts(_: Dialect) -> Option<ReportLayout> {
    Some(ReportLayout { format: "Report_CSV_V1", operation: |operation| operation.kind().word().into() })
}

fn job_rules(config: &EngineConfig) -> JobRules {
    JobRules {
        quotas: config.quotas.clone(),
        ended_jobs_listed: config.ended_jobs_kept,
        threshold_percent: THRESHOLD_FAILED_PERCENT,
        threshold_tasks: THRESHOLD_TASKS_MIN,
        regions: BTreeMap::new(),
    }
}

/// The name of the endpoint.
pub(crate) fn endpoint() -> EndpointName {
    EndpointName::new("e").expect("a letter is a name")
}

/// The name of the role whose copies go to another endpoint.
pub(crate) const ACROSS: &str = "across";

/// Every account has two roles, which may do everything: within one endpoint, and from one to another; and one
/// function.
struct TwoRoles {
    within: RolePlaces,
    across: RolePlaces,
    function: Function,
}

impl TwoRoles {
    fn new(cluster: &Arc<SimulatedCluster>, slot: usize, node: u32, entropy: &Arc<dyn Entropy>) -> Self {
        // The clock that stamps leases is the job store's; the one that stamps objects is the bucket's.
        let stamps = Arc::new(StoreClock::new(cluster.jobs_clock.clone()));
        let place = place(cluster, slot, node, entropy, &stamps);
        // Another way to the same objects: for the service it is another endpoint.
        let across = self::place(cluster, slot, node, entropy, &stamps);
        let within = RolePlaces {
            operations: OperationKind::ALL.to_vec(),
            source: place.clone(),
            target: place.clone(),
            manifest: place.clone(),
            report: place,
        };
        let function = function::of(cluster, node);
        Self { across: RolePlaces { target: across, ..within.clone() }, within, function }
    }
}

fn place(
    cluster: &Arc<SimulatedCluster>,
    slot: usize,
    node: u32,
    entropy: &Arc<dyn Entropy>,
    stamps: &Arc<StoreClock>,
) -> Place {
    let (clock, breaker) = (cluster.node_clocks[slot].clone(), Arc::new(CircuitBreaker::new()));
    // Shorter than by default, so that a run in which a key is never served ends soon.
    let policy = RetryPolicy { wait_attempts_max: 15, wait_max: Duration::from_secs(600), ..RetryPolicy::default() };
    let network = Network { cluster: cluster.clone(), node, timeouts: policy.timeouts, entropy: entropy.clone() };
    let stamped = Arc::new(Stamps::new(Arc::new(network), stamps.clone()));
    let limit = Limit::new(stamped, LimitConfig::default(), clock.clone());
    let store: Arc<dyn ObjectStore> =
        Arc::new(Retry::new(Arc::new(limit), policy, breaker.clone(), clock, entropy.clone()));
    Place {
        endpoint: endpoint(),
        // What dates an object of parts by its completion.
        kind: match cluster.run_plan.habits.has(Habit::DatesByUpload) {
            true => EndpointKind::Other,
            false => EndpointKind::Minio,
        },
        store,
        // As a probe would find them.
        capabilities: cluster.run_plan.habits.capabilities(),
        buckets: BucketRules::any(),
        grantees: Arc::new(OwnIds),
        health: Arc::new(AtTheGate(breaker)),
        multipart_etag: Arc::default(),
        stamps: stamps.clone(),
    }
}

impl Roles for TwoRoles {
    fn places(&self, _: &AccountId, role: &str) -> Option<RolePlaces> {
        Some(if role == ACROSS { self.across.clone() } else { self.within.clone() })
    }

    fn function(&self, _: &AccountId, _: &str) -> Option<Function> {
        Some(self.function.clone())
    }
}

/// The endpoint is healthy while its circuit is closed.
struct AtTheGate(Arc<CircuitBreaker>);

impl Health for AtTheGate {
    fn reason(&self) -> Option<String> {
        self.0.reason().map(|closed| closed.to_string())
    }

    fn refusal(&self) -> Option<Refusal> {
        let OpenCircuit { code, message, since, .. } = self.0.reason().filter(OpenCircuit::is_lasting)?;
        Some(Refusal { code, message, since })
    }
}
