//! Reports a job: drains it, records unknown effects as unconfirmed, writes the report, and ends
//! it.

use brigade_model::Phase;
use brigade_model::job::{Change, Job, JobFailure, failure};
use brigade_model::limits::LEASE_TTL;
use brigade_model::ports::job_store::{OutcomePart, SliceRow, StageLease, UploadsOf};
use brigade_model::ports::object_store::CancelToken;
use brigade_model::status::phase;

use crate::change::ChangeError;
use crate::context::EngineContext;
use crate::dry_run;
use crate::operation::abort_left_uploads;
use crate::outcomes::{FinishedPart, SliceOutcomes};
use crate::ports::Ports;
use crate::report::{WriteReport, unconfirmed_parts, write_report};
use crate::stage::drain::drain;
use crate::stage::patience::patient_place;
use crate::stage::{StageStep, leave, say_and_wait};
use crate::stage_error::StageError;

/// Slices read at once.
const PAGE: usize = 256;

/// Ends a job that is Completing, Cancelling or Failing.
pub(crate) async fn report(context: &EngineContext, job: &Job, lease: &StageLease, cancel: &CancelToken) -> StageStep {
    match close(context, job, lease, cancel).await {
        Ok(()) => {}
        Err(StageError::Failed(why)) => return give_up(context, job, lease, cancel, why).await,
        // However late it is: a job that is not drained may still change.
        Err(StageError::Again(reason)) => return say_and_wait(context, lease, &reason).await,
        Err(stage_error) => return leave(&stage_error),
    }
    match deliver(context, job, lease, cancel).await {
        Ok(()) => end(context, lease, Change::ReportWritten).await,
        // Without tasks the job's description says all that the report would: nothing waits for it.
        Err(StageError::Failed(_) | StageError::Again(_)) if job.prepared.is_none() => {
            end(context, lease, Change::ReportWritten).await
        }
        Err(StageError::Failed(why)) => give_up(context, job, lease, cancel, why).await,
        Err(StageError::Again(reason)) => {
            match context.waited(job).await {
                Ok(waited) if waited < context.config.now().report_patience => {
                    return say_and_wait(context, lease, &reason).await;
                }
                Ok(_) => {}
                Err(error) => return error.into(),
            }
            let why = JobFailure::new(failure::REPORT_DELIVERY_FAILED, reason);
            give_up(context, job, lease, cancel, why).await
        }
        Err(stage_error) => leave(&stage_error),
    }
}

/// Ends the job without a report. Aborts the report's open multipart uploads, best effort.
async fn give_up(
    context: &EngineContext,
    job: &Job,
    lease: &StageLease,
    cancel: &CancelToken,
    why: JobFailure,
) -> StageStep {
    if let Err(stage_error) = abort_uploads(context, job, cancel, UploadsOf::Report).await {
        return leave(&stage_error);
    }
    end(context, lease, Change::ReportFailed(why)).await
}

/// Aborts what the job left open. Without the job's role there are no credentials to do so.
async fn abort_uploads(
    context: &EngineContext,
    job: &Job,
    cancel: &CancelToken,
    of: UploadsOf,
) -> Result<(), StageError> {
    let Ok(places) = context.places_of(job) else { return Ok(()) };
    let place = if of == UploadsOf::Report { &places.report } else { &places.target };
    abort_left_uploads(&*context.ports.jobs, &*context.ports.clock, (job.id, of), place, cancel).await
}

async fn end(context: &EngineContext, lease: &StageLease, change: Change) -> StageStep {
    let decide = |job: &Job| (phase(job.status) == Phase::Report).then(|| change.clone());
    context.ports.change_job(lease.job, Some(lease.fence), decide).await.into()
}

/// Drains the job and records unknown effects: from here on its outcomes do not change.
async fn close(context: &EngineContext, job: &Job, lease: &StageLease, cancel: &CancelToken) -> Result<(), StageError> {
    if !drain(context, job.id, cancel).await? {
        return Err(StageError::Stopped);
    }
    // A dry run did nothing whose effect could be unknown.
    if job.spec.options.is_dry_run() { Ok(()) } else { close_slices(context, job, lease).await }
}

/// Sums what a dry run found, once.
async fn sum_dry_run(context: &EngineContext, lease: &StageLease) -> Result<(), StageError> {
    let job = context.ports.jobs.job(lease.job).await?.ok_or(StageError::Fenced)?;
    if job.prepared.is_none() || job.dry_run.is_some() {
        return Ok(());
    }
    let found = dry_run::sum(&job, &*context.ports.jobs, &*context.ports.spool, &context.speeds_of(&job)).await?;
    let decide = |job: &Job| {
        (phase(job.status) == Phase::Report && job.dry_run.is_none()).then(|| Change::DryRunSummed(found.clone()))
    };
    match context.ports.change_job(lease.job, Some(lease.fence), decide).await {
        Ok(_) => Ok(()),
        Err(ChangeError::Fenced) => Err(StageError::Fenced),
        Err(ChangeError::Store(error)) => Err(error.into()),
    }
}

/// Delivers the report, if one is wanted; that of a job without tasks says why it has none. First what its
/// copies left open is aborted, so that the report can name what stays, and what a dry run found is
/// summed.
async fn deliver(
    context: &EngineContext,
    job: &Job,
    lease: &StageLease,
    cancel: &CancelToken,
) -> Result<(), StageError> {
    if job.spec.options.is_dry_run() {
        sum_dry_run(context, lease).await?;
    }
    abort_uploads(context, job, cancel, UploadsOf::Slices).await?;
    if !job.spec.report.enabled {
        return Ok(());
    }
    // What was recorded while the job drained counts: read it again.
    let job = context.ports.jobs.job(job.id).await?.ok_or(StageError::Fenced)?;
    let place = patient_place(context.places_of(&job)?.report, &context.ports.clock);
    let layout = context.report_layout_of(&job)?;
    let Ports { jobs, spool, clock, .. } = &context.ports;
    let (jobs, spool, clock) = (&**jobs, &**spool, &**clock);
    let bytes = &context.bytes;
    let what = WriteReport { job: &job, lease, jobs, spool, layout, place: &place, clock, cancel, bytes };
    write_report(what).await
}

/// Records `Unconfirmed` for tasks whose effect is unknown because their worker died: the report
/// names them rather than drop them. A job that completes has none.
async fn close_slices(context: &EngineContext, job: &Job, lease: &StageLease) -> Result<(), StageError> {
    let mut from = 0;
    loop {
        let page = context.ports.jobs.slices(lease.job, from, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        from = last.index + 1;
        let may_hold_unknown = |slice: &&SliceRow| slice.must_check || job.restored_from.is_some();
        for slice in page.iter().filter(may_hold_unknown).filter(|slice| !slice.is_done()) {
            close_slice(context, job, lease, slice).await?;
        }
    }
}

async fn close_slice(
    context: &EngineContext,
    job: &Job,
    stage: &StageLease,
    slice: &SliceRow,
) -> Result<(), StageError> {
    let jobs = &context.ports.jobs;
    let token = context.ports.lease_token();
    let Some(lease) = jobs.lease_slice_to_close(stage, slice.index, token, LEASE_TTL).await? else { return Ok(()) };
    let parts = jobs.parts(stage.job, slice.index).await?;
    let outcomes = SliceOutcomes::of_parts(slice.tasks, &parts)
        .map_err(|error| StageError::internal(format!("the outcomes of slice {}: {error}", slice.index)))?;
    for (seq, FinishedPart { bytes, succeeded, failed, failure_counts, done_bytes }) in
        (lease.next_seq..).zip(unconfirmed_parts(slice, job.restored_from.is_some(), &outcomes))
    {
        let (job, slice, fence) = (lease.job, slice.index, lease.fence);
        let part = OutcomePart { job, slice, fence, seq, succeeded, failed, failure_counts, done_bytes, bytes };
        jobs.record_part(part).await?;
    }
    jobs.release_slice(&lease, false).await?;
    Ok(())
}
