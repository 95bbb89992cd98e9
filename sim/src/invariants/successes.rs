//! Every success is an effect: what each kind of job wants of its objects, and which calls prove it.

use brigade_judge::{CallHistory, successes};
use brigade_model::Outcome;
use brigade_s3::simulated::SimulatedObject;
use md5::{Digest, Md5};

use crate::cluster::{SOURCE, SimulatedCluster, TARGET, at};
use crate::evidence::{Evidence, JobEvidence, TaskHistory};
use crate::function::{Said, text_of};
use crate::run_plan::JobKind;
use crate::setting::{KEY, is_marked, other_tag, retention, state_of, tag};

pub(crate) fn every_success_is_an_effect(evidence: &Evidence<'_>) -> Vec<String> {
    let broken = evidence.ended().flat_map(|(job, _)| {
        let job_kind = job.run_plan.job_kind;
        let is_as_wanted = |task_history: &TaskHistory<'_>| is_as_wanted(evidence.cluster, job, task_history);
        let is_proved = |task_history: &TaskHistory<'_>| is_proved(job_kind, task_history);
        successes::every_success_is_an_effect(&job.tasks, is_as_wanted, is_proved)
    });
    broken.collect()
}

fn is_proved(job_kind: JobKind, task_history: &TaskHistory<'_>) -> bool {
    let has_arrived = |call: &CallHistory| {
        call.done.as_ref().is_some_and(|done| match job_kind {
            _ if call.is_act() => !done.is_refused,
            // A delete that was looked at finds nothing, and a change of tags finds them as they shall be.
            JobKind::Delete => done.is_refused,
            JobKind::AddTags
            | JobKind::RemoveTags
            | JobKind::Checksum
            | JobKind::ChecksumOfParts
            | JobKind::WaitForRestore => !done.is_refused,
            _ => false,
        })
    };
    // What is restored, or absent, already is refused, and as wanted.
    let may_be_refused = matches!(job_kind, JobKind::Restore | JobKind::DeleteVersion);
    task_history.calls.iter().any(has_arrived)
        || (may_be_refused && task_history.acts().any(|call| call.done.is_some()))
}

/// Bytes and metadata of a copy that succeeded are of one moment of its source, though another writer
/// wrote it meanwhile.
pub(crate) fn a_copy_is_of_one_state_of_its_source(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    let is_merged = |job: &JobEvidence<'_>, task_history: &TaskHistory<'_>| {
        job.run_plan.job_kind == JobKind::CopyMerged && task_history.is_success()
    };
    for (_, task_history) in evidence.tasks().filter(|(job, task_history)| is_merged(job, task_history)) {
        let Some(target) = evidence.cluster.bucket.object(&at(TARGET, &task_history.object.key)) else { continue };
        let bytes = target.body.to_bytes();
        let state = state_of(&target.head.metadata).filter(|_| is_marked(&target.head.metadata.user));
        if let Some(state) = state.filter(|state| !bytes.ends_with(state.as_bytes())) {
            broken.push(format!("{} succeeded: {bytes:?} with the metadata of {state}", task_history.name));
        }
    }
    broken
}

fn is_as_wanted(cluster: &SimulatedCluster, job: &JobEvidence<'_>, task_history: &TaskHistory<'_>) -> bool {
    let job_kind = job.run_plan.job_kind;
    let key = &task_history.object.key;
    let source = cluster.bucket.object(&at(SOURCE, key));
    let target = cluster.bucket.object(&at(TARGET, key));
    let has_its_bytes = || match (&source, &target) {
        (Some(source), Some(target)) => source.body.to_bytes() == target.body.to_bytes(),
        _ => false,
    };
    let is_target_marked = || target.as_ref().is_some_and(|target| is_marked(&target.head.metadata.user));
    match job_kind {
        JobKind::Copy | JobKind::CopyAcross => has_its_bytes(),
        JobKind::CopyLarge => target.map(|target| target.head.size) == source.map(|source| source.head.size),
        JobKind::CopyMerged => has_its_bytes() && is_target_marked(),
        JobKind::CopyDressed => {
            let is_dressed = |target: &SimulatedObject| {
                let class = target.head.storage_class.as_deref();
                target.tags == [tag()] && target.acl.grants.len() > 1 && class == Some("STANDARD_IA")
            };
            has_its_bytes() && is_target_marked() && target.as_ref().is_some_and(is_dressed)
        }
        JobKind::CopyInPlace => source.is_some_and(|object| is_marked(&object.head.metadata.user)),
        JobKind::Delete => source.is_none(),
        JobKind::DeleteVersion => {
            let version = task_history.object.version.as_ref();
            version.is_some_and(|version| cluster.bucket.object_version(&at(SOURCE, key), version).is_none())
        }
        JobKind::Tag => source.is_some_and(|object| object.tags == [tag()]),
        JobKind::AddTags => {
            let (kept, added) = (other_tag(), tag());
            source.is_some_and(|object| {
                object.tags.len() == 2 && object.tags.contains(&kept) && object.tags.contains(&added)
            })
        }
        JobKind::Untag => source.is_some_and(|object| object.tags.is_empty()),
        JobKind::RemoveTags => source.is_some_and(|object| object.tags == [other_tag()]),
        JobKind::Acl => source.is_some_and(|object| object.acl.grants.len() > 1),
        JobKind::LegalHold => source.is_some_and(|object| object.head.lock.is_held == Some(true)),
        JobKind::Retention => source.is_some_and(|object| object.head.lock.retention == Some(retention())),
        JobKind::Checksum => {
            let sum = |object: SimulatedObject| hex::encode_upper(Md5::digest(object.body.to_bytes()));
            source.map(sum).is_some_and(|sum| says(task_history).contains(&sum))
        }
        JobKind::Encryption => source.is_some_and(|object| object.head.sse_key.as_deref() == Some(KEY)),
        // Of its one part.
        JobKind::ChecksumOfParts => {
            let sum = |object: SimulatedObject| Md5::digest(Md5::digest(object.body.to_bytes()));
            let sum = source.map(|object| format!("{}-1", hex::encode_upper(sum(object))));
            sum.is_some_and(|sum| says(task_history).contains(&sum))
        }
        JobKind::Invoke => {
            let number = usize::try_from(task_history.number).unwrap_or(usize::MAX);
            let is_said = cluster.said((job.number, number)) == Some(Said::Succeeded);
            is_said && says(task_history).starts_with(&text_of(key.as_str()))
        }
        JobKind::Restore => source.is_some_and(|object| object.head.restore.is_some()),
        // It can be read.
        JobKind::WaitForRestore => source.is_some_and(|object| {
            let is_restored = object.head.restore.is_some_and(|restore| restore.contains("\"false\""));
            is_restored || object.head.storage_class.as_deref() != Some("GLACIER")
        }),
    }
}

/// What the report says of a success.
fn says<'a>(task_history: &'a TaskHistory<'_>) -> &'a str {
    match &task_history.outcome {
        Some(Outcome::SucceededWith { message }) => message,
        _ => "",
    }
}
