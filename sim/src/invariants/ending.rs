//! Jobs end, stay as they ended, and nothing panics meanwhile; the service clock goes on with time.

use brigade_model::Status;
use brigade_model::job::failure;

use crate::evidence::Evidence;
use crate::history::{Event, HELD, LIFTED};
use crate::network::ACCOUNT_PROBLEM;

pub(crate) fn nothing_panics(evidence: &Evidence<'_>) -> Vec<String> {
    evidence.cluster.executor.panics()
}

pub(crate) fn every_job_ends(evidence: &Evidence<'_>) -> Vec<String> {
    let open = evidence.jobs.iter().filter(|job| job.ended.is_none());
    open.map(|job| format!("job {} has not ended: {:?}", job.number, job.moves.last())).collect()
}

pub(crate) fn an_ended_job_does_not_change(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for (job, ended) in evidence.ended() {
        // A deleted job is purged when it has ended.
        let Some(now) = evidence.cluster.job(ended.job.id) else { continue };
        let of = |job: &brigade_model::Job| (job.status, job.progress, job.terminated, job.failures.clone());
        if of(&now) != of(&ended.job) {
            broken.push(format!("job {} ended as {:?} and is {:?}", job.number, of(&ended.job), of(&now)));
        }
    }
    broken
}

pub(crate) fn the_service_clock_goes_on_with_time(evidence: &Evidence<'_>) -> Vec<String> {
    evidence.cluster.service_fault().into_iter().collect()
}

/// Where nodes share a store, whose clock none of them sets. That of a node that is alone counts a day
/// at a start, if the time of day says so.
pub(crate) fn a_report_is_tried_for_as_long_as_the_patience(evidence: &Evidence<'_>) -> Vec<String> {
    let (run_plan, mut broken) = (&evidence.cluster.run_plan, Vec::new());
    for (job, ended) in evidence.ended().filter(|_| run_plan.nodes > 1) {
        let moved_to =
            |status| job.moves.iter().find(|(_, _, to)| *to == status).map(|(at, ..)| evidence.history[*at].at);
        let is_given_up = ended.job.failures.last().is_some_and(|why| why.code == failure::REPORT_DELIVERY_FAILED);
        let tried = moved_to(Status::Completing).zip(moved_to(Status::Failed)).map(|(from, to)| to - from);
        if let Some(tried) = tried.filter(|tried| is_given_up && *tried < run_plan.config.report_patience) {
            broken.push(format!("the report of job {} was given up after {tried:?}", job.number));
        }
    }
    broken
}

/// As with a report, where nodes share a store.
pub(crate) fn a_held_job_is_tried_for_as_long_as_the_patience(evidence: &Evidence<'_>) -> Vec<String> {
    let (run_plan, mut broken) = (&evidence.cluster.run_plan, Vec::new());
    for (job, ended) in evidence.ended().filter(|_| run_plan.nodes > 1) {
        let is_given_up = ended.job.failures.iter().any(|why| why.code == ACCOUNT_PROBLEM);
        let (mut held_since, mut is_lifted) = (None, true);
        for entry in evidence.history.iter() {
            match &entry.event {
                Event::Hold { job: of, what: HELD } if *of == job.number => {
                    held_since = held_since.filter(|_| !is_lifted).or(Some(entry.at));
                    is_lifted = false;
                }
                Event::Moved { job: of, to: Status::Failing, .. } if *of == job.number && is_given_up => {
                    let tried = held_since.map(|since| entry.at - since);
                    if tried.is_none_or(|tried| tried < run_plan.config.hold_patience) {
                        broken.push(format!("held job {} was given up after {tried:?}", job.number));
                    }
                }
                // A failure ends the hold, too.
                Event::Hold { job: of, what: LIFTED } if *of == job.number => is_lifted = true,
                _ => {}
            }
        }
    }
    broken
}
