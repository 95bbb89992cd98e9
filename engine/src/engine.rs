//! The engine: one loop that looks at the open jobs and gives each what its status calls for.
//!
//! A *pass* looks at every open job: stages are visited, confirmations expire, slots are
//! granted, free workers get slices. Between passes the loop waits for the bell (something was
//! stored, a worker ended) or for one poll. The loop decides nothing by itself: statuses come
//! from the table, slots from `slots::decide`, turns from [`Turns`] and [`Visits`]. Nor does it
//! anything that takes long: visits, slices, the purge and the look at the disk go on beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brigade_model::job::{Change, Job, JobFailure, failure};
use brigade_model::limits::{JOBS_ASIDE_MAX, NOTICE_MAX, SLICE_REVOCATIONS_MAX, SLICES_ASIDE_MAX};
use brigade_model::ports::job_store::{JobHead, StoreError};
use brigade_model::ports::{Monotonic, Spawned};
use brigade_model::status::stage;
use brigade_model::{EndpointName, JobId, ServiceTime, Stage, Status};
use tokio::sync::{mpsc, watch};

use crate::config::EngineConfig;
use crate::execute::{Aside, SliceEnd, SliceRun};
use crate::leashes::Held;
use crate::ports::Ports;
use crate::purge::purge;
use crate::shop::Shop;
use crate::space::Space;
use crate::stage::{AGAIN, Step};
use crate::turns::Turns;
use crate::visits::{Next, Visits};
use crate::{execute, stage as stages};

/// How often ended jobs are looked for that nobody keeps any more.
const PURGE_EVERY: Duration = Duration::from_secs(60);

/// Carries jobs out.
pub struct Engine {
    shop: Shop,
    is_closing: AtomicBool,
    /// How the loop ended, once it has.
    ended: watch::Sender<Option<LoopEnd>>,
}

/// How the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LoopEnd {
    /// It was shut down, or its process goes.
    Over,
    /// It panicked: no job goes on any more.
    Panicked,
}

/// Tells that the loop has ended, however it did.
struct Ending<'a>(&'a watch::Sender<Option<LoopEnd>>);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let end = if std::thread::panicking() { LoopEnd::Panicked } else { LoopEnd::Over };
        if end == LoopEnd::Panicked {
            tracing::error!("the engine's loop panicked: no job goes on before the process is started again");
        }
        self.0.send_replace(Some(end));
    }
}

/// What the loop remembers between passes; all of it can be lost.
struct Desk {
    visits: Visits,
    /// The slices that run, by a number of their own.
    workers: BTreeMap<u64, Worker>,
    turns: Turns,
    /// Jobs that wait after a failure that may pass.
    not_before: BTreeMap<JobId, Monotonic>,
    /// Active jobs whose predicates were tested on entering.
    entered: BTreeSet<JobId>,
    /// What was last said about an endpoint that is away, by job.
    noted: BTreeMap<JobId, String>,
    /// Active jobs that said why their calls wait when this process saw them first: whoever died
    /// with their slices had attempted nothing lately.
    waited: BTreeSet<JobId>,
    /// When a purge ended last.
    purged: Monotonic,
    is_purging: bool,
    /// Whether every folder of the spool belongs to a job; not known at first.
    is_spool_swept: bool,
}

/// A slice that runs.
struct Worker {
    endpoint: EndpointName,
    job: JobId,
    aside: Aside,
}

impl Desk {
    fn new(config: &EngineConfig) -> Self {
        Self {
            visits: Visits::new(config.stages),
            workers: BTreeMap::new(),
            turns: Turns::default(),
            not_before: BTreeMap::new(),
            entered: BTreeSet::new(),
            noted: BTreeMap::new(),
            waited: BTreeSet::new(),
            purged: Monotonic::default(),
            is_purging: false,
            is_spool_swept: false,
        }
    }

    /// Workers of the endpoint that have a place there.
    fn workers_at(&self, endpoint: &EndpointName) -> usize {
        self.workers.values().filter(|worker| worker.endpoint == *endpoint && !worker.aside.is_set()).count()
    }

    /// Whether a worker is at the job, and does not only wait.
    fn works_on(&self, job: JobId) -> bool {
        self.workers.values().any(|worker| worker.job == job && !worker.aside.is_set())
    }

    /// Whether so much of the job only waits that no more of it is begun.
    fn has_many_aside(&self, job: JobId) -> bool {
        self.workers.values().filter(|worker| worker.job == job && worker.aside.is_set()).count() >= SLICES_ASIDE_MAX
    }

    /// Jobs of the endpoint of which everything that runs only waits.
    fn jobs_aside(&self, endpoint: &EndpointName) -> usize {
        let mut jobs: BTreeMap<JobId, bool> = BTreeMap::new();
        for worker in self.workers.values().filter(|worker| worker.endpoint == *endpoint) {
            *jobs.entry(worker.job).or_insert(true) &= worker.aside.is_set();
        }
        jobs.values().filter(|is_aside| **is_aside).count().min(JOBS_ASIDE_MAX)
    }

    /// Whether nothing goes on beside the loop.
    fn is_idle(&self) -> bool {
        self.visits.is_empty() && !self.is_purging && self.workers.is_empty()
    }
}

/// Something that the loop had started has ended.
enum Ended {
    Visit(JobId, Step),
    Slice(u64, JobId, SliceEnd),
    /// Whether every folder of the spool belongs to a job now.
    Purge {
        is_spool_swept: bool,
    },
}

/// Tells the loop that something ended, even when it panicked.
struct Telling {
    ended: Option<Ended>,
    to: mpsc::UnboundedSender<Ended>,
}

impl Telling {
    /// Tells this rather than what a panic would leave.
    fn tell(mut self, ended: Ended) {
        self.ended = Some(ended);
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        // Nobody listens any more when the loop itself is gone.
        let _ = self.ended.take().map(|ended| self.to.send(ended));
    }
}

impl Engine {
    /// An engine that does not run yet.
    #[must_use]
    pub fn new(ports: Ports, config: EngineConfig) -> Arc<Self> {
        Arc::new(Self {
            shop: Shop::new(ports, config),
            is_closing: AtomicBool::new(false),
            ended: watch::Sender::new(None),
        })
    }

    /// Something was stored: look now rather than at the next poll.
    pub fn ring(&self) {
        self.shop.ring();
    }

    /// Starts no task of this job any more: called when a cancel is stored, before it is
    /// answered.
    pub fn stop_job(&self, job: JobId) {
        self.shop.leashes.stop(job);
        self.shop.ring();
    }

    /// How much room the spool has.
    #[must_use]
    pub fn space(&self) -> &Space {
        &self.shop.space
    }

    /// Starts nothing any more, waits until everything in flight has ended and is recorded,
    /// and ends the loop. Not longer than the patience, though: what a store that is away keeps
    /// from being recorded is looked at by the worker that takes over.
    pub async fn shut_down(&self) {
        self.is_closing.store(true, Ordering::SeqCst);
        self.shop.leashes.close();
        self.shop.ring();
        let mut end = self.ended.subscribe();
        let ended = end.wait_for(Option::is_some);
        tokio::pin!(ended);
        // The sender lives in self, so waiting cannot fail.
        tokio::select! {
            biased;
            _ = &mut ended => return,
            () = self.shop.ports.clock.sleep(self.shop.config.stop_patience) => {}
        }
        tracing::warn!("what is in flight is not recorded in time; it is looked at after the next start");
        self.shop.leashes.cut();
        let _ = ended.await;
    }

    /// Whether the loop panicked, after which no job goes on.
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
        let mut desk = Desk::new(&self.shop.config);
        let mut ear = self.shop.ear();
        // Once before anything is prepared, and then beside the loop.
        self.shop.space.look(&*self.shop.ports.spool).await;
        let looking = self.look_at_space();
        while !self.is_closing.load(Ordering::SeqCst) {
            if let Err(error) = self.pass(&mut desk, &to).await {
                tracing::warn!(%error, "the job store failed; looking again");
            }
            tokio::select! {
                biased;
                Some(ended) = from.recv() => self.note(&mut desk, ended),
                () = self.shop.listen(&mut ear) => {}
            }
            while let Ok(ended) = from.try_recv() {
                self.note(&mut desk, ended);
            }
        }
        looking.abort();
        while !desk.is_idle() {
            match from.recv().await {
                Some(ended) => self.note(&mut desk, ended),
                None => break,
            }
        }
    }

    /// Looks at the disk once a poll, beside the loop: a file system may not answer.
    fn look_at_space(&self) -> Box<dyn Spawned> {
        let (space, spool) = (self.shop.space.clone(), self.shop.ports.spool.clone());
        let (clock, poll) = (self.shop.ports.clock.clone(), self.shop.config.poll);
        let work = async move {
            loop {
                clock.sleep(poll).await;
                space.look(&*spool).await;
            }
        };
        self.shop.ports.spawn.spawn("space", Box::pin(work))
    }

    /// Notes that something ended.
    fn note(&self, desk: &mut Desk, ended: Ended) {
        let now = self.shop.ports.clock.monotonic();
        match ended {
            Ended::Visit(job, step) => {
                desk.visits.end(job, now);
                if let Step::Again(wait) = step {
                    desk.not_before.insert(job, now.after(wait));
                }
            }
            Ended::Slice(worker, job, end) => {
                desk.workers.remove(&worker);
                if end == SliceEnd::Again {
                    desk.not_before.insert(job, now.after(AGAIN));
                }
            }
            Ended::Purge { is_spool_swept } => {
                (desk.is_purging, desk.purged, desk.is_spool_swept) = (false, now, is_spool_swept);
            }
        }
    }

    /// Looks at every open job once.
    async fn pass(&self, desk: &mut Desk, to: &mpsc::UnboundedSender<Ended>) -> Result<(), StoreError> {
        let mut heads = self.shop.ports.jobs.open_jobs().await?;
        self.shop.keep_budgets(|job| heads.binary_search_by_key(&job, |head| head.id).is_ok());
        let now = self.shop.ports.clock.monotonic();
        desk.not_before.retain(|_, until| *until > now);
        desk.turns.keep(&heads);
        self.visit_stages(desk, &heads, now, to);
        let service_now = self.shop.ports.jobs.service_time().await?;
        for head in &heads {
            self.expire_confirmation(head, service_now).await?;
        }
        if self.reschedule(desk, &heads).await? {
            heads = self.shop.ports.jobs.open_jobs().await?;
        }
        let active: Vec<&JobHead> = heads.iter().filter(|head| head.status == Status::Active).collect();
        self.enter(desk, &active).await?;
        self.follow_jobs(desk, &active).await?;
        self.purge(desk, now, to);
        self.employ(desk, &active, to).await
    }

    /// Visits the stages of jobs, as far as there are places: those of each stage are its own, so a
    /// drain, which is short, waits for no preparation.
    fn visit_stages(&self, desk: &mut Desk, heads: &[JobHead], now: Monotonic, to: &mpsc::UnboundedSender<Ended>) {
        desk.visits.keep(heads);
        for now_in in [Stage::Prepare, Stage::Drain, Stage::Report] {
            let is_free = |head: &&JobHead| {
                !head.is_stage_leased && !desk.visits.has(head.id) && !desk.not_before.contains_key(&head.id)
            };
            let mut waiting: Vec<&JobHead> =
                heads.iter().filter(|head| stage(head.status) == now_in).filter(is_free).collect();
            if now_in == Stage::Prepare && !self.shop.space.may_lease() {
                waiting.clear();
            }
            while !waiting.is_empty() {
                match desk.visits.next(now_in, &waiting, now) {
                    Next::Begin(job) => {
                        if let Some(at) = waiting.iter().position(|head| head.id == job) {
                            let head = waiting.swap_remove(at);
                            self.visit_stage(desk, head, now_in, to);
                        }
                    }
                    Next::Ask(job) => desk.visits.ask(job, now),
                    Next::Wait => break,
                }
            }
        }
        desk.visits.cut_late(now);
    }

    /// Visits a job whose stage nobody holds.
    fn visit_stage(&self, desk: &mut Desk, head: &JobHead, now_in: Stage, to: &mpsc::UnboundedSender<Ended>) {
        let (shop, job, held) = (self.shop.clone(), head.id, self.shop.leashes.take(None));
        desk.visits.begin(head, now_in, held.leash.clone(), self.shop.ports.clock.monotonic());
        let telling = Telling { ended: Some(Ended::Visit(job, Step::Again(AGAIN))), to: to.clone() };
        let work = async move {
            let step = stages::visit(&shop, job, &held.leash).await;
            drop(held);
            telling.tell(Ended::Visit(job, step));
        };
        self.shop.ports.spawn.spawn("stage", Box::pin(work));
    }

    /// Fails a job that waited too long for its confirmation.
    async fn expire_confirmation(&self, head: &JobHead, now: ServiceTime) -> Result<(), StoreError> {
        let is_late = now.since(head.since) >= self.shop.config.confirmation_patience;
        if head.status != Status::Suspended || !is_late {
            return Ok(());
        }
        let decide = |job: &Job| (job.status == Status::Suspended).then_some(Change::ConfirmationExpired);
        self.settle(self.shop.ports.change_job(head.id, None, decide).await.map(drop))
    }

    /// Grants and takes slots; whether anything moved.
    async fn reschedule(&self, desk: &Desk, heads: &[JobHead]) -> Result<bool, StoreError> {
        let waits = |head: &&JobHead| match head.status {
            Status::Ready | Status::Paused => !head.held_by_user,
            Status::Active => head.held_by_user,
            _ => false,
        };
        let endpoints: BTreeSet<&EndpointName> = heads.iter().filter(waits).map(|head| &head.endpoint).collect();
        let mut moved = false;
        for endpoint in endpoints {
            // A job that only waits gives its slot to another.
            let slots = self.shop.config.active_jobs + desk.jobs_aside(endpoint);
            for (job, slot_move) in self.shop.ports.jobs.reschedule(endpoint, slots).await? {
                moved = true;
                tracing::info!(%job, ?slot_move, %endpoint, "slot");
                let status = match slot_move {
                    brigade_model::slots::SlotMove::Grant => Status::Active,
                    brigade_model::slots::SlotMove::Preempt => {
                        self.shop.leashes.stop(job);
                        Status::Pausing
                    }
                };
                self.shop.ports.observer.job_moved(job, status);
            }
        }
        if moved {
            self.shop.ring();
        }
        Ok(moved)
    }

    /// Tests the predicates of jobs that this process sees Active for the first time.
    async fn enter(&self, desk: &mut Desk, active: &[&JobHead]) -> Result<(), StoreError> {
        desk.entered.retain(|id| active.iter().any(|head| head.id == *id));
        for head in active {
            if !desk.entered.contains(&head.id) {
                self.settle(self.shop.judge(head.id).await)?;
                desk.entered.insert(head.id);
            }
        }
        Ok(())
    }

    /// Follows what became of running jobs: their limits, and the endpoints that they wait for.
    async fn follow_jobs(&self, desk: &mut Desk, active: &[&JobHead]) -> Result<(), StoreError> {
        let is_active = |id: &JobId| active.iter().any(|head| head.id == *id);
        desk.noted.retain(|id, _| is_active(id));
        desk.waited.retain(is_active);
        for head in active {
            let Some(job) = self.shop.ports.jobs.job(head.id).await? else { continue };
            if !desk.noted.contains_key(&head.id) && !job.status_update_reason.is_empty() {
                desk.waited.insert(head.id);
            }
            self.shop.follow_limits(&job);
            self.say_why_calls_wait(desk, job).await?;
        }
        Ok(())
    }

    /// Lets a job say why its calls wait, when an endpoint of its role does not work.
    async fn say_why_calls_wait(&self, desk: &mut Desk, job: Job) -> Result<(), StoreError> {
        let (id, reason) = (job.id, self.reason_to_wait(&job).unwrap_or_default());
        // What the job says was said by a process before, as far as this one knows.
        let noted = desk.noted.entry(id).or_insert(job.status_update_reason);
        if reason == *noted {
            return Ok(());
        }
        let note = |job: &Job| (job.status == Status::Active).then(|| Change::Noted(reason.clone()));
        self.settle(self.shop.ports.change_job(id, None, note).await.map(drop))?;
        desk.noted.insert(id, reason);
        Ok(())
    }

    fn reason_to_wait(&self, job: &Job) -> Option<String> {
        let places = self.shop.ports.roles.places(&job.account, &job.spec.role.name)?;
        let of_places = places.source.health.reason().or_else(|| places.target.health.reason());
        of_places.or_else(|| self.shop.leashes.why_stuck(job.id))
    }

    /// Gives free workers slices, in turn.
    async fn employ(
        &self,
        desk: &mut Desk,
        active: &[&JobHead],
        to: &mpsc::UnboundedSender<Ended>,
    ) -> Result<(), StoreError> {
        if !self.shop.space.may_lease() {
            return Ok(());
        }
        let endpoints: BTreeSet<&EndpointName> = active.iter().map(|head| &head.endpoint).collect();
        for endpoint in endpoints {
            let mut willing: Vec<&JobHead> = active
                .iter()
                .filter(|head| head.endpoint == *endpoint && !desk.not_before.contains_key(&head.id))
                .filter(|head| !desk.has_many_aside(head.id))
                .copied()
                .collect();
            while desk.workers_at(endpoint) < self.shop.config.slices {
                willing.retain(|head| !desk.works_on(head.id) || self.needs_slice(head.id));
                let Some(head) = desk.turns.order(&willing).first().copied() else { break };
                let is_excused = desk.waited.contains(&head.id);
                if self.employ_one(desk, head, is_excused, to).await? {
                    desk.turns.serve(head);
                } else {
                    // Nothing is free; perhaps somebody died with a slice, or after the last part.
                    if self.shop.revoke_lost(head.id).await? > 0 {
                        continue;
                    }
                    self.settle(self.shop.judge(head.id).await)?;
                    willing.retain(|other| other.id != head.id);
                }
            }
        }
        Ok(())
    }

    /// Whether the slices of the job that run here have nothing more to start.
    fn needs_slice(&self, job: JobId) -> bool {
        self.shop.known_budget(job).is_some_and(|budget| budget.needs_slice())
    }

    /// Leases a slice of the job and starts a worker on it; `false` when there is none. A slice that
    /// lost many workers fails the job, unless they died while its calls waited (`is_excused`).
    async fn employ_one(
        &self,
        desk: &mut Desk,
        head: &JobHead,
        is_excused: bool,
        to: &mpsc::UnboundedSender<Ended>,
    ) -> Result<bool, StoreError> {
        let Some(job) = self.shop.ports.jobs.job(head.id).await? else { return Ok(false) };
        let held: Held = self.shop.leashes.take(Some(head.id));
        let ttl = job.spec.operation.kind().lease_ttl();
        let before = self.shop.ports.clock.monotonic();
        let token = self.shop.ports.lease_token();
        let Some(lease) = self.shop.ports.jobs.lease_slice(head.id, self.shop.owner, token, ttl).await? else {
            return Ok(false);
        };
        held.note_lease(lease.slice.index, lease.fence);
        held.leash.prolong(before.after(ttl));
        held.leash.begin_until(before.after(NOTICE_MAX));
        if lease.slice.revocations >= SLICE_REVOCATIONS_MAX && !is_excused {
            let (slice, times) = (lease.slice.index, lease.slice.revocations);
            let reason = format!("slice {slice} lost its worker {times} times without a recorded outcome between");
            self.shop.ports.jobs.release_slice(&lease, true).await?;
            let why = JobFailure::new(failure::INTERNAL_ERROR, reason);
            self.settle(self.shop.fail_job(head.id, why).await)?;
            return Ok(false);
        }
        if let Some(budget) = self.shop.known_budget(head.id) {
            budget.note_need(false);
        }
        let (shop, id, aside) = (self.shop.clone(), head.id, Aside::default());
        let worker = desk.workers.keys().next_back().map_or(0, |last| last + 1);
        desk.workers.insert(worker, Worker { endpoint: head.endpoint.clone(), job: id, aside: aside.clone() });
        let telling = Telling { ended: Some(Ended::Slice(worker, id, SliceEnd::Again)), to: to.clone() };
        let work = async move {
            let run = SliceRun { shop: &shop, job: &job, lease: &lease, leash: &held.leash, aside: &aside };
            let end = execute::run_slice(run).await;
            drop(held);
            telling.tell(Ended::Slice(worker, id, end));
        };
        self.shop.ports.spawn.spawn("slice", Box::pin(work));
        Ok(true)
    }

    /// Has what is kept no longer removed, beside the loop.
    fn purge(&self, desk: &mut Desk, now: Monotonic, to: &mpsc::UnboundedSender<Ended>) {
        if desk.is_purging || now.since(desk.purged) < PURGE_EVERY {
            return;
        }
        desk.is_purging = true;
        let (shop, is_spool_swept, held) = (self.shop.clone(), desk.is_spool_swept, self.shop.leashes.take(None));
        let telling = Telling { ended: Some(Ended::Purge { is_spool_swept: false }), to: to.clone() };
        let work = async move {
            let is_spool_swept = purge(&shop, &held.leash, is_spool_swept).await;
            drop(held);
            telling.tell(Ended::Purge { is_spool_swept });
        };
        self.shop.ports.spawn.spawn("purge", Box::pin(work));
    }

    /// A change that found its lease lost is another worker's to make.
    fn settle(&self, changed: Result<(), crate::change::ChangeError>) -> Result<(), StoreError> {
        match changed {
            Ok(()) | Err(crate::change::ChangeError::Fenced) => Ok(()),
            Err(crate::change::ChangeError::Store(error)) => Err(error),
        }
    }
}
