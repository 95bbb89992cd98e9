//! An object store whose calls fail as a test says, behind the same chain of retries and limits as
//! a real one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ports::object_store::{
    Answer, At, Call, CallError, CallKind, CancelToken, DeleteResult, Effect, ObjectStore, Verdict,
};
use brigade_model::ports::{Clock, Monotonic};
use brigade_s3::limit::{Limit, LimitConfig, LimitHandle};
use brigade_s3::retry::{CircuitBreaker, Retry, RetryPolicy};
use brigade_s3::verdict::failed_delete;

use crate::cluster::TestCluster;
use crate::failures::AtTheGate;

/// What becomes of a call.
#[derive(Debug, Clone)]
pub(crate) enum Spoil {
    /// It is carried out.
    Nothing,
    /// The connection breaks before the store has the request.
    ResetBefore,
    /// It is carried out, and the connection breaks before the answer.
    ResetAfter,
    /// It is carried out, and the answer comes after the time-out.
    Late,
    /// It is carried out, and the answer is cut off.
    CutOff,
    /// It is not carried out, and the answer is an error with status 200.
    ErrorInSuccess,
    /// It is carried out, and the answer does not name this object.
    Unnamed(At),
    /// It is refused like this: verdict, status, code.
    Refused(Verdict, u16, &'static str),
    /// The answer says that it is not carried out: status, code. A success's status has the error
    /// inside.
    Failed(u16, &'static str),
    /// It is answered, and each key of a group is refused with this code.
    RefusedKeys(&'static str),
    /// It is carried out, and its process does not live to see the answer.
    Dies(brigade_runtime::Node),
    /// It is not carried out and never answered; its end is reported, whatever causes it.
    Hangs(Arc<Mutex<Option<Monotonic>>>),
}

/// Notes when a call that hangs is given up.
struct Hanging<'a>(&'a dyn Clock, Arc<Mutex<Option<Monotonic>>>);

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        *self.1.lock().unwrap() = Some(self.0.monotonic());
    }
}

/// Says what becomes of each call, before it is made.
pub(crate) type Script = Box<dyn Fn(&Call) -> Spoil + Send + Sync>;

/// The store.
pub(crate) struct Spoiling {
    pub(crate) inner: Arc<dyn ObjectStore>,
    pub(crate) clock: Arc<dyn Clock>,
    /// How long each call takes.
    pub(crate) latency: Duration,
    pub(crate) script: Script,
}

fn lost(code: &str, message: &str) -> CallError {
    CallError::new(Verdict::Transient, Effect::Unknown, code, message)
}

#[async_trait]
impl ObjectStore for Spoiling {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let spoil = (self.script)(&call);
        if !self.latency.is_zero() {
            self.clock.sleep(self.latency).await;
        }
        if let Spoil::Hangs(ended) = spoil {
            let _hanging = Hanging(&*self.clock, ended);
            return std::future::pending().await;
        }
        match spoil {
            Spoil::ResetBefore => return Err(lost("ConnectionReset", "the connection broke")),
            Spoil::ErrorInSuccess => {
                let error = lost("InternalError", "an error with a success's status: again");
                return Err(CallError { http_status: Some(200), ..error });
            }
            Spoil::Refused(verdict, status, code) => {
                let error = CallError::new(verdict, Effect::None, code, "as the test says");
                return Err(CallError { http_status: (status > 0).then_some(status), ..error });
            }
            Spoil::Failed(status, code) => {
                let verdict = if code == "SlowDown" { Verdict::Throttled } else { Verdict::Transient };
                let error = CallError::new(verdict, Effect::Unknown, code, "as the test says");
                return Err(CallError { http_status: Some(status), ..error });
            }
            Spoil::RefusedKeys(code) => {
                let Call::DeleteObjects(delete) = &call else { panic!("a group") };
                let refused = |_| failed_delete(code, "as the test says");
                return Ok(Answer::DeleteObjects(delete.objects.iter().map(refused).collect()));
            }
            _ => {}
        }
        let mut answer = self.inner.call(cancel, call.clone()).await;
        match spoil {
            Spoil::ResetAfter => Err(lost("ConnectionReset", "the connection broke")),
            Spoil::CutOff => Err(lost("IncompleteAnswer", "the answer was cut off")),
            Spoil::Late => {
                self.clock.sleep(Duration::from_secs(15)).await;
                Err(lost("RequestTimeout", "no answer in time"))
            }
            Spoil::Unnamed(at) => {
                if let (Call::DeleteObjects(delete), Ok(Answer::DeleteObjects(results))) = (&call, &mut answer) {
                    let place = delete.objects.iter().position(|(key, _)| *key == at.key).unwrap();
                    results[place] = DeleteResult::Unnamed;
                }
                answer
            }
            Spoil::Dies(node) => {
                node.crash();
                std::future::pending().await
            }
            _ => answer,
        }
    }
}

/// What a call is on: the first key of a group.
pub(crate) fn subject(call: &Call) -> (CallKind, String) {
    let key = match call {
        Call::HeadObject(r) => r.at.key.to_string(),
        Call::GetObject(r) => r.at.key.to_string(),
        Call::PutObject(r) => r.at.key.to_string(),
        Call::CopyObject(r) => r.target.key.to_string(),
        Call::DeleteObject(r) => r.at.key.to_string(),
        Call::DeleteObjects(r) => r.objects[0].0.to_string(),
        Call::GetObjectTagging(r) => r.at.key.to_string(),
        Call::PutObjectTagging(r) => r.at.key.to_string(),
        Call::GetObjectAcl(r) => r.at.key.to_string(),
        Call::PutObjectAcl(r) => r.at.key.to_string(),
        Call::DeleteObjectTagging(r) => r.at.key.to_string(),
        Call::PutObjectRetention(r) => r.at.key.to_string(),
        Call::RestoreObject(r) => r.at.key.to_string(),
        Call::ListObjectsV2(r) => r.prefix.clone(),
        Call::CreateMultipartUpload(r) => r.at.key.to_string(),
        Call::UploadPart(r) => format!("{} {}", r.at.key, r.part),
        Call::UploadPartCopy(r) => format!("{} {}", r.target.key, r.part),
        Call::CompleteMultipartUpload(r) => r.at.key.to_string(),
        Call::ListParts(r) => r.at.key.to_string(),
        Call::AbortMultipartUpload(r) => r.at.key.to_string(),
        Call::ListObjectVersions(r) => r.prefix.clone(),
        Call::ListMultipartUploads(r) => r.prefix.clone(),
        Call::PutObjectLegalHold(r) => r.at.key.to_string(),
        Call::UpdateObjectEncryption(r) => r.at.key.to_string(),
        Call::GetObjectAttributes(r) => r.at.key.to_string(),
        Call::HeadPart(r) => r.at.key.to_string(),
        Call::GetBucketOwnershipControls(r) => r.bucket.to_string(),
        Call::GetBucketRequestPayment(r) => r.bucket.to_string(),
    };
    (call.kind(), key)
}

impl TestCluster {
    /// Spoils the calls of this cluster's store.
    pub(crate) fn spoil(&mut self, script: impl Fn(&Call) -> Spoil + Send + Sync + 'static) {
        self.spoil_slowly(Duration::ZERO, script);
    }

    /// The same, of a store that takes its time.
    pub(crate) fn spoil_slowly(&mut self, latency: Duration, script: impl Fn(&Call) -> Spoil + Send + Sync + 'static) {
        let (inner, clock) = (self.store.clone(), self.clock.clone());
        self.store = Arc::new(Spoiling { inner, clock, latency, script: Box::new(script) });
    }

    /// Puts retries, a circuit breaker and a limit around this cluster's store, as the service does.
    pub(crate) fn put_chain_around(&mut self) -> LimitHandle {
        self.put_chain_with(RetryPolicy::default())
    }

    /// The same with this policy.
    pub(crate) fn put_chain_with(&mut self, policy: RetryPolicy) -> LimitHandle {
        let breaker = Arc::new(CircuitBreaker::new());
        let limit = Limit::new(self.store.clone(), LimitConfig::default(), self.clock.clone());
        let handle = limit.handle();
        let (clock, entropy) = (self.clock.clone(), self.entropy.clone());
        self.store = Arc::new(Retry::new(Arc::new(limit), policy, breaker.clone(), clock, entropy));
        self.health = Arc::new(AtTheGate(breaker));
        handle
    }
}
