//! What goes wrong with nodes, clocks, disks and the way to the stores, from time to time.

use std::sync::Arc;
use std::time::Duration;

use brigade_model::ports::Spawn;

use crate::chance::Chance;
use crate::executor::Node;
use crate::history::Event;
use crate::process::Process;
use crate::scenarios::Act;
use crate::users::{self, Wish};
use crate::world::{SOURCE, TARGET, World, bucket};

/// A kind of mishap.
#[derive(Debug, Clone, Copy)]
enum Mishap {
    /// A process dies.
    Crash,
    /// A process is stopped, and goes on later.
    Freeze,
    /// One node does not reach the job store.
    CutOff,
    /// No node does.
    StoreAway,
    StoreSlow,
    /// Nobody reaches the objects.
    EndpointAway,
    /// The time of day of a node jumps.
    ClockJump,
    DiskFull,
    SpoolFails,
}

const MISHAPS: [(u64, Mishap); 9] = [
    (8, Mishap::Crash),
    (5, Mishap::Freeze),
    (4, Mishap::CutOff),
    (2, Mishap::StoreAway),
    (2, Mishap::StoreSlow),
    (3, Mishap::EndpointAway),
    (3, Mishap::ClockJump),
    (2, Mishap::DiskFull),
    (1, Mishap::SpoolFails),
];

/// How long one lasts, in seconds: a moment, beyond an attempt, beyond a lease of 60 s, beyond
/// one of 1,200 s.
const LASTS_S: [(u64, u64); 4] = [(5, 3), (4, 30), (3, 90), (1, 1000)];

/// What is said of a clock that jumps.
pub(crate) const CLOCK_JUMPS: &str = "its clock jumps";

/// Makes mishaps happen until the storm is over.
pub(crate) async fn make_trouble(world: Arc<World>, every: Duration) {
    let chance = Chance::new(world.seed, "mishaps");
    loop {
        world.executor.sleep(chance.up_to(every * 2)).await;
        if world.weather.is_over() {
            return;
        }
        let mut processes = world.processes();
        // The dead and the frozen have had theirs.
        processes.retain(|(_, process)| !process.node.is_crashed() && !process.node.is_frozen());
        if let Some((slot, process)) = chance.pick(&processes) {
            befall(&world, &chance, *slot, process);
        }
    }
}

/// Lets something befall the scene so long after its beginning.
pub(crate) async fn play(world: Arc<World>, after: Duration, act: Act) {
    world.executor.sleep(after).await;
    let processes = world.processes();
    match act {
        Act::Crash(slot) => {
            let lives = |(of, process): &&(usize, Process)| *of == slot && !process.node.is_crashed();
            processes.iter().filter(lives).for_each(|(_, process)| world.crash(&process.node));
        }
        Act::SetClock(slot, ms) => set_clock(&world, slot, None, ms),
        Act::Cancel(job) => {
            let asked = world.ids().get(job).copied().zip(processes.first());
            asked.into_iter().for_each(|(id, (_, process))| users::ask(&world, process, id, Wish::Cancel));
        }
    }
}

fn set_clock(world: &World, slot: usize, node: Option<u32>, ms: i64) {
    world.node_clocks[slot].jump(ms);
    world.note(node, Event::Mishap { what: CLOCK_JUMPS, how: format!(" by {ms} ms") });
}

/// What is said of a bucket that cannot be found.
pub(crate) const BUCKET_HIDDEN: &str = "a bucket is not found";

/// Lets the way to a bucket be lost for a moment, now and then, until the storm is over.
pub(crate) async fn hide_buckets(world: Arc<World>) {
    let chance = Chance::new(world.seed, "buckets");
    while !world.weather.is_over() {
        world.executor.sleep(chance.up_to(Duration::from_secs(8))).await;
        let name = bucket(if chance.below(2) == 0 { SOURCE } else { TARGET });
        let lasts = chance.up_to(Duration::from_secs(2));
        world.note(None, Event::Mishap { what: BUCKET_HIDDEN, how: format!(": {name} for {lasts:?}") });
        world.bucket.hide_bucket(&name, true);
        world.executor.sleep(lasts).await;
        world.bucket.hide_bucket(&name, false);
    }
}

fn befall(world: &Arc<World>, chance: &Chance, slot: usize, process: &Process) {
    let (now, mishap) = (world.executor.now(), chance.weighted(&MISHAPS));
    let lasts = Duration::from_secs(chance.between(1, chance.weighted(&LASTS_S)));
    let until = now + lasts;
    let weather = &world.weather;
    let for_long = format!(" for {lasts:?}");
    let (what, how) = match mishap {
        Mishap::Crash => {
            if weather.may_crash() {
                world.crash(&process.node);
            }
            return;
        }
        Mishap::Freeze => {
            freeze(world, &process.node);
            return;
        }
        Mishap::CutOff => {
            weather.send_store_away(slot, until);
            ("does not reach the job store", for_long)
        }
        Mishap::StoreAway => {
            (0..world.scene.nodes).for_each(|slot| weather.send_store_away(slot, until));
            ("the job store is away", for_long)
        }
        Mishap::StoreSlow => {
            weather.slow_the_store(until);
            ("the job store is slow", for_long)
        }
        Mishap::EndpointAway => {
            weather.send_endpoint_away(now, until);
            ("the endpoint is away", for_long)
        }
        Mishap::ClockJump => {
            let most = chance.weighted(&[(3, 3_000), (2, 100_000), (1, 90_000_000)]);
            let ms = i64::try_from(chance.below(2 * most)).unwrap_or(0) - i64::try_from(most).unwrap_or(0);
            set_clock(world, slot, Some(process.node.id), ms);
            return;
        }
        Mishap::DiskFull => {
            weather.fill_the_disk(until);
            ("the disk is full", for_long)
        }
        Mishap::SpoolFails => {
            weather.break_the_spool(until);
            ("the spool fails", for_long)
        }
    };
    let is_of_node = matches!(mishap, Mishap::CutOff);
    world.note(is_of_node.then_some(process.node.id), Event::Mishap { what, how });
}

/// Stops a process; it goes on after a while.
pub(crate) fn freeze(world: &Arc<World>, node: &Node) {
    let lasts = world.weather.frozen_for();
    world.note(Some(node.id), Event::Mishap { what: "is frozen", how: format!(" for {lasts:?}") });
    node.freeze();
    let (thawing, frozen) = (world.clone(), node.clone());
    let work = async move {
        thawing.executor.sleep(lasts).await;
        thaw(&thawing, &frozen);
    };
    world.space.spawn("thaw", Box::pin(work));
}

/// A slice whose holder was lost has another: often whoever is frozen wakes just then, the worst of
/// all moments when the slice was theirs.
pub(crate) fn wake_others(world: &Arc<World>, node: u32) {
    for (_, process) in world.processes().into_iter().filter(|(_, other)| other.node.id != node) {
        let Some(after) = world.weather.wakes_after().filter(|_| process.node.is_frozen()) else { continue };
        let (waking, frozen) = (world.clone(), process.node.clone());
        let work = async move {
            waking.executor.sleep(after).await;
            thaw(&waking, &frozen);
        };
        world.space.spawn("wake", Box::pin(work));
    }
}

/// Lets a frozen process go on.
pub(crate) fn thaw(world: &World, node: &Node) {
    if node.is_frozen() {
        world.note(Some(node.id), Event::Mishap { what: "thaws", how: String::new() });
        node.thaw();
    }
}
