//! One run of a seed: the storm, the calm in which every job must end, and the judgement.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use brigade_model::ports::Spawn;
use brigade_s3::simulated::Habit;

use crate::chance::Chance;
use crate::evidence::Evidence;
use crate::executor::Executor;
use crate::history::{Entry, digest};
use crate::invariants::{self, Violation};
use crate::process::Process;
use crate::scenarios::Scenario;
use crate::scene::Scene;
use crate::users::Wish;
use crate::world::World;
use crate::{mishaps, other_writer, users};

/// Once nothing goes wrong any more every job ends within this: longer than the longest lease
/// with its grace, and than the patience with a report.
const CALM_MAX: Duration = Duration::from_secs(2 * 3600);
/// A process that died is started again within this.
const RESTART_MAX: Duration = Duration::from_secs(20);
/// How often dead processes and ended jobs are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What came of a seed.
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// Everything that happened.
    pub history: Vec<Entry>,
    /// What must not have happened.
    pub violations: Vec<Violation>,
    /// What happened, in kinds, and how often: moves of statuses, mishaps, outcomes.
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
    run_scene(seed, Scene::of(seed, habits))
}

/// Runs a scene that was written by hand; the seed decides the order in which work goes on.
#[must_use]
pub fn run_scenario(seed: u64, scenario: &Scenario) -> Run {
    run_scene(seed, scenario.scene())
}

fn run_scene(seed: u64, scene: Scene) -> Run {
    let executor = Executor::new(seed);
    let space = executor.node();
    let mut world = World::new(seed, scene, &executor, space.clone());
    world.fill();
    let world = Arc::new(world);
    executor.run(&space, live(world.clone()));
    let history = world.history.take();
    let evidence = Evidence::gather(&world, &history);
    let violations = invariants::check(&evidence);
    let kinds = evidence.kinds();
    Run { seed, history, violations, kinds }
}

/// From the first process to the end of the last job, and a while longer.
async fn live(world: Arc<World>) {
    // Objects are older than jobs: a store tells their age in whole seconds.
    world.executor.sleep(Duration::from_secs(10)).await;
    begin(&world);
    let chance = Chance::new(world.seed, "restarts");
    let storm_ends = world.executor.now() + world.scene.storm.lasts;
    let calm_ends = storm_ends + CALM_MAX;
    while world.executor.now() < calm_ends && !have_all_ended(&world) {
        if world.executor.now() >= storm_ends && !world.weather.is_over() {
            world.weather.calm();
        }
        restart_dead(&world, &chance);
        if world.weather.is_over() {
            let_go_on(&world);
        }
        world.executor.sleep(LOOK_EVERY).await;
    }
    world.weather.calm();
    end(&world).await;
}

/// Starts what goes on by itself: processes, jobs that come one after the other, trouble.
fn begin(world: &Arc<World>) {
    (0..world.scene.nodes).for_each(|slot| world.put_process(slot, Process::start(world, slot)));
    let creating = world.clone();
    let create = async move {
        for (number, scene) in creating.scene.jobs.iter().enumerate() {
            creating.executor.sleep(scene.created_after).await;
            creating.create_job(number);
            if let Some(after) = scene.paused_after {
                creating.space.spawn("second thoughts", Box::pin(users::think_again(creating.clone(), number, after)));
            }
        }
    };
    world.space.spawn("jobs", Box::pin(create));
    for (after, act) in world.scene.script.clone() {
        world.space.spawn("script", Box::pin(mishaps::play(world.clone(), after, act)));
    }
    let storm = &world.scene.storm;
    if let Some(every) = storm.mishap_every {
        world.space.spawn("mishaps", Box::pin(mishaps::make_trouble(world.clone(), every)));
    }
    if let Some(every) = storm.hand_every {
        world.space.spawn("users", Box::pin(users::change_jobs(world.clone(), every)));
    }
    if world.scene.habits.has(Habit::HeadHasNoCode) {
        world.space.spawn("buckets", Box::pin(mishaps::hide_buckets(world.clone())));
    }
    if let Some(every) = storm.foreign_every {
        world.space.spawn("another writer", Box::pin(other_writer::write_objects(world.clone(), every)));
    }
}

fn have_all_ended(world: &World) -> bool {
    world.ended().len() == world.scene.jobs.len()
}

/// Starts a process in the place of each that died, after a while.
fn restart_dead(world: &Arc<World>, chance: &Chance) {
    for (slot, process) in world.processes() {
        let waits = chance.up_to(RESTART_MAX);
        if process.node.is_crashed() && (world.weather.is_over() || waits < LOOK_EVERY) {
            world.put_process(slot, Process::start(world, slot));
        }
    }
}

/// In the calm the users let their jobs go on, and a node that is alone may not stay frozen.
fn let_go_on(world: &Arc<World>) {
    let processes = world.processes();
    if processes.iter().all(|(_, process)| process.node.is_frozen()) {
        processes.iter().for_each(|(_, process)| mishaps::thaw(world, &process.node));
    }
    let Some((_, process)) = processes.iter().find(|(_, process)| !process.node.is_frozen()) else { return };
    for id in world.ids() {
        let Some(job) = world.job(id).filter(|job| !job.status.is_terminal()) else { continue };
        if job.held_by_user {
            users::ask(world, process, id, Wish::GoOn);
        }
        if job.status == brigade_model::Status::Suspended {
            users::ask(world, process, id, Wish::Confirm);
        }
    }
}

/// Whoever is frozen wakes and finds everything over; then all stop.
async fn end(world: &Arc<World>) {
    for (_, process) in world.processes() {
        mishaps::thaw(world, &process.node);
    }
    world.executor.sleep(Duration::from_secs(30)).await;
    if have_all_ended(world) {
        for (_, process) in world.processes().into_iter().filter(|(_, process)| !process.node.is_crashed()) {
            process.engine.shut_down().await;
        }
    }
}
