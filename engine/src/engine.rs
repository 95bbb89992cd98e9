//! The engine: one loop that looks at the open jobs and gives each what its status calls for.
//!
//! A *pass* looks at every open job: stages are visited, confirmations expire, slots are
//! granted, free workers get slices. Between passes the loop waits for the bell (something was
//! stored, a worker ended) or for one poll. The loop decides nothing by itself: statuses come
//! from the table, slots from `slots::decide`, turns from [`Turns`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brigade_model::job::{Change, Job, JobFailure, failure};
use brigade_model::limits::{JOBS_ASIDE_MAX, NOTICE_MAX, SLICE_REVOCATIONS_MAX, SLICES_ASIDE_MAX};
use brigade_model::ports::Monotonic;
use brigade_model::ports::job_store::{JobHead, StoreError};
use brigade_model::status::stage;
use brigade_model::{EndpointName, JobId, ServiceTime, Stage, Status};
use tokio::sync::{mpsc, watch};

use crate::config::EngineConfig;
use crate::execute::{Aside, SliceEnd, SliceRun};
use crate::leashes::Held;
use crate::ports::Ports;
use crate::shop::Shop;
use crate::space::Space;
use crate::stage::{AGAIN, Step};
use crate::turns::Turns;
use crate::{execute, stage as stages};

/// How often ended jobs are looked for that nobody keeps any more.
const PURGE_EVERY: Duration = Duration::from_secs(60);
/// Rows that one step of a purge removes.
const PURGE_ROWS: usize = 1000;

/// Carries jobs out.
pub struct Engine {
    shop: Shop,
    is_closing: AtomicBool,
    has_ended: watch::Sender<bool>,
}

/// What the loop remembers between passes; all of it can be lost.
#[derive(Default)]
struct Desk {
    /// Jobs that are being visited, with the stage that they were in.
    visited: BTreeMap<JobId, Stage>,
    /// When each job was visited last, in visits: whose turn it is.
    visits: BTreeMap<JobId, u64>,
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
    purged: Monotonic,
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
    /// Workers of the endpoint that have a place there.
    fn workers_at(&self, endpoint: &EndpointName) -> usize {
        self.workers.values().filter(|worker| worker.endpoint == *endpoint && !worker.aside.is_set()).count()
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
}

/// Something that the loop had started has ended.
enum Ended {
    Visit(JobId, Step),
    Slice(u64, JobId, SliceEnd),
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
            has_ended: watch::Sender::new(false),
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
        let mut has_ended = self.has_ended.subscribe();
        let ended = has_ended.wait_for(|ended| *ended);
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

    /// Runs until [`Engine::shut_down`].
    pub async fn run(self: Arc<Self>) {
        let (to, mut from) = mpsc::unbounded_channel();
        let mut desk = Desk::default();
        let mut ear = self.shop.ear();
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
        while !desk.visited.is_empty() || !desk.workers.is_empty() {
            match from.recv().await {
                Some(ended) => self.note(&mut desk, ended),
                None => break,
            }
        }
        self.has_ended.send_replace(true);
    }

    /// Notes that something ended.
    fn note(&self, desk: &mut Desk, ended: Ended) {
        let now = self.shop.ports.clock.monotonic();
        match ended {
            Ended::Visit(job, step) => {
                desk.visited.remove(&job);
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
        }
    }

    /// Looks at every open job once.
    async fn pass(&self, desk: &mut Desk, to: &mpsc::UnboundedSender<Ended>) -> Result<(), StoreError> {
        self.shop.space.look(&self.shop.ports).await;
        let mut heads = self.shop.ports.jobs.open_jobs().await?;
        self.shop.keep_budgets(|job| heads.binary_search_by_key(&job, |head| head.id).is_ok());
        let now = self.shop.ports.clock.monotonic();
        desk.not_before.retain(|_, until| *until > now);
        desk.turns.keep(&heads);
        self.visit_stages(desk, &heads, to);
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
        self.employ(desk, &active, to).await?;
        self.purge(desk, now, service_now).await
    }

    /// Visits jobs, those first that have not been for the longest time: so jobs whose visits
    /// come to nothing again and again keep nobody waiting.
    fn visit_stages(&self, desk: &mut Desk, heads: &[JobHead], to: &mpsc::UnboundedSender<Ended>) {
        desk.visits.retain(|id, _| heads.binary_search_by_key(id, |head| head.id).is_ok());
        let mut in_turn: Vec<&JobHead> = heads.iter().collect();
        in_turn.sort_by_key(|head| desk.visits.get(&head.id).copied());
        for head in in_turn {
            self.visit_stage(desk, head, to);
        }
    }

    /// Visits a job whose stage nobody holds.
    fn visit_stage(&self, desk: &mut Desk, head: &JobHead, to: &mpsc::UnboundedSender<Ended>) {
        let now_in = stage(head.status);
        let calls = match now_in {
            Stage::Prepare => self.shop.space.may_lease(),
            Stage::Drain | Stage::Report => true,
            Stage::Wait | Stage::Execute | Stage::End => false,
        };
        let is_busy =
            head.is_stage_leased || desk.visited.contains_key(&head.id) || desk.not_before.contains_key(&head.id);
        // Each stage has its own limit: a drain, which is short, waits for no preparation.
        let like_it = || desk.visited.values().filter(|stage| **stage == now_in).count();
        if !calls || is_busy || like_it() >= self.shop.config.stages {
            return;
        }
        desk.visited.insert(head.id, now_in);
        let last = desk.visits.values().max().copied().unwrap_or(0);
        desk.visits.insert(head.id, last + 1);
        let (shop, job) = (self.shop.clone(), head.id);
        let telling = Telling { ended: Some(Ended::Visit(job, Step::Again(AGAIN))), to: to.clone() };
        let work = async move {
            let step = stages::visit(&shop, job).await;
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

    /// Removes what nobody keeps any more, a bounded step at a time.
    async fn purge(&self, desk: &mut Desk, now: Monotonic, service_now: ServiceTime) -> Result<(), StoreError> {
        if now.since(desk.purged) < PURGE_EVERY {
            return Ok(());
        }
        let ended_before = service_now.before(self.shop.config.ended_jobs_kept);
        if !desk.is_spool_swept {
            desk.is_spool_swept = self.sweep_spool().await?;
        }
        let purged = self.shop.ports.jobs.purge(ended_before, PURGE_ROWS).await;
        // Without an answer nobody knows which jobs are gone.
        desk.is_spool_swept &= purged.is_ok();
        let purged = purged?;
        for job in &purged.jobs {
            desk.is_spool_swept &= self.empty_spool(*job).await;
        }
        if !purged.more {
            desk.purged = now;
        }
        Ok(())
    }

    /// Removes the spool files of jobs that are gone, which whoever purged them could not remove;
    /// whether none is left.
    async fn sweep_spool(&self) -> Result<bool, StoreError> {
        let Some(names) = self.list_spool("").await else { return Ok(false) };
        // Listed before the store is asked: the files of a job come after its row.
        let folders: BTreeSet<JobId> = names.iter().filter_map(|name| name.split_once('/')?.0.parse().ok()).collect();
        let mut is_swept = true;
        for job in folders {
            if self.shop.ports.jobs.job(job).await?.is_none() {
                is_swept &= self.empty_spool(job).await;
            }
        }
        Ok(is_swept)
    }

    /// Removes the spool files of a job that is gone; whether none is left.
    async fn empty_spool(&self, job: JobId) -> bool {
        let Some(names) = self.list_spool(&format!("{job}/")).await else { return false };
        let mut is_empty = true;
        for name in names {
            if let Err(error) = self.shop.ports.spool.remove(&name).await {
                if is_empty {
                    tracing::warn!(%job, %error, "the spool files of a purged job are not all removed yet");
                }
                is_empty = false;
            }
        }
        is_empty
    }

    async fn list_spool(&self, prefix: &str) -> Option<Vec<String>> {
        let listed = self.shop.ports.spool.list(prefix).await;
        listed.inspect_err(|error| tracing::warn!(%error, "the spool cannot be listed")).ok()
    }

    /// A change that found its lease lost is another worker's to make.
    fn settle(&self, changed: Result<(), crate::change::ChangeError>) -> Result<(), StoreError> {
        match changed {
            Ok(()) | Err(crate::change::ChangeError::Fenced) => Ok(()),
            Err(crate::change::ChangeError::Store(error)) => Err(error),
        }
    }
}
