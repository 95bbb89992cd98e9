//! Every success is an effect: what each kind of job wants of its objects, and which calls prove it.

use brigade_judge::{CallHistory, successes};
use brigade_s3::simulated::SimulatedObject;

use crate::cluster::{SOURCE, SimulatedCluster, TARGET, at};
use crate::evidence::{Evidence, JobEvidence, TaskHistory};
use crate::run_plan::JobKind;
use crate::setting::{is_marked, state_of, tag};

pub(crate) fn every_success_is_an_effect(evidence: &Evidence<'_>) -> Vec<String> {
    let broken = evidence.ended().flat_map(|(job, _)| {
        let job_kind = job.run_plan.job_kind;
        let is_as_wanted = |task_history: &TaskHistory<'_>| is_as_wanted(evidence.cluster, job_kind, task_history);
        let is_proved = |task_history: &TaskHistory<'_>| is_proved(job_kind, task_history);
        successes::every_success_is_an_effect(&job.tasks, is_as_wanted, is_proved)
    });
    broken.collect()
}

fn is_proved(job_kind: JobKind, task_history: &TaskHistory<'_>) -> bool {
    let has_arrived = |call: &CallHistory| {
        // A delete that was looked at finds nothing.
        let counts = call.is_act() || matches!(job_kind, JobKind::Delete);
        counts && call.done.as_ref().is_some_and(|done| call.is_act() != done.is_refused)
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

fn is_as_wanted(cluster: &SimulatedCluster, job_kind: JobKind, task_history: &TaskHistory<'_>) -> bool {
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
        JobKind::Tag | JobKind::AddTags => source.is_some_and(|object| object.tags.contains(&tag())),
        JobKind::Restore => source.is_some_and(|object| object.head.restore.is_some()),
    }
}
