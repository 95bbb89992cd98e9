//! A store for tests: it ends calls as scripted and records when each arrived.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ports::Clock;
use brigade_model::ports::clock::Monotonic;
use brigade_model::ports::object_store::{
    Answer, At, Call, CallError, CallKind, CancelToken, Deleted, Effect, GetObject, GotObject, HeadObject, ListPage,
    ObjectHead, ObjectStore, PutDone, PutObject, Verdict, Whole,
};
use bytes::Bytes;
use tokio::sync::Semaphore;

/// Ends each call as its step says; without a step it succeeds.
pub(crate) struct Scripted {
    clock: Arc<dyn Clock>,
    steps: Mutex<VecDeque<Result<(), CallError>>>,
    /// The steps of listings, with which the retry loop probes an open circuit.
    probes: Mutex<VecDeque<Result<(), CallError>>>,
    came: Mutex<Vec<(CallKind, u128)>>,
    /// Until then it cannot be reached.
    away_until: Mutex<Monotonic>,
    /// A call goes on when there is a permit for it.
    held: Semaphore,
}

impl Scripted {
    pub(crate) fn new(clock: &Arc<dyn Clock>, steps: impl IntoIterator<Item = Result<(), CallError>>) -> Arc<Self> {
        Arc::new(Self {
            clock: Arc::clone(clock),
            steps: Mutex::new(steps.into_iter().collect()),
            probes: Mutex::default(),
            came: Mutex::default(),
            away_until: Mutex::default(),
            held: Semaphore::new(Semaphore::MAX_PERMITS >> 1),
        })
    }

    /// Holds each call until it is let go.
    pub(crate) fn hold(&self) {
        self.held.forget_permits(usize::MAX);
    }

    /// Cannot be reached for that long.
    pub(crate) fn go_away_for(&self, duration: Duration) {
        *self.away_until.lock().unwrap() = self.clock.monotonic().after(duration);
    }

    pub(crate) fn with_probes(self: Arc<Self>, probes: impl IntoIterator<Item = Result<(), CallError>>) -> Arc<Self> {
        self.probes.lock().unwrap().extend(probes);
        self
    }

    /// Lets so many calls end.
    pub(crate) fn let_go(&self, calls: usize) {
        self.held.add_permits(calls);
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
        self.came.lock().unwrap().iter().filter(|(kind, _)| wanted(*kind)).map(|(_, ms)| *ms).collect()
    }
}

#[async_trait]
impl ObjectStore for Scripted {
    async fn call(&self, _: &CancelToken, call: Call) -> Result<Answer, CallError> {
        self.came.lock().unwrap().push((call.kind(), self.clock.monotonic().0.as_millis()));
        self.held.acquire().await.unwrap().forget();
        if self.clock.monotonic() < *self.away_until.lock().unwrap() {
            let away = error(Verdict::Unavailable, Effect::None, "ConnectFailed", None);
            return Err(CallError { attempts: 0, ..away });
        }
        let steps = if call.kind() == CallKind::ListObjectsV2 { &self.probes } else { &self.steps };
        steps.lock().unwrap().pop_front().unwrap_or(Ok(()))?;
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
