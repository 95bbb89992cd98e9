//! Carries out one task: what each operation does, when it checks the effect of an earlier attempt,
//! and what its outcome says.
//!
//! A task runs as a pipeline of small steps (find the places, read what is needed, act, follow
//! up), each a call through `ObjectStore` whose decorators do retries and limits. Each operation has
//! a file, which implements [`ObjectOperation`]. Three rules hold for every operation:
//!
//! 1. the table in `effect_check.rs` decides what to do about a call whose effect is unknown;
//! 2. `failure::outcome_of` alone makes an outcome of a failed call, and `TaskContext::with_effect`
//!    alone decides whether that call had an effect;
//! 3. when the cancel token ends, the task says what it knows: [`TaskEnd::NotAttempted`] only when
//!    it certainly changed nothing, [`TaskEnd::UnknownEffect`] otherwise, or [`TaskEnd::CutShort`]
//!    where it saw what is missing.
//!
//! The executor decides when a task runs, how many run at once, and what becomes of the outcome.

use std::sync::Arc;

use async_trait::async_trait;
use brigade_model::ports::job_store::Fence;
use brigade_model::ports::job_store::OpenUpload;
use brigade_model::ports::object_store::CancelToken;
use brigade_model::ports::{Clock, Entropy, Function, JobStore};
use brigade_model::{BucketName, Capabilities, Capability, EndpointKind, JobId, Operation, Outcome, Task, Timestamp};

use crate::budget::{Budget, keys_of_a_second};
use crate::byte_budget::ByteBudget;
use crate::places::Place;
use crate::shared_failures::SharedFailure;
use capabilities::Need;
use copy::plan::CopyPlan;
use delete::Delete;
use failure::End;
use task_context::TaskContext;

mod acl;
mod capabilities;
mod checksum;
mod copy;
mod delete;
mod digests;
mod effect_check;
mod encryption;
mod failure;
mod grants;
mod invoke;
mod locks;
mod restore;
mod source;
mod tagging;
mod tags;
mod task_context;
mod untagging;
mod uploads;
mod wait;

pub(crate) use capabilities::missing_for_row;
pub use capabilities::what_happens_without;
pub use failure::SOURCE_CHANGED;
pub(crate) use uploads::abort_left_uploads;
pub use uploads::abort_recorded_uploads;

/// What a running operation may use; built once for each lease of a slice.
#[derive(Clone)]
pub struct SliceContext {
    /// Where the objects of the manifest lie: the only place of restore, delete and tagging.
    pub source: Place,
    /// Where copies go.
    pub target: Place,
    /// What the job calls, if it calls a function.
    pub function: Option<Function>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What the job may use in this process.
    pub(crate) budget: Arc<Budget>,
    /// The bytes of bodies that this process holds.
    pub bytes: ByteBudget,
    /// Where multipart uploads are recorded before their first part.
    pub jobs: Arc<dyn JobStore>,
    /// How long the worker may go on.
    pub cancel: CancelToken,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Since when tasks of the slice that must be checked may have been attempted.
    pub attempted_since: Timestamp,
    /// Whether a check reads source and target where only their bytes can tell.
    pub compares_bytes: bool,
    /// Uploads whose completion a worker before may have sent.
    pub completing: Arc<[OpenUpload]>,
    /// Which job.
    pub job: JobId,
    /// Which slice.
    pub slice: u32,
    /// Under which lease.
    pub fence: Fence,
    /// Whether the job's patience is over: what is not there yet fails.
    pub is_last_round: bool,
    /// Whether nothing is changed, and no bytes are read: zeros come in their place.
    pub is_dry_run: bool,
}

impl SliceContext {
    /// How many tasks one call that deletes may carry now: as many as the bucket takes, and no more than a
    /// second's worth of what the job and the endpoint may be asked for.
    pub(crate) fn group_max(&self, bucket: &BucketName) -> usize {
        self.budget.group_max(bucket).min(keys_of_a_second(&self.source.health.speed()))
    }
}

/// The end of one task's run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskEnd {
    /// It has its outcome.
    Done(Outcome),
    /// The cancel token ended (or the lease, or the job store failed) and the task certainly changed
    /// nothing: it may run later as if it had never begun.
    NotAttempted,
    /// The cancel token ended and the task's effect is unknown: the next run must check it.
    UnknownEffect,
    /// The cancel token ended while a call failed for a reason that may pass, after the task had
    /// acted: its outcome if it does not run again. If it does, it must check first.
    CutShort(Outcome),
    /// What it waits for is not there yet; it changed nothing, and runs again in the job's next round.
    NotYet,
    /// It failed by what fails other tasks of the job, too: its outcome, unless the job is held for it.
    SharedFailure(Outcome, Box<SharedFailure>),
}

/// What each operation says of itself; its file has the only implementation.
#[async_trait]
pub(crate) trait ObjectOperation: Send + Sync {
    /// Carries out one task.
    async fn run(&self, context: &TaskContext<'_>) -> Result<Outcome, End>;

    /// What it asks of its endpoints beyond what every store does.
    fn needs(&self) -> Vec<Need>;

    /// How one call carries several tasks; `None` when each task has calls of its own.
    fn group(&self) -> Option<&dyn Group> {
        None
    }
}

/// What an operation does that can carry out several tasks by one call.
#[async_trait]
pub(crate) trait Group: Send + Sync {
    /// See [`PreparedOperation::group_len`].
    fn len(&self, tasks: &[Task], keys_max: usize, must_check: &dyn Fn(&Task) -> bool) -> usize;

    /// Carries out tasks that [`Group::len`] put together.
    async fn run(&self, slice_context: &SliceContext, tasks: &[Task], must_check: bool) -> Vec<TaskEnd>;
}

/// An operation with its parameters in the form that tasks need; built once for a job.
pub struct PreparedOperation(Box<dyn ObjectOperation>);

impl PreparedOperation {
    /// Brings the parameters into that form, for a target of that kind.
    #[must_use]
    pub fn new(operation: &Operation, target: EndpointKind) -> Self {
        Self(match operation {
            Operation::Copy(copy) => Box::new(CopyPlan::new(copy, target)),
            Operation::Restore(restore) => Box::new(*restore),
            Operation::Delete => Box::new(Delete),
            Operation::Tagging(tagging) => Box::new(tagging.clone()),
            Operation::Untagging(untagging) => Box::new(untagging.clone()),
            Operation::Acl(acl) => Box::new(acl.clone()),
            Operation::LegalHold(hold) => Box::new(*hold),
            Operation::Retention(retention) => Box::new(*retention),
            Operation::Checksum(compute) => Box::new(*compute),
            Operation::Encryption(update) => Box::new(update.clone()),
            Operation::Invoke(invoke) => Box::new(invoke.clone()),
            Operation::WaitForRestore(wait) => Box::new(*wait),
        })
    }

    /// Whether one call of [`run_group`] may carry several tasks.
    #[must_use]
    pub fn is_grouped(&self) -> bool {
        self.0.group().is_some()
    }

    /// How many of the first tasks, of `keys_max` at most, one call of [`run_group`] can carry: at least
    /// 1 (when there is a task), and 1 for every operation without groups. `must_check` says which
    /// tasks lie in the window of a lease that was revoked.
    #[must_use]
    pub fn group_len(&self, tasks: &[Task], keys_max: usize, must_check: impl Fn(&Task) -> bool) -> usize {
        self.0.group().map_or(tasks.len().min(1), |group| group.len(tasks, keys_max, &must_check))
    }
}

/// What the endpoints lack that the operation cannot do without; empty when it can be done.
#[must_use]
pub fn missing_capabilities(operation: &Operation, source: &Capabilities, target: &Capabilities) -> Vec<Capability> {
    capabilities::missing_among(&PreparedOperation::new(operation, EndpointKind::Other).0.needs(), source, target)
}

/// Runs one task of any operation. `must_check` says that it may have been attempted before.
pub async fn run_one(
    operation: &PreparedOperation,
    slice_context: &SliceContext,
    task: &Task,
    must_check: bool,
) -> TaskEnd {
    run_sized(operation, slice_context, task, must_check).await.0
}

/// The same, with the size of the task's object, as far as the manifest or a call that it needed anyway tells it.
pub(crate) async fn run_sized(
    operation: &PreparedOperation,
    slice_context: &SliceContext,
    task: &Task,
    must_check: bool,
) -> (TaskEnd, Option<u64>) {
    let context = TaskContext::new(slice_context, task, must_check.then_some(slice_context.attempted_since));
    let end = context.end(operation.0.run(&context).await);
    (end, context.size())
}

/// Runs tasks that [`PreparedOperation::group_len`] put together, in one call where possible. The
/// ends stand in the order of the tasks.
pub async fn run_group(
    operation: &PreparedOperation,
    slice_context: &SliceContext,
    tasks: &[Task],
    must_check: bool,
) -> Vec<TaskEnd> {
    if let Some(group) = operation.0.group() {
        return group.run(slice_context, tasks, must_check).await;
    }
    let mut runs = Vec::with_capacity(tasks.len());
    for task in tasks {
        runs.push(run_one(operation, slice_context, task, must_check).await);
    }
    runs
}

#[cfg(test)]
mod tests;
