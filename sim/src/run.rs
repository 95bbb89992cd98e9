//! One run of a seed: the faults, the calm in which every job must end, and the judgement.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use brigade_model::ports::Spawn;
use brigade_s3::simulated::Habit;

use crate::chance::Chance;
use crate::cluster::SimulatedCluster;
use crate::evidence::Evidence;
use crate::executor::Executor;
use crate::history::{Entry, digest};
use crate::invariants::{self, Violation};
use crate::process::Process;
use crate::run_plan::RunPlan;
use crate::scenarios::Scenario;
use crate::users::UserAction;
use crate::{node_faults, other_writer, users};

/// After the last fault every job ends within this: longer than the longest lease with its grace, and
/// than the time for which a job retries its report.
const CALM_MAX: Duration = Duration::from_secs(2 * 3600);
/// A process that died is started again within this.
const RESTART_MAX: Duration = Duration::from_secs(20);
/// How often dead processes and ended jobs are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The result of a seed.
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// Everything that happened.
    pub history: Vec<Entry>,
    /// Violations of invariants.
    pub violations: Vec<Violation>,
    /// What happened, in kinds, and how often: moves of statuses, node faults, outcomes.
    pub kinds: BTreeMap<String, u64>,
}

impl Run {
    /// A digest of the whole history: the same seed, the same digest.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(&self.history)
    }
}

/// Runs a seed.
#[must_use]
pub fn run(seed: u64) -> Run {
    run_with(seed, None)
}

/// Runs a seed whose store has these habits; `None` leaves them to the seed.
#[must_use]
pub fn run_with(seed: u64, habits: Option<&[Habit]>) -> Run {
    run_planned(seed, RunPlan::of(seed, habits))
}

/// Runs a plan that was written by hand; the seed decides the order in which work goes on.
#[must_use]
pub fn run_scenario(seed: u64, scenario: &Scenario) -> Run {
    run_planned(seed, scenario.run_plan())
}

fn run_planned(seed: u64, run_plan: RunPlan) -> Run {
    let executor = Executor::new(seed);
    let space = executor.node();
    let mut cluster = SimulatedCluster::new(seed, run_plan, &executor, space.clone());
    cluster.fill();
    let cluster = Arc::new(cluster);
    executor.run(&space, live(cluster.clone()));
    let history = cluster.history.take();
    let evidence = Evidence::gather(&cluster, &history);
    let violations = invariants::check(&evidence);
    let kinds = evidence.kinds();
    Run { seed, history, violations, kinds }
}

/// From the first process to the end of the last job, and a while longer.
async fn live(cluster: Arc<SimulatedCluster>) {
    // Objects are older than jobs: a store tells their age in whole seconds.
    cluster.executor.sleep(Duration::from_secs(10)).await;
    begin(&cluster);
    let chance = Chance::new(cluster.seed, "restarts");
    let faults_end = cluster.executor.now() + cluster.run_plan.fault_rates.lasts;
    let calm_ends = faults_end + CALM_MAX;
    while cluster.executor.now() < calm_ends && !have_all_ended(&cluster) {
        if cluster.executor.now() >= faults_end && !cluster.fault_schedule.is_over() {
            cluster.fault_schedule.calm();
        }
        restart_dead(&cluster, &chance);
        if cluster.fault_schedule.is_over() {
            let_go_on(&cluster);
        }
        cluster.executor.sleep(LOOK_EVERY).await;
    }
    cluster.fault_schedule.calm();
    end(&cluster).await;
}

/// Starts the background work: processes, jobs one after the other, faults.
fn begin(cluster: &Arc<SimulatedCluster>) {
    (0..cluster.run_plan.nodes).for_each(|slot| cluster.put_process(slot, Process::start(cluster, slot)));
    let creating = cluster.clone();
    let create = async move {
        for (number, run_plan) in creating.run_plan.jobs.iter().enumerate() {
            creating.executor.sleep(run_plan.created_after).await;
            creating.create_job(number);
            if let Some(after) = run_plan.paused_after {
                creating.space.spawn("second thoughts", Box::pin(users::think_again(creating.clone(), number, after)));
            }
        }
    };
    cluster.space.spawn("jobs", Box::pin(create));
    for (after, act) in cluster.run_plan.script.clone() {
        cluster.space.spawn("script", Box::pin(node_faults::play(cluster.clone(), after, act)));
    }
    let fault_rates = &cluster.run_plan.fault_rates;
    if let Some(every) = fault_rates.node_fault_every {
        cluster.space.spawn("mishaps", Box::pin(node_faults::make_trouble(cluster.clone(), every)));
    }
    if let Some(every) = fault_rates.user_action_every {
        cluster.space.spawn("users", Box::pin(users::change_jobs(cluster.clone(), every)));
    }
    if cluster.run_plan.habits.has(Habit::HeadHasNoCode) {
        cluster.space.spawn("buckets", Box::pin(node_faults::hide_buckets(cluster.clone())));
    }
    if cluster.run_plan.is_account_disabled {
        cluster.space.spawn("account", Box::pin(node_faults::disable_account(cluster.clone())));
    }
    if let Some(every) = fault_rates.foreign_every {
        cluster.space.spawn("another writer", Box::pin(other_writer::write_objects(cluster.clone(), every)));
    }
}

fn have_all_ended(cluster: &SimulatedCluster) -> bool {
    cluster.ended().len() == cluster.run_plan.jobs.len()
}

/// Starts a process in the place of each that died, after a while.
fn restart_dead(cluster: &Arc<SimulatedCluster>, chance: &Chance) {
    for (slot, process) in cluster.processes() {
        let waits = chance.up_to(RESTART_MAX);
        if process.node.is_crashed() && (cluster.fault_schedule.is_over() || waits < LOOK_EVERY) {
            cluster.put_process(slot, Process::start(cluster, slot));
        }
    }
}

/// In the calm the users let their jobs go on, and a node that is alone may not stay frozen.
fn let_go_on(cluster: &Arc<SimulatedCluster>) {
    let processes = cluster.processes();
    if processes.iter().all(|(_, process)| process.node.is_frozen()) {
        processes.iter().for_each(|(_, process)| node_faults::thaw(cluster, &process.node));
    }
    let Some((_, process)) = processes.iter().find(|(_, process)| !process.node.is_frozen()) else { return };
    for id in cluster.ids() {
        let Some(job) = cluster.job(id).filter(|job| !job.status.is_terminal()) else { continue };
        if job.held_by_user {
            users::ask(cluster, process, id, UserAction::GoOn);
        }
        if job.status == brigade_model::Status::Suspended {
            users::ask(cluster, process, id, UserAction::Confirm);
        }
    }
}

/// Thaws frozen processes, which find every job ended; then stops all.
async fn end(cluster: &Arc<SimulatedCluster>) {
    for (_, process) in cluster.processes() {
        node_faults::thaw(cluster, &process.node);
    }
    cluster.executor.sleep(Duration::from_secs(30)).await;
    if have_all_ended(cluster) {
        for (_, process) in cluster.processes().into_iter().filter(|(_, process)| !process.node.is_crashed()) {
            process.engine.shut_down().await;
        }
    }
}
