//! Makes slices of a manifest, which is read once, as a stream.
//!
//! 1. It reads the manifest's head, pins the manifest and reads it; its tasks become slice files.
//! 2. What only all rows together tell, or a read from the store, is decided at the end and kept
//!    with the job: the slices hold rows so that either is possible.
//!
//! Slicing is a function of the manifest's bytes, so the worker that takes over reads them again and
//! writes only the slices that are not recorded yet. Where nothing pins the bytes from one
//! preparation to the next (parts of an inventory without an MD5), what is recorded is compared.

use brigade_model::job::Prepared;
use brigade_model::options::SharedTargets;

use super::context::Prepare;
use super::doubts::{Doubts, refuse_header};
use super::overlap::Overlaps;
use super::refused::Refused;
use super::sample::Sample;
use crate::manifest::row::Row;
use crate::manifest::tasks::TaskReader;
use crate::manifest::{Located, ManifestProblem};
use crate::slice::slicer::Slicer;
use crate::stage_error::StageError;

/// Makes the slices of a job out of its manifest; gives a sample of its rows, too.
pub(super) async fn read_tasks(what: Prepare<'_>) -> Result<(Prepared, Sample<Row>), StageError> {
    let mut tasks = TaskReader::open(what.job, &what.places.manifest, what.cancel, what.bytes).await?;
    let mut slicer = Slicer::begin(what.slicing()).await?;
    slicer.compares_recorded = !tasks.is_pinned();
    let read = slice_manifest(what, &mut tasks, &mut slicer).await;
    slicer.leave(read).await
}

async fn slice_manifest(
    what: Prepare<'_>,
    tasks: &mut TaskReader<'_>,
    slicer: &mut Slicer<'_>,
) -> Result<(Prepared, Sample<Row>), StageError> {
    let mut sample = Sample::new(what.job.id);
    let (mut doubts, mut overlaps) = (Doubts::new(what.job.id), Overlaps::new(&what.job.spec.operation));
    let mut refused = Refused::new(&what.job.spec.operation, what.places);
    let mut source_bucket = None;
    while let Some(row) = tasks.next().await? {
        if let Some(first) = tasks.take_strange_first_row() {
            refuse_header(what, first).await?;
        }
        source_bucket.get_or_insert_with(|| row.task.bucket.clone());
        doubts.see(&row, tasks);
        overlaps.see(&row);
        refused.see(&row);
        if row.task.defect.is_none() {
            sample.offer(row.task.number, || row.clone());
        }
        slicer.add_row(&row).await?;
    }
    let separators = (tasks.separator(), tasks.possible_separators());
    let separator = doubts.decide(what, separators).await?;
    let may_share = what.job.spec.options.shared_targets == Some(SharedTargets::Allow);
    if let Some(target) = overlaps.shared_target(separator).filter(|_| !may_share) {
        return Err(Located::manifest_of(what.job).error(ManifestProblem::SharedTarget(target.to_string())).into());
    }
    let (count, slices) = slicer.finish().await?;
    let (left_out, some_rows_have_versions) = (tasks.left_out(), tasks.some_rows_have_versions());
    let refusals = refused.notes(separator);
    if count > 0 && refused.rows(separator) == count {
        return Err(Located::manifest_of(what.job).error(ManifestProblem::AllRefused(refusals.join("; "))).into());
    }
    let notes = overlaps.note(separator).into_iter().chain(refusals).collect();
    let prepared =
        Prepared { tasks: count, slices, left_out, some_rows_have_versions, separator, notes, source_bucket };
    Ok((prepared, sample))
}

#[cfg(test)]
mod tests;
