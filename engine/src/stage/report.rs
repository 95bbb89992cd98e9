//! Reporting: drains the job, settles what nobody can confirm, writes the report, and ends the
//! job.

use brigade_model::Stage;
use brigade_model::job::{Change, Job, JobFailure, failure};
use brigade_model::limits::LEASE_TTL;
use brigade_model::ports::job_store::{OutcomePart, SliceRow, StageLease, UploadsOf};
use brigade_model::ports::object_store::Leash;
use brigade_model::status::stage;

use crate::change::ChangeError;
use crate::dry_run;
use crate::operation::abort_left_uploads;
use crate::outcomes::{FinishedPart, SliceOutcomes};
use crate::ports::Ports;
use crate::report::{WriteReport, settle, write_report};
use crate::setback::Setback;
use crate::shop::Shop;
use crate::stage::drain::drain;
use crate::stage::patience::patient_place;
use crate::stage::{Step, leave, say_and_wait};

/// Slices read at once.
const PAGE: usize = 256;

/// Ends a job that is Completing, Cancelling or Failing.
pub(crate) async fn report(shop: &Shop, job: &Job, lease: &StageLease, leash: &Leash) -> Step {
    match close(shop, job, lease, leash).await {
        Ok(()) => {}
        Err(Setback::Failed(why)) => return give_up(shop, job, lease, leash, why).await,
        // However late it is: a job that is not drained may still change.
        Err(Setback::Again(reason)) => return say_and_wait(shop, lease, &reason).await,
        Err(setback) => return leave(&setback),
    }
    match deliver(shop, job, lease, leash).await {
        Ok(()) => end(shop, lease, Change::ReportWritten).await,
        Err(Setback::Failed(why)) => give_up(shop, job, lease, leash, why).await,
        Err(Setback::Again(reason)) => {
            match shop.waited(job).await {
                Ok(waited) if waited < shop.config.report_patience => return say_and_wait(shop, lease, &reason).await,
                Ok(_) => {}
                Err(error) => return error.into(),
            }
            let why = JobFailure::new(failure::REPORT_DELIVERY_FAILED, reason);
            give_up(shop, job, lease, leash, why).await
        }
        Err(setback) => leave(&setback),
    }
}

/// Ends the job without its report. What is on its way of that is thrown away, as far as the store
/// takes it: nobody comes back to it.
async fn give_up(shop: &Shop, job: &Job, lease: &StageLease, leash: &Leash, why: JobFailure) -> Step {
    if let Err(setback) = abort_uploads(shop, job, leash, UploadsOf::Report).await {
        return leave(&setback);
    }
    end(shop, lease, Change::ReportFailed(why)).await
}

/// Aborts what the job left open. A role that is gone leaves nobody who could.
async fn abort_uploads(shop: &Shop, job: &Job, leash: &Leash, of: UploadsOf) -> Result<(), Setback> {
    let Ok(places) = shop.places_of(job) else { return Ok(()) };
    let place = if of == UploadsOf::Report { &places.report } else { &places.target };
    abort_left_uploads(&*shop.ports.jobs, &*shop.ports.clock, (job.id, of), place, leash).await
}

async fn end(shop: &Shop, lease: &StageLease, change: Change) -> Step {
    let decide = |job: &Job| (stage(job.status) == Stage::Report).then(|| change.clone());
    shop.ports.change_job(lease.job, Some(lease.fence), decide).await.into()
}

/// Drains the job and settles what nobody knows: from here on its outcomes stand still.
async fn close(shop: &Shop, job: &Job, lease: &StageLease, leash: &Leash) -> Result<(), Setback> {
    if !drain(shop, job.id, leash).await? {
        return Err(Setback::Stopped);
    }
    // A dry run did nothing whose effect could be unknown.
    if job.spec.options.is_dry_run() { Ok(()) } else { settle_unknown(shop, job, lease).await }
}

/// Sums what a dry run found, once.
async fn sum_dry_run(shop: &Shop, lease: &StageLease) -> Result<(), Setback> {
    let job = shop.ports.jobs.job(lease.job).await?.ok_or(Setback::Fenced)?;
    if job.prepared.is_none() || job.dry_run.is_some() {
        return Ok(());
    }
    let found = dry_run::sum(&job, &*shop.ports.jobs, &*shop.ports.spool, &shop.speeds_of(&job)).await?;
    let decide = |job: &Job| {
        (stage(job.status) == Stage::Report && job.dry_run.is_none()).then(|| Change::DryRunSummed(found.clone()))
    };
    match shop.ports.change_job(lease.job, Some(lease.fence), decide).await {
        Ok(_) => Ok(()),
        Err(ChangeError::Fenced) => Err(Setback::Fenced),
        Err(ChangeError::Store(error)) => Err(error.into()),
    }
}

/// Delivers the report, if one is wanted and the job came far enough to have tasks. First what its
/// copies left open is aborted, so that the report can name what stays, and what a dry run found is
/// summed.
async fn deliver(shop: &Shop, job: &Job, lease: &StageLease, leash: &Leash) -> Result<(), Setback> {
    if job.spec.options.is_dry_run() {
        sum_dry_run(shop, lease).await?;
    }
    abort_uploads(shop, job, leash, UploadsOf::Slices).await?;
    if !job.spec.report.enabled || job.prepared.is_none() {
        return Ok(());
    }
    // What was recorded while the job drained counts: read it again.
    let job = shop.ports.jobs.job(job.id).await?.ok_or(Setback::Fenced)?;
    let place = patient_place(shop.places_of(&job)?.report, &shop.ports.clock);
    let Ports { jobs, spool, clock, .. } = &shop.ports;
    let (jobs, spool, clock) = (&**jobs, &**spool, &**clock);
    let what = WriteReport { job: &job, lease, jobs, spool, place: &place, clock, leash, bytes: &shop.bytes };
    write_report(what).await
}

/// Records `Unconfirmed` for tasks whose effect nobody knows, because their worker died: the
/// report says so rather than drop them. A job that completes has none.
async fn settle_unknown(shop: &Shop, job: &Job, lease: &StageLease) -> Result<(), Setback> {
    let mut from = 0;
    loop {
        let page = shop.ports.jobs.slices(lease.job, from, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        from = last.index + 1;
        let may_hold_unknown = |slice: &&SliceRow| slice.must_look || job.restored_from.is_some();
        for slice in page.iter().filter(may_hold_unknown).filter(|slice| !slice.is_done()) {
            settle_slice(shop, job, lease, slice).await?;
        }
    }
}

async fn settle_slice(shop: &Shop, job: &Job, stage: &StageLease, slice: &SliceRow) -> Result<(), Setback> {
    let jobs = &shop.ports.jobs;
    let token = shop.ports.lease_token();
    let Some(lease) = jobs.lease_slice_to_settle(stage, slice.index, token, LEASE_TTL).await? else { return Ok(()) };
    let parts = jobs.parts(stage.job, slice.index).await?;
    let outcomes = SliceOutcomes::of_parts(slice.tasks, &parts)
        .map_err(|error| Setback::internal(format!("the outcomes of slice {}: {error}", slice.index)))?;
    for (seq, FinishedPart { bytes, succeeded, failed }) in
        (lease.next_seq..).zip(settle(slice, job.restored_from.is_some(), &outcomes))
    {
        let (job, slice, fence) = (lease.job, slice.index, lease.fence);
        jobs.record_part(OutcomePart { job, slice, fence, seq, succeeded, failed, bytes }).await?;
    }
    jobs.release_slice(&lease, false).await?;
    Ok(())
}
