//! Runs a slice: starts its tasks in order, collects their outcomes into parts, commits the parts,
//! and releases the slice.
//!
//! ```text
//! rows -> units -> running -> outcomes -> filling -> committing -> store
//! ```
//!
//! - A task starts only within `limits::WINDOW_TASKS` of the first one without a *committed*
//!   outcome, which bounds what a crash can repeat.
//! - One part is in commit and one is filling; when the second is full, no task starts. The same
//!   holds while the job store is away.
//! - A part closes when it is full, when it is a second old, or when nothing else runs.
//! - A worker reads the job's status three times in `limits::NOTICE_MAX`, and starts no task when
//!   its last read is older than that, so a change stored by another node takes effect here in
//!   time.
//! - The cancel token stops the start of tasks, never the recording of outcomes. A stopped slice no
//!   longer renews its lease, so what has begun ends within the lease, or the lease is revoked.
//! - A task that waits for long gives up its place; a slice in which every running task waits so
//!   stands *aside*: it keeps its lease, and another slice takes its place.
//! - Outcomes of tasks that failed by what fails others of the job, too, are withheld until a success
//!   disproves it or nothing else is left to run, and then recorded. Enough of them hold the job instead:
//!   then they are dropped, and their tasks run again.
//! - The slice of a job on trial runs one task, which decides whether the hold is lifted.
//! - When a task could not run for a reason that may pass, the slice starts no other: the task runs
//!   again under a new lease only, and until then the window does not move past it.

mod commit;
mod units;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brigade_model::limits::{NOTICE_MAX, PART_AGE_MAX, STUCK_TASKS_MAX};
use brigade_model::outcome::TaskEffect;
use brigade_model::ports::clock::Sleep;
use brigade_model::ports::job_store::{LeaseError, SliceLease, StoreError};
use brigade_model::ports::object_store::CancelToken;
use brigade_model::{BucketName, DoneBytes, Job, JobFailure, ObjectKey, Outcome, Phase, Status};
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use futures::{FutureExt, future};

use self::commit::{Committed, commit_part};
use self::units::Units;
use crate::context::EngineContext;
use crate::operation::TaskEnd;
use crate::outcomes::PartBuilder;
use crate::pace::Pace;
use crate::shared_failures::{SharedFailure, SharedFailures};
use crate::stage_error::StageError;

/// How often a worker tries to release a slice's lease while the store fails, and the pause between
/// tries.
const RELEASE_TRIES: u32 = 60;
const RELEASE_PAUSE: Duration = Duration::from_secs(1);

/// What a task is worth in bytes of work: with the longest names 10 us.
const TASK_BYTES: usize = 1024;

/// Tasks that a slice starts also while calls of its job wait: they may go to another bucket.
const TASKS_ALWAYS: usize = 16;

/// How the run of a slice ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SliceEnd {
    /// Every task has its outcome, or the slice was given back for a reason that the job's
    /// status tells.
    Done,
    /// Something failed that may pass: not again at once.
    Again,
}

/// A slice to run.
#[derive(Clone, Copy)]
pub(crate) struct SliceRun<'a> {
    pub(crate) context: &'a EngineContext,
    pub(crate) job: &'a Job,
    pub(crate) lease: &'a SliceLease,
    pub(crate) cancel: &'a CancelToken,
    pub(crate) aside: &'a Aside,
}

/// Whether a slice only waits for tasks that are stuck, so that it needs no place. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Aside(Arc<AtomicBool>);

impl Aside {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// What became of the tasks of a unit.
#[derive(Default)]
struct UnitEnd {
    /// The bucket of their rows.
    bucket: Option<BucketName>,
    /// Offsets in the slice, and how each run ended.
    ends: Vec<(u32, TaskEnd)>,
    /// The keys of those that did not succeed.
    keys: Vec<(u32, ObjectKey)>,
    /// What the others copied or restored.
    done_bytes: DoneBytes,
}

/// Runs a slice and gives it back.
pub(crate) async fn run_slice(run: SliceRun<'_>) -> SliceEnd {
    let (end, must_check) = match Units::open(run).await {
        Ok(units) => SliceRunner::new(run, units).work().await,
        Err(stage_error) => (end_by_error(run, stage_error).await, false),
    };
    release(run, must_check).await;
    run.context.notify();
    end
}

/// Releases the slice. Retries for a while when the store fails, because a lease that expires
/// instead makes the next worker check the tasks; stops when the cancel token is killed.
async fn release(run: SliceRun<'_>, must_check: bool) {
    let cut = run.cancel.for_cleanup();
    for _ in 0..RELEASE_TRIES {
        match run.context.ports.jobs.release_slice(run.lease, must_check).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(job = %run.job.id, %error, "cannot release slice lease; retrying"),
        }
        tokio::select! {
            biased;
            () = cut.stopped() => return,
            () = run.context.ports.clock.sleep(RELEASE_PAUSE) => {}
        }
    }
}

/// Ends a slice that cannot start or continue.
async fn end_by_error(run: SliceRun<'_>, stage_error: StageError) -> SliceEnd {
    match stage_error {
        StageError::Failed(why) => fail(run, why).await,
        StageError::Fenced | StageError::Stopped => SliceEnd::Done,
        StageError::Again(reason) => {
            tracing::warn!(job = %run.job.id, slice = run.lease.slice.index, %reason, "cannot run slice now; retrying");
            SliceEnd::Again
        }
    }
}

/// Fails the job; when the store refuses, the next worker of the slice finds the same failure.
async fn fail(run: SliceRun<'_>, why: JobFailure) -> SliceEnd {
    tracing::error!(job = %run.job.id, slice = run.lease.slice.index, reason = %why.reason, "cannot run slice; failing the job");
    match run.context.fail_job(run.job.id, why).await {
        Ok(()) => SliceEnd::Done,
        Err(error) => {
            tracing::warn!(job = %run.job.id, %error, "cannot record job failure; retrying");
            SliceEnd::Again
        }
    }
}

/// The state of a slice while it runs.
struct SliceRunner<'a> {
    run: SliceRun<'a>,
    units: Units<'a>,
    running: FuturesUnordered<BoxFuture<'a, UnitEnd>>,
    /// The units that run: the number of the last task by that of the first.
    under_way: BTreeMap<u64, u64>,
    /// How many of them have a task that is stuck, and after how many changes that was counted.
    stuck: usize,
    stuck_seen: u64,
    /// Tasks that were cut short by the stop.
    cut_short: Vec<(u32, Outcome)>,
    shared_failures: Arc<SharedFailures>,
    /// Failures that other tasks may share, and how often such a one had been disproved before.
    withheld: Vec<(u32, Outcome)>,
    disproofs: u64,
    /// The code for which the job is held, while its one task decides whether it still must be.
    trial: Option<String>,
    /// What the tasks that have ended say of the job as a whole.
    finding: Option<Finding>,
    filling: PartBuilder,
    /// The keys of tasks that have ended without a success, and of which no outcome is filled in.
    keys: BTreeMap<u32, ObjectKey>,
    part_timer: Option<Sleep>,
    committing: Option<BoxFuture<'a, Committed>>,
    next_seq: u64,
    /// Where every answer comes at once, nothing else lets others run.
    pace: Pace,
    gathered: usize,
    renew_timer: Sleep,
    renewing: Option<BoxFuture<'a, Result<(), LeaseError>>>,
    look_timer: Sleep,
    looking: Option<BoxFuture<'a, Result<(), StoreError>>>,
    /// Some task may have had an effect that could not be confirmed.
    must_check: bool,
    /// The lease is lost or given up: what is not recorded is another worker's.
    is_fenced: bool,
    /// The rest of the slice cannot be read.
    broken: Option<StageError>,
    end: SliceEnd,
}

/// What tasks say of their job as a whole.
enum Finding {
    /// It is to be held.
    Hold(Box<SharedFailure>),
    /// It need not be held any more.
    Lift,
}

/// What wakes the slice runner.
enum Woken {
    Ended(UnitEnd),
    Committed(Committed),
    PartIsOld,
    Renew,
    Renewed(Result<(), LeaseError>),
    Look,
    Looked(Result<(), StoreError>),
    Stopped,
    Listened,
    StuckChanged,
}

impl<'a> SliceRunner<'a> {
    fn new(run: SliceRun<'a>, units: Units<'a>) -> Self {
        Self {
            run,
            units,
            running: FuturesUnordered::new(),
            under_way: BTreeMap::new(),
            stuck: 0,
            stuck_seen: 0,
            cut_short: Vec::new(),
            shared_failures: run.context.shared_failures_of(run.job.id),
            withheld: Vec::new(),
            disproofs: 0,
            trial: run.job.hold.as_ref().map(|hold| hold.why.code.clone()),
            finding: None,
            filling: PartBuilder::default(),
            keys: BTreeMap::new(),
            part_timer: None,
            committing: None,
            next_seq: run.lease.next_seq,
            pace: Pace::default(),
            gathered: 0,
            renew_timer: renew_timer(run),
            renewing: None,
            look_timer: look_timer(run),
            // Opening the slice may have taken long.
            looking: Some(look(run)),
            must_check: false,
            is_fenced: false,
            broken: None,
            end: SliceEnd::Done,
        }
    }

    /// Works until every task has its outcome committed, or the cancel token has ended and what was in
    /// flight is committed, or the lease is lost.
    ///
    /// Returns how it ended, and whether the next holder must check effects before it acts.
    async fn work(mut self) -> (SliceEnd, bool) {
        let mut wakeup = self.run.context.subscribe();
        loop {
            self.count_stuck();
            self.start_tasks();
            self.record_withheld_if_due();
            self.commit_if_due();
            self.step_aside();
            let are_open = !self.cut_short.is_empty() || !self.withheld.is_empty();
            if self.is_idle() && self.is_stopped() && are_open {
                self.record_or_leave_open().await;
                continue;
            }
            if self.is_idle() && (self.is_stopped() || self.units.are_exhausted()) {
                let end = match self.broken.take() {
                    Some(stage_error) => end_by_error(self.run, stage_error).await,
                    None => self.end,
                };
                return (end, self.must_check);
            }
            let context = self.run.context;
            let is_waiting_for_room = self.is_idle();
            let woken = tokio::select! {
                biased;
                committed = or_never(&mut self.committing) => Woken::Committed(committed),
                Some(end) = self.running.next(), if !self.running.is_empty() => Woken::Ended(end),
                () = self.run.cancel.stopped(), if !self.run.cancel.is_stopped() => Woken::Stopped,
                renewed = or_never(&mut self.renewing) => Woken::Renewed(renewed),
                () = &mut self.renew_timer, if self.renewing.is_none() && self.is_kept() => Woken::Renew,
                looked = or_never(&mut self.looking) => Woken::Looked(looked),
                () = &mut self.look_timer, if self.looking.is_none() && self.is_kept() => Woken::Look,
                () = or_never(&mut self.part_timer) => Woken::PartIsOld,
                () = context.wait(&mut wakeup), if is_waiting_for_room => Woken::Listened,
                () = self.run.cancel.stuck_changed(self.stuck_seen) => Woken::StuckChanged,
            };
            self.handle(woken).await;
            self.pace.work(std::mem::take(&mut self.gathered) * TASK_BYTES).await;
        }
    }

    async fn handle(&mut self, woken: Woken) {
        match woken {
            Woken::Ended(end) => {
                self.collect(end);
                // Collect everything else that has ended; it needs no wake-up of its own.
                while let Some(Some(end)) = self.running.next().now_or_never() {
                    self.collect(end);
                }
                self.act_on_finding().await;
            }
            Woken::Committed(committed) => self.note_commit(committed).await,
            Woken::PartIsOld => self.part_timer = None,
            Woken::Renew => self.renewing = Some(renew(self.run)),
            Woken::Renewed(renewed) => self.note_renewal(renewed),
            Woken::Look => self.looking = Some(look(self.run)),
            Woken::Looked(looked) => {
                self.look_timer = look_timer(self.run);
                if let Err(error) = looked {
                    tracing::warn!(job = %self.run.job.id, %error, "cannot read job status; starting no tasks");
                }
            }
            Woken::Stopped | Woken::Listened | Woken::StuckChanged => {}
        }
    }

    /// Whether the slice starts nothing more.
    fn is_stopped(&self) -> bool {
        !self.is_kept() || self.broken.is_some() || self.end == SliceEnd::Again
    }

    /// Whether the lease is renewed.
    fn is_kept(&self) -> bool {
        !self.run.cancel.is_stopped() && !self.is_fenced
    }

    /// Whether nothing runs and nothing waits to be committed.
    fn is_idle(&self) -> bool {
        self.running.is_empty() && self.committing.is_none() && (self.filling.is_empty() || self.is_fenced)
    }

    /// Starts tasks while there is room for them and for their outcomes.
    fn start_tasks(&mut self) {
        while self.may_start() {
            match self.units.next(!self.running.is_empty(), self.trial.is_some()) {
                Ok(Some(unit)) => {
                    self.under_way.insert(unit.first, unit.last);
                    self.running.push(unit.run);
                }
                Ok(None) => return self.ask_for_slice(),
                Err(stage_error) => self.broken = Some(stage_error),
            }
        }
        if self.stuck >= STUCK_TASKS_MAX && !self.is_stopped() {
            self.ask_for_slice();
        }
    }

    /// Asks for a further slice for the job: there is room for more than this one can start now.
    fn ask_for_slice(&self) {
        if self.units.have_room() && !self.units.budget.note_need(true) {
            self.run.context.notify();
        }
    }

    fn may_start(&self) -> bool {
        !self.is_stopped()
            && self.run.cancel.may_start(self.run.context.ports.clock.monotonic(), Duration::ZERO)
            && self.may_start_one_more()
            && (self.trial.is_none() || self.running.is_empty())
            && self.stuck < STUCK_TASKS_MAX
            && !(self.filling.is_full() && self.committing.is_some())
            && self.run.context.space.may_start()
    }

    /// Whether the job and the endpoint have room for one more; those that are stuck have no place.
    fn may_start_one_more(&self) -> bool {
        let running = self.running.len().saturating_sub(self.stuck);
        running < TASKS_ALWAYS || self.units.have_room()
    }

    /// Counts the units that have a task which is stuck.
    fn count_stuck(&mut self) {
        let changes = self.run.cancel.stuck_changes();
        if self.stuck_seen == changes {
            return;
        }
        self.stuck_seen = changes;
        let unit_of = |number: u64| {
            let (first, last) = self.under_way.range(..=number).next_back()?;
            (number <= *last).then_some(*first)
        };
        self.stuck = self.run.cancel.stuck_tasks().into_iter().filter_map(unit_of).collect::<BTreeSet<_>>().len();
    }

    /// Gives the slice's place away while it only waits for tasks that are stuck.
    fn step_aside(&self) {
        let is_aside = self.stuck > 0 && self.stuck == self.running.len();
        if self.run.aside.0.swap(is_aside, Ordering::SeqCst) != is_aside {
            self.run.context.notify();
        }
    }

    /// Records the failures that were withheld once a success shows that they are of their objects alone,
    /// or nothing more can run that would show it.
    fn record_withheld_if_due(&mut self) {
        let disproofs = self.shared_failures.disproofs();
        let is_due = disproofs != self.disproofs || self.running.is_empty();
        self.disproofs = disproofs;
        if is_due && !self.is_stopped() {
            std::mem::take(&mut self.withheld).into_iter().for_each(|(offset, outcome)| self.fill(offset, outcome));
        }
    }

    /// Records the outcomes of tasks that were cut short or withheld, if their job is cancelling or failing.
    async fn record_or_leave_open(&mut self) {
        let (cut_short, withheld) = (std::mem::take(&mut self.cut_short), std::mem::take(&mut self.withheld));
        let job = self.run.context.ports.jobs.job(self.run.job.id).await.ok().flatten();
        let is_over = job.is_some_and(|job| matches!(job.status, Status::Cancelling | Status::Failing));
        if is_over && !self.is_fenced {
            cut_short.into_iter().chain(withheld).for_each(|(offset, outcome)| self.fill(offset, outcome));
        } else {
            // Its next worker checks them.
            let is_unknown = |(_, outcome): &(u32, Outcome)| outcome.effect() == TaskEffect::Unknown;
            self.must_check |= !cut_short.is_empty() || withheld.iter().any(is_unknown);
        }
    }

    /// Takes the outcomes of a unit into the part that is filling.
    fn collect(&mut self, UnitEnd { bucket, ends, keys, done_bytes }: UnitEnd) {
        self.gathered += ends.len();
        self.keys.extend(keys);
        self.filling.weigh(done_bytes);
        if let Some((offset, _)) = ends.first() {
            self.under_way.remove(&(self.run.lease.slice.first_task + u64::from(*offset)));
        }
        let has_success = || ends.iter().any(|(_, run)| matches!(run, TaskEnd::Done(outcome) if outcome.is_success()));
        if let Some(bucket) = bucket.filter(|_| self.shared_failures.is_any() && has_success()) {
            self.shared_failures.disprove(&bucket);
        }
        for (offset, run) in ends {
            match run {
                TaskEnd::Done(outcome) => {
                    if self.trial.is_some() {
                        self.finding = Some(Finding::Lift);
                    }
                    self.fill(offset, outcome);
                }
                TaskEnd::SharedFailure(outcome, shared) => self.withhold(offset, outcome, shared),
                TaskEnd::NotAttempted | TaskEnd::UnknownEffect if !self.run.cancel.is_stopped() => {
                    // Its lease ran short, or the store was away: later, under a new lease.
                    self.must_check |= run == TaskEnd::UnknownEffect;
                    self.end = SliceEnd::Again;
                }
                TaskEnd::NotAttempted => {}
                TaskEnd::UnknownEffect => self.must_check = true,
                TaskEnd::CutShort(outcome) => self.cut_short.push((offset, outcome)),
            }
        }
    }

    /// Keeps a failure back that other tasks may share.
    fn withhold(&mut self, offset: u32, outcome: Outcome, shared: Box<SharedFailure>) {
        self.withheld.push((offset, outcome));
        let is_many = self.shared_failures.add(&shared.cause);
        let is_as_before = self.trial.as_ref().map(|code| *code == shared.cause.code);
        if is_as_before.unwrap_or(is_many) {
            self.finding = Some(Finding::Hold(shared));
        } else if is_as_before == Some(false) {
            self.finding = Some(Finding::Lift);
        }
    }

    /// Holds the job, or lifts its hold.
    async fn act_on_finding(&mut self) {
        let (context, job) = (self.run.context, self.run.job.id);
        let acted = match self.finding.take() {
            None => return,
            Some(Finding::Hold(shared)) => {
                // What is withheld is not recorded, whether the change succeeds or not.
                self.end = SliceEnd::Again;
                context.hold_job(job, &shared.why).await
            }
            Some(Finding::Lift) => context.lift_hold(job).await.inspect(|()| self.trial = None),
        };
        if let Err(error) = acted {
            tracing::warn!(%job, %error, "cannot hold the job or let it go on; stopping the slice to retry");
            self.end = SliceEnd::Again;
        }
    }

    fn fill(&mut self, offset: u32, outcome: Outcome) {
        if let Some(key) = self.keys.remove(&offset) {
            self.filling.name(offset, key);
        }
        self.filling.add(offset, outcome);
        if self.part_timer.is_none() {
            self.part_timer = Some(self.run.context.ports.clock.sleep(PART_AGE_MAX));
        }
    }

    /// Sends the part that is filling, if it is time and no other is in commit.
    fn commit_if_due(&mut self) {
        if self.filling.is_empty() || self.committing.is_some() || self.is_fenced {
            return;
        }
        let is_old = self.part_timer.is_none();
        let is_last = self.running.is_empty();
        if self.filling.is_full() || is_old || is_last {
            let filled = std::mem::take(&mut self.filling);
            let offsets = filled.offsets().collect();
            self.part_timer = None;
            self.committing = Some(commit_part(self.run, self.next_seq, filled.finish(), offsets).boxed());
            self.next_seq += 1;
        }
    }

    async fn note_commit(&mut self, committed: Committed) {
        self.committing = None;
        match committed {
            Committed::Lost => {
                tracing::warn!(job = %self.run.job.id, slice = self.run.lease.slice.index, "slice lease lost or given up; task outcomes not recorded");
                self.is_fenced = true;
                self.must_check = true;
                self.run.cancel.kill();
            }
            Committed::Recorded { offsets, succeeded, failed } => {
                self.units.note_committed(&offsets);
                let kind = self.run.job.spec.operation.kind();
                if !self.run.job.spec.options.is_dry_run() {
                    self.run.context.ports.observer.tasks_ended(kind, u64::from(succeeded), u64::from(failed));
                }
                if failed > 0 || self.units.are_done() {
                    self.test_progress().await;
                }
            }
        }
    }

    /// Tests what the recorded outcomes say about the job.
    async fn test_progress(&mut self) {
        if let Err(error) = self.run.context.test_progress(self.run.job.id).await {
            tracing::warn!(job = %self.run.job.id, %error, "cannot check job progress; stopping the slice to retry");
            // Judged again with the next commit, or by the loop when nothing is left to lease.
            self.end = SliceEnd::Again;
        }
    }

    fn note_renewal(&mut self, renewed: Result<(), LeaseError>) {
        self.renewing = None;
        self.renew_timer = renew_timer(self.run);
        match renewed {
            Ok(()) => {}
            Err(LeaseError::Fenced) => {
                self.is_fenced = true;
                self.run.cancel.kill();
            }
            // The lease lasts until its expiry; the cancel token ends all work by then.
            Err(LeaseError::Store(error)) => {
                tracing::warn!(job = %self.run.job.id, %error, "cannot renew slice lease; the slice runs until it expires");
            }
        }
    }
}

/// Resolves with the future and takes it away; never, when there is none.
async fn or_never<F: Future + Unpin>(slot: &mut Option<F>) -> F::Output {
    match slot {
        Some(future) => {
            let output = future.await;
            *slot = None;
            output
        }
        None => future::pending().await,
    }
}

fn renew_timer(run: SliceRun<'_>) -> Sleep {
    run.context.ports.clock.sleep(run.job.spec.operation.kind().lease_ttl() / 3)
}

fn renew(run: SliceRun<'_>) -> BoxFuture<'_, Result<(), LeaseError>> {
    async move {
        let ttl = run.job.spec.operation.kind().lease_ttl();
        let before = run.context.ports.clock.monotonic();
        let status = run.context.ports.jobs.renew_slice(run.lease, ttl).await?;
        run.cancel.prolong(before.after(ttl));
        if brigade_model::status::phase(status) != Phase::Execute {
            run.cancel.stop();
        }
        Ok(())
    }
    .boxed()
}

fn look_timer(run: SliceRun<'_>) -> Sleep {
    run.context.ports.clock.sleep(NOTICE_MAX / 3)
}

/// Reads whether the job may run, and stops the cancel token when it may not.
fn look(run: SliceRun<'_>) -> BoxFuture<'_, Result<(), StoreError>> {
    async move {
        let before = run.context.ports.clock.monotonic();
        let job = run.context.ports.jobs.job(run.job.id).await?;
        match job.is_some_and(|job| brigade_model::status::phase(job.status) == Phase::Execute) {
            true => run.cancel.begin_until(before.after(NOTICE_MAX)),
            false => run.cancel.stop(),
        }
        Ok(())
    }
    .boxed()
}
