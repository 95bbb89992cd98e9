//! Sums a dry run: joins its slices with their outcomes.

use brigade_model::operation::OperationKind;
use brigade_model::ports::{JobStore, Spool};
use brigade_model::{DryRun, Job, LoadLimits};

use super::{Load, Requests, estimate};
use crate::outcomes::SliceOutcomes;
use crate::pace::{Pace, ROW_BYTES};
use crate::slice;
use crate::stage_error::StageError;

/// Slices read from the store at once.
const SLICES_PAGE: usize = 1000;

/// Sums what the recorded outcomes of a job, which stand still, say would be done. A slice and
/// its outcomes are held at a time.
pub(crate) async fn sum(
    job: &Job,
    jobs: &dyn JobStore,
    spool: &dyn Spool,
    speeds: &[LoadLimits],
) -> Result<DryRun, StageError> {
    let mut requests = Requests::default();
    let (mut found, mut pace) = (DryRun::default(), Pace::default());
    let (mut from, mut succeeded) = (0, 0);
    loop {
        let page = jobs.slices(job.id, from, SLICES_PAGE).await?;
        let Some(last) = page.last() else { break };
        from = last.index + 1;
        for row in &page {
            let parts = jobs.parts(job.id, row.index).await?;
            let outcomes = SliceOutcomes::of_parts(row.tasks, &parts)
                .map_err(|error| StageError::internal(format!("the outcomes of slice {}: {error}", row.index)))?;
            for (offset, task) in (0..).zip(slice::open(spool, job, row).await?) {
                let task = task.map_err(|error| slice::unreadable(row, &error))?;
                pace.work(task.key.as_str().len() + ROW_BYTES).await;
                let Some(outcome) = outcomes.get(offset) else { continue };
                requests.add_all(&Requests::of(outcome).unwrap_or_default());
                succeeded += u64::from(outcome.is_success());
                match task.size {
                    _ if !outcome.is_success() => {}
                    Some(size) => found.bytes = found.bytes.saturating_add(size),
                    None => found.tasks_of_unknown_size += 1,
                }
            }
        }
    }
    let moves_bytes = matches!(job.spec.operation.kind(), OperationKind::Copy | OperationKind::Checksum);
    let load = Load {
        requests: requests.count(),
        // A group of deletes is one request, and as many objects as it has tasks.
        objects: requests.count().max(succeeded),
        bytes: if moves_bytes { found.bytes } else { 0 },
    };
    Ok(DryRun { requests: requests.by_name(), seconds: estimate(load, speeds), ..found })
}
