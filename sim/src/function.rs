//! The function that jobs invoke, and the network before it: loses, delays and refuses invocations as the fault
//! schedule says, and carries them on though their sender dies.
//!
//! The function knows a task by its id: whatever it once said of a task for good it says again.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ports::function::{FunctionAnswer, Invocation, Invoker, NotAnswered};
use brigade_model::ports::object_store::{CallKind, Effect};
use brigade_model::ports::{Function, Spawn};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, oneshot};

use crate::chance::Chance;
use crate::cluster::{SOURCE, SimulatedCluster, at};
use crate::history::Event;

/// Invocations that a process has in flight.
const INVOCATIONS_MAX: usize = 8;
/// How long one may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What the function says of a task for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Succeeded,
    PermanentFailure,
}

/// What the function says, and how often.
const SAID: [(u64, Said); 2] = [(15, Said::Succeeded), (1, Said::PermanentFailure)];
/// How often it says TemporaryFailure, or fails with a 500, while there are faults.
const PASSING_PPM: u64 = 50_000;

/// What it says of an object where it succeeds.
pub(crate) fn text_of(key: &str) -> String {
    format!("saw {key}")
}

/// The function, as a process reaches it.
pub(crate) fn of(cluster: &Arc<SimulatedCluster>, node: u32) -> Function {
    let chance = Arc::new(Chance::new(cluster.seed ^ (u64::from(node) << 32), "function"));
    let invoker = Arc::new(SimulatedFunction { cluster: cluster.clone(), node, chance });
    Function { invoker, slots: Arc::new(Semaphore::new(INVOCATIONS_MAX)), timeout: TIMEOUT }
}

#[derive(Clone)]
struct SimulatedFunction {
    cluster: Arc<SimulatedCluster>,
    node: u32,
    chance: Arc<Chance>,
}

#[async_trait]
impl Invoker for SimulatedFunction {
    async fn invoke(&self, invocation: Invocation) -> Result<FunctionAnswer, NotAnswered> {
        let cluster = &self.cluster;
        let call = cluster.next_call();
        let task = self.task_of(&invocation);
        if let Some((job, task)) = task {
            let at = at(SOURCE, &cluster.objects[job][task].key);
            cluster.note(Some(self.node), Event::Invoked { call, at });
        }
        let (to, answer) = oneshot::channel();
        let travelling = self.clone();
        let request = async move {
            // The receiver is gone when the sender is dead.
            let _ = to.send(travelling.travel(call, task).await);
        };
        cluster.space.spawn("invocation", Box::pin(request));
        let result = tokio::select! {
            biased;
            answer = answer => answer.unwrap_or_else(|_| Err(lost())),
            () = cluster.executor.sleep(TIMEOUT) => Err(lost()),
        };
        let error = match &result {
            Ok(answer) if answer.http_status == 503 => Some(("SlowDown".to_owned(), Effect::None)),
            Ok(_) => None,
            Err(error) => Some((error.message.clone(), error.effect)),
        };
        cluster.note(Some(self.node), Event::Returned { call, error });
        result
    }
}

impl SimulatedFunction {
    /// The task that an invocation is for: `None` where its request names another object than its id does.
    fn task_of(&self, invocation: &Invocation) -> Option<(usize, usize)> {
        let (id, number) = invocation.task.split_once('/')?;
        let (job, number) = (self.cluster.number_of(id.parse().ok()?)?, number.parse::<usize>().ok()?);
        let object = self.cluster.objects[job].get(number)?;
        let body: Value = serde_json::from_slice(&invocation.body).ok()?;
        let row = &body["tasks"][0];
        (row["s3Key"] == object.key.as_str() && row["taskId"] == invocation.task.as_str()).then_some((job, number))
    }

    /// A request to the function and its answer.
    async fn travel(&self, call: u64, task: Option<(usize, usize)>) -> Result<FunctionAnswer, NotAnswered> {
        let cluster = &self.cluster;
        let faults = cluster.fault_schedule.object_faults();
        let strikes = |ppm: u32| self.chance.strikes(u64::from(ppm));
        if strikes(faults.lost_before_ppm) {
            return Err(NotAnswered { effect: Effect::None, message: "the function cannot be reached".to_owned() });
        }
        if strikes(faults.lost_on_the_way_ppm) {
            return Err(lost());
        }
        cluster.executor.sleep(self.pause(faults.held_up_ppm, faults.held_up_max)).await;
        if strikes(faults.throttled_ppm) {
            return Ok(answer(503, String::new()));
        }
        let answered = self.carry_out(call, task);
        cluster.executor.sleep(self.pause(faults.late_ppm, faults.late_max)).await;
        if strikes(faults.lost_after_ppm) { Err(lost()) } else { Ok(answered) }
    }

    fn pause(&self, late_ppm: u32, late_max: Duration) -> Duration {
        let late = if self.chance.strikes(u64::from(late_ppm)) { self.chance.up_to(late_max) } else { Duration::ZERO };
        self.cluster.fault_schedule.object_pause(CallKind::HeadObject) + late
    }

    fn carry_out(&self, call: u64, task: Option<(usize, usize)>) -> FunctionAnswer {
        let cluster = &self.cluster;
        let Some((job, number)) = task else { return answer(400, "no such task".to_owned()) };
        let key = &cluster.objects[job][number].key;
        cluster.note(
            Some(self.node),
            Event::CarriedOut { call, at: at(SOURCE, key), before: None, after: None, has_effect: true },
        );
        let passes = !cluster.fault_schedule.is_over() && self.chance.strikes(PASSING_PPM);
        if passes && self.chance.below(2) == 0 {
            return answer(500, "the function broke".to_owned());
        }
        let id = format!("{}/{number}", cluster.ids()[job]);
        let said = if passes { None } else { Some(cluster.say((job, number), self.chance.weighted(&SAID))) };
        let code = match said {
            None => "TemporaryFailure",
            Some(Said::Succeeded) => "Succeeded",
            Some(Said::PermanentFailure) => "PermanentFailure",
        };
        let result = json!({"taskId": id, "resultCode": code, "resultString": text_of(key.as_str())});
        answer(200, json!({"results": [result]}).to_string())
    }
}

fn answer(http_status: u16, body: String) -> FunctionAnswer {
    FunctionAnswer { http_status, retry_after_seconds: None, body: body.into() }
}

fn lost() -> NotAnswered {
    NotAnswered { effect: Effect::Unknown, message: "the answer of the function is lost".to_owned() }
}
