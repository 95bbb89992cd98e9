//! The files of rows of a report: slices joined with their outcomes, in manifest order.
//!
//! For each kind the slices that have rows of it are taken in order, as many into a file as its
//! rows may number. Counters of a drained job do not change, so every owner of the stage cuts
//! the same files; those that are recorded are passed over without being read.

use std::collections::HashSet;

use brigade_model::ReportScope;
use brigade_model::ports::job_store::{ReportFile, SliceRow};

use crate::outcomes::SliceOutcomes;
use crate::pace::{Pace, ROW_BYTES};
use crate::report::WriteReport;
use crate::report::destination::Destination;
use crate::report::rows::{Kind, put_row};
use crate::report::upload::Upload;
use crate::slice;
use crate::stage_error::StageError;

/// Slices read from the store at once.
const SLICES_PAGE: usize = 1000;

/// Writes every file that is not recorded yet; at most `rows_max` rows in each.
pub(super) async fn write_files<'a>(
    what: WriteReport<'a>,
    to: &'a Destination<'a>,
    rows_max: u64,
) -> Result<(), StageError> {
    let recorded = what.jobs.report_files(what.job.id).await?;
    let recorded: HashSet<(String, u32)> = recorded.into_iter().map(|file| (file.kind, file.number)).collect();
    for &kind in kinds(what.job.spec.report.scope) {
        let mut file = File { what, to, kind, recorded: &recorded, number: 0, rows: 0, upload: None };
        let mut from = 0;
        loop {
            let page = what.jobs.slices(what.job.id, from, SLICES_PAGE).await?;
            let Some(last) = page.last() else { break };
            from = last.index + 1;
            for slice in page.iter().filter(|slice| rows_of(kind, slice) > 0) {
                if file.rows + rows_of(kind, slice) > rows_max {
                    file.end().await?;
                }
                file.add_slice(slice).await?;
            }
        }
        file.end().await?;
    }
    Ok(())
}

/// Which files a report has. One that does not say lists every task.
fn kinds(scope: Option<ReportScope>) -> &'static [Kind] {
    match scope {
        None | Some(ReportScope::AllTasks) => &[Kind::Succeeded, Kind::Failed],
        Some(ReportScope::FailedTasksOnly) => &[Kind::Failed],
    }
}

fn rows_of(kind: Kind, slice: &SliceRow) -> u64 {
    u64::from(match kind {
        Kind::Succeeded => slice.succeeded,
        Kind::Failed => slice.failed,
    })
}

/// The file that is being filled.
struct File<'a> {
    what: WriteReport<'a>,
    to: &'a Destination<'a>,
    kind: Kind,
    recorded: &'a HashSet<(String, u32)>,
    number: u32,
    rows: u64,
    /// `None` before the first slice, and in a file that is recorded.
    upload: Option<Upload<'a>>,
}

impl File<'_> {
    async fn add_slice(&mut self, slice: &SliceRow) -> Result<(), StageError> {
        let rows = rows_of(self.kind, slice);
        if self.rows == 0 && !self.recorded.contains(&(self.kind.word().to_owned(), self.number)) {
            let key = self.to.rows_key(self.kind, self.number)?;
            self.upload = Some(Upload::begin(self.what, self.to, key).await?);
        }
        self.rows += rows;
        let Some(upload) = &mut self.upload else { return Ok(()) };
        let added = add_rows(self.what, self.kind, slice, upload).await?;
        if added != rows {
            let (index, kind) = (slice.index, self.kind.word());
            return Err(StageError::internal(format!(
                "slice {index} counts {rows} {kind} tasks, its parts hold {added}"
            )));
        }
        Ok(())
    }

    /// Ends the file, if it has rows, and stands before the next.
    async fn end(&mut self) -> Result<(), StageError> {
        if let Some(upload) = self.upload.take() {
            let written = upload.finish().await?;
            let file = ReportFile {
                kind: self.kind.word().to_owned(),
                number: self.number,
                key: self.to.rows_key(self.kind, self.number)?,
                md5: written.md5,
                rows: self.rows,
            };
            self.what.jobs.record_report_file(self.what.lease, &file).await?;
            if let Some(upload_id) = written.upload_id {
                self.what.jobs.forget_upload(self.what.job.id, &upload_id).await?;
            }
        }
        self.number += u32::from(self.rows > 0);
        self.rows = 0;
        Ok(())
    }
}

/// Adds the rows of a slice; how many they were.
async fn add_rows(
    what: WriteReport<'_>,
    kind: Kind,
    slice: &SliceRow,
    upload: &mut Upload<'_>,
) -> Result<u64, StageError> {
    let parts = what.jobs.parts(what.job.id, slice.index).await?;
    let outcomes = SliceOutcomes::of_parts(slice.tasks, &parts)
        .map_err(|error| StageError::internal(format!("the outcomes of slice {}: {error}", slice.index)))?;
    let tasks = slice::open(what.spool, what.job, slice).await?;
    let (mut added, mut pace) = (0, Pace::default());
    for (offset, task) in (0..).zip(tasks) {
        let task = task.map_err(|error| slice::unreadable(slice, &error))?;
        pace.work(task.key.as_str().len() + ROW_BYTES).await;
        let Some(outcome) = outcomes.get(offset).filter(|outcome| Kind::of(outcome) == kind) else { continue };
        let before = upload.buffer.len();
        put_row(&mut upload.buffer, &task, outcome, what.job.spec.options.is_dry_run());
        pace.work(upload.buffer.len() - before).await;
        added += 1;
        upload.send_full_part().await?;
    }
    Ok(added)
}
