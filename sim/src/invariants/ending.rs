//! Jobs end, stay as they ended, and nothing panics meanwhile.

use crate::evidence::Evidence;

pub(crate) fn nothing_panics(evidence: &Evidence<'_>) -> Vec<String> {
    evidence.world.executor.panics()
}

pub(crate) fn every_job_ends(evidence: &Evidence<'_>) -> Vec<String> {
    let open = evidence.jobs.iter().filter(|job| job.ended.is_none());
    open.map(|job| format!("job {} has not ended: {:?}", job.number, job.moves.last())).collect()
}

pub(crate) fn an_ended_job_does_not_change(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for (job, ended) in evidence.ended() {
        // A deleted job is purged when it has ended.
        let Some(now) = evidence.world.job(ended.job.id) else { continue };
        let of = |job: &brigade_model::Job| (job.status, job.progress, job.terminated, job.failures.clone());
        if of(&now) != of(&ended.job) {
            broken.push(format!("job {} ended as {:?} and is {:?}", job.number, of(&ended.job), of(&now)));
        }
    }
    broken
}
