//! The network from a node to the objects: carries a call on though its sender dies or stops waiting,
//! loses or delays it as the fault schedule says, and records it where the store carries it out.
//!
//! ```text
//! node: Retry -> Limit -> Network ~~~> Faults -> CallRecorder -> the simulated bucket
//! ```

use std::sync::Arc;

use async_trait::async_trait;
use brigade_model::ports::object_store::{
    Answer, At, Call, CallError, CallKind, CancelToken, DeleteResult, Effect, ObjectStore, Verdict,
};
use brigade_model::ports::{Entropy, Spawn};
use brigade_model::{BucketName, VersionId};
use brigade_s3::faults::Faults;
use brigade_s3::simulated::Habit;
use brigade_s3::timeouts::Timeouts;
use brigade_s3::verdict;
use tokio::sync::oneshot;

use crate::cluster::{SOURCE, SimulatedCluster, TARGET, bucket};
use crate::history::{Event, Seen};
use crate::other_writer;

/// The code of a store that refuses the account.
pub(crate) const ACCOUNT_PROBLEM: &str = "AccountProblem";

/// The way of one process.
pub(crate) struct Network {
    pub(crate) cluster: Arc<SimulatedCluster>,
    pub(crate) node: u32,
    pub(crate) timeouts: Timeouts,
    pub(crate) entropy: Arc<dyn Entropy>,
}

#[async_trait]
impl ObjectStore for Network {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let cluster = &self.cluster;
        let (id, kind, timeout) = (cluster.next_call(), call.kind(), self.timeouts.of(&call));
        // What a stage looks at before the job may run is no attempt at a task, nor a look before one: only
        // a slice's calls are made on behalf of their job.
        let is_preflight = kind == CallKind::HeadObject && cancel.caller().is_none();
        let objects = if is_preflight { Vec::new() } else { objects_of(&call) };
        cluster.note(Some(self.node), Event::Sent { call: id, kind, objects });
        if let Call::HeadObject(head) = &call
            && !is_preflight
            && cluster.run_plan.habits.has(Habit::IgnoresSourceConditions)
        {
            other_writer::write_soon(cluster, &head.at);
        }
        let record = Arc::new(CallRecorder { cluster: cluster.clone(), call: id, node: self.node });
        let faults =
            Faults::new(record, cluster.fault_schedule.object_faults(), cluster.clock.clone(), self.entropy.clone());
        let (to, answer) = oneshot::channel();
        let cancel = cancel.clone();
        let travelling = cluster.clone();
        let request = async move {
            travelling.executor.sleep(travelling.fault_schedule.object_pause(kind)).await;
            let answer = faults.call(&cancel, call).await;
            travelling.executor.sleep(travelling.fault_schedule.object_pause(kind)).await;
            // The receiver is gone when the sender is dead.
            let _ = to.send(answer);
        };
        cluster.space.spawn("request", Box::pin(request));
        let gave_up = || {
            CallError::new(Verdict::Transient, Effect::Unknown, "RequestTimeout", format!("no answer in {timeout:?}"))
        };
        let result = tokio::select! {
            biased;
            answer = answer => answer.unwrap_or_else(|_| Err(gave_up())),
            () = cluster.executor.sleep(timeout) => Err(gave_up()),
        };
        cluster.note_loss(&result, id);
        let error = result.as_ref().err().map(|error| (error.code.clone(), error.effect));
        cluster.note(Some(self.node), Event::Returned { call: id, error });
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
        Call::DeleteObjectTagging(r) => one(&r.at, &r.version),
        Call::PutObjectRetention(r) => one(&r.at, &r.version),
        Call::RestoreObject(r) => one(&r.at, &r.version),
        Call::ListObjectsV2(_)
        | Call::ListObjectVersions(_)
        | Call::ListMultipartUploads(_)
        | Call::GetBucketOwnershipControls(_)
        | Call::GetBucketRequestPayment(_) => Vec::new(),
        Call::CreateMultipartUpload(r) => one(&r.at, &None),
        Call::UploadPart(r) => one(&r.at, &None),
        Call::UploadPartCopy(r) => one(&r.target, &None),
        Call::CompleteMultipartUpload(r) => one(&r.at, &None),
        Call::ListParts(r) => one(&r.at, &None),
        Call::AbortMultipartUpload(r) => one(&r.at, &None),
        Call::PutObjectLegalHold(r) => one(&r.at, &r.version),
        Call::UpdateObjectEncryption(r) => one(&r.at, &r.version),
        Call::GetObjectAttributes(r) => one(&r.at, &r.version),
        Call::HeadPart(r) => one(&r.at, &r.version),
    }
}

/// Stands where calls are carried out.
struct CallRecorder {
    cluster: Arc<SimulatedCluster>,
    call: u64,
    node: u32,
}

#[async_trait]
impl ObjectStore for CallRecorder {
    async fn call(&self, _: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let cluster = &self.cluster;
        let (kind, objects) = (call.kind(), objects_of(&call));
        let before: Vec<_> = objects.iter().map(|(at, version)| cluster.see(at, version.as_ref())).collect();
        let see = |result: &Result<Answer, CallError>| {
            for (n, ((at, version), before)) in objects.into_iter().zip(before).enumerate() {
                self.record(kind, (at, version), before, refusal_of(result, n));
            }
        };
        if cluster.is_of_tasks(call.bucket()) && cluster.fault_schedule.is_account_disabled(cluster.executor.now()) {
            let refused = Err(account_disabled());
            see(&refused);
            return refused;
        }
        cluster.bucket.call_seen(call, see).await
    }
}

impl CallRecorder {
    fn record(
        &self,
        kind: CallKind,
        (at, version): (At, Option<VersionId>),
        before: Option<Seen>,
        refusal: Option<String>,
    ) {
        let cluster = &self.cluster;
        let event = match refusal {
            Some(code) => Event::Refused { call: self.call, at, code },
            None => {
                let after = cluster.see(&at, version.as_ref());
                let is_delete = matches!(kind, CallKind::DeleteObject | CallKind::DeleteObjects);
                let has_effect = kind.changes_objects() && (!is_delete || before != after);
                Event::CarriedOut { call: self.call, at, before, after, has_effect }
            }
        };
        cluster.note(Some(self.node), event);
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

/// What the store answers while it refuses the account.
fn account_disabled() -> CallError {
    let (code, message) = (ACCOUNT_PROBLEM, "There is a problem with your account");
    let seen = verdict::Seen::Refused { status: 403, code: Some(code) };
    let (verdict, effect) = verdict::judge(seen);
    let lasting = verdict::lasting(seen, message);
    CallError { http_status: Some(403), lasting, ..CallError::new(verdict, effect, code, message) }
}

/// What can be seen of an object.
impl SimulatedCluster {
    /// Whether objects of tasks lie there, rather than manifests and reports.
    fn is_of_tasks(&self, name: &BucketName) -> bool {
        [SOURCE, TARGET].into_iter().any(|of_tasks| *name == bucket(of_tasks))
    }

    /// The object, or that version of it.
    pub(crate) fn see(&self, at: &At, version: Option<&VersionId>) -> Option<Seen> {
        let object = match version {
            None => self.bucket.object(at),
            Some(version) => self.bucket.object_version(at, version),
        };
        object.map(|object| Seen { etag: object.head.etag, version: object.head.version })
    }
}
