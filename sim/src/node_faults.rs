//! Injects faults of nodes, clocks, disks and the network at random times.

use std::sync::Arc;
use std::time::Duration;

use brigade_model::ports::Spawn;

use crate::chance::Chance;
use crate::cluster::{SOURCE, SimulatedCluster, TARGET, bucket};
use crate::executor::Node;
use crate::history::Event;
use crate::process::Process;
use crate::scenarios::Act;
use crate::users::{self, UserAction};

/// A kind of node fault.
#[derive(Debug, Clone, Copy)]
enum NodeFault {
    /// A process dies.
    Crash,
    /// A process freezes, and goes on later.
    Freeze,
    /// One node does not reach the job store.
    CutOff,
    /// No node does.
    StoreAway,
    StoreSlow,
    /// No node reaches the objects.
    EndpointAway,
    /// The time of day of a node jumps.
    ClockJump,
    DiskFull,
    SpoolFails,
}

const NODE_FAULTS: [(u64, NodeFault); 9] = [
    (8, NodeFault::Crash),
    (5, NodeFault::Freeze),
    (4, NodeFault::CutOff),
    (2, NodeFault::StoreAway),
    (2, NodeFault::StoreSlow),
    (3, NodeFault::EndpointAway),
    (3, NodeFault::ClockJump),
    (2, NodeFault::DiskFull),
    (1, NodeFault::SpoolFails),
];

/// How long one lasts, in seconds: a moment, beyond an attempt, beyond a lease of 60 s, beyond
/// one of 1,200 s.
const LASTS_S: [(u64, u64); 4] = [(5, 3), (4, 30), (3, 90), (1, 1000)];

/// The history's words for a clock that jumps.
pub(crate) const CLOCK_JUMPS: &str = "its clock jumps";

/// Injects node faults until the faults end.
pub(crate) async fn make_trouble(cluster: Arc<SimulatedCluster>, every: Duration) {
    let chance = Chance::new(cluster.seed, "mishaps");
    loop {
        cluster.executor.sleep(chance.up_to(every * 2)).await;
        if cluster.fault_schedule.is_over() {
            return;
        }
        let mut processes = cluster.processes();
        // Dead and frozen processes get no further fault.
        processes.retain(|(_, process)| !process.node.is_crashed() && !process.node.is_frozen());
        if let Some((slot, process)) = chance.pick(&processes) {
            inject(&cluster, &chance, *slot, process);
        }
    }
}

/// Injects a fault of the plan at its time after the beginning.
pub(crate) async fn play(cluster: Arc<SimulatedCluster>, after: Duration, act: Act) {
    cluster.executor.sleep(after).await;
    let processes = cluster.processes();
    match act {
        Act::Crash(slot) => {
            let lives = |(of, process): &&(usize, Process)| *of == slot && !process.node.is_crashed();
            processes.iter().filter(lives).for_each(|(_, process)| cluster.crash(&process.node));
        }
        Act::SetClock(slot, ms) => set_clock(&cluster, slot, None, ms),
        Act::Cancel(job) => {
            let asked = cluster.ids().get(job).copied().zip(processes.first());
            asked.into_iter().for_each(|(id, (_, process))| users::ask(&cluster, process, id, UserAction::Cancel));
        }
        Act::DisableAccount(seconds) => disable_account_for(&cluster, Duration::from_secs(seconds)),
    }
}

fn set_clock(cluster: &SimulatedCluster, slot: usize, node: Option<u32>, ms: i64) {
    cluster.node_clocks[slot].jump(ms);
    cluster.note(node, Event::Mishap { what: CLOCK_JUMPS, how: format!(" by {ms} ms") });
}

/// The history's words for a hidden bucket.
pub(crate) const BUCKET_HIDDEN: &str = "a bucket is not found";

/// Hides a bucket for a moment, now and then, until the faults end.
pub(crate) async fn hide_buckets(cluster: Arc<SimulatedCluster>) {
    let chance = Chance::new(cluster.seed, "buckets");
    while !cluster.fault_schedule.is_over() {
        cluster.executor.sleep(chance.up_to(Duration::from_secs(8))).await;
        let name = bucket(if chance.below(2) == 0 { SOURCE } else { TARGET });
        let lasts = chance.up_to(Duration::from_secs(2));
        cluster.note(None, Event::Mishap { what: BUCKET_HIDDEN, how: format!(": {name} for {lasts:?}") });
        cluster.bucket.hide_bucket(&name, true);
        cluster.executor.sleep(lasts).await;
        cluster.bucket.hide_bucket(&name, false);
    }
}

/// The history's words for an account that the store refuses.
pub(crate) const ACCOUNT_DISABLED: &str = "the account is disabled";

/// How long an account is disabled, in seconds: a moment, a hold, beyond a short patience.
const DISABLED_S: [(u64, u64); 3] = [(3, 5), (4, 100), (2, 400)];

/// Lets the store refuse all calls on the objects of tasks, now and then, until the faults end.
pub(crate) async fn disable_account(cluster: Arc<SimulatedCluster>) {
    let chance = Chance::new(cluster.seed, "account");
    while !cluster.fault_schedule.is_over() {
        cluster.executor.sleep(chance.up_to(Duration::from_secs(20))).await;
        let lasts = chance.up_to(Duration::from_secs(chance.weighted(&DISABLED_S)));
        disable_account_for(&cluster, lasts);
        cluster.executor.sleep(lasts).await;
    }
}

fn disable_account_for(cluster: &SimulatedCluster, lasts: Duration) {
    cluster.note(None, Event::Mishap { what: ACCOUNT_DISABLED, how: format!(" for {lasts:?}") });
    cluster.fault_schedule.disable_the_account(cluster.executor.now() + lasts);
}

fn inject(cluster: &Arc<SimulatedCluster>, chance: &Chance, slot: usize, process: &Process) {
    let (now, node_fault) = (cluster.executor.now(), chance.weighted(&NODE_FAULTS));
    let lasts = Duration::from_secs(chance.between(1, chance.weighted(&LASTS_S)));
    let until = now + lasts;
    let fault_schedule = &cluster.fault_schedule;
    let for_long = format!(" for {lasts:?}");
    let (what, how) = match node_fault {
        NodeFault::Crash => {
            if fault_schedule.may_crash() {
                cluster.crash(&process.node);
            }
            return;
        }
        NodeFault::Freeze => {
            freeze(cluster, &process.node);
            return;
        }
        NodeFault::CutOff => {
            fault_schedule.send_store_away(slot, until);
            ("does not reach the job store", for_long)
        }
        NodeFault::StoreAway => {
            (0..cluster.run_plan.nodes).for_each(|slot| fault_schedule.send_store_away(slot, until));
            ("the job store is away", for_long)
        }
        NodeFault::StoreSlow => {
            fault_schedule.slow_the_store(until);
            ("the job store is slow", for_long)
        }
        NodeFault::EndpointAway => {
            fault_schedule.send_endpoint_away(now, until);
            ("the endpoint is away", for_long)
        }
        NodeFault::ClockJump => {
            let most = chance.weighted(&[(3, 3_000), (2, 100_000), (1, 90_000_000)]);
            let ms = i64::try_from(chance.below(2 * most)).unwrap_or(0) - i64::try_from(most).unwrap_or(0);
            set_clock(cluster, slot, Some(process.node.id), ms);
            return;
        }
        NodeFault::DiskFull => {
            fault_schedule.fill_the_disk(until);
            ("the disk is full", for_long)
        }
        NodeFault::SpoolFails => {
            fault_schedule.break_the_spool(until);
            ("the spool fails", for_long)
        }
    };
    let is_of_node = matches!(node_fault, NodeFault::CutOff);
    cluster.note(is_of_node.then_some(process.node.id), Event::Mishap { what, how });
}

/// Freezes a process for a while.
pub(crate) fn freeze(cluster: &Arc<SimulatedCluster>, node: &Node) {
    let lasts = cluster.fault_schedule.frozen_for();
    cluster.note(Some(node.id), Event::Mishap { what: "is frozen", how: format!(" for {lasts:?}") });
    node.freeze();
    let (thawing, frozen) = (cluster.clone(), node.clone());
    let work = async move {
        thawing.executor.sleep(lasts).await;
        thaw(&thawing, &frozen);
    };
    cluster.space.spawn("thaw", Box::pin(work));
}

/// A lost slice has a new holder: often thaws the frozen nodes just then, the worst moment if one of
/// them held the slice.
pub(crate) fn wake_others(cluster: &Arc<SimulatedCluster>, node: u32) {
    for (_, process) in cluster.processes().into_iter().filter(|(_, other)| other.node.id != node) {
        let Some(after) = cluster.fault_schedule.wakes_after().filter(|_| process.node.is_frozen()) else { continue };
        let (waking, frozen) = (cluster.clone(), process.node.clone());
        let work = async move {
            waking.executor.sleep(after).await;
            thaw(&waking, &frozen);
        };
        cluster.space.spawn("wake", Box::pin(work));
    }
}

/// Thaws a frozen process.
pub(crate) fn thaw(cluster: &SimulatedCluster, node: &Node) {
    if node.is_frozen() {
        cluster.note(Some(node.id), Event::Mishap { what: "thaws", how: String::new() });
        node.thaw();
    }
}
