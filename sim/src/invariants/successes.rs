//! What is said to be done is done: an object that nobody else touched is as the job wanted it,
//! and for any other a call of the job arrived.

use brigade_model::Outcome;

use crate::evidence::{CallStory, Evidence, Story};
use crate::scene::Deed;
use crate::setting::{is_marked, tag};
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

fn is_as_wanted(world: &World, deed: Deed, story: &Story<'_>) -> bool {
    let key = &story.object.key;
    let source = world.bucket.object(&at(SOURCE, key));
    let head = |name: &str| world.bucket.object(&at(name, key)).map(|object| object.head);
    match deed {
        Deed::Copy => {
            let target = head(TARGET);
            target.is_some() && target.and_then(|head| head.etag) == source.and_then(|object| object.head.etag)
        }
        Deed::CopyLarge => head(TARGET).map(|head| head.size) == source.map(|object| object.head.size),
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
