//! Users, who change their jobs at any moment through the service's use cases.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use brigade_model::ports::Spawn;
use brigade_model::status::phase;
use brigade_model::{AccountId, Job, JobId, Phase, Status};
use brigade_service::{Caller, CallerAccount, JobService, Origin, ServiceError};

use crate::chance::Chance;
use crate::cluster::SimulatedCluster;
use crate::history::Event;
use crate::process::Process;

/// How often a user looks whether a job has begun.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a user wants.
#[derive(Debug, Clone, Copy)]
pub(crate) enum UserAction {
    Cancel,
    Pause,
    GoOn,
    Confirm,
    OtherPriority(i32),
    Delete,
}

const USER_ACTIONS: [(u64, UserAction); 9] = [
    (3, UserAction::Cancel),
    (6, UserAction::Pause),
    (6, UserAction::GoOn),
    (4, UserAction::Confirm),
    (1, UserAction::OtherPriority(0)),
    (1, UserAction::OtherPriority(1)),
    (1, UserAction::OtherPriority(2)),
    (1, UserAction::OtherPriority(3)),
    (1, UserAction::Delete),
];

/// Changes jobs until the faults end.
pub(crate) async fn change_jobs(cluster: Arc<SimulatedCluster>, every: Duration) {
    let chance = Chance::new(cluster.seed, "users");
    loop {
        cluster.executor.sleep(chance.up_to(every * 2)).await;
        if cluster.fault_schedule.is_over() {
            return;
        }
        let action = chance.weighted(&USER_ACTIONS);
        let (mut ids, processes) = (cluster.ids(), cluster.processes());
        // Users seldom try to change an ended job.
        ids.retain(|id| chance.below(10) == 0 || cluster.job(*id).is_some_and(|job| !job.status.is_terminal()));
        // Most who pause a job do so because it runs.
        if matches!(action, UserAction::Pause) && chance.below(4) > 0 {
            ids.retain(|id| cluster.job(*id).is_some_and(|job| job.status == Status::Active));
        }
        if let (Some(id), Some((_, process))) = (chance.pick(&ids), chance.pick(&processes)) {
            ask(&cluster, process, *id, action);
        }
    }
}

/// Pauses a job so long after it began to run.
pub(crate) async fn think_again(cluster: Arc<SimulatedCluster>, number: usize, after: Duration) {
    let chance = Chance::new(cluster.seed ^ number as u64, "second thoughts");
    let Some(id) = cluster.ids().get(number).copied() else { return };
    let waits = |job: Job| matches!(phase(job.status), Phase::Prepare | Phase::Wait);
    while !cluster.fault_schedule.is_over() && cluster.job(id).is_some_and(waits) {
        cluster.executor.sleep(LOOK_EVERY).await;
    }
    cluster.executor.sleep(after).await;
    if !cluster.fault_schedule.is_over()
        && let Some((_, process)) = chance.pick(&cluster.processes())
    {
        ask(&cluster, process, id, UserAction::Pause);
    }
}

/// Asks a process for a change; it answers, or dies, or reports that its store is down.
pub(crate) fn ask(cluster: &Arc<SimulatedCluster>, process: &Process, id: JobId, action: UserAction) {
    let Some(job) = cluster.number_of(id) else { return };
    let (cluster, process) = (cluster.clone(), process.clone());
    let node = process.node.clone();
    let caller = owner_of(&cluster, job);
    cluster.note(Some(node.id), Event::Asked { job, change: format!("{action:?}") });
    let work = async move {
        let status = match grant(&process.service, &caller, id, action).await {
            Ok(job) => Some(job.status),
            Err(ServiceError::NoSuchJob | ServiceError::IllegalChange { .. }) => None,
            Err(ServiceError::Store(_)) => return,
            Err(error) => panic!("{action:?} is refused by {error:?}"),
        };
        cluster.note(Some(process.node.id), Event::Answered { job, change: format!("{action:?}"), status });
    };
    node.spawn("request of a user", Box::pin(work));
}

/// The user whose job it is.
fn owner_of(cluster: &SimulatedCluster, job: usize) -> Caller {
    let name = AccountId::new(cluster.run_plan.jobs[job].account.to_string()).expect("digits are a name");
    Caller {
        account: Arc::new(CallerAccount { name, identities: BTreeMap::new() }),
        key_id: "key".to_owned(),
        origin: Origin { address: "user".to_owned(), request_id: "request".to_owned() },
        dialect: None,
    }
}

async fn grant(service: &JobService, caller: &Caller, id: JobId, action: UserAction) -> Result<Job, ServiceError> {
    match action {
        UserAction::Cancel => service.cancel_job(caller, id, "enough").await,
        UserAction::Pause => service.pause_job(caller, id).await,
        UserAction::GoOn => service.resume_job(caller, id).await,
        UserAction::Confirm => service.confirm_job(caller, id, "go").await,
        UserAction::OtherPriority(priority) => service.set_job_priority(caller, id, priority).await,
        UserAction::Delete => service.delete_job(caller, id).await,
    }
}
