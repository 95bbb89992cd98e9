//! Compares an object's time with an attempt of ours, by the clock that stamps the objects, using
//! what is known of its offset (`model/src/store_clock.rs`).
//!
//! Effect checks call [`may_be_newer`]. [`ensure_sampled`] learns the offset before a slice begins,
//! and records it for the next process.

use std::sync::Arc;
use std::time::Duration;

use brigade_model::ports::JobStore;
use brigade_model::ports::job_store::{SetEndpointError, StoreError};
use brigade_model::ports::object_store::{CancelToken, ObjectHead};
use brigade_model::{EndpointRow, Job, Timestamp};

use crate::places::{Place, RolePlaces};
use crate::report::{NotSampled, Sampled, sample_clock, sampling_place};
use crate::stage_error::StageError;

/// A sample that takes longer is given up: meanwhile the slice's lease is not renewed.
const PATIENCE: Duration = Duration::from_secs(10);
/// A call that was slow bounds the offset widely; then another is made, up to so many.
const SAMPLES_MAX: u32 = 3;
/// Others may set what is kept of an endpoint at the same moment; then it is read again.
const KEEP_TRIES: u32 = 5;

/// Whether an object at that place may have been written at or after `since`, by our clock:
/// `place.stamps.now()`, or a time that the job store stamped. Doubtful counts as newer.
///
/// An object of parts may be dated by the beginning of its upload, so its date proves nothing
/// where the endpoint's kind does so or is not known.
#[must_use]
pub fn may_be_newer(place: &Place, head: &ObjectHead, since: Timestamp) -> bool {
    let is_of_parts = head.parts.is_some() || head.etag.as_ref().is_some_and(|etag| etag.is_of_parts());
    (is_of_parts && place.kind.may_date_by_upload_start()) || place.stamps.may_be_newer(head.modified, since)
}

/// Makes sure that the clocks of the job's endpoints are known, by what earlier processes kept
/// and, where the job's report goes to the same endpoint, by a sample. `must` says that tasks
/// are about to run: then what may pass is waited for.
///
/// Where no sample can be taken, the offset stays without bounds until a copy tells it, and effect
/// checks are conservative.
///
/// # Errors
/// [`StageError::Stopped`] when the cancel token ended; [`StageError::Again`] when the job store failed, or
/// `must` and the endpoint did not answer in time. Never of what is refused for good.
pub async fn ensure_sampled(
    jobs: &dyn JobStore,
    job: &Job,
    places: &RolePlaces,
    cancel: &CancelToken,
    must: bool,
) -> Result<(), StageError> {
    if job.spec.options.is_dry_run() {
        return Ok(());
    }
    for place in acted_on(places) {
        recall(jobs, place).await?;
        if Arc::ptr_eq(&place.stamps, &places.report.stamps) {
            sample(job, &places.report, cancel, must).await?;
        }
        keep(jobs, place).await?;
    }
    Ok(())
}

/// The places whose objects are checked, one of each endpoint.
fn acted_on(places: &RolePlaces) -> impl Iterator<Item = &Place> {
    let is_other = !Arc::ptr_eq(&places.source.stamps, &places.target.stamps);
    [Some(&places.source), is_other.then_some(&places.target)].into_iter().flatten()
}

async fn recall(jobs: &dyn JobStore, place: &Place) -> Result<(), StoreError> {
    if !place.stamps.is_recalled() {
        let row = row_of(jobs, place).await?;
        place.stamps.recall(&row.settings.clock);
    }
    Ok(())
}

/// Takes a sample where one is due, one worker for all. A job without a report takes none, and
/// relies on those of others.
async fn sample(job: &Job, report: &Place, cancel: &CancelToken, must: bool) -> Result<(), StageError> {
    let stamps = &report.stamps;
    let Some(of) = sampling_place(job, report) else { return Ok(()) };
    // Not a task's call, so it needs no recent read of the job's status.
    let finishing = cancel.for_cleanup();
    let take = async {
        let _turn = stamps.take_turn().await;
        let mut is_wanted = stamps.is_sample_due(&of);
        for _ in 0..SAMPLES_MAX {
            if !is_wanted {
                break;
            }
            let taken = sample_clock(job, report, &finishing).await?;
            if taken == Sampled::AndKept {
                stamps.note_kept_object(&of);
                tracing::warn!(endpoint = %report.endpoint, place = of, "no more store clock reads at this report location");
            }
            is_wanted = stamps.is_wide() && taken == Sampled::AndRemoved;
        }
        Ok(())
    };
    let taken = tokio::select! {
        biased;
        taken = take => taken,
        () = cancel.stopped() => Err(NotSampled::Stopped),
        () = stamps.ours().sleep(PATIENCE) => Err(NotSampled::NotNow(format!("no answer in {PATIENCE:?}"))),
    };
    let why = match taken {
        Ok(()) => return Ok(()),
        Err(NotSampled::Stopped) => return Err(StageError::Stopped),
        Err(NotSampled::Refused(why)) => {
            stamps.note_refused(&of);
            tracing::info!(endpoint = %report.endpoint, job = %job.id, why, "report location gives no store clock; effect checks stay conservative");
            return Ok(());
        }
        Err(NotSampled::NotNow(why)) => why,
    };
    let reason = format!("the clock of endpoint {} cannot be read: {why}", report.endpoint);
    if must && !stamps.is_sampled() {
        return Err(StageError::Again(reason));
    }
    tracing::info!(job = %job.id, reason, "cannot read store clock now; keeping the last known offset");
    Ok(())
}

/// Keeps what the next process has to know.
async fn keep(jobs: &dyn JobStore, place: &Place) -> Result<(), StoreError> {
    for _ in 0..KEEP_TRIES {
        let Some((revision, clock)) = place.stamps.to_keep() else { return Ok(()) };
        let mut row = row_of(jobs, place).await?;
        row.settings.clock = clock;
        match jobs.set_endpoint(&row).await {
            Ok(_) => place.stamps.note_kept(revision),
            Err(SetEndpointError::Lost) => {}
            Err(SetEndpointError::Store(error)) => return Err(error),
        }
    }
    Ok(())
}

async fn row_of(jobs: &dyn JobStore, place: &Place) -> Result<EndpointRow, StoreError> {
    let rows = jobs.endpoints().await?;
    let row = rows.into_iter().find(|row| row.endpoint == place.endpoint);
    Ok(row.unwrap_or_else(|| EndpointRow::unset(place.endpoint.clone())))
}

#[cfg(test)]
mod tests;
