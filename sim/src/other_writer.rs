//! Another writer: writes and deletes objects of running jobs, often those whose call was lost a moment
//! ago.

use std::sync::Arc;
use std::time::Duration;

use brigade_model::ports::Spawn;
use brigade_model::ports::object_store::{At, DeleteObject, Metadata, Request};
use brigade_s3::simulated::Body;

use crate::chance::Chance;
use crate::cluster::{SOURCE, SimulatedCluster, TARGET, bucket, task_of};
use crate::history::Event;
use crate::setting::{state_metadata, state_of};

/// How soon it writes: while a call is in flight, or waits for its turn.
const SOON: [(u64, Duration); 2] = [(1, Duration::from_millis(60)), (1, Duration::from_secs(2))];
/// From this size on, objects are zeros, not written byte by byte.
const LARGE_MIN: u64 = 1 << 20;

/// Writes until the faults end.
pub(crate) async fn write_objects(cluster: Arc<SimulatedCluster>, every: Duration) {
    // This label decides what a seed means: with another, recorded seeds tell other histories.
    let chance = Chance::new(cluster.seed, "somebody else");
    for n in 0_u64.. {
        cluster.executor.sleep(chance.up_to(every * 2)).await;
        if cluster.fault_schedule.is_over() {
            return;
        }
        let lost = if chance.below(2) == 0 { cluster.take_lost() } else { None };
        // What they would write at a stray key is not theirs either.
        let lost = lost.filter(|at| !at.key.as_str().starts_with('/'));
        if let Some(at) = lost.or_else(|| any_object(&cluster, &chance)) {
            write(&cluster, &at, n, chance.below(4) == 0);
        }
    }
}

fn any_object(cluster: &SimulatedCluster, chance: &Chance) -> Option<At> {
    let object = chance.pick(chance.pick(&cluster.objects)?).filter(|object| !object.is_stray)?;
    let name = if chance.below(2) == 0 { SOURCE } else { TARGET };
    Some(At { bucket: bucket(name), key: object.key.clone() })
}

fn write(cluster: &SimulatedCluster, at: &At, n: u64, deletes: bool) {
    // The store fails others, too.
    if cluster.bucket.is_hidden(&at.bucket) || cluster.run_plan.habits.is_unreadable(&at.key) {
        return;
    }
    if deletes {
        let delete = DeleteObject { at: at.clone(), version: None, if_match: None };
        // No call is denied here.
        let _ = cluster.bucket.act(delete.into_call());
    } else {
        overwrite(cluster, at, &format!("{n:05}"));
    }
    let etag = cluster.see(at, None).and_then(|seen| seen.etag);
    cluster.note(None, Event::Foreign { at: at.clone(), etag });
}

/// Writes an object that a task has just checked, before the task acts: the worst case where a store
/// ignores conditions on the source of a copy.
pub(crate) fn write_soon(cluster: &Arc<SimulatedCluster>, at: &At) {
    let is_ours = at.bucket.as_str() == SOURCE && task_of(&at.key).is_some() && !at.key.as_str().starts_with('/');
    if !is_ours || cluster.chance.below(8) > 0 {
        return;
    }
    let (writing, at, n) = (cluster.clone(), at.clone(), 90_000 + cluster.chance.below(10_000));
    let after = cluster.chance.up_to(cluster.chance.weighted(&SOON));
    let work = async move {
        writing.executor.sleep(after).await;
        write(&writing, &at, n, false);
    };
    cluster.space.spawn("another writer", Box::pin(work));
}

/// Writes as many other bytes as are there: an object's size does not show who wrote it.
fn overwrite(cluster: &SimulatedCluster, at: &At, state: &str) {
    let there = cluster.bucket.object(at).map(|object| object.head);
    let metadata = match there.as_ref().and_then(|head| state_of(&head.metadata)) {
        Some(_) => state_metadata(state),
        None => Metadata::default(),
    };
    cluster.put_with(at.bucket.as_str(), &at.key, state, metadata);
    let source = cluster.bucket.object(&At { bucket: bucket(SOURCE), ..at.clone() });
    let large = there.or(source.map(|object| object.head)).map(|head| head.size).filter(|size| *size > LARGE_MIN);
    if let Some(size) = large {
        let body = Body::zeros_before(size, &state.to_owned().into());
        cluster.bucket.put(at, body).expect("the bucket is there");
    }
}
