//! Runs a slice: starts its tasks in order, collects their outcomes into parts, commits the parts,
//! and releases the slice.
//!
//! ```text
//! rows -> units -> running -> outcomes -> filling -> committing -> store
//! ```
//!
//! [`units`] says what runs, [`lease`] for how long, [`withhold`] what becomes of failures that others may share,
//! [`commit`] sends parts to the store, and [`slice_run`] gives the slice back.
//!
//! - A task starts only within `limits::WINDOW_TASKS` of the first one without a *committed*
//!   outcome, which bounds what a crash can repeat.
//! - One part is in commit and one is filling; when the second is full, no task starts. The same
//!   holds while the job store is away.
//! - A part closes when it is full, when it is a second old, or when nothing else runs.
//! - The cancel token stops the start of tasks, never the recording of outcomes. A stopped slice no
//!   longer renews its lease, so what has begun ends within the lease, or the lease is revoked.
//! - A task that waits for long gives up its place; a slice in which every running task waits so
//!   stands *aside*: it keeps its lease, and another slice takes its place.
//! - A task that waits for something at the store has no outcome while that is not there. Once every open
//!   task of a slice was looked at, the slice is put off to the job's next round.
//! - When a task could not run for a reason that may pass, the slice starts no other: the task runs
//!   again under a new lease only, and until then the window does not move past it.

mod commit;
mod lease;
mod or_never;
mod slice_run;
mod units;
mod withhold;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use brigade_model::limits::{PART_AGE_MAX, STUCK_TASKS_MAX};
use brigade_model::ports::clock::Sleep;
use brigade_model::{ObjectKey, Outcome, Status};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};

use self::commit::{Committed, commit_part};
use self::lease::{LeaseKeeper, LeaseState};
use self::or_never::or_never;
pub(crate) use self::slice_run::{Aside, SliceEnd, SliceRun};
use self::slice_run::{Left, end_by_error, release};
use self::units::{UnitEnd, Units};
use self::withhold::{Withheld, is_any_unknown};
use crate::operation::TaskEnd;
use crate::outcomes::PartBuilder;
use crate::pace::Pace;
use crate::stage_error::StageError;

/// What a task is worth in bytes of work: with the longest names 10 us.
const TASK_BYTES: usize = 1024;

/// Tasks that a slice starts also while calls of its job wait: they may go to another bucket.
const TASKS_ALWAYS: usize = 16;

/// Runs a slice and gives it back.
pub(crate) async fn run_slice(run: SliceRun<'_>) -> SliceEnd {
    let (end, left) = match Units::open(run).await {
        Ok(units) => SliceRunner::new(run, units).work().await,
        Err(stage_error) => (end_by_error(run, stage_error).await, Left::Unchecked { must_check: false }),
    };
    release(run, left).await;
    run.context.notify();
    end
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
    withheld: Withheld,
    filling: PartBuilder,
    /// The keys of tasks that have ended without a success, and of which no outcome is filled in.
    keys: BTreeMap<u32, ObjectKey>,
    part_timer: Option<Sleep>,
    committing: Option<BoxFuture<'a, Committed>>,
    next_seq: u64,
    /// Where every answer comes at once, nothing else lets others run.
    pace: Pace,
    gathered: usize,
    lease: LeaseKeeper<'a>,
    /// Whether a task waits for the job's next round.
    has_not_yet: bool,
    /// Some task may have had an effect that could not be confirmed.
    must_check: bool,
    /// The lease is lost or given up: what is not recorded is another worker's.
    is_fenced: bool,
    /// The rest of the slice cannot be read.
    broken: Option<StageError>,
    end: SliceEnd,
}

/// What wakes the slice runner.
enum Woken {
    Ended(UnitEnd),
    Committed(Committed),
    PartIsOld,
    Lease(LeaseState),
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
            withheld: Withheld::new(run.context, run.job),
            filling: PartBuilder::default(),
            keys: BTreeMap::new(),
            part_timer: None,
            committing: None,
            next_seq: run.lease.next_seq,
            pace: Pace::default(),
            gathered: 0,
            lease: LeaseKeeper::new(run),
            has_not_yet: false,
            must_check: false,
            is_fenced: false,
            broken: None,
            end: SliceEnd::Done,
        }
    }

    /// Works until every task has its outcome committed, or the cancel token has ended and what was in
    /// flight is committed, or the lease is lost.
    ///
    /// Returns how it ended, and what it leaves.
    async fn work(mut self) -> (SliceEnd, Left) {
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
                return (end, self.left());
            }
            let context = self.run.context;
            let (is_waiting_for_room, is_kept) = (self.is_idle(), self.is_kept());
            let woken = tokio::select! {
                biased;
                committed = or_never(&mut self.committing) => Woken::Committed(committed),
                Some(end) = self.running.next(), if !self.running.is_empty() => Woken::Ended(end),
                () = self.run.cancel.stopped(), if !self.run.cancel.is_stopped() => Woken::Stopped,
                state = self.lease.step(is_kept) => Woken::Lease(state),
                () = or_never(&mut self.part_timer) => Woken::PartIsOld,
                () = context.wait(&mut wakeup), if is_waiting_for_room => Woken::Listened,
                () = self.run.cancel.stuck_changed(self.stuck_seen) => Woken::StuckChanged,
            };
            self.handle(woken).await;
            self.pace.work(std::mem::take(&mut self.gathered) * TASK_BYTES).await;
        }
    }

    /// What becomes of the tasks without an outcome, once nothing runs any more.
    fn left(&self) -> Left {
        match self.run.job.rounds {
            Some(rounds) if self.has_not_yet && !self.is_stopped() => Left::ForRound(rounds.number.saturating_add(1)),
            _ => Left::Unchecked { must_check: self.must_check },
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
                if !self.withheld.change_hold(self.run).await {
                    self.end = SliceEnd::Again;
                }
            }
            Woken::Committed(committed) => self.note_commit(committed).await,
            Woken::PartIsOld => self.part_timer = None,
            Woken::Lease(state) => self.is_fenced |= state == LeaseState::Fenced,
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
            match self.units.next(!self.running.is_empty(), self.withheld.is_trial()) {
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
            && (!self.withheld.is_trial() || self.running.is_empty())
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
        if self.run.aside.change(is_aside) {
            self.run.context.notify();
        }
    }

    /// Records the failures that were withheld once a success shows that they are of their objects alone,
    /// or nothing more can run that would show it.
    fn record_withheld_if_due(&mut self) {
        if self.withheld.are_due(self.running.is_empty()) && !self.is_stopped() {
            self.withheld.take().into_iter().for_each(|(offset, outcome)| self.fill(offset, outcome));
        }
    }

    /// Records the outcomes of tasks that were cut short or withheld, if their job is cancelling or failing.
    async fn record_or_leave_open(&mut self) {
        let (cut_short, withheld) = (std::mem::take(&mut self.cut_short), self.withheld.take());
        let job = self.run.context.ports.jobs.job(self.run.job.id).await.ok().flatten();
        let is_over = job.is_some_and(|job| matches!(job.status, Status::Cancelling | Status::Failing));
        if is_over && !self.is_fenced {
            cut_short.into_iter().chain(withheld).for_each(|(offset, outcome)| self.fill(offset, outcome));
        } else {
            // Its next worker checks them.
            self.must_check |= !cut_short.is_empty() || is_any_unknown(&withheld);
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
        let is_success = |run: &TaskEnd| match run {
            TaskEnd::Done(outcome) => outcome.is_success(),
            // The store told of the object.
            TaskEnd::NotYet => true,
            _ => false,
        };
        let has_success = || ends.iter().any(|(_, run)| is_success(run));
        if let Some(bucket) = bucket.filter(|_| self.withheld.can_be_disproved() && has_success()) {
            self.withheld.disprove(&bucket);
        }
        for (offset, run) in ends {
            match run {
                TaskEnd::Done(outcome) => {
                    self.withheld.note_outcome();
                    self.fill(offset, outcome);
                }
                TaskEnd::NotYet => {
                    self.has_not_yet = true;
                    self.withheld.note_outcome();
                }
                TaskEnd::SharedFailure(outcome, shared) => self.withheld.add(offset, outcome, shared),
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
}
