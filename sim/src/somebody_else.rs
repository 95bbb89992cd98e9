//! Somebody else, who writes and deletes objects of running jobs: often those whose call was
//! lost a moment ago.

use std::sync::Arc;
use std::time::Duration;

use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::{At, DeleteObject, Leash, Request};

use crate::chance::Chance;
use crate::history::Event;
use crate::world::{SOURCE, TARGET, World, at_once, bucket};

/// Writes until the storm is over.
pub(crate) async fn write_objects(world: Arc<World>, every: Duration) {
    let chance = Chance::new(world.seed, "somebody else");
    for n in 0_u64.. {
        world.executor.sleep(chance.up_to(every * 2)).await;
        if world.weather.is_over() {
            return;
        }
        let lost = if chance.below(2) == 0 { world.take_lost() } else { None };
        if let Some(at) = lost.or_else(|| any_object(&world, &chance)) {
            write(&world, &at, n, chance.below(4) == 0);
        }
    }
}

fn any_object(world: &World, chance: &Chance) -> Option<At> {
    let object = chance.pick(chance.pick(&world.objects)?)?;
    let name = if chance.below(2) == 0 { SOURCE } else { TARGET };
    Some(At { bucket: bucket(name), key: object.key.clone() })
}

fn write(world: &World, at: &At, n: u64, deletes: bool) {
    if deletes {
        let delete = DeleteObject { at: at.clone(), version: None, if_match: None };
        // Denied is nobody here.
        let _ = at_once(world.bucket.call(&Leash::unbounded(), delete.into_call()));
    } else {
        world.put(at.bucket.as_str(), &at.key, &format!("of somebody else, {n}"), None);
    }
    let etag = world.see(at, None).and_then(|seen| seen.etag);
    world.note(None, Event::Foreign { at: at.clone(), etag });
}
