//! Commits one part: sends the same bytes until the store has answered or the cancel token is
//! killed.

use std::time::Duration;

use brigade_model::ports::job_store::{LeaseError, OutcomePart};

use super::slice_run::SliceRun;
use crate::outcomes::FinishedPart;

/// How long a commit waits after the store failed.
const PAUSE: Duration = Duration::from_millis(500);

/// How a commit ended.
pub(super) enum Committed {
    /// The outcomes of these offsets are recorded.
    Recorded { offsets: Vec<u32>, succeeded: u32, failed: u32 },
    /// The lease is lost or given up: the next holder of the slice must check effects.
    Lost,
}

/// Records a part. The store may fail and come back; a part that was recorded although its
/// answer was lost is recognised by its number.
pub(super) async fn commit_part(
    run: SliceRun<'_>,
    seq: u64,
    FinishedPart { bytes, succeeded, failed, failure_counts, done_bytes }: FinishedPart,
    offsets: Vec<u32>,
) -> Committed {
    let (job, slice, fence) = (run.lease.job, run.lease.slice.index, run.lease.fence);
    let part = OutcomePart { job, slice, fence, seq, succeeded, failed, failure_counts, done_bytes, bytes };
    let cut = run.cancel.for_cleanup();
    loop {
        match run.context.ports.jobs.record_part(part.clone()).await {
            Ok(()) => {
                let (tasks, now) = (u64::from(succeeded) + u64::from(failed), run.context.ports.clock.monotonic());
                run.context.meters.note(job, now, tasks, done_bytes);
                return Committed::Recorded { offsets, succeeded, failed };
            }
            Err(LeaseError::Fenced) => return Committed::Lost,
            Err(LeaseError::Store(error)) => {
                tracing::warn!(%job, slice, seq, %error, "cannot record task outcomes; retrying");
                tokio::select! {
                    biased;
                    () = cut.stopped() => return Committed::Lost,
                    () = run.context.ports.clock.sleep(PAUSE) => {}
                }
            }
        }
    }
}
