//! What all work of an engine shares: ports, settings, the owner's name, cancel tokens, the
//! wake-up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use brigade_model::job::{Change, Job, JobFailure, Unconfirmed, failure};
use brigade_model::ports::Function;
use brigade_model::ports::job_store::{KnownLeases, OwnerId, SliceLease, StoreError};
use brigade_model::ports::object_store::{Caller, CancelToken};
use brigade_model::{JobId, LoadLimits, Operation, ReportLayout, Timestamp};
use tokio::sync::watch;

use crate::budget::{Budget, Budgeted};
use crate::byte_budget::ByteBudget;
use crate::cancel_registry::CancelRegistry;
use crate::change::ChangeError;
use crate::config::EngineConfig;
use crate::dry_run::DryRun;
use crate::operation::SliceContext;
use crate::places::RolePlaces;
use crate::ports::Ports;
use crate::shared_failures::SharedFailures;
use crate::space::Space;
use crate::stage_error::StageError;

/// The shared part of an engine. Cheap to clone.
#[derive(Clone)]
pub(crate) struct EngineContext {
    pub(crate) ports: Ports,
    pub(crate) config: Arc<EngineConfig>,
    pub(crate) owner: OwnerId,
    pub(crate) cancels: CancelRegistry,
    pub(crate) space: Space,
    pub(crate) bytes: ByteBudget,
    wakeups: watch::Sender<u64>,
    budgets: Arc<Mutex<BTreeMap<JobId, Arc<Budget>>>>,
    shared_failures: Arc<Mutex<BTreeMap<JobId, Arc<SharedFailures>>>>,
}

impl EngineContext {
    pub(crate) fn new(ports: Ports, config: EngineConfig) -> Self {
        let owner = OwnerId(ports.change_id().0);
        let (space, bytes) = (Space::new(&config), ByteBudget::new(config.bytes_in_flight));
        Self {
            ports,
            config: Arc::new(config),
            owner,
            cancels: CancelRegistry::default(),
            space,
            bytes,
            wakeups: watch::Sender::new(0),
            budgets: Arc::default(),
            shared_failures: Arc::default(),
        }
    }

    /// Wakes every task that waits for the wake-up.
    pub(crate) fn notify(&self) {
        self.wakeups.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Subscribes to the wake-up: sees each notify from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.wakeups.subscribe()
    }

    /// Waits for the wake-up, or for one poll.
    pub(crate) async fn wait(&self, wakeup: &mut watch::Receiver<u64>) {
        tokio::select! {
            biased;
            _ = wakeup.changed() => {}
            () = self.ports.clock.sleep(self.config.poll) => {}
        }
    }

    /// How long the job has stood in its status, by the service clock.
    pub(crate) async fn waited(&self, job: &Job) -> Result<Duration, StoreError> {
        Ok(self.ports.jobs.service_time().await?.since(job.since))
    }

    /// What the job's report says in words of its dialect.
    pub(crate) fn report_layout_of(&self, job: &Job) -> Result<ReportLayout, StageError> {
        (self.ports.report_layouts)(job.dialect).ok_or_else(|| {
            let reason = format!("no reports are written for jobs of the dialect {}", job.dialect.word());
            StageError::Failed(JobFailure::new(failure::REPORT_DELIVERY_FAILED, reason))
        })
    }

    /// Where the job's role may act.
    pub(crate) fn places_of(&self, job: &Job) -> Result<RolePlaces, StageError> {
        let role = &job.spec.role.name;
        self.ports.roles.places(&job.account, role).ok_or_else(|| {
            let reason = format!("the account {} has no role {role} any more", job.account);
            StageError::Failed(JobFailure::new(failure::ACCESS_DENIED, reason))
        })
    }

    /// Where the job's role may act, if it still allows the job's operation.
    pub(crate) fn places_to_run(&self, job: &Job) -> Result<RolePlaces, StageError> {
        let (places, kind) = (self.places_of(job)?, job.spec.operation.kind());
        if places.operations.contains(&kind) {
            return Ok(places);
        }
        let reason = format!("the role {} does not allow the operation {} any more", job.spec.role.name, kind.word());
        Err(StageError::Failed(JobFailure::new(failure::ACCESS_DENIED, reason)))
    }

    /// The function that the job calls, if it calls one.
    fn function_of(&self, job: &Job) -> Result<Option<Function>, StageError> {
        let Operation::Invoke(invoke) = &job.spec.operation else { return Ok(None) };
        let function = self.ports.roles.function(&job.account, &invoke.function);
        function.map(Some).ok_or_else(|| {
            let reason = format!("the account {} has no function {} any more", job.account, invoke.function);
            StageError::Failed(JobFailure::new(failure::ACCESS_DENIED, reason))
        })
    }

    /// Revokes slice leases of the job that have no worker: those that expired, and those of this
    /// process that it does not know of. Returns their number.
    pub(crate) async fn revoke_lost(&self, job: JobId) -> Result<u64, StoreError> {
        let known = self.cancels.leases(job).map(|slices| KnownLeases { owner: self.owner, slices });
        self.ports.jobs.revoke_lost(job, self.config.lease_grace, known).await
    }

    /// Everything that the tasks of a slice share.
    pub(crate) fn set_up(
        &self,
        job: &Job,
        lease: &SliceLease,
        cancel: &CancelToken,
    ) -> Result<SliceContext, StageError> {
        let mut places = self.places_to_run(job)?;
        let budget = self.budget_of(job);
        let is_one_store = Arc::ptr_eq(&places.source.store, &places.target.store);
        places.source.store = Arc::new(Budgeted { inner: places.source.store, budget: budget.clone() });
        places.target.store = match is_one_store {
            true => places.source.store.clone(),
            false => Arc::new(Budgeted { inner: places.target.store, budget: budget.clone() }),
        };
        let slice_context = SliceContext {
            source: places.source,
            target: places.target,
            function: self.function_of(job)?,
            clock: self.ports.clock.clone(),
            budget,
            bytes: self.bytes.clone(),
            jobs: self.ports.jobs.clone(),
            cancel: cancel.on_behalf_of(Caller::new(job.account.as_str(), job.id)),
            entropy: self.ports.entropy.clone(),
            attempted_since: first_attempted(job, lease),
            compares_bytes: job.spec.unconfirmed == Unconfirmed::Compare,
            completing: Arc::default(),
            job: job.id,
            slice: lease.slice.index,
            fence: lease.fence,
            is_dry_run: false,
        };
        // In the slice context of a dry run no operation can change anything.
        Ok(if job.spec.options.is_dry_run() { DryRun::at(&slice_context).slice_context } else { slice_context })
    }

    /// Every limit on how fast a job's requests go.
    pub(crate) fn speeds_of(&self, job: &Job) -> Vec<LoadLimits> {
        let config = &self.config;
        let in_flight = u32::try_from(config.tasks).ok();
        let own = LoadLimits { requests_in_flight: in_flight, ..LoadLimits::default() };
        let places = self.places_of(job).ok();
        let endpoints = places.iter().flat_map(|places| [places.source.health.speed(), places.target.health.speed()]);
        [own, job.limits].into_iter().chain(endpoints).collect()
    }

    /// The budget of a job, one for all its slices in this process, also for those that run one
    /// after the other: a pace is kept from slice to slice.
    pub(crate) fn budget_of(&self, job: &Job) -> Arc<Budget> {
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = budgets.entry(job.id).or_insert_with(|| Budget::of(job, &self.ports.clock));
        budget.follow(job);
        budget.clone()
    }

    /// The budget of a job that has had slices in this process.
    pub(crate) fn known_budget(&self, job: JobId) -> Option<Arc<Budget>> {
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner).get(&job).cloned()
    }

    /// What the tasks of a job that fail in this process have in common.
    pub(crate) fn shared_failures_of(&self, job: JobId) -> Arc<SharedFailures> {
        self.shared_failures.lock().unwrap_or_else(PoisonError::into_inner).entry(job).or_default().clone()
    }

    /// Forgets the budgets of all jobs but these, and what their failures have in common.
    pub(crate) fn keep_budgets(&self, is_kept: impl Fn(JobId) -> bool) {
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner).retain(|job, _| is_kept(*job));
        self.shared_failures.lock().unwrap_or_else(PoisonError::into_inner).retain(|job, _| is_kept(*job));
    }

    /// Lets what runs of the job go on within the limits that it has now.
    pub(crate) fn follow_limits(&self, job: &Job) {
        if let Some(budget) = self.known_budget(job.id) {
            budget.follow(job);
        }
    }

    /// Tests the two predicates over recorded outcomes, failure rate first: when the job is first seen
    /// Active, after a commit with failures, when a slice is done, and when no slice is left to lease. So
    /// neither an empty manifest nor a crash between the last commit and the event can hang a job.
    pub(crate) async fn judge(&self, job: JobId) -> Result<(), ChangeError> {
        let after = self.ports.change_job(job, None, verdict_of_progress).await?;
        if after.is_some_and(|job| brigade_model::status::stage(job.status) != brigade_model::Stage::Execute) {
            self.cancels.stop(job);
            self.notify();
        }
        Ok(())
    }

    /// Holds a job whose tasks fail alike by what a person must change; one on trial for the same, for
    /// longer than its patience, fails.
    pub(crate) async fn hold_job(&self, job: JobId, why: &JobFailure) -> Result<(), ChangeError> {
        let now = self.ports.jobs.service_time().await?;
        let decide = |job: &Job| {
            let runs = matches!(job.status, brigade_model::Status::Active | brigade_model::Status::Pausing);
            let patience = job.spec.options.hold_patience(self.config.hold_patience);
            match &job.hold {
                _ if !runs => None,
                // Another worker was faster.
                Some(hold) if hold.next_try.is_some() => None,
                Some(hold) if hold.why.code == why.code && !job.held_by_user => {
                    let is_over = patience.is_some_and(|most| now.since(hold.since) >= most);
                    Some(if is_over { Change::StageFailed(why.clone()) } else { Change::HeldByService(why.clone()) })
                }
                _ => Some(Change::HeldByService(why.clone())),
            }
        };
        let after = self.ports.change_job(job, None, decide).await?;
        if let Some(hold) = after.and_then(|job| job.hold) {
            tracing::warn!(%job, code = hold.why.code, reason = %hold.why.reason, "job held; a task is tried each minute");
        }
        self.shared_failures_of(job).forget();
        self.cancels.stop(job);
        self.notify();
        Ok(())
    }

    /// A task of a job on trial showed that it can go on.
    pub(crate) async fn lift_hold(&self, job: JobId) -> Result<(), ChangeError> {
        let on_trial = |job: &Job| job.hold.as_ref().is_some_and(|hold| hold.next_try.is_none());
        let decide = |job: &Job| on_trial(job).then_some(Change::HoldLifted);
        self.ports.change_job(job, None, decide).await?;
        tracing::info!(%job, "job no longer held");
        self.shared_failures_of(job).forget();
        self.notify();
        Ok(())
    }

    /// Fails a job that runs.
    pub(crate) async fn fail_job(&self, job: JobId, why: JobFailure) -> Result<(), ChangeError> {
        let decide = |job: &Job| {
            let runs = matches!(job.status, brigade_model::Status::Active | brigade_model::Status::Pausing);
            runs.then(|| Change::StageFailed(why.clone()))
        };
        self.ports.change_job(job, None, decide).await?;
        self.cancels.stop(job);
        self.notify();
        Ok(())
    }
}

/// The earliest time at which a task of the slice without an outcome may have been attempted: under
/// a lease that was not released cleanly, after the backup was made that the job comes from, or
/// under this lease.
fn first_attempted(job: &Job, lease: &SliceLease) -> Timestamp {
    lease.slice.unsettled_since.into_iter().chain(job.restored_from).min().unwrap_or(lease.leased_at)
}

/// What recorded outcomes say about a job that runs.
pub(crate) fn verdict_of_progress(job: &Job) -> Option<Change> {
    if !matches!(job.status, brigade_model::Status::Active | brigade_model::Status::Pausing) {
        None
    } else if job.has_failed_too_often() {
        let reason =
            format!("{} of {} tasks failed", job.progress.failed, job.progress.succeeded + job.progress.failed);
        Some(Change::FailureRateExceeded(JobFailure::new(failure::TASK_FAILURE_THRESHOLD_EXCEEDED, reason)))
    } else {
        job.progress.is_exhausted().then_some(Change::TasksExhausted)
    }
}
