//! The failed rows of a job, also while it runs: read page by page from its slices and the recorded parts, with one
//! slice and its outcomes in memory at a time.

use brigade_model::outcome::TaskFailure;
use brigade_model::ports::job_store::SliceRow;
use brigade_model::{Job, Outcome, Task};

use crate::outcomes::SliceOutcomes;
use crate::ports::Ports;
use crate::slice;
use crate::stage_error::StageError;

/// Slices read at once.
const PAGE: usize = 256;

/// A place among the rows of a job: everything before it has been read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowPosition {
    /// The slice.
    pub slice: u32,
    /// The offset of the task in it.
    pub offset: u32,
}

/// Failed tasks, in manifest order.
#[derive(Debug, Clone, Default)]
pub struct FailedRows {
    /// Each with its failure.
    pub rows: Vec<(Task, TaskFailure)>,
    /// Where the next page begins; `None` when every slice was read. Of a job that runs, later outcomes may lie
    /// before it.
    pub next: Option<RowPosition>,
}

/// The failed rows of the job from that position on, at most `max`.
///
/// # Errors
/// [`StageError`] when a slice or its outcomes cannot be read.
pub(crate) async fn failed_rows(
    ports: &Ports,
    job: &Job,
    from: RowPosition,
    max: usize,
) -> Result<FailedRows, StageError> {
    let mut found = FailedRows::default();
    let mut from = from;
    loop {
        let page = ports.jobs.slices(job.id, from.slice, PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        let after = last.index + 1;
        for row in &page {
            let begin = if row.index == from.slice { from.offset } else { 0 };
            if row.failed > 0 {
                found.next = read_slice(ports, job, row, begin, max, &mut found.rows).await?;
            }
            if found.next.is_some() {
                return Ok(found);
            }
        }
        from = RowPosition { slice: after, offset: 0 };
    }
}

/// Adds the failed rows of a slice; gives where to go on when there are `max`.
async fn read_slice(
    ports: &Ports,
    job: &Job,
    row: &SliceRow,
    begin: u32,
    max: usize,
    into: &mut Vec<(Task, TaskFailure)>,
) -> Result<Option<RowPosition>, StageError> {
    let parts = ports.jobs.parts(job.id, row.index).await?;
    let outcomes = SliceOutcomes::of_parts(row.tasks, &parts)
        .map_err(|error| StageError::internal(format!("the outcomes of slice {}: {error}", row.index)))?;
    let tasks = slice::open(&*ports.spool, job, row).await?;
    for (offset, task) in (0..).zip(tasks) {
        let Some(Outcome::Failed(failure)) = outcomes.get(offset).filter(|_| offset >= begin) else { continue };
        if into.len() == max {
            return Ok(Some(RowPosition { slice: row.index, offset }));
        }
        into.push((task.map_err(|error| slice::unreadable(row, &error))?, failure.clone()));
    }
    Ok(None)
}
