//! Prepares a job: proves that the report can be written, and makes slices of the job's tasks,
//! once: out of its `manifest`, or out of the tasks of an `ended_job` that it retries or follows. While a
//! manifest is read, `doubts` checks on a `sample` of the rows what they do not tell by themselves,
//! `overlap` finds copies that would overwrite each other, and `refused` counts rows that certainly
//! fail. `preflight` looks at last at what the rows will meet.

use brigade_model::job::{Change, Job, JobFailure, Prepared, failure};
use brigade_model::ports::job_store::StageLease;
use brigade_model::ports::object_store::CancelToken;
use brigade_model::status::phase;
use brigade_model::{BucketName, Operation, Phase, Status};

use crate::context::EngineContext;
use crate::manifest::row::Row;
use crate::ports::Ports;
use crate::report;
use crate::stage::patience::patient_places;
use crate::stage::{RETRY_DELAY, StageStep, leave, say_and_wait};
use crate::stage_error::StageError;
use crate::store_clock::ensure_sampled;

mod context;
mod doubts;
mod ended_job;
mod manifest;
mod overlap;
mod preflight;
mod refused;
mod sample;

pub(crate) use context::Prepare;
pub(crate) use preflight::preflight;

/// Starts the preparation of a New job, or carries out that of a Preparing one.
pub(crate) async fn prepare(context: &EngineContext, job: &Job, lease: &StageLease, cancel: &CancelToken) -> StageStep {
    let change = if job.status == Status::New {
        Change::PreparationStarted
    } else {
        let read = tokio::select! {
            biased;
            read = read_tasks(context, job, lease, cancel) => read,
            () = until_space_is_low(context) => return StageStep::Again(RETRY_DELAY),
        };
        match read {
            Ok(prepared) => Change::ManifestRead(prepared),
            Err(StageError::Failed(why)) => Change::StageFailed(why),
            Err(StageError::Again(reason)) => match context.waited(job).await {
                Ok(waited) if waited < context.config.now().prepare_patience => {
                    return say_and_wait(context, lease, &reason).await;
                }
                Ok(_) => Change::StageFailed(JobFailure::new(failure::PREPARATION_FAILED, reason)),
                Err(error) => return error.into(),
            },
            Err(stage_error) => return leave(&stage_error),
        }
    };
    let from = job.status;
    let decide = |job: &Job| (phase(job.status) == Phase::Prepare && job.status == from).then(|| change.clone());
    let changed = context.ports.change_job(lease.job, Some(lease.fence), decide).await;
    if let (Change::ManifestRead(_), Ok(Some(job))) = (&change, &changed) {
        audit_prepared(job);
    }
    changed.into()
}

/// On which buckets the job acts, for the log's readers of the target `audit`: only now its rows have told the source's.
fn audit_prepared(job: &Job) {
    let Job { spec, prepared: Some(prepared), .. } = job else { return };
    let manifest = &spec.manifest.location.object;
    let target = match &spec.operation {
        Operation::Copy(copy) => Some(copy.target.bucket.as_str()),
        _ => None,
    };
    tracing::info!(
        target: "audit",
        action = "prepare",
        job = %job.id,
        operation = spec.operation.kind().word(),
        manifest = %format_args!("s3://{}/{}", manifest.bucket, manifest.key),
        source_bucket = prepared.source_bucket.as_ref().map(BucketName::as_str),
        target_bucket = target,
        tasks = prepared.tasks,
        account = %job.account,
    );
}

async fn read_tasks(
    context: &EngineContext,
    job: &Job,
    lease: &StageLease,
    cancel: &CancelToken,
) -> Result<Prepared, StageError> {
    if job.spec.report.enabled {
        // Better now than after the work.
        context.report_layout_of(job)?;
    }
    let places = patient_places(context.places_to_run(job)?, &context.ports.clock);
    let Ports { jobs, spool, .. } = &context.ports;
    let (bytes, bytes_max) = (&context.bytes, context.config.now().quotas.of(&job.account).bytes_max);
    let cancel = &cancel.paying(job.spec.operation.pays_requests());
    let what = Prepare { job, lease, jobs: &**jobs, spool: &**spool, places: &places, cancel, bytes, bytes_max };
    let (prepared, sample) = make_slices(what).await?;
    preflight(what, prepared, sample).await
}

/// Makes the slices of a job; gives a sample of its rows, too.
///
/// # Errors
/// [`StageError`]; slices that were recorded stay, and the next preparation goes on behind them.
pub(crate) async fn make_slices(what: Prepare<'_>) -> Result<(Prepared, Vec<Row>), StageError> {
    // Better now than after the work.
    report::try_place(what.job, &what.places.report, what.cancel).await?;
    // Before the first attempt, so that the worker that takes over can tell what was written since.
    ensure_sampled(what.jobs, what.job, what.places, what.cancel, true).await?;
    let (prepared, sample) = match what.job.spec.retry_of {
        Some(source) => ended_job::read_tasks(what, source).await?,
        None => manifest::read_tasks(what).await?,
    };
    Ok((prepared, sample.into_rows().collect()))
}

/// Done when the spool has no room for more slices; the job then cannot enter until there is room.
async fn until_space_is_low(context: &EngineContext) {
    while context.space.may_lease() {
        context.ports.clock.sleep(context.config.now().poll).await;
    }
}
