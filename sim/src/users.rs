//! Users, who change their jobs at any moment, by the use cases that the service has for them.

use std::sync::Arc;
use std::time::Duration;

use brigade_model::ports::Spawn;
use brigade_model::status::stage;
use brigade_model::{AccountId, Job, JobId, Stage, Status};
use brigade_service::{Caller, JobService, Origin, Owner, ServiceError};

use crate::chance::Chance;
use crate::history::Event;
use crate::process::Process;
use crate::world::World;

/// How often a user looks whether a job has begun.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a user wants.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wish {
    Cancel,
    Pause,
    GoOn,
    Confirm,
    OtherPriority(i32),
    Delete,
}

const WISHES: [(u64, Wish); 9] = [
    (3, Wish::Cancel),
    (6, Wish::Pause),
    (6, Wish::GoOn),
    (4, Wish::Confirm),
    (1, Wish::OtherPriority(0)),
    (1, Wish::OtherPriority(1)),
    (1, Wish::OtherPriority(2)),
    (1, Wish::OtherPriority(3)),
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
        let (mut ids, processes) = (world.ids(), world.processes());
        // An ended job is of little interest; now and then somebody tries.
        ids.retain(|id| chance.below(10) == 0 || world.job(*id).is_some_and(|job| !job.status.is_terminal()));
        // Most who pause a job do so because it runs.
        if matches!(wish, Wish::Pause) && chance.below(4) > 0 {
            ids.retain(|id| world.job(*id).is_some_and(|job| job.status == Status::Active));
        }
        if let (Some(id), Some((_, process))) = (chance.pick(&ids), chance.pick(&processes)) {
            ask(&world, process, *id, wish);
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
        ask(&world, process, id, Wish::Pause);
    }
}

/// Asks a process for a change; it answers, or dies, or says that its store is away.
pub(crate) fn ask(world: &Arc<World>, process: &Process, id: JobId, wish: Wish) {
    let Some(job) = world.number_of(id) else { return };
    let (world, process) = (world.clone(), process.clone());
    let node = process.node.clone();
    let caller = owner_of(&world, job);
    world.note(Some(node.id), Event::Asked { job, change: format!("{wish:?}") });
    let work = async move {
        let status = match grant(&process.service, &caller, id, wish).await {
            Ok(job) => Some(job.status),
            Err(ServiceError::NoSuchJob | ServiceError::IllegalChange { .. }) => None,
            Err(ServiceError::Store(_)) => return,
            Err(error) => panic!("{wish:?} is refused by {error:?}"),
        };
        world.note(Some(process.node.id), Event::Answered { job, change: format!("{wish:?}"), status });
    };
    node.spawn("request of a user", Box::pin(work));
}

/// The user whose job it is.
fn owner_of(world: &World, job: usize) -> Caller {
    let account = AccountId::new(world.scene.jobs[job].account.to_string()).expect("digits are a name");
    Caller {
        owner: Arc::new(Owner { account, appid: String::new(), uin: String::new() }),
        key_id: "key".to_owned(),
        origin: Origin { address: "user".to_owned(), request_id: "request".to_owned() },
        dialect: None,
    }
}

async fn grant(service: &JobService, caller: &Caller, id: JobId, wish: Wish) -> Result<Job, ServiceError> {
    match wish {
        Wish::Cancel => service.cancel_job(caller, id, "enough").await,
        Wish::Pause => service.pause_job(caller, id).await,
        Wish::GoOn => service.resume_job(caller, id).await,
        Wish::Confirm => service.confirm_job(caller, id, "go").await,
        Wish::OtherPriority(priority) => service.set_job_priority(caller, id, priority).await,
        Wish::Delete => service.delete_job(caller, id).await,
    }
}
