//! Another writer, who writes and deletes objects of running jobs: often those whose call was
//! lost a moment ago.

use std::sync::Arc;
use std::time::Duration;

use brigade_model::ports::Spawn;
use brigade_model::ports::object_store::{At, DeleteObject, Metadata, Request};
use brigade_s3::simulated::Body;

use crate::chance::Chance;
use crate::history::Event;
use crate::setting::{state_metadata, state_of};
use crate::world::{SOURCE, TARGET, World, bucket, task_of};

/// Within this: while a call is on its way, or waits for its turn.
const SOON: [(u64, Duration); 2] = [(1, Duration::from_millis(60)), (1, Duration::from_secs(2))];
/// What nobody writes byte by byte.
const LARGE_MIN: u64 = 1 << 20;

/// Writes until the storm is over.
pub(crate) async fn write_objects(world: Arc<World>, every: Duration) {
    // This label decides what a seed means: with another, recorded seeds tell other stories.
    let chance = Chance::new(world.seed, "somebody else");
    for n in 0_u64.. {
        world.executor.sleep(chance.up_to(every * 2)).await;
        if world.weather.is_over() {
            return;
        }
        let lost = if chance.below(2) == 0 { world.take_lost() } else { None };
        // What they would write at a stray key is not theirs either.
        let lost = lost.filter(|at| !at.key.as_str().starts_with('/'));
        if let Some(at) = lost.or_else(|| any_object(&world, &chance)) {
            write(&world, &at, n, chance.below(4) == 0);
        }
    }
}

fn any_object(world: &World, chance: &Chance) -> Option<At> {
    let object = chance.pick(chance.pick(&world.objects)?).filter(|object| !object.is_stray)?;
    let name = if chance.below(2) == 0 { SOURCE } else { TARGET };
    Some(At { bucket: bucket(name), key: object.key.clone() })
}

fn write(world: &World, at: &At, n: u64, deletes: bool) {
    // The store fails others, too.
    if world.bucket.is_hidden(&at.bucket) || world.scene.habits.is_unreadable(&at.key) {
        return;
    }
    if deletes {
        let delete = DeleteObject { at: at.clone(), version: None, if_match: None };
        // Denied is nobody here.
        let _ = world.bucket.act(delete.into_call());
    } else {
        overwrite(world, at, &format!("{n:05}"));
    }
    let etag = world.see(at, None).and_then(|seen| seen.etag);
    world.note(None, Event::Foreign { at: at.clone(), etag });
}

/// Writes what was looked at a moment ago, before whoever looked acts: where conditions on the source
/// of a copy are not minded, nothing else is as bad.
pub(crate) fn write_soon(world: &Arc<World>, at: &At) {
    let is_ours = at.bucket.as_str() == SOURCE && task_of(&at.key).is_some() && !at.key.as_str().starts_with('/');
    if !is_ours || world.chance.below(8) > 0 {
        return;
    }
    let (writing, at, n) = (world.clone(), at.clone(), 90_000 + world.chance.below(10_000));
    let after = world.chance.up_to(world.chance.weighted(&SOON));
    let work = async move {
        writing.executor.sleep(after).await;
        write(&writing, &at, n, false);
    };
    world.space.spawn("another writer", Box::pin(work));
}

/// Writes other bytes, as many as are there: an object's size tells nobody whose it is.
fn overwrite(world: &World, at: &At, state: &str) {
    let there = world.bucket.object(at).map(|object| object.head);
    let metadata = match there.as_ref().and_then(|head| state_of(&head.metadata)) {
        Some(_) => state_metadata(state),
        None => Metadata::default(),
    };
    world.put_with(at.bucket.as_str(), &at.key, state, metadata);
    let source = world.bucket.object(&At { bucket: bucket(SOURCE), ..at.clone() });
    let large = there.or(source.map(|object| object.head)).map(|head| head.size).filter(|size| *size > LARGE_MIN);
    if let Some(size) = large {
        let body = Body::zeros_before(size, &state.to_owned().into());
        world.bucket.put(at, body).expect("the bucket is there");
    }
}
