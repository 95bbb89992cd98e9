//! Preparing: reads the manifest into slices, once, and counts its rows.

use brigade_model::job::{Change, Job, JobFailure, Prepared, failure};
use brigade_model::ports::job_store::StageLease;
use brigade_model::ports::object_store::Leash;
use brigade_model::status::stage;
use brigade_model::{Stage, Status};

use crate::ports::Ports;
use crate::setback::Setback;
use crate::shop::Shop;
use crate::slice::{Prepare, prepare as prepare_slices};
use crate::stage::patience::patient_places;
use crate::stage::{AGAIN, Step, leave, say_and_wait};

/// Takes a job from New or Preparing to where it waits for somebody.
pub(crate) async fn prepare(shop: &Shop, job: &Job, lease: &StageLease, leash: &Leash) -> Step {
    let change = if job.status == Status::New {
        Change::PreparationStarted
    } else {
        let read = tokio::select! {
            biased;
            read = read_manifest(shop, job, lease, leash) => read,
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

async fn read_manifest(shop: &Shop, job: &Job, lease: &StageLease, leash: &Leash) -> Result<Prepared, Setback> {
    let places = patient_places(shop.places_to_run(job)?, &shop.ports.clock);
    let Ports { jobs, spool, .. } = &shop.ports;
    let (bytes, bytes_max) = (&shop.bytes, shop.config.quotas.of(&job.account).bytes_max);
    let what = Prepare { job, lease, jobs: &**jobs, spool: &**spool, places: &places, leash, bytes, bytes_max };
    prepare_slices(what).await
}

/// Done when the spool has no room for more slices; the gate then keeps the job from entering.
async fn until_space_is_low(shop: &Shop) {
    while shop.space.may_lease() {
        shop.ports.clock.sleep(shop.config.poll).await;
    }
}
