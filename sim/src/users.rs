//! Users, who change their jobs at any moment; what the service does for them is what its API
//! does: read, decide, apply, stop what must stop, and then answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use brigade_model::ports::Spawn;
use brigade_model::ports::change_job::{NotChanged, change_job};
use brigade_model::ports::job_store::ChangeId;
use brigade_model::status::stage;
use brigade_model::{Change, Job, JobId, Stage, Status};

use crate::chance::Chance;
use crate::history::Event;
use crate::process::Process;
use crate::world::World;

/// How often a user looks whether a job has begun.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a user wants.
#[derive(Debug, Clone, Copy)]
enum Wish {
    Cancel,
    Pause,
    GoOn,
    Confirm,
    OtherPriority,
    Delete,
}

const WISHES: [(u64, Wish); 6] = [
    (3, Wish::Cancel),
    (6, Wish::Pause),
    (6, Wish::GoOn),
    (4, Wish::Confirm),
    (4, Wish::OtherPriority),
    (1, Wish::Delete),
];

/// Changes jobs until the storm is over.
pub(crate) async fn change_jobs(world: Arc<World>, every: Duration) {
    let chance = Chance::new(world.seed, "users");
    loop {
        world.executor.sleep(chance.up_to(every * 2)).await;
        if world.weather.is_over() {
            return;
        }
        let wish = chance.weighted(&WISHES);
        let change = match wish {
            Wish::Cancel => Change::CancelRequested("enough".into()),
            Wish::Pause => Change::Held,
            Wish::GoOn => Change::Released,
            Wish::Confirm => Change::Confirmed("go".into()),
            Wish::OtherPriority => Change::PrioritySet(i32::try_from(chance.below(4)).unwrap_or(0)),
            Wish::Delete => Change::DeleteRequested,
        };
        let (mut ids, processes) = (world.ids(), world.processes());
        // An ended job is of little interest; now and then somebody tries.
        ids.retain(|id| chance.below(10) == 0 || world.job(*id).is_some_and(|job| !job.status.is_terminal()));
        // Most who pause a job do so because it runs.
        if matches!(wish, Wish::Pause) && chance.below(4) > 0 {
            ids.retain(|id| world.job(*id).is_some_and(|job| job.status == Status::Active));
        }
        if let (Some(id), Some((_, process))) = (chance.pick(&ids), chance.pick(&processes)) {
            ask(&world, process, *id, change, chance.below(1 << 62));
        }
    }
}

/// Pauses a job so long after it began to run.
pub(crate) async fn think_again(world: Arc<World>, number: usize, after: Duration) {
    let chance = Chance::new(world.seed ^ number as u64, "second thoughts");
    let Some(id) = world.ids().get(number).copied() else { return };
    let waits = |job: Job| matches!(stage(job.status), Stage::Prepare | Stage::Wait);
    while !world.weather.is_over() && world.job(id).is_some_and(waits) {
        world.executor.sleep(LOOK_EVERY).await;
    }
    world.executor.sleep(after).await;
    if !world.weather.is_over()
        && let Some((_, process)) = chance.pick(&world.processes())
    {
        ask(&world, process, id, Change::Held, chance.below(1 << 62));
    }
}

/// Asks a process for a change; it answers, or dies, or says that its store is away.
pub(crate) fn ask(world: &Arc<World>, process: &Process, id: JobId, change: Change, name: u64) {
    let Some(job) = world.number_of(id) else { return };
    let (world, process) = (world.clone(), process.clone());
    let node = process.node.clone();
    world.note(Some(node.id), Event::Asked { job, change: format!("{change:?}") });
    let work = async move {
        let text = format!("{change:?}");
        let stops = matches!(change, Change::CancelRequested(_) | Change::DeleteRequested);
        let Some(answer) = apply(&process, id, change, ChangeId(uuid::Uuid::from_u128(u128::from(name)))).await else {
            return;
        };
        if stops && answer.is_some() {
            process.engine.stop_job(id);
        }
        process.engine.ring();
        let status = answer.map(|job| job.status);
        world.note(Some(process.node.id), Event::Answered { job, change: text, status });
    };
    node.spawn("request of a user", Box::pin(work));
}

/// `Some(None)` when it is refused, `None` when there is no answer.
async fn apply(process: &Process, id: JobId, change: Change, name: ChangeId) -> Option<Option<Job>> {
    let decide = |_: &Job| Ok::<_, Infallible>(change.clone());
    match change_job(&*process.jobs, id, name, None, decide).await {
        Ok(changed) => Some(Some(changed.after)),
        Err(NotChanged::NotFound | NotChanged::Illegal(..)) => Some(None),
        Err(NotChanged::Fenced | NotChanged::Store(_)) => None,
        Err(NotChanged::Refused(_, never)) => match never {},
    }
}
