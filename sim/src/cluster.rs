//! Everything that outlives a process: the stores, the objects, the fault schedule, and the history,
//! which this module writes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brigade_judge::Records;
use brigade_model::ports::JobStore;
use brigade_model::ports::job_store::{LeftUploads, SliceRow, StoreError};
use brigade_model::ports::object_store::{Answer, At, CallError, Effect};
use brigade_model::{BucketName, Job, JobId, ObjectKey, ServiceTime, Status, VersionId};
use brigade_runtime::SeededEntropy;
use brigade_s3::simulated::{SimulatedConfig, SimulatedStore};
use brigade_service::left_uploads;
use brigade_store::memory::{MemorySpool, MemoryStore};

use crate::bystanders::Bystanders;
use crate::chance::Chance;
use crate::executor::{Executor, Node};
use crate::fault_schedule::FaultSchedule;
use crate::function::Said;
use crate::history::{Event, HELD, History, LIFTED, Slot, TRIED};
use crate::process::Process;
use crate::run_plan::RunPlan;
use crate::wall_clock::WallClock;

/// The buckets of a simulation.
pub(crate) const SOURCE: &str = "source";
pub(crate) const TARGET: &str = "target";
/// Of manifests.
pub(crate) const ASIDE: &str = "aside";

/// The cluster.
pub(crate) struct SimulatedCluster {
    pub(crate) seed: u64,
    pub(crate) run_plan: RunPlan,
    pub(crate) executor: Executor,
    /// Runs what belongs to no process: requests in flight, users, the seed's own actions.
    pub(crate) space: Node,
    pub(crate) fault_schedule: FaultSchedule,
    pub(crate) history: History,
    /// The clock of the objects.
    pub(crate) clock: Arc<WallClock>,
    /// The clocks of the nodes; the only node's is the job store's, too.
    pub(crate) node_clocks: Vec<Arc<WallClock>>,
    /// The clock that stamps leases.
    pub(crate) jobs_clock: Arc<WallClock>,
    pub(crate) jobs: MemoryStore,
    pub(crate) spool: MemorySpool,
    pub(crate) bucket: SimulatedStore,
    /// Objects that no row names.
    pub(crate) bystanders: Bystanders,
    /// What each task of each job names.
    pub(crate) objects: Vec<Vec<TaskObject>>,
    pub(crate) chance: Chance,
    calls: AtomicU64,
    ledger: Mutex<Ledger>,
}

/// The object that a task names.
#[derive(Debug, Clone)]
pub(crate) struct TaskObject {
    pub(crate) key: ObjectKey,
    pub(crate) version: Option<VersionId>,
    pub(crate) is_missing: bool,
    /// Beside it lies an object that no row names and that the store takes for the same.
    pub(crate) is_stray: bool,
}

/// What the job store holds of a job at its end.
#[derive(Clone)]
pub(crate) struct Ended {
    pub(crate) records: Records,
    /// The uploads that its document names as left open.
    pub(crate) left: LeftUploads,
}

/// What has been noticed so far.
#[derive(Default)]
struct Ledger {
    ids: Vec<(JobId, Status)>,
    /// What became of each job's hold last.
    holds: BTreeMap<usize, &'static str>,
    revocations: BTreeMap<(usize, u32), u32>,
    ended: BTreeMap<usize, Ended>,
    processes: Vec<Option<Process>>,
    /// Calls of which a sender does not know what they did, with their objects: where another
    /// writer does most harm.
    lost: Vec<At>,
    sent: BTreeMap<u64, Vec<At>>,
    /// What the function said of each task for good.
    said: BTreeMap<(usize, usize), Said>,
    /// What each process read of the service clock first and last, and when first; nodes that share a
    /// store have one clock.
    service: BTreeMap<Option<u32>, (ServiceTime, Duration, ServiceTime)>,
    service_fault: Option<String>,
}

/// What a store in memory answers, which it does at once.
pub(crate) fn at_once<T>(answer: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(answer).poll(&mut context) {
        std::task::Poll::Ready(answer) => answer,
        std::task::Poll::Pending => unreachable!("a store in memory answers at once"),
    }
}

/// A bucket of the simulation.
pub(crate) fn bucket(name: &str) -> BucketName {
    BucketName::new(name).expect("the simulation's buckets have good names")
}

/// An object of the simulation.
pub(crate) fn at(bucket_name: &str, key: &ObjectKey) -> At {
    At { bucket: bucket(bucket_name), key: key.clone() }
}

/// The bucket of a job's report.
pub(crate) fn reports_of(job: usize) -> String {
    format!("reports-{job}")
}

/// How long the store takes for a restore: about as long as faults go on.
const RESTORE_DELAY: Duration = Duration::from_secs(60);

/// The key of a task's object.
pub(crate) fn key_of(job: usize, task: usize) -> ObjectKey {
    ObjectKey::new(format!("j{job}/{task:05}")).expect("the simulation's keys are good")
}

/// The job and the task that a key is of.
pub(crate) fn task_of(key: &ObjectKey) -> Option<(usize, usize)> {
    let (job, task) = key.as_str().trim_start_matches('/').strip_prefix('j')?.split_once('/')?;
    Some((job.parse().ok()?, task.parse().ok()?))
}

impl SimulatedCluster {
    /// The cluster of a plan, before anything happens.
    pub(crate) fn new(seed: u64, run_plan: RunPlan, executor: &Executor, space: Node) -> Self {
        let clock = Arc::new(WallClock::new(executor));
        let node_clocks: Vec<_> = (0..run_plan.nodes).map(|_| Arc::new(WallClock::new(executor))).collect();
        let jobs_clock = if run_plan.nodes == 1 { node_clocks[0].clone() } else { Arc::new(WallClock::new(executor)) };
        let entropy = Arc::new(SeededEntropy::new(seed ^ 0xB0C4));
        let bucket = SimulatedStore::new(
            SimulatedConfig { restore_delay: RESTORE_DELAY, ..Default::default() },
            clock.clone(),
            entropy,
        );
        let processes = (0..run_plan.nodes).map(|_| None).collect();
        Self {
            seed,
            fault_schedule: FaultSchedule::new(run_plan.fault_rates.clone(), run_plan.nodes, seed),
            executor: executor.clone(),
            space,
            history: History::default(),
            jobs: MemoryStore::new(jobs_clock.clone()),
            jobs_clock,
            spool: MemorySpool::new(),
            bucket,
            bystanders: Bystanders::default(),
            clock,
            node_clocks,
            objects: Vec::new(),
            chance: Chance::new(seed, "world"),
            calls: AtomicU64::new(0),
            ledger: Mutex::new(Ledger { processes, ..Ledger::default() }),
            run_plan,
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes into the history.
    pub(crate) fn note(&self, node: Option<u32>, event: Event) {
        if let Event::Sent { call, kind, objects } = &event
            && kind.changes_objects()
        {
            let of_tasks = objects.iter().map(|(at, _)| at).filter(|at| task_of(&at.key).is_some());
            let objects = of_tasks.cloned().collect();
            self.ledger().sent.insert(*call, objects);
        }
        self.history.push(self.executor.now(), node, event);
    }

    /// Writes of a job into the history.
    pub(crate) fn note_of(&self, node: u32, job: JobId, event: impl FnOnce(usize) -> Event) {
        if let Some(number) = self.number_of(job) {
            self.note(Some(node), event(number));
        }
    }

    /// Remembers the objects of a call whose sender does not know what it did.
    pub(crate) fn note_loss(&self, result: &Result<Answer, CallError>, call: u64) {
        let mut ledger = self.ledger();
        let objects = ledger.sent.remove(&call).unwrap_or_default();
        if matches!(result, Err(error) if error.effect == Effect::Unknown) {
            ledger.lost.extend(objects.into_iter().take(8));
        }
    }

    /// An object of a call whose effect its sender does not know.
    pub(crate) fn take_lost(&self) -> Option<At> {
        self.ledger().lost.pop()
    }

    /// What the function says of a task, whenever it is invoked for it.
    pub(crate) fn say(&self, task: (usize, usize), said: Said) -> Said {
        *self.ledger().said.entry(task).or_insert(said)
    }

    /// What the function said of a task; `None` where it said nothing that counts.
    pub(crate) fn said(&self, task: (usize, usize)) -> Option<Said> {
        self.ledger().said.get(&task).copied()
    }

    /// The number of the next call.
    pub(crate) fn next_call(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::SeqCst)
    }

    /// A job was created; its number is the next.
    pub(crate) fn enter(&self, number: usize, id: JobId) {
        let mut ledger = self.ledger();
        assert_eq!(ledger.ids.len(), number, "jobs are created in the order of the scene");
        ledger.ids.push((id, Status::New));
        drop(ledger);
        self.note(None, Event::Created { job: number });
    }

    /// The jobs that were created so far, in the order of their numbers.
    pub(crate) fn ids(&self) -> Vec<JobId> {
        self.ledger().ids.iter().map(|(id, _)| *id).collect()
    }

    pub(crate) fn number_of(&self, job: JobId) -> Option<usize> {
        self.ledger().ids.iter().position(|(id, _)| *id == job)
    }

    /// A job as it is; `None` once it is purged.
    pub(crate) fn job(&self, id: JobId) -> Option<Job> {
        at_once(self.jobs.job(id)).ok().flatten()
    }

    pub(crate) fn slices(&self, id: JobId) -> Vec<SliceRow> {
        at_once(self.jobs.slices(id, 0, usize::MAX)).unwrap_or_default()
    }

    /// Records which jobs changed status: the job store calls this after every call that can change one.
    pub(crate) fn look_at_jobs(&self, node: u32) {
        for (number, id) in self.ids().into_iter().enumerate() {
            let Some(job) = self.job(id) else { continue };
            let hold = job.hold.as_ref().map_or(LIFTED, |hold| if hold.next_try.is_some() { HELD } else { TRIED });
            if self.ledger().holds.insert(number, hold).unwrap_or(LIFTED) != hold {
                self.note(Some(node), Event::Hold { job: number, what: hold });
            }
            let from = std::mem::replace(&mut self.ledger().ids[number].1, job.status);
            if from != job.status {
                self.note(Some(node), Event::Moved { job: number, from, to: job.status });
                if job.status == Status::Active && self.run_plan.jobs[number].is_report_refused {
                    self.bucket.deny_bucket(&bucket(&reports_of(number)));
                }
                if job.status.is_terminal() {
                    self.keep(number, id);
                }
            }
        }
    }

    /// Keeps the evidence of a job that has just ended: the job store may purge it.
    fn keep(&self, number: usize, id: JobId) {
        let read = async {
            let Some(records) = Records::read(&self.jobs, id).await? else { return Ok(None) };
            let left = left_uploads(&self.jobs, &records.job).await?;
            Ok::<_, StoreError>(Some(Ended { records, left }))
        };
        let ended = at_once(read).expect("a store in memory does not fail");
        self.ledger().ended.insert(number, ended.expect("the job has just ended"));
    }

    /// The jobs that have ended, as they were then.
    pub(crate) fn ended(&self) -> BTreeMap<usize, Ended> {
        self.ledger().ended.clone()
    }

    /// Notices a service clock that goes back, or is faster than time, or behind what was stored by it.
    pub(crate) fn look_at_service_clock(&self, node: u32, now: ServiceTime) {
        let at = self.executor.now();
        let ahead = |id: &JobId| self.job(*id).is_some_and(|job| job.since > now);
        let ahead: Vec<JobId> = self.ids().into_iter().filter(ahead).collect();
        let mut ledger = self.ledger();
        let clock = (self.run_plan.nodes == 1).then_some(node);
        let (first, began, last) = ledger.service.get(&clock).copied().unwrap_or((now, at, now));
        ledger.service.insert(clock, (first, began, now));
        let is_wrong = now < last || now.since(first) > at - began || !ahead.is_empty();
        // One tells of all that follow.
        if is_wrong && ledger.service_fault.is_none() {
            let fault = format!("node {node} reads {now:?} at {at:?}, after {last:?}; ahead of it are {ahead:?}");
            ledger.service_fault = Some(fault);
        }
    }

    /// What was noticed of a service clock that is wrong.
    pub(crate) fn service_fault(&self) -> Option<String> {
        self.ledger().service_fault.clone()
    }

    /// Notices which leases of slices were revoked.
    pub(crate) fn look_at_revocations(&self, node: Option<u32>, id: JobId) {
        let Some(job) = self.number_of(id) else { return };
        for slice in self.slices(id) {
            let before = self.ledger().revocations.insert((job, slice.index), slice.revocations).unwrap_or(0);
            if before < slice.revocations {
                self.note(node, Event::Revoked { job, slice: slice.index });
            }
        }
    }

    /// Jobs that hold a slot or want one.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        let slot = |(number, id): (usize, JobId)| {
            let job = self.job(id)?;
            let run_plan = &self.run_plan.jobs[number];
            let is_held = job.is_held();
            let Job { priority, status, .. } = job;
            brigade_model::slots::is_candidate(status).then_some(Slot {
                job: number,
                account: run_plan.account,
                priority,
                status,
                is_held,
            })
        };
        self.ids().into_iter().enumerate().filter_map(slot).collect()
    }

    /// Active jobs that have an unleased slice.
    pub(crate) fn free_slots(&self) -> Vec<Slot> {
        let ids = self.ids();
        let is_free = |slot: &Slot| {
            let id = ids[slot.job];
            let round = self.job(id).and_then(|job| job.rounds).map_or(0, |rounds| rounds.number);
            self.slices(id).iter().any(|slice| !slice.is_leased && !slice.is_done() && slice.round <= round)
        };
        self.slots().into_iter().filter(|slot| slot.status == Status::Active && is_free(slot)).collect()
    }

    /// A process takes the place of a node.
    pub(crate) fn put_process(&self, slot: usize, process: Process) {
        self.ledger().processes[slot] = Some(process);
    }

    /// The processes by node; some may be dead.
    pub(crate) fn processes(&self) -> Vec<(usize, Process)> {
        let processes = self.ledger().processes.clone();
        processes.into_iter().enumerate().filter_map(|(slot, process)| Some((slot, process?))).collect()
    }

    /// A process dies.
    pub(crate) fn crash(&self, node: &Node) {
        self.note(Some(node.id), Event::Crashed);
        node.crash();
    }
}
