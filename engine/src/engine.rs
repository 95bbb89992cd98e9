//! The engine's loop: reads the open jobs and starts the work that each one's status calls for.
//!
//! A *pass* visits stages, expires confirmations, grants slots and gives free workers slices.
//! Between passes the loop waits for the wake-up (a change was stored, a worker ended) or for one
//! poll. The loop decides nothing by itself: statuses come from the table, slots from
//! `slots::decide`, turns from `FairQueue` and `Visits`. Nor does it do anything slow: visits,
//! slices, the purge and the check of the disk run beside it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brigade_model::job::{Change, Job, JobFailure, failure};
use brigade_model::limits::{NOTICE_MAX, SLICE_REVOCATIONS_MAX};
use brigade_model::ports::job_store::{JobHead, StoreError};
use brigade_model::ports::{Monotonic, Spawned};
use brigade_model::rates::{Lately, Rates};
use brigade_model::status::phase;
use brigade_model::{EndpointName, JobId, Phase, ServiceTime, Status, Waiting};
use tokio::sync::{mpsc, watch};

use crate::cancel_registry::RegisteredToken;
use crate::config::EngineConfig;
use crate::context::EngineContext;
use crate::execute::{Aside, SliceEnd, SliceRun};
use crate::failed_rows::{self, FailedRows, RowPosition};
use crate::places::Refusal;
use crate::ports::Ports;
use crate::preview::Preview;
use crate::purge::purge;
use crate::scheduler_state::{SchedulerState, Worker};
use crate::space::Space;
use crate::stage::{RETRY_DELAY, StageStep};
use crate::stage_error::StageError;
use crate::visits::Next;
use crate::{execute, stage};

/// How often the loop starts a purge of ended jobs whose retention is over.
const PURGE_EVERY: Duration = Duration::from_secs(60);

/// A job whose calls wait because the endpoint refuses its key is held after so long: a key that is
/// replaced meets some refusals, and a job on trial has the time for a few probes.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(30);

/// Carries jobs out.
pub struct Engine {
    context: EngineContext,
    is_closing: AtomicBool,
    /// How the loop ended, once it has.
    ended: watch::Sender<Option<LoopEnd>>,
}

/// How the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LoopEnd {
    /// It was shut down, or its process goes.
    Stopped,
    /// It panicked: no job makes progress any more.
    Panicked,
}

/// Tells that the loop has ended, however it did.
struct Ending<'a>(&'a watch::Sender<Option<LoopEnd>>);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let end = if std::thread::panicking() { LoopEnd::Panicked } else { LoopEnd::Stopped };
        if end == LoopEnd::Panicked {
            tracing::error!("engine loop panicked; all jobs stop until the process restarts");
        }
        self.0.send_replace(Some(end));
    }
}

/// Something that the loop had started has ended.
enum WorkEnd {
    Visit(JobId, StageStep),
    Slice(u64, JobId, SliceEnd),
    /// Whether every folder of the spool belongs to a job now.
    Purge {
        is_spool_swept: bool,
    },
}

/// Tells the loop that something ended, even when it panicked.
struct EndSender {
    ended: Option<WorkEnd>,
    to: mpsc::UnboundedSender<WorkEnd>,
}

impl EndSender {
    /// Tells this rather than what a panic would leave.
    fn tell(mut self, ended: WorkEnd) {
        self.ended = Some(ended);
    }
}

impl Drop for EndSender {
    fn drop(&mut self) {
        // When the loop itself is gone there is no receiver.
        let _ = self.ended.take().map(|ended| self.to.send(ended));
    }
}

/// Whether the job's tasks are those of another one that has not ended.
fn follows_open(heads: &[JobHead], head: &JobHead) -> bool {
    head.retry_of.is_some_and(|source| heads.binary_search_by_key(&source, |head| head.id).is_ok())
}

impl Engine {
    /// An engine that does not run yet.
    #[must_use]
    pub fn new(ports: Ports, config: EngineConfig) -> Arc<Self> {
        Arc::new(Self {
            context: EngineContext::new(ports, config),
            is_closing: AtomicBool::new(false),
            ended: watch::Sender::new(None),
        })
    }

    /// Works by these settings from now on, but for those that it began with: bytes in flight, stages and free space.
    pub fn set_config(&self, config: EngineConfig) {
        self.context.config.set(config);
        self.context.notify();
    }

    /// Wakes the loop: a change was stored.
    pub fn notify(&self) {
        self.context.notify();
    }

    /// Starts no task of this job any more: called when a cancel is stored, before it is
    /// answered.
    pub fn stop_job(&self, job: JobId) {
        self.context.cancels.stop(job);
        self.context.notify();
    }

    /// How much room the spool has.
    #[must_use]
    pub fn space(&self) -> &Space {
        &self.context.space
    }

    /// For what a job waits now, as far as its row and this process know; `now` is the service clock's.
    #[must_use]
    pub fn waiting(&self, job: &Job, now: ServiceTime) -> Option<Waiting> {
        self.context.waiting(job, now)
    }

    /// How fast a job goes, by what its tasks did lately in this process; `None` while they do not run.
    #[must_use]
    pub fn rates(&self, job: &Job, now: ServiceTime, is_waiting: bool) -> Option<Rates> {
        if job.status != Status::Active {
            return None;
        }
        let clock = &self.context.ports.clock;
        let lately = self.context.meters.lately(job.id, clock.monotonic(), now.since(job.since));
        let moves_bytes = job.spec.operation.kind().moves_bytes() && !job.spec.options.is_dry_run();
        let lately = Lately { bytes: lately.bytes.filter(|_| moves_bytes), ..lately };
        Some(Rates::of(lately, job.progress, is_waiting))
    }

    /// The failed rows of a job from that position on, at most `max`, also while it runs.
    ///
    /// # Errors
    /// [`StageError`] when a slice or its outcomes cannot be read.
    pub async fn failed_rows(&self, job: &Job, from: RowPosition, max: usize) -> Result<FailedRows, StageError> {
        failed_rows::failed_rows(&self.context.ports, job, from, max).await
    }

    /// What a job is going to do; `None` before its manifest is read, and once its slices are removed.
    ///
    /// # Errors
    /// [`StageError`] when its first slice cannot be read.
    pub async fn preview(&self, job: &Job) -> Result<Option<Preview>, StageError> {
        self.context.preview(job).await
    }

    /// Stops starting work, waits until everything in flight has ended and is recorded, and ends
    /// the loop. After `stop_patience` it kills what is left; the worker that takes a slice over
    /// checks the tasks whose outcomes could not be recorded.
    pub async fn shut_down(&self) {
        self.is_closing.store(true, Ordering::SeqCst);
        self.context.cancels.close();
        self.context.notify();
        let mut end = self.ended.subscribe();
        let ended = end.wait_for(Option::is_some);
        tokio::pin!(ended);
        // The sender lives in self, so waiting cannot fail.
        tokio::select! {
            biased;
            _ = &mut ended => return,
            () = self.context.ports.clock.sleep(self.context.config.now().stop_patience) => {}
        }
        tracing::warn!("stop_timeout passed; tasks in flight are checked after the next start");
        self.context.cancels.kill();
        let _ = ended.await;
    }

    /// Whether the loop panicked; after that no job makes progress.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        *self.ended.borrow() == Some(LoopEnd::Panicked)
    }

    /// Done when the loop has panicked.
    pub async fn failed(&self) {
        // The sender lives in self, so waiting cannot fail.
        let _ = self.ended.subscribe().wait_for(|end| *end == Some(LoopEnd::Panicked)).await;
    }

    /// Runs until [`Engine::shut_down`].
    pub async fn run(self: Arc<Self>) {
        let _ending = Ending(&self.ended);
        let (to, mut from) = mpsc::unbounded_channel();
        let mut scheduler = SchedulerState::new(&self.context.config.now());
        let mut wakeup = self.context.subscribe();
        // Once before anything is prepared, and then beside the loop.
        self.context.space.look(&*self.context.ports.spool).await;
        let looking = self.look_at_space();
        while !self.is_closing.load(Ordering::SeqCst) {
            if let Err(error) = self.pass(&mut scheduler, &to).await {
                tracing::warn!(%error, "database error in the scheduler; retrying");
            }
            tokio::select! {
                biased;
                Some(ended) = from.recv() => self.note(&mut scheduler, ended),
                () = self.context.wait(&mut wakeup) => {}
            }
            while let Ok(ended) = from.try_recv() {
                self.note(&mut scheduler, ended);
            }
        }
        looking.abort();
        while !scheduler.is_idle() {
            match from.recv().await {
                Some(ended) => self.note(&mut scheduler, ended),
                None => break,
            }
        }
    }

    /// Checks the disk once a poll, beside the loop: a file system may not answer.
    fn look_at_space(&self) -> Box<dyn Spawned> {
        let (space, spool) = (self.context.space.clone(), self.context.ports.spool.clone());
        let (clock, config) = (self.context.ports.clock.clone(), Arc::clone(&self.context.config));
        let work = async move {
            loop {
                clock.sleep(config.now().poll).await;
                space.look(&*spool).await;
            }
        };
        self.context.ports.spawn.spawn("space", Box::pin(work))
    }

    /// Notes that something ended.
    fn note(&self, scheduler: &mut SchedulerState, ended: WorkEnd) {
        let now = self.context.ports.clock.monotonic();
        match ended {
            WorkEnd::Visit(job, step) => {
                scheduler.visits.end(job, now);
                if let StageStep::Again(wait) = step {
                    scheduler.not_before.insert(job, now.after(wait));
                }
            }
            WorkEnd::Slice(worker, job, end) => {
                scheduler.workers.remove(&worker);
                if end == SliceEnd::Again {
                    scheduler.not_before.insert(job, now.after(RETRY_DELAY));
                }
            }
            WorkEnd::Purge { is_spool_swept } => {
                (scheduler.is_purging, scheduler.purged, scheduler.is_spool_swept) = (false, now, is_spool_swept);
            }
        }
    }

    /// Handles every open job once.
    async fn pass(
        &self,
        scheduler: &mut SchedulerState,
        to: &mpsc::UnboundedSender<WorkEnd>,
    ) -> Result<(), StoreError> {
        let mut heads = self.context.ports.jobs.open_jobs().await?;
        self.context.keep_budgets(|job| heads.binary_search_by_key(&job, |head| head.id).is_ok());
        let now = self.context.ports.clock.monotonic();
        scheduler.not_before.retain(|_, until| *until > now);
        scheduler.turns.keep(&heads);
        self.visit_stages(scheduler, &heads, now, to);
        let service_now = self.context.ports.jobs.service_time().await?;
        let mut moved = false;
        for head in &heads {
            self.expire_confirmation(head, service_now).await?;
            moved |= self.try_held(head, service_now).await?;
        }
        if moved {
            heads = self.context.ports.jobs.open_jobs().await?;
        }
        if self.reschedule(scheduler, &heads).await? {
            heads = self.context.ports.jobs.open_jobs().await?;
        }
        let active: Vec<&JobHead> = heads.iter().filter(|head| head.status == Status::Active).collect();
        self.enter(scheduler, &active).await?;
        self.follow_jobs(scheduler, &active).await?;
        self.purge(scheduler, now, to);
        self.assign_slices(scheduler, &active, to).await
    }

    /// Visits the stages of jobs while there are places. Each stage has its own, so a drain, which
    /// is short, waits for no preparation.
    fn visit_stages(
        &self,
        scheduler: &mut SchedulerState,
        heads: &[JobHead],
        now: Monotonic,
        to: &mpsc::UnboundedSender<WorkEnd>,
    ) {
        scheduler.visits.keep(heads);
        for now_in in [Phase::Prepare, Phase::Drain, Phase::Report] {
            let is_free = |head: &&JobHead| {
                !follows_open(heads, head)
                    && !head.is_stage_leased
                    && !scheduler.visits.has(head.id)
                    && !scheduler.not_before.contains_key(&head.id)
            };
            let mut waiting: Vec<&JobHead> =
                heads.iter().filter(|head| phase(head.status) == now_in).filter(is_free).collect();
            if now_in == Phase::Prepare && !self.context.space.may_lease() {
                waiting.clear();
            }
            while !waiting.is_empty() {
                match scheduler.visits.next(now_in, &waiting, now) {
                    Next::Begin(job) => {
                        if let Some(at) = waiting.iter().position(|head| head.id == job) {
                            let head = waiting.swap_remove(at);
                            self.visit_stage(scheduler, head, now_in, to);
                        }
                    }
                    Next::Preempt(job) => scheduler.visits.preempt(job, now),
                    Next::Wait => break,
                }
            }
        }
        scheduler.visits.kill_late(now);
    }

    /// Visits a job whose stage is free.
    fn visit_stage(
        &self,
        scheduler: &mut SchedulerState,
        head: &JobHead,
        now_in: Phase,
        to: &mpsc::UnboundedSender<WorkEnd>,
    ) {
        let (context, job, held) = (self.context.clone(), head.id, self.context.cancels.take_for_stage(head.id));
        scheduler.visits.begin(head, now_in, held.cancel.clone(), self.context.ports.clock.monotonic());
        let telling = EndSender { ended: Some(WorkEnd::Visit(job, StageStep::Again(RETRY_DELAY))), to: to.clone() };
        let work = async move {
            let step = stage::visit(&context, job, &held.cancel).await;
            drop(held);
            telling.tell(WorkEnd::Visit(job, step));
        };
        self.context.ports.spawn.spawn("stage", Box::pin(work));
    }

    /// Fails a job that waited too long for its confirmation.
    async fn expire_confirmation(&self, head: &JobHead, now: ServiceTime) -> Result<(), StoreError> {
        let is_late = now.since(head.since) >= self.context.config.now().confirmation_patience;
        if head.status != Status::Suspended || !is_late {
            return Ok(());
        }
        let decide = |job: &Job| (job.status == Status::Suspended).then_some(Change::ConfirmationExpired);
        self.unless_fenced(self.context.ports.change_job(head.id, None, decide).await.map(drop))
    }

    /// Puts a job on trial that the service has held for a while, or begins its next round; whether it did.
    async fn try_held(&self, head: &JobHead, now: ServiceTime) -> Result<bool, StoreError> {
        let is_due = |until: Option<ServiceTime>| until.is_some_and(|until| until <= now);
        // What is still being drained has its slot, and what its user paused waits for him.
        if !is_due(head.held_until) || head.held_by_user || phase(head.status) != Phase::Wait {
            return Ok(false);
        }
        let decide = |job: &Job| is_due(job.held_until()).then_some(Change::HoldTried);
        self.unless_fenced(self.context.ports.change_job(head.id, None, decide).await.map(drop))?;
        Ok(true)
    }

    /// Grants and takes slots; whether anything moved.
    async fn reschedule(&self, scheduler: &SchedulerState, heads: &[JobHead]) -> Result<bool, StoreError> {
        let waits = |head: &&JobHead| match head.status {
            Status::Ready | Status::Paused => !head.held_by_user && head.held_until.is_none(),
            Status::Active => head.held_by_user,
            _ => false,
        };
        let endpoints: BTreeSet<&EndpointName> = heads.iter().filter(waits).map(|head| &head.endpoint).collect();
        let mut moved = false;
        for endpoint in endpoints {
            // A job that only waits gives its slot to another.
            let slots = self.context.config.now().active_jobs + scheduler.jobs_aside(endpoint);
            for (job, slot_move) in self.context.ports.jobs.reschedule(endpoint, slots).await? {
                moved = true;
                let status = match slot_move {
                    brigade_model::slots::SlotMove::Grant => Status::Active,
                    brigade_model::slots::SlotMove::Preempt => {
                        self.context.cancels.stop(job);
                        Status::Pausing
                    }
                };
                tracing::info!(%job, to = %status, %endpoint, "job slot changed");
                self.context.ports.observer.job_moved(job, status);
            }
        }
        if moved {
            self.context.notify();
        }
        Ok(moved)
    }

    /// Tests the predicates of jobs that this process sees Active for the first time.
    async fn enter(&self, scheduler: &mut SchedulerState, active: &[&JobHead]) -> Result<(), StoreError> {
        scheduler.entered.retain(|id| active.iter().any(|head| head.id == *id));
        for head in active {
            if !scheduler.entered.contains(&head.id) {
                self.unless_fenced(self.context.test_progress(head.id).await.map(drop))?;
                scheduler.entered.insert(head.id);
            }
        }
        Ok(())
    }

    /// Follows changes of running jobs: their limits, and the endpoints that they wait for.
    async fn follow_jobs(&self, scheduler: &mut SchedulerState, active: &[&JobHead]) -> Result<(), StoreError> {
        let is_active = |id: &JobId| active.iter().any(|head| head.id == *id);
        scheduler.noted.retain(|id, _| is_active(id));
        scheduler.already_waiting.retain(is_active);
        for head in active {
            let Some(job) = self.context.ports.jobs.job(head.id).await? else { continue };
            if !scheduler.noted.contains_key(&head.id) && !job.status_update_reason.is_empty() {
                scheduler.already_waiting.insert(head.id);
            }
            self.context.follow_limits(&job);
            if let Some(why) = self.lasting_refusal(&job)
                && self.context.waited(&job).await? >= REFUSAL_PATIENCE
            {
                self.unless_fenced(self.context.hold_job(job.id, &why).await)?;
                continue;
            }
            self.say_why_calls_wait(scheduler, job).await?;
        }
        Ok(())
    }

    /// Lets a job say why its calls wait, when an endpoint of its role does not work.
    async fn say_why_calls_wait(&self, scheduler: &mut SchedulerState, job: Job) -> Result<(), StoreError> {
        let (id, reason) = (job.id, self.reason_to_wait(&job).unwrap_or_default());
        // At first this process takes the stored reason for the one noted last.
        let noted = scheduler.noted.entry(id).or_insert(job.status_update_reason);
        if reason == *noted {
            return Ok(());
        }
        let note = |job: &Job| (job.status == Status::Active).then(|| Change::Noted(reason.clone()));
        self.unless_fenced(self.context.ports.change_job(id, None, note).await.map(drop))?;
        scheduler.noted.insert(id, reason);
        Ok(())
    }

    /// For what an endpoint of the job refuses every call, if it has for a while and a person must change
    /// that: the job's calls wait, so that no task of it ends.
    fn lasting_refusal(&self, job: &Job) -> Option<JobFailure> {
        let places = self.context.ports.roles.places(&job.account, &job.spec.role.name)?;
        let place = [places.source, places.target].into_iter().find_map(|place| {
            let refusal = place.health.refusal()?;
            let lasts = self.context.ports.clock.now().duration_since(refusal.since);
            (lasts.try_into().unwrap_or(Duration::ZERO) >= REFUSAL_PATIENCE).then_some((place.endpoint, refusal))
        });
        place.map(|(endpoint, Refusal { code, message, .. })| {
            JobFailure::new(&code, format!("the endpoint {endpoint}: {message}"))
        })
    }

    fn reason_to_wait(&self, job: &Job) -> Option<String> {
        let places = self.context.ports.roles.places(&job.account, &job.spec.role.name)?;
        let of_places = places.source.health.reason().or_else(|| places.target.health.reason());
        of_places.or_else(|| self.context.cancels.why_stuck(job.id))
    }

    /// Gives free workers slices, in turn.
    async fn assign_slices(
        &self,
        scheduler: &mut SchedulerState,
        active: &[&JobHead],
        to: &mpsc::UnboundedSender<WorkEnd>,
    ) -> Result<(), StoreError> {
        if !self.context.space.may_lease() {
            return Ok(());
        }
        let endpoints: BTreeSet<&EndpointName> = active.iter().map(|head| &head.endpoint).collect();
        for endpoint in endpoints {
            let mut willing: Vec<&JobHead> = active
                .iter()
                .filter(|head| head.endpoint == *endpoint && !scheduler.not_before.contains_key(&head.id))
                .filter(|head| !scheduler.has_many_aside(head.id))
                .copied()
                .collect();
            while scheduler.workers_at(endpoint) < self.context.config.now().slices {
                willing.retain(|head| !scheduler.works_on(head.id) || self.needs_slice(head.id));
                let Some(head) = scheduler.turns.order(&willing).first().copied() else { break };
                let is_excused = scheduler.already_waiting.contains(&head.id);
                if self.assign_slice(scheduler, head, is_excused, to).await? {
                    scheduler.turns.serve(head);
                } else {
                    // No slice is free; a worker may have died with one, or after the last part.
                    if self.context.revoke_lost(head.id).await? > 0 {
                        continue;
                    }
                    match self.context.test_progress(head.id).await {
                        Ok(Some(job)) if job.rounds.is_some() => {
                            self.unless_fenced(self.context.end_round(&job).await)?;
                        }
                        tested => self.unless_fenced(tested.map(drop))?,
                    }
                    willing.retain(|other| other.id != head.id);
                }
            }
        }
        Ok(())
    }

    /// Whether the slices of the job that run here have nothing more to start.
    fn needs_slice(&self, job: JobId) -> bool {
        self.context.known_budget(job).is_some_and(|budget| budget.needs_slice())
    }

    /// Leases a slice of the job and starts a worker on it; `false` when there is none. A slice that
    /// lost many workers fails the job, unless they died while its calls waited (`is_excused`).
    async fn assign_slice(
        &self,
        scheduler: &mut SchedulerState,
        head: &JobHead,
        is_excused: bool,
        to: &mpsc::UnboundedSender<WorkEnd>,
    ) -> Result<bool, StoreError> {
        let Some(job) = self.context.ports.jobs.job(head.id).await? else { return Ok(false) };
        if job.hold.is_some() && self.context.ports.jobs.count_leased(head.id).await? > 0 {
            // One task decides whether it can go on.
            return Ok(false);
        }
        let held: RegisteredToken = self.context.cancels.take(Some(head.id));
        let ttl = job.spec.operation.kind().lease_ttl();
        let before = self.context.ports.clock.monotonic();
        let token = self.context.ports.lease_token();
        let Some(lease) = self.context.ports.jobs.lease_slice(head.id, self.context.owner, token, ttl).await? else {
            return Ok(false);
        };
        held.note_lease(lease.slice.index, lease.fence);
        held.cancel.prolong(before.after(ttl));
        held.cancel.begin_until(before.after(NOTICE_MAX));
        if lease.slice.revocations >= SLICE_REVOCATIONS_MAX && !is_excused {
            let (slice, times) = (lease.slice.index, lease.slice.revocations);
            let reason = format!("slice {slice} lost its worker {times} times without a recorded outcome between");
            self.context.ports.jobs.release_slice(&lease, true).await?;
            let why = JobFailure::new(failure::INTERNAL_ERROR, reason);
            self.unless_fenced(self.context.fail_job(head.id, why).await)?;
            return Ok(false);
        }
        if let Some(budget) = self.context.known_budget(head.id) {
            budget.note_need(false);
        }
        let (context, id, aside) = (self.context.clone(), head.id, Aside::default());
        let worker = scheduler.workers.keys().next_back().map_or(0, |last| last + 1);
        scheduler.workers.insert(worker, Worker { endpoint: head.endpoint.clone(), job: id, aside: aside.clone() });
        let telling = EndSender { ended: Some(WorkEnd::Slice(worker, id, SliceEnd::Again)), to: to.clone() };
        let work = async move {
            let run = SliceRun { context: &context, job: &job, lease: &lease, cancel: &held.cancel, aside: &aside };
            let end = execute::run_slice(run).await;
            drop(held);
            telling.tell(WorkEnd::Slice(worker, id, end));
        };
        self.context.ports.spawn.spawn("slice", Box::pin(work));
        Ok(true)
    }

    /// Starts a purge of what has outlived its retention, beside the loop.
    fn purge(&self, scheduler: &mut SchedulerState, now: Monotonic, to: &mpsc::UnboundedSender<WorkEnd>) {
        if scheduler.is_purging || now.since(scheduler.purged) < PURGE_EVERY {
            return;
        }
        scheduler.is_purging = true;
        let (context, is_spool_swept, held) =
            (self.context.clone(), scheduler.is_spool_swept, self.context.cancels.take(None));
        let telling = EndSender { ended: Some(WorkEnd::Purge { is_spool_swept: false }), to: to.clone() };
        let work = async move {
            let is_spool_swept = purge(&context, &held.cancel, is_spool_swept).await;
            drop(held);
            telling.tell(WorkEnd::Purge { is_spool_swept });
        };
        self.context.ports.spawn.spawn("purge", Box::pin(work));
    }

    /// Ignores a lost lease: the change is then another worker's to make.
    fn unless_fenced(&self, changed: Result<(), crate::change::ChangeError>) -> Result<(), StoreError> {
        match changed {
            Ok(()) | Err(crate::change::ChangeError::Fenced) => Ok(()),
            Err(crate::change::ChangeError::Store(error)) => Err(error),
        }
    }
}
