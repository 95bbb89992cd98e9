//! Cuts a slice into units, each started as one: mostly a task; for deletes, a group of tasks that
//! one call carries. Knows which tasks have an outcome, which lie in the window, and which must
//! check their effect before they act.

use std::collections::VecDeque;
use std::sync::Arc;

use brigade_model::limits::{DELETE_OBJECTS_KEYS_MAX, WINDOW_TASKS};
use brigade_model::{BucketName, DoneBytes, ObjectKey, Task};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::slice_run::SliceRun;
use crate::budget::Budget;
use crate::dry_run::DryRun;
use crate::operation::{PreparedOperation, SliceContext, TaskEnd, abort_recorded_uploads, run_group, run_sized};
use crate::outcomes::Done;
use crate::slice::{self, SliceReader};
use crate::stage_error::StageError;
use crate::store_clock::ensure_sampled;

/// What became of the tasks of a unit.
#[derive(Default)]
pub(super) struct UnitEnd {
    /// The bucket of their rows.
    pub(super) bucket: Option<BucketName>,
    /// Offsets in the slice, and how each run ended.
    pub(super) ends: Vec<(u32, TaskEnd)>,
    /// The keys of those that did not succeed.
    pub(super) keys: Vec<(u32, ObjectKey)>,
    /// What the others copied or restored.
    pub(super) done_bytes: DoneBytes,
}

/// Tasks that are started at once: the numbers of the first and the last of them, and their run.
pub(super) struct Unit {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) run: BoxFuture<'static, UnitEnd>,
}

/// The tasks of a slice that have no outcome yet, in order.
pub(super) struct Units<'a> {
    run: SliceRun<'a>,
    slice_context: Arc<SliceContext>,
    pub(super) budget: Arc<Budget>,
    operation: Arc<PreparedOperation>,
    rows: SliceReader,
    /// The offset of the next row to be read.
    next_offset: u32,
    /// Read, and not started.
    ahead: VecDeque<Task>,
    are_rows_read: bool,
    done: Done,
    /// Tasks below this offset may have been attempted before.
    look_below: u32,
}

impl<'a> Units<'a> {
    /// Reads what is known about the slice, and aborts what a dead worker left behind.
    pub(super) async fn open(run: SliceRun<'a>) -> Result<Self, StageError> {
        let (ports, row) = (&run.context.ports, &run.lease.slice);
        let mut slice_context = run.context.set_up(run.job, run.lease, run.cancel)?;
        let parts = ports.jobs.parts(run.job.id, row.index).await?;
        let done = Done::of_parts(row.tasks, &parts)
            .map_err(|error| StageError::internal(format!("the outcomes of slice {}: {error}", row.index)))?;
        let rows = slice::open(&*ports.spool, run.job, row).await?;
        let was_restored = run.job.restored_from.is_some();
        // A dry run changed nothing, so there is nothing to check.
        let first_missing = done.first_missing().filter(|_| !run.job.spec.options.is_dry_run());
        let look_below = first_missing.map_or(0, |first| slice::unknown_below(row, was_restored, first));
        // Any attempt may have to be checked later.
        ensure_sampled(&*ports.jobs, run.job, &run.context.places_of(run.job)?, run.cancel, true).await?;
        if look_below > 0 {
            slice_context.completing = abort_recorded_uploads(&slice_context).await?.into();
        }
        let slice_context = Arc::new(slice_context);
        let operation = PreparedOperation::new(&run.job.spec.operation, slice_context.target.kind);
        let operation = Arc::new(operation);
        let budget = run.context.budget_of(run.job);
        let ahead = VecDeque::new();
        Ok(Self {
            run,
            slice_context,
            budget,
            operation,
            rows,
            next_offset: 0,
            ahead,
            are_rows_read: false,
            done,
            look_below,
        })
    }

    /// Whether the job may run one more, and its calls would not only wait.
    pub(super) fn have_room(&self) -> bool {
        if !self.budget.has_room(self.run.context.config.now().tasks) {
            return false;
        }
        let Some(caller) = self.slice_context.cancel.caller() else { return true };
        self.slice_context.source.health.has_room_for(caller) && self.slice_context.target.health.has_room_for(caller)
    }

    /// Whether every task was started.
    pub(super) fn are_exhausted(&self) -> bool {
        self.are_rows_read && self.ahead.is_empty()
    }

    /// Whether every task has its outcome committed.
    pub(super) fn are_done(&self) -> bool {
        self.done.first_missing().is_none()
    }

    /// Outcomes of these tasks are committed: the window moves on.
    pub(super) fn note_committed(&mut self, offsets: &[u32]) {
        for offset in offsets {
            self.done.add(*offset..*offset + 1).expect("each task is started once, and has one outcome");
        }
    }

    /// The next unit, ready to run; `None` when every task was started, or the next one lies
    /// beyond the window, or a group can still grow while others run (`can_wait`).
    /// `is_one` wants a unit of one task.
    pub(super) fn next(&mut self, can_wait: bool, is_one: bool) -> Result<Option<Unit>, StageError> {
        self.read_ahead()?;
        let tasks = self.ahead.make_contiguous();
        let (first, look_below) = (self.run.lease.slice.first_task, self.look_below);
        let must_check = move |task: &Task| offset_of(task, first) < look_below;
        let group_max = match tasks.first() {
            Some(task) if self.operation.is_grouped() && !is_one => self.slice_context.group_max(&task.bucket),
            _ => 1,
        };
        let len = self.operation.group_len(tasks, group_max, must_check);
        let can_grow = len > 1 && len == tasks.len() && len < group_max && !self.are_rows_read;
        if tasks.is_empty() || (can_grow && can_wait) {
            return Ok(None);
        }
        let numbers = (tasks[0].number, tasks[len - 1].number);
        let tasks: Vec<Task> = self.ahead.drain(..len).collect();
        let (slice_context, operation) = (self.slice_context.clone(), self.operation.clone());
        let is_dry_run = self.run.job.spec.options.is_dry_run();
        let moves_bytes = !is_dry_run && self.run.job.spec.operation.kind().moves_bytes();
        let running = self.budget.run();
        let run = async move {
            let _running = running;
            let looks = tasks.first().is_some_and(must_check);
            let (runs, size) = if is_dry_run {
                let dry_run = DryRun::at(&slice_context);
                let (runs, size) = run_unit(&operation, &dry_run.slice_context, &tasks, looks).await;
                (dry_run.mark(runs), size)
            } else {
                run_unit(&operation, &slice_context, &tasks, looks).await
            };
            let mut unit = UnitEnd { ends: Vec::with_capacity(tasks.len()), ..UnitEnd::default() };
            for (task, end) in tasks.into_iter().zip(runs) {
                let offset = offset_of(&task, first);
                if !matches!(&end, TaskEnd::Done(outcome) if outcome.is_success()) {
                    unit.keys.push((offset, task.key));
                } else if moves_bytes {
                    unit.done_bytes.add(size.or(task.size));
                }
                unit.bucket.get_or_insert(task.bucket);
                unit.ends.push((offset, end));
            }
            unit
        };
        Ok(Some(Unit { first: numbers.0, last: numbers.1, run: run.boxed() }))
    }

    /// Reads tasks without an outcome, up to the window and one group.
    fn read_ahead(&mut self) -> Result<(), StageError> {
        let row = &self.run.lease.slice;
        let first_missing = self.done.first_missing().unwrap_or(row.tasks);
        let window_end = first_missing.saturating_add(WINDOW_TASKS);
        while !self.are_rows_read && self.ahead.len() < DELETE_OBJECTS_KEYS_MAX && self.next_offset < window_end {
            match self.rows.next() {
                Some(Ok(task)) if self.done.has(self.next_offset) => drop(task),
                Some(Ok(task)) => self.ahead.push_back(task),
                Some(Err(error)) => return Err(slice::unreadable(row, &error)),
                None => self.are_rows_read = true,
            }
            self.next_offset += 1;
        }
        Ok(())
    }
}

/// The ends of the tasks; of a single one also the size of its object, where that is known.
async fn run_unit(
    operation: &PreparedOperation,
    slice_context: &SliceContext,
    tasks: &[Task],
    looks: bool,
) -> (Vec<TaskEnd>, Option<u64>) {
    match tasks {
        [task] => {
            let (end, size) = run_sized(operation, slice_context, task, looks).await;
            (vec![end], size)
        }
        group => (run_group(operation, slice_context, group, looks).await, None),
    }
}

/// The place of a task in its slice.
fn offset_of(task: &Task, first_task: u64) -> u32 {
    u32::try_from(task.number - first_task).expect("a slice holds fewer than 2^32 tasks")
}
