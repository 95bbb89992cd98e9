//! Preparing: proves that the report can be written, and makes slices of the job's tasks, once: out of its
//! `manifest`, or out of the tasks of an `ended_job` that it retries. While a manifest is read, `doubts` looks,
//! at a `sample` of the rows, for what they do not tell by themselves, `overlap` for copies that would take each
//! other's place, and `refused` for rows that certainly fail.

use brigade_model::job::{Change, Job, JobFailure, Prepared, failure};
use brigade_model::ports::job_store::StageLease;
use brigade_model::ports::object_store::Leash;
use brigade_model::status::stage;
use brigade_model::{Stage, Status};

use crate::ports::Ports;
use crate::report;
use crate::setback::Setback;
use crate::shop::Shop;
use crate::stage::patience::patient_places;
use crate::stage::{AGAIN, Step, leave, say_and_wait};
use crate::store_clock::ensure_sampled;

mod context;
mod doubts;
mod ended_job;
mod manifest;
mod overlap;
mod refused;
mod sample;

pub(crate) use context::Prepare;

/// Takes a job from New or Preparing to where it waits for somebody.
pub(crate) async fn prepare(shop: &Shop, job: &Job, lease: &StageLease, leash: &Leash) -> Step {
    let change = if job.status == Status::New {
        Change::PreparationStarted
    } else {
        let read = tokio::select! {
            biased;
            read = read_tasks(shop, job, lease, leash) => read,
            () = until_space_is_low(shop) => return Step::Again(AGAIN),
        };
        match read {
            Ok(prepared) => Change::ManifestRead(prepared),
            Err(Setback::Failed(why)) => Change::StageFailed(why),
            Err(Setback::Again(reason)) => match shop.waited(job).await {
                Ok(waited) if waited < shop.config.prepare_patience => return say_and_wait(shop, lease, &reason).await,
                Ok(_) => Change::StageFailed(JobFailure::new(failure::PREPARATION_FAILED, reason)),
                Err(error) => return error.into(),
            },
            Err(setback) => return leave(&setback),
        }
    };
    let from = job.status;
    let decide = |job: &Job| (stage(job.status) == Stage::Prepare && job.status == from).then(|| change.clone());
    shop.ports.change_job(lease.job, Some(lease.fence), decide).await.into()
}

async fn read_tasks(shop: &Shop, job: &Job, lease: &StageLease, leash: &Leash) -> Result<Prepared, Setback> {
    let places = patient_places(shop.places_to_run(job)?, &shop.ports.clock);
    let Ports { jobs, spool, .. } = &shop.ports;
    let (bytes, bytes_max) = (&shop.bytes, shop.config.quotas.of(&job.account).bytes_max);
    let what = Prepare { job, lease, jobs: &**jobs, spool: &**spool, places: &places, leash, bytes, bytes_max };
    make_slices(what).await
}

/// Makes the slices of a job; the caller applies what was found as the job's next change.
///
/// # Errors
/// [`Setback`]; slices that were recorded stay, and the next preparation goes on behind them.
pub(crate) async fn make_slices(what: Prepare<'_>) -> Result<Prepared, Setback> {
    // Better now than after the work.
    report::try_place(what.job, &what.places.report, what.leash).await?;
    // Before the first attempt, so that the worker that takes over can tell what was written since.
    ensure_sampled(what.jobs, what.job, what.places, what.leash, true).await?;
    match what.job.spec.retry_of {
        Some(source) => ended_job::read_tasks(what, source).await,
        None => manifest::read_tasks(what).await,
    }
}

/// Done when the spool has no room for more slices; the gate then keeps the job from entering.
async fn until_space_is_low(shop: &Shop) {
    while shop.space.may_lease() {
        shop.ports.clock.sleep(shop.config.poll).await;
    }
}
