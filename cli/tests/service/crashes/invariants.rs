//! What must hold after every run, a function for each invariant; and what happened instead, where one
//! does not hold.

use std::collections::{BTreeMap, BTreeSet};

use brigade_model::limits::WINDOW_TASKS;
use brigade_model::outcome::{CHANGED_SINCE_ATTEMPT, UNCONFIRMED};
use brigade_model::{Outcome, Status};

use super::evidence::{CallHistory, Evidence, Foreign, TaskHistory};
use super::left::Left;
use super::run::{Told, key};
use super::scenario::JobKind;

/// Looks whether a sentence holds, and says where it does not.
type Check = fn(&Evidence<'_>) -> Vec<String>;

const INVARIANTS: &[(&str, Check)] = &[
    ("a job ends as it was asked to", a_job_ends_as_it_was_asked_to),
    ("every outcome is counted once and is one row", every_outcome_is_counted_once_and_is_one_row),
    ("what was recorded stays", what_was_recorded_stays),
    ("every effect is reported", every_effect_is_reported),
    ("every success is an effect", every_success_is_an_effect),
    ("every failure has its cause", every_failure_has_its_cause),
    ("what others wrote after a lost attempt is left", what_others_wrote_after_a_lost_attempt_is_left),
    ("nothing is attempted once a job has ended", nothing_is_attempted_once_a_job_has_ended),
    ("no task starts after a cancel is answered", no_task_starts_after_a_cancel_is_answered),
    ("what has an outcome is not attempted again", what_has_an_outcome_is_not_attempted_again),
    ("no more than a window is repeated", no_more_than_a_window_is_repeated),
];

/// Everything that does not hold.
pub(crate) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let broken = |(sentence, check): &(&str, Check)| {
        let sentence = (*sentence).to_owned();
        check(evidence).into_iter().map(move |what| format!("{sentence}: {what}"))
    };
    INVARIANTS.iter().flat_map(broken).collect()
}

/// What users were told is in the store of a process that died afterwards.
pub(crate) fn what_was_told_is_stored(told: &Told, left: &Left) -> Vec<String> {
    let Some(job) = &left.job else { return vec!["what was told is stored: the job is lost".to_owned()] };
    let mut broken = left.flaws.clone();
    if told.is_cancelled && !matches!(job.status, Status::Cancelling | Status::Cancelled) {
        broken.push(format!("it was cancelled, and is {}", job.status));
    }
    if told.priority.is_some_and(|priority| priority != job.priority) {
        broken.push(format!("its priority was told as {:?}, and is {}", told.priority, job.priority));
    }
    if (left.outcomes.len() as u64) < told.outcomes {
        broken.push(format!("{} outcomes were told, and {} are recorded", told.outcomes, left.outcomes.len()));
    }
    broken.into_iter().map(|what| format!("what was told is stored: {what}")).collect()
}

fn a_job_ends_as_it_was_asked_to(evidence: &Evidence<'_>) -> Vec<String> {
    let wanted = if evidence.told.is_cancelled { Status::Cancelled } else { Status::Complete };
    let is_wrong = evidence.ended.status != wanted;
    is_wrong.then(|| format!("{:?}, {:?}", evidence.ended.status, evidence.ended.failures)).into_iter().collect()
}

fn every_outcome_is_counted_once_and_is_one_row(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    let (progress, outcomes) = (evidence.ended.progress, &evidence.last.outcomes);
    let succeeded = outcomes.values().filter(|outcome| outcome.is_success()).count() as u64;
    let failed = outcomes.len() as u64 - succeeded;
    if (progress.succeeded, progress.failed) != (succeeded, failed) {
        broken.push(format!("it counts {progress:?}, recorded are {succeeded} and {failed}"));
    }
    if evidence.last.job.as_ref().is_none_or(|job| job.progress != progress) {
        broken.push(format!("it told {progress:?}, and has {:?}", evidence.last.job));
    }
    let is_prepared = evidence.last.job.as_ref().is_some_and(|job| job.prepared.is_some());
    if is_prepared && progress.total != evidence.scenario.tasks {
        broken.push(format!("it counts {progress:?} of {} tasks", evidence.scenario.tasks));
    }
    if evidence.ended.status == Status::Complete && succeeded + failed != progress.total {
        broken.push(format!("it is Complete with {progress:?}"));
    }
    if is_prepared {
        broken.extend(check_report(evidence));
    }
    broken
}

fn check_report(evidence: &Evidence<'_>) -> Vec<String> {
    let report = match &evidence.report {
        Ok(report) => report,
        Err(error) => return vec![format!("its report cannot be read: {error}")],
    };
    let mut broken = Vec::new();
    let rows: BTreeSet<_> = report.rows.iter().cloned().collect();
    let row = |(task, outcome): (&u64, &Outcome)| match outcome {
        Outcome::Failed(failure) => (key(*task), false, failure.code.clone()),
        _ => (key(*task), true, String::new()),
    };
    let recorded: BTreeSet<_> = evidence.last.outcomes.iter().map(row).collect();
    if rows.len() != report.rows.len() || rows != recorded {
        let (lost, added) = (recorded.difference(&rows).next(), rows.difference(&recorded).next());
        broken.push(format!("{} rows; not in the report {lost:?}; not recorded {added:?}", report.rows.len()));
    }
    let progress = evidence.ended.progress;
    let not_attempted = progress.total - progress.succeeded - progress.failed;
    let told = ["Total", "Succeeded", "Failed", "NotAttempted"].map(|name| report.manifest["Tasks"][name].as_u64());
    if told != [progress.total, progress.succeeded, progress.failed, not_attempted].map(Some) {
        broken.push(format!("manifest.json tells {}, the job {progress:?}", report.manifest["Tasks"]));
    }
    broken
}

fn what_was_recorded_stays(evidence: &Evidence<'_>) -> Vec<String> {
    let recorded = evidence.left.iter().flat_map(|left| &left.outcomes);
    let lost = recorded.filter(|(task, outcome)| evidence.last.outcomes.get(task) != Some(outcome));
    lost.map(|(task, outcome)| format!("task {task} was {outcome:?}, and is {:?}", evidence.last.outcomes.get(task)))
        .collect()
}

/// Codes of tasks whose effect is unknown.
const UNKNOWN: [&str; 2] = [UNCONFIRMED, CHANGED_SINCE_ATTEMPT];

fn every_effect_is_reported(evidence: &Evidence<'_>) -> Vec<String> {
    let has_effect = |task_history: &&TaskHistory| task_history.acts().any(CallHistory::has_effect);
    let wrong = evidence.tasks.iter().filter(has_effect).filter(|task_history| match task_history.failure() {
        Some(code) => !UNKNOWN.contains(&code) && task_history.is_ours_alone(),
        None => task_history.outcome.is_none(),
    });
    wrong
        .map(|task_history| {
            format!("task {} had an effect and ended as {:?}", task_history.number, task_history.outcome)
        })
        .collect()
}

fn every_success_is_an_effect(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for task_history in evidence.tasks.iter().filter(|task_history| task_history.is_success()) {
        if task_history.is_ours_alone() && !is_as_wanted(evidence.scenario.job_kind, task_history) {
            broken.push(format!("task {} succeeded, and its object is not as wanted", task_history.number));
        }
        let has_arrived =
            |call: &CallHistory| call.done.as_ref().is_some_and(|(_, done)| !done.is_refused || !call.is_act());
        if !task_history.calls.iter().any(has_arrived) {
            broken.push(format!("task {} succeeded, and no call of it arrived", task_history.number));
        }
    }
    broken
}

fn is_as_wanted(job_kind: JobKind, task_history: &TaskHistory) -> bool {
    let etag = |object: &Option<brigade_s3::simulated::SimulatedObject>| object.clone().and_then(|o| o.head.etag);
    match job_kind {
        JobKind::Copy => task_history.target.is_some() && etag(&task_history.source) == etag(&task_history.target),
        JobKind::Tag => task_history.source.as_ref().is_some_and(|object| object.tags.iter().any(|tag| tag.key == "a")),
        JobKind::Delete | JobKind::DeleteVersion => task_history.source.is_none(),
    }
}

fn every_failure_has_its_cause(evidence: &Evidence<'_>) -> Vec<String> {
    let has_cause = |task_history: &TaskHistory, code: &str| match code {
        "NoSuchKey" => evidence.scenario.is_missing(task_history.number) || !task_history.is_ours_alone(),
        // What others wrote may be what a lost attempt wrote, or hide it.
        UNCONFIRMED => evidence.ended.status != Status::Complete || !task_history.is_ours_alone(),
        // A source that is another than the one that was looked at.
        CHANGED_SINCE_ATTEMPT | "PreconditionFailed" => !task_history.is_ours_alone(),
        _ => false,
    };
    let failed = evidence.tasks.iter().filter_map(|task_history| Some((task_history, task_history.failure()?)));
    failed
        .filter(|(task_history, code)| !has_cause(task_history, code))
        .map(|(task_history, code)| {
            format!("task {} failed with {code} for no cause: {:?}", task_history.number, task_history.outcome)
        })
        .collect()
}

fn what_others_wrote_after_a_lost_attempt_is_left(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for task_history in &evidence.tasks {
        for written in task_history.foreign.iter().filter(|written| written.etag.is_some()) {
            let culprit =
                task_history.acts().find(|act| destroys(act, written) && is_wrong(task_history, act, written));
            broken.extend(culprit.map(|act| {
                format!(
                    "task {}: what another writer wrote at {} was destroyed by {act:?}",
                    task_history.number, written.moment
                )
            }));
        }
    }
    broken
}

fn destroys(act: &CallHistory, written: &Foreign) -> bool {
    let done = act.done.as_ref().filter(|(moment, done)| *moment > written.moment && !done.is_refused);
    act.bucket == written.bucket
        && done.is_some_and(|(_, done)| done.before == written.etag && done.after != written.etag)
}

/// Whether the act was a repeat, sent after the write, that did not look, or saw the write.
fn is_wrong(task_history: &TaskHistory, act: &CallHistory, written: &Foreign) -> bool {
    let lost = task_history.acts().filter(|lost| lost.sent < written.moment && lost.sent < act.sent);
    let lost = lost.filter(|lost| lost.done.as_ref().is_none_or(|(_, done)| !done.is_refused));
    let Some(lost) = lost.map(|lost| lost.sent).max() else { return false };
    if act.sent < written.moment {
        return false;
    }
    let looks = task_history.calls.iter().filter(|call| !call.is_act() && call.bucket == act.bucket);
    let looks = looks.filter_map(|call| call.done.as_ref()).map(|(moment, _)| *moment);
    let last = looks.filter(|look| (lost..act.sent).contains(look)).max();
    last.is_none_or(|look| look > written.moment)
}

fn nothing_is_attempted_once_a_job_has_ended(evidence: &Evidence<'_>) -> Vec<String> {
    let Some((end, status)) = evidence.end else { return Vec::new() };
    let last_life = evidence.left.len() as u32 + 1;
    let mut broken = Vec::new();
    for task_history in &evidence.tasks {
        let is_late = |call: &&CallHistory| call.sent > end;
        let is_open = |call: &&CallHistory| {
            call.is_act() && call.life == last_life && call.sent < end && call.answered.is_none_or(|at| at > end)
        };
        let late = task_history.calls.iter().find(is_late).or_else(|| task_history.calls.iter().find(is_open));
        broken.extend(late.map(|call| format!("task {}: it was {status} at {end}, and {call:?}", task_history.number)));
    }
    broken
}

fn no_task_starts_after_a_cancel_is_answered(evidence: &Evidence<'_>) -> Vec<String> {
    let Some((told, life, is_full)) = evidence.cancel else { return Vec::new() };
    let mut broken = Vec::new();
    for task_history in &evidence.tasks {
        let has_begun = task_history.acts().any(|act| act.life == life && act.sent < told);
        let starts = |call: &&CallHistory| {
            call.sent > told && (call.life > life || (call.life == life && is_full && !has_begun))
        };
        let late = task_history.calls.iter().find(starts);
        broken.extend(
            late.map(|call| format!("task {}: its cancel was answered at {told}, and {call:?}", task_history.number)),
        );
    }
    broken
}

fn what_has_an_outcome_is_not_attempted_again(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for task_history in &evidence.tasks {
        // The first process has the number 1, and is the first to leave something.
        let recorded = evidence.left.iter().position(|left| left.outcomes.contains_key(&task_history.number));
        let Some(recorded) = recorded else { continue };
        let again = task_history.calls.iter().find(|call| call.life as usize > recorded + 1);
        broken.extend(again.map(|call| format!("task {}: {call:?}", task_history.number)));
    }
    broken
}

fn no_more_than_a_window_is_repeated(evidence: &Evidence<'_>) -> Vec<String> {
    // By slice and life: tasks that an earlier process attempted, too.
    let mut repeated: BTreeMap<(Option<u32>, u32), u32> = BTreeMap::new();
    for task_history in &evidence.tasks {
        let lives: BTreeSet<u32> = task_history.acts().map(|act| act.life).collect();
        for life in lives.into_iter().skip(1) {
            *repeated.entry((evidence.last.slice_of(task_history.number), life)).or_default() += 1;
        }
    }
    let too_many = repeated.into_iter().filter(|(_, tasks)| *tasks > WINDOW_TASKS);
    too_many.map(|((slice, life), tasks)| format!("{tasks} tasks of slice {slice:?} in life {life}")).collect()
}
