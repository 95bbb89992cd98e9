//! What all work of an engine shares: ports, settings, the owner's name, cancel tokens, the
//! wake-up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use brigade_model::job::{Job, JobFailure, Unconfirmed, failure};
use brigade_model::operation::Side;
use brigade_model::ports::Function;
use brigade_model::ports::job_store::{KnownLeases, OwnerId, SliceLease, StoreError};
use brigade_model::ports::object_store::{Caller, CancelToken};
use brigade_model::{JobId, Live, LoadLimits, Operation, ReportLayout, Timestamp};
use tokio::sync::watch;

use crate::budget::{Budget, Budgeted};
use crate::byte_budget::ByteBudget;
use crate::cancel_registry::CancelRegistry;
use crate::config::EngineConfig;
use crate::dry_run::DryRun;
use crate::meters::Meters;
use crate::operation::SliceContext;
use crate::places::RolePlaces;
use crate::ports::Ports;
use crate::shared_failures::SharedFailures;
use crate::space::Space;
use crate::stage_error::StageError;
use crate::stage_waits::StageWaits;

/// The shared part of an engine. Cheap to clone.
#[derive(Clone)]
pub(crate) struct EngineContext {
    pub(crate) ports: Ports,
    pub(crate) config: Arc<Live<EngineConfig>>,
    pub(crate) owner: OwnerId,
    pub(crate) cancels: CancelRegistry,
    pub(crate) space: Space,
    pub(crate) bytes: ByteBudget,
    pub(crate) stage_waits: StageWaits,
    pub(crate) meters: Meters,
    wakeups: watch::Sender<u64>,
    budgets: Arc<Mutex<BTreeMap<JobId, Arc<Budget>>>>,
    shared_failures: Arc<Mutex<BTreeMap<JobId, Arc<SharedFailures>>>>,
}

impl EngineContext {
    pub(crate) fn new(ports: Ports, config: EngineConfig) -> Self {
        let owner = OwnerId(ports.change_id().0);
        let (space, bytes) = (Space::new(&config), ByteBudget::new(config.bytes_in_flight));
        let meters = Meters::new(ports.clock.monotonic());
        Self {
            ports,
            config: Arc::new(Live::new(config)),
            owner,
            cancels: CancelRegistry::default(),
            space,
            bytes,
            stage_waits: StageWaits::default(),
            meters,
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
            () = self.ports.clock.sleep(self.config.now().poll) => {}
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
        self.ports.jobs.revoke_lost(job, self.config.now().lease_grace, known).await
    }

    /// Everything that the tasks of a slice share.
    pub(crate) fn set_up(
        &self,
        job: &Job,
        lease: &SliceLease,
        cancel: &CancelToken,
    ) -> Result<SliceContext, StageError> {
        let mut places = self.places_to_run(job)?;
        // Whatever is no copy acts on one place alone, also where it is emulated by copies.
        if job.spec.operation.kind().slots_at() == Side::Source {
            places.target = places.source.clone();
        }
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
            cancel: cancel
                .on_behalf_of(Caller::new(job.account.as_str(), job.id))
                .paying(job.spec.operation.pays_requests()),
            entropy: self.ports.entropy.clone(),
            attempted_since: first_attempted(job, lease),
            compares_bytes: job.spec.unconfirmed == Unconfirmed::Compare,
            completing: Arc::default(),
            job: job.id,
            slice: lease.slice.index,
            fence: lease.fence,
            is_last_round: job.rounds.is_some_and(|rounds| rounds.is_last),
            is_dry_run: false,
        };
        // In the slice context of a dry run no operation can change anything.
        Ok(if job.spec.options.is_dry_run() { DryRun::at(&slice_context).slice_context } else { slice_context })
    }

    /// Every limit on how fast a job's requests go.
    pub(crate) fn speeds_of(&self, job: &Job) -> Vec<LoadLimits> {
        let config = self.config.now();
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

    /// Forgets the budgets of all jobs but these, what their tasks did lately, and what their failures have in common.
    pub(crate) fn keep_budgets(&self, is_kept: impl Fn(JobId) -> bool) {
        self.meters.keep(&is_kept);
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner).retain(|job, _| is_kept(*job));
        self.shared_failures.lock().unwrap_or_else(PoisonError::into_inner).retain(|job, _| is_kept(*job));
    }

    /// Lets what runs of the job go on within the limits that it has now.
    pub(crate) fn follow_limits(&self, job: &Job) {
        if let Some(budget) = self.known_budget(job.id) {
            budget.follow(job);
        }
    }
}

/// The earliest time at which a task of the slice without an outcome may have been attempted: under
/// a lease that was not released cleanly, after the backup was made that the job comes from, or
/// under this lease.
fn first_attempted(job: &Job, lease: &SliceLease) -> Timestamp {
    lease.slice.must_check_since.into_iter().chain(job.restored_from).min().unwrap_or(lease.leased_at)
}
