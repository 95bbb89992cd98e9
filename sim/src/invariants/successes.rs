//! What is said to be done is done: an object that nobody else touched is as the job wanted it,
//! and for any other a call of the job arrived.

use brigade_model::Outcome;
use brigade_s3::simulated::SimulatedObject;

use crate::evidence::{CallStory, Evidence, JobEvidence, Story};
use crate::scene::Deed;
use crate::setting::{is_marked, state_of, tag};
use crate::world::{SOURCE, TARGET, World, at};

pub(crate) fn every_success_is_an_effect(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for (job, name, story) in evidence.tasks() {
        if !story.outcome.as_ref().is_some_and(Outcome::is_success) {
            continue;
        }
        if story.is_ours_alone() && !is_as_wanted(evidence.world, job.scene.deed, story) {
            broken.push(format!("{name} succeeded, and its object is not as wanted"));
        }
        let has_arrived = |call: &CallStory| {
            // A delete that was looked at finds nothing.
            let counts = call.changes_objects() || matches!(job.scene.deed, Deed::Delete);
            counts && call.arrived.as_ref().is_some_and(|arrival| call.changes_objects() != arrival.is_refused)
        };
        let is_restored_before = job.scene.deed == Deed::Restore && story.acts().any(|call| call.arrived.is_some());
        let is_absent = job.scene.deed == Deed::DeleteVersion && story.acts().any(|call| call.arrived.is_some());
        if !story.calls.iter().any(has_arrived) && !is_restored_before && !is_absent {
            broken.push(format!("{name} succeeded, and no call of it arrived"));
        }
    }
    broken
}

/// Bytes and metadata of a copy that succeeded are of one moment of its source, though another writer
/// wrote it meanwhile.
pub(crate) fn a_copy_is_of_one_state_of_its_source(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    let is_merged = |job: &JobEvidence<'_>, story: &Story<'_>| {
        job.scene.deed == Deed::CopyMerged && story.outcome.as_ref().is_some_and(Outcome::is_success)
    };
    for (_, name, story) in evidence.tasks().filter(|(job, _, story)| is_merged(job, story)) {
        let Some(target) = evidence.world.bucket.object(&at(TARGET, &story.object.key)) else { continue };
        let bytes = target.body.to_bytes();
        let state = state_of(&target.head.metadata).filter(|_| is_marked(&target.head.metadata.user));
        if let Some(state) = state.filter(|state| !bytes.ends_with(state.as_bytes())) {
            broken.push(format!("{name} succeeded: {bytes:?} with the metadata of {state}"));
        }
    }
    broken
}

fn is_as_wanted(world: &World, deed: Deed, story: &Story<'_>) -> bool {
    let key = &story.object.key;
    let source = world.bucket.object(&at(SOURCE, key));
    let target = world.bucket.object(&at(TARGET, key));
    let has_its_bytes = || match (&source, &target) {
        (Some(source), Some(target)) => source.body.to_bytes() == target.body.to_bytes(),
        _ => false,
    };
    let is_target_marked = || target.as_ref().is_some_and(|target| is_marked(&target.head.metadata.user));
    match deed {
        Deed::Copy | Deed::CopyAcross => has_its_bytes(),
        Deed::CopyLarge => target.map(|target| target.head.size) == source.map(|source| source.head.size),
        Deed::CopyMerged => has_its_bytes() && is_target_marked(),
        Deed::CopyDressed => {
            let is_dressed = |target: &SimulatedObject| {
                let class = target.head.storage_class.as_deref();
                target.tags == [tag()] && target.acl.grants.len() > 1 && class == Some("STANDARD_IA")
            };
            has_its_bytes() && is_target_marked() && target.as_ref().is_some_and(is_dressed)
        }
        Deed::CopyInPlace => source.is_some_and(|object| is_marked(&object.head.metadata.user)),
        Deed::Delete => source.is_none(),
        Deed::DeleteVersion => {
            let version = story.object.version.as_ref();
            version.is_some_and(|version| world.bucket.object_version(&at(SOURCE, key), version).is_none())
        }
        Deed::Tag | Deed::AddTags => source.is_some_and(|object| object.tags.contains(&tag())),
        Deed::Restore => source.is_some_and(|object| object.head.restore.is_some()),
    }
}
