//! What must hold after every run, a function for each invariant; and what happened instead, where one
//! does not hold. Most are sentences of `brigade-judge`, which judges the simulation by them, too.

use std::collections::BTreeSet;

use brigade_judge::{CallHistory, accounting, cancelled, effects, ended, failures, others, repeats, successes};
use brigade_model::outcome::TaskEffect;
use brigade_model::{Outcome, Status};
use brigade_s3::simulated::SimulatedObject;
use md5::{Digest, Md5};
use serde_json::Value;

use super::evidence::{Evidence, TaskHistory, TaskObjects};
use super::left::Left;
use super::run::{Told, parts_of, task_of};
use super::scenario::JobKind;
use crate::function::said_of;
use crate::parts::sum_of_parts;
use crate::test_service::s3control;

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
    ("the function knows each task by its id", the_function_knows_each_task_by_its_id),
    ("a checksum of parts is that of the parts uploaded", a_checksum_of_parts_is_that_of_the_parts_uploaded),
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
    let Some(records) = &left.records else { return vec!["what was told is stored: the job is lost".to_owned()] };
    let (job, mut broken) = (&records.job, records.miscounted());
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
    let Some(records) = &evidence.last.records else { return vec!["the job is lost".to_owned()] };
    let is_prepared = records.job.prepared.is_some();
    let report = is_prepared.then_some(&evidence.report);
    let mut broken =
        accounting::every_outcome_is_counted_once_and_is_one_row(records, &evidence.tasks, report, is_prepared);
    let (told, stored) = (evidence.ended.progress, records.job.progress);
    if told != stored {
        broken.push(format!("it told {told:?}, and has {stored:?}"));
    }
    broken
}

fn what_was_recorded_stays(evidence: &Evidence<'_>) -> Vec<String> {
    let recorded = evidence.left.iter().flat_map(|left| &left.outcomes);
    let lost = recorded.filter(|(task, outcome)| evidence.last.outcomes.get(task) != Some(outcome));
    lost.map(|(task, outcome)| format!("task {task} was {outcome:?}, and is {:?}", evidence.last.outcomes.get(task)))
        .collect()
}

fn every_effect_is_reported(evidence: &Evidence<'_>) -> Vec<String> {
    effects::every_effect_is_reported(&evidence.tasks)
}

fn every_success_is_an_effect(evidence: &Evidence<'_>) -> Vec<String> {
    let is_as_wanted = |task_history: &TaskHistory| is_as_wanted(evidence.scenario.job_kind, task_history);
    let has_arrived = |call: &CallHistory| call.done.as_ref().is_some_and(|done| !done.is_refused || !call.is_act());
    // A look before the run saw that the preflight was over stands in no history.
    let may_be_unseen = evidence.scenario.job_kind == JobKind::WaitForRestore;
    let is_proved = |task_history: &TaskHistory| may_be_unseen || task_history.calls.iter().any(has_arrived);
    successes::every_success_is_an_effect(&evidence.tasks, is_as_wanted, is_proved)
}

fn is_as_wanted(job_kind: JobKind, task_history: &TaskHistory) -> bool {
    let etag = |object: &Option<SimulatedObject>| object.clone().and_then(|o| o.head.etag);
    let TaskObjects { source, target } = &task_history.object;
    let is_source = |is_it: &dyn Fn(&SimulatedObject) -> bool| source.as_ref().is_some_and(is_it);
    let keys = |object: &SimulatedObject| object.tags.iter().map(|tag| tag.key.clone()).collect::<BTreeSet<_>>();
    match job_kind {
        JobKind::Copy => target.is_some() && etag(source) == etag(target),
        JobKind::Tag => is_source(&|object| keys(object).contains("a")),
        JobKind::AddTags => is_source(&|object| keys(object) == ["a", "b", "kept"].map(str::to_owned).into()),
        JobKind::RemoveTags => is_source(&|object| keys(object) == ["kept".to_owned()].into()),
        JobKind::Untag => is_source(&|object| object.tags.is_empty()),
        JobKind::Acl => is_source(&|object| object.acl.grants.len() > 1),
        JobKind::LegalHold => is_source(&|object| object.head.lock.is_held == Some(true)),
        JobKind::Retention => is_source(&|object| {
            let retention = object.head.lock.retention;
            retention.is_some_and(|retention| retention.until.to_string() == s3control::RETAINED_UNTIL)
        }),
        JobKind::Checksum => is_source(&|object| {
            let sum = hex::encode_upper(Md5::digest(object.body.to_bytes()));
            matches!(&task_history.outcome, Some(Outcome::SucceededWith { message }) if message.contains(&sum))
        }),
        // Of no other parts, whatever lies there in the end: its row is looked at by itself.
        JobKind::ChecksumOfParts => source.is_some(),
        JobKind::Restore => is_source(&|object| object.head.restore.is_some()),
        // What another writer put in its place is in no archive.
        JobKind::WaitForRestore => is_source(&|object| {
            object.head.restore.is_some() || object.head.storage_class.as_deref() != Some("GLACIER")
        }),
        JobKind::Encryption => is_source(&|object| object.head.sse_key.as_deref() == Some(s3control::KEY)),
        // Also of an object that is not there: the function alone knows what it did.
        JobKind::Invoke => {
            let said = said_of(&task_history.key);
            matches!(&task_history.outcome, Some(Outcome::SucceededWith { message }) if message.starts_with(&said))
        }
        JobKind::Delete | JobKind::DeleteVersion => source.is_none(),
    }
}

fn every_failure_has_its_cause(evidence: &Evidence<'_>) -> Vec<String> {
    // What another writer put in its place is in no archive, has no parts, and is not encrypted; or it came while its
    // bytes were read.
    let codes_of_other: &[&str] = match evidence.scenario.job_kind {
        JobKind::Checksum => &["SourceChanged"],
        JobKind::ChecksumOfParts => &["SourceChanged", "PartsNotTold"],
        JobKind::Restore => &["InvalidObjectState"],
        JobKind::Encryption => &["InvalidRequest"],
        _ => &[],
    };
    let is_excused = |task: &TaskHistory, code: &str| !task.is_ours_alone() && codes_of_other.contains(&code);
    failures::every_failure_has_its_cause(&evidence.tasks, evidence.ended.status, is_excused)
}

fn what_others_wrote_after_a_lost_attempt_is_left(evidence: &Evidence<'_>) -> Vec<String> {
    others::what_others_wrote_after_a_lost_attempt_is_left(&evidence.tasks, |_, _, _| false)
}

fn nothing_is_attempted_once_a_job_has_ended(evidence: &Evidence<'_>) -> Vec<String> {
    let Some((end, status)) = evidence.end else { return Vec::new() };
    let mut broken = ended::nothing_is_attempted_once_a_job_has_ended(&evidence.tasks, end);
    // Nor is anything of the last process in flight then.
    let last_life = evidence.left.len() as u32 + 1;
    for task_history in &evidence.tasks {
        let is_open = |call: &&CallHistory| {
            let is_answered = call.returned.as_ref().is_some_and(|(at, _)| *at <= end);
            call.sender == last_life && call.sent < end && !is_answered
        };
        let open = task_history.acts().find(is_open);
        broken.extend(open.map(|call| format!("{}: it was {status} at entry {end}, and {call:?}", task_history.name)));
    }
    broken
}

fn no_task_starts_after_a_cancel_is_answered(evidence: &Evidence<'_>) -> Vec<String> {
    let Some((told, life, is_full)) = evidence.cancel else { return Vec::new() };
    // What was in flight is not known of the process that told it, unless all that it may have was held back.
    let is_excused = |call: &CallHistory| call.sender == life && !is_full;
    cancelled::no_task_starts_after_a_cancel_is_answered(&evidence.tasks, told, is_excused)
}

fn what_has_an_outcome_is_not_attempted_again(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for task_history in &evidence.tasks {
        // The first process has the number 1, and is the first to leave something.
        let recorded = evidence.left.iter().position(|left| left.outcomes.contains_key(&task_history.number));
        let Some(recorded) = recorded else { continue };
        let again = task_history.calls.iter().find(|call| call.sender as usize > recorded + 1);
        broken.extend(again.map(|call| format!("task {}: {call:?}", task_history.number)));
    }
    broken
}

/// By the function's own record: an id is of one object, however often it comes, and what was done under it is in the
/// report as done, or as what may have been done.
fn the_function_knows_each_task_by_its_id(evidence: &Evidence<'_>) -> Vec<String> {
    let (mut broken, job) = (Vec::new(), evidence.ended.id);
    for (id, keys) in &evidence.invoked {
        let task = evidence.tasks.iter().find(|task| *id == format!("{job}/{}", task.number));
        let Some(task) = task else {
            broken.push(format!("{id} is of no task"));
            continue;
        };
        if keys.iter().any(|key| *key != task.key) {
            broken.push(format!("{id} is of {}, and came with {keys:?}", task.key));
        }
        let is_told = task.outcome.as_ref().is_some_and(|outcome| outcome.effect() != TaskEffect::None);
        if !is_told {
            broken.push(format!("{id} was done {} times, and is told as {:?}", keys.len(), task.outcome));
        }
    }
    let is_recorded = |task: &TaskHistory| evidence.invoked.contains_key(&format!("{job}/{}", task.number));
    let is_of_function = evidence.scenario.job_kind == JobKind::Invoke;
    let unknown = evidence.tasks.iter().filter(|task| is_of_function && task.is_success() && !is_recorded(task));
    broken.extend(unknown.map(|task| format!("{} succeeded, and the function does not know it", task.name)));
    broken
}

/// By the report's own rows: another writer writes no parts, so that every success is of those that the test uploaded.
fn a_checksum_of_parts_is_that_of_the_parts_uploaded(evidence: &Evidence<'_>) -> Vec<String> {
    let Some(report) = evidence.report.as_ref().ok().filter(|_| is_of_parts(evidence)) else { return Vec::new() };
    let successes = report.rows.iter().filter(|row| row.is_success);
    let wrong = successes.filter(|row| {
        let said: Value = serde_json::from_str(&row.said).unwrap_or_default();
        said["checksum_hex"] != sum_of_parts(&parts_of(task_of(&row.key)))
    });
    wrong.map(|row| format!("{} has {}", row.key, row.said)).collect()
}

fn is_of_parts(evidence: &Evidence<'_>) -> bool {
    evidence.scenario.job_kind == JobKind::ChecksumOfParts
}

fn no_more_than_a_window_is_repeated(evidence: &Evidence<'_>) -> Vec<String> {
    let attempts = |task_history: &TaskHistory| {
        let lives: BTreeSet<u64> = task_history.acts().map(|act| u64::from(act.sender)).collect();
        Some((evidence.last.slice_of(task_history.number)?, lives))
    };
    repeats::no_more_than_a_window_is_repeated(evidence.tasks.iter().filter_map(attempts))
}
