//! A scripted store over one that does whatever it is asked, for the tests of decorators, and their calls.

use std::sync::Arc;

use async_trait::async_trait;
use brigade_model::ports::Clock;
use brigade_model::ports::object_store::{
    Answer, At, Call, CallError, CallKind, CancelToken, Deleted, Effect, GetObject, GotObject, HeadObject, ListPage,
    ObjectHead, ObjectStore, PutDone, PutObject, Verdict, Whole,
};
use bytes::Bytes;

use super::{Expected, Fault};

/// Ends each call as its step says; without a step it succeeds.
pub(crate) type Scripted = super::Scripted<Willing>;

/// Succeeds, and keeps nothing.
pub(crate) struct Willing;

impl Scripted {
    pub(crate) fn new(clock: &Arc<dyn Clock>, steps: impl IntoIterator<Item = Result<(), CallError>>) -> Arc<Self> {
        let scripted = Self::over(Willing, Arc::clone(clock));
        scripted.script.lock().unwrap().extend(steps.into_iter().map(|step| (Expected::NoProbe, fault(step))));
        Arc::new(scripted)
    }

    /// How the listings end with which the retry loop probes an open circuit.
    pub(crate) fn with_probes(self: Arc<Self>, probes: impl IntoIterator<Item = Result<(), CallError>>) -> Arc<Self> {
        self.expect(probes.into_iter().map(|step| (CallKind::ListObjectsV2, fault(step))));
        self
    }

    /// The calls that came, without the probes, in milliseconds.
    pub(crate) fn times(&self) -> Vec<u128> {
        self.times_of(|kind| kind != CallKind::ListObjectsV2)
    }

    /// The probes that came, in milliseconds.
    pub(crate) fn probe_times(&self) -> Vec<u128> {
        self.times_of(|kind| kind == CallKind::ListObjectsV2)
    }

    fn times_of(&self, wanted: impl Fn(CallKind) -> bool) -> Vec<u128> {
        let came = self.came.lock().unwrap();
        came.iter().filter(|(call, _)| wanted(call.kind())).map(|(_, at)| at.0.as_millis()).collect()
    }
}

fn fault(step: Result<(), CallError>) -> Fault<Willing> {
    step.map_or_else(Fault::FailsWith, |()| Fault::Nothing)
}

#[async_trait]
impl ObjectStore for Willing {
    async fn call(&self, _: &CancelToken, call: Call) -> Result<Answer, CallError> {
        Ok(success(call))
    }
}

fn success(call: Call) -> Answer {
    let etag = || "\"e\"".parse().unwrap();
    match call {
        Call::HeadObject(_) => Answer::HeadObject(Box::default()),
        Call::GetObject(request) => {
            let size = request.range.map_or(10, |(first, last)| last - first + 1);
            let bytes = Bytes::from(vec![7; usize::try_from(size).unwrap()]);
            let head = ObjectHead { size, ..ObjectHead::default() };
            Answer::GetObject(Box::new(GotObject { head, body: Box::new(Whole(Some(bytes))) }))
        }
        Call::PutObject(_) => Answer::PutObject(PutDone { etag: etag(), version: None, sse: None }),
        Call::DeleteObject(_) => Answer::DeleteObject(Deleted::default()),
        Call::ListObjectsV2(_) => Answer::ListObjectsV2(ListPage::default()),
        other => unreachable!("no test makes a {:?}", other.kind()),
    }
}

pub(crate) fn at(bucket: &str) -> At {
    At { bucket: bucket.parse().unwrap(), key: "key".parse().unwrap() }
}

pub(crate) fn head(bucket: &str) -> HeadObject {
    HeadObject { at: at(bucket), version: None }
}

pub(crate) fn get(bytes: u64) -> GetObject {
    GetObject { at: at("photos"), version: None, range: Some((0, bytes - 1)), if_match: None }
}

pub(crate) fn put(bytes: usize) -> PutObject {
    PutObject::new(at("photos"), vec![0; bytes], Default::default())
}

/// An error as `http` makes it.
pub(crate) fn error(verdict: Verdict, effect: Effect, code: &str, status: impl Into<Option<u16>>) -> CallError {
    CallError { http_status: status.into(), ..CallError::new(verdict, effect, code, "as scripted") }
}
