//! Counts the restores of a job that met one: their tasks succeed without having begun any.

use brigade_model::operation::OperationKind;
use brigade_model::outcome::{RESTORED, UNDER_WAY};
use brigade_model::ports::JobStore;
use brigade_model::{Job, Outcome};
use serde::Serialize;

use crate::outcomes::PartReader;
use crate::pace::{Pace, ROW_BYTES};
use crate::stage_error::StageError;

/// Slices read from the store at once.
const SLICES_PAGE: usize = 1000;

/// Restores that were there before the job asked, among its successes.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RestoresMet {
    already_restored: u64,
    already_being_restored: u64,
}

/// Counts them by the recorded outcomes, which stand still; `None` of a job that restores nothing. One
/// part is held at a time.
pub(super) async fn restores_met(job: &Job, jobs: &dyn JobStore) -> Result<Option<RestoresMet>, StageError> {
    if job.spec.operation.kind() != OperationKind::Restore || job.spec.options.is_dry_run() {
        return Ok(None);
    }
    let (mut met, mut pace, mut from) = (RestoresMet::default(), Pace::default(), 0);
    loop {
        let page = jobs.slices(job.id, from, SLICES_PAGE).await?;
        let Some(last) = page.last() else { return Ok(Some(met)) };
        from = last.index + 1;
        for row in &page {
            for (_, bytes) in jobs.parts(job.id, row.index).await? {
                for recorded in PartReader::open(&bytes) {
                    let recorded = recorded.map_err(|error| {
                        StageError::internal(format!("the outcomes of slice {}: {error}", row.index))
                    })?;
                    let tasks = recorded.offsets.len();
                    pace.work(tasks * ROW_BYTES).await;
                    match recorded.outcome {
                        Outcome::SucceededWith { message } if message == RESTORED => {
                            met.already_restored += tasks as u64
                        }
                        Outcome::SucceededWith { message } if message == UNDER_WAY => {
                            met.already_being_restored += tasks as u64;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}
