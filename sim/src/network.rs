//! The way from a node to the objects: a call goes on though its sender dies or gives up
//! waiting, is lost or late as the weather has it, and is witnessed where it is carried out.
//!
//! ```text
//! node: Retry -> Limit -> Network ~~~> Faults -> Witness -> the simulated bucket
//! ```

use std::sync::Arc;

use async_trait::async_trait;
use brigade_model::VersionId;
use brigade_model::ports::object_store::{
    Answer, At, Call, CallError, CallKind, DeleteResult, Effect, Leash, ObjectStore, Verdict,
};
use brigade_model::ports::{Entropy, Spawn};
use brigade_s3::faults::Faults;
use brigade_s3::simulated::Habit;
use brigade_s3::timeouts::Timeouts;
use tokio::sync::oneshot;

use crate::history::{Event, Seen};
use crate::other_writer;
use crate::world::World;

/// The way of one process.
pub(crate) struct Network {
    pub(crate) world: Arc<World>,
    pub(crate) node: u32,
    pub(crate) timeouts: Timeouts,
    pub(crate) entropy: Arc<dyn Entropy>,
}

#[async_trait]
impl ObjectStore for Network {
    async fn call(&self, leash: &Leash, call: Call) -> Result<Answer, CallError> {
        let world = &self.world;
        let (id, kind, timeout) = (world.next_call(), call.kind(), self.timeouts.of(&call));
        world.note(Some(self.node), Event::Sent { call: id, kind, objects: objects_of(&call) });
        if let Call::HeadObject(head) = &call
            && world.scene.habits.has(Habit::IgnoresSourceConditions)
        {
            other_writer::write_soon(world, &head.at);
        }
        let witness = Arc::new(Witness { world: world.clone(), call: id, node: self.node });
        let faults = Faults::new(witness, world.weather.object_faults(), world.clock.clone(), self.entropy.clone());
        let (to, answer) = oneshot::channel();
        let leash = leash.clone();
        let travelling = world.clone();
        let request = async move {
            travelling.executor.sleep(travelling.weather.object_pause(kind)).await;
            let answer = faults.call(&leash, call).await;
            travelling.executor.sleep(travelling.weather.object_pause(kind)).await;
            // Nobody waits any more when the sender is dead.
            let _ = to.send(answer);
        };
        world.space.spawn("request", Box::pin(request));
        let gave_up = || {
            CallError::new(Verdict::Transient, Effect::Unknown, "RequestTimeout", format!("no answer in {timeout:?}"))
        };
        let result = tokio::select! {
            biased;
            answer = answer => answer.unwrap_or_else(|_| Err(gave_up())),
            () = world.executor.sleep(timeout) => Err(gave_up()),
        };
        world.note_loss(&result, id);
        let error = result.as_ref().err().map(|error| (error.code.clone(), error.effect));
        world.note(Some(self.node), Event::Returned { call: id, error });
        result
    }
}

/// The objects that a call names in the buckets of tasks: the source of a copy is read only.
fn objects_of(call: &Call) -> Vec<(At, Option<VersionId>)> {
    let one = |at: &At, version: &Option<VersionId>| vec![(at.clone(), version.clone())];
    match call {
        Call::HeadObject(r) => one(&r.at, &r.version),
        Call::GetObject(r) => one(&r.at, &r.version),
        Call::PutObject(r) => one(&r.at, &None),
        Call::CopyObject(r) => one(&r.target, &None),
        Call::DeleteObject(r) => one(&r.at, &r.version),
        Call::DeleteObjects(r) => {
            let at = |key: &brigade_model::ObjectKey| At { bucket: r.bucket.clone(), key: key.clone() };
            r.objects.iter().map(|(key, version)| (at(key), version.clone())).collect()
        }
        Call::GetObjectTagging(r) => one(&r.at, &r.version),
        Call::PutObjectTagging(r) => one(&r.at, &r.version),
        Call::GetObjectAcl(r) => one(&r.at, &r.version),
        Call::PutObjectAcl(r) => one(&r.at, &r.version),
        Call::RestoreObject(r) => one(&r.at, &r.version),
        Call::ListObjectsV2(_) | Call::ListObjectVersions(_) | Call::ListMultipartUploads(_) => Vec::new(),
        Call::CreateMultipartUpload(r) => one(&r.at, &None),
        Call::UploadPart(r) => one(&r.at, &None),
        Call::UploadPartCopy(r) => one(&r.target, &None),
        Call::CompleteMultipartUpload(r) => one(&r.at, &None),
        Call::ListParts(r) => one(&r.at, &None),
        Call::AbortMultipartUpload(r) => one(&r.at, &None),
        Call::PutObjectLegalHold(r) => one(&r.at, &r.version),
        Call::GetObjectAttributes(r) => one(&r.at, &r.version),
    }
}

/// Stands where calls are carried out.
struct Witness {
    world: Arc<World>,
    call: u64,
    node: u32,
}

#[async_trait]
impl ObjectStore for Witness {
    async fn call(&self, _: &Leash, call: Call) -> Result<Answer, CallError> {
        let world = &self.world;
        let (kind, objects) = (call.kind(), objects_of(&call));
        let before: Vec<_> = objects.iter().map(|(at, version)| world.see(at, version.as_ref())).collect();
        let see = |result: &Result<Answer, CallError>| {
            for (n, ((at, version), before)) in objects.into_iter().zip(before).enumerate() {
                self.witness(kind, (at, version), before, refusal_of(result, n));
            }
        };
        world.bucket.call_seen(call, see).await
    }
}

impl Witness {
    fn witness(
        &self,
        kind: CallKind,
        (at, version): (At, Option<VersionId>),
        before: Option<Seen>,
        refusal: Option<String>,
    ) {
        let world = &self.world;
        let event = match refusal {
            Some(code) => Event::Refused { call: self.call, at, code },
            None => {
                let after = world.see(&at, version.as_ref());
                let is_delete = matches!(kind, CallKind::DeleteObject | CallKind::DeleteObjects);
                let has_effect = kind.changes_objects() && (!is_delete || before != after);
                Event::CarriedOut { call: self.call, at, before, after, has_effect }
            }
        };
        world.note(Some(self.node), event);
    }
}

/// The code with which the call was refused for its nth object.
fn refusal_of(result: &Result<Answer, CallError>, n: usize) -> Option<String> {
    match result {
        Err(error) => Some(error.code.clone()),
        Ok(Answer::DeleteObjects(results)) => match results.get(n) {
            Some(DeleteResult::Failed { code, .. }) => Some(code.clone()),
            _ => None,
        },
        Ok(_) => None,
    }
}

/// What can be seen of an object.
impl World {
    /// The object, or that version of it.
    pub(crate) fn see(&self, at: &At, version: Option<&VersionId>) -> Option<Seen> {
        let object = match version {
            None => self.bucket.object(at),
            Some(version) => self.bucket.object_version(at, version),
        };
        object.map(|object| Seen { etag: object.head.etag, version: object.head.version })
    }
}
