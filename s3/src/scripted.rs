//! A store for tests: another store, whose calls go wrong as scripted, wait as long as a test wants, and are remembered.
#![allow(clippy::unwrap_used, reason = "a test fails where its store does")]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ETag;
use brigade_model::ports::Clock;
use brigade_model::ports::clock::Monotonic;
use brigade_model::ports::object_store::{
    Answer, ByteStream, Call, CallError, CallKind, CancelToken, DeleteResult, Effect, GotObject, ObjectStore, Verdict,
};
use bytes::Bytes;
use tokio::sync::{Notify, Semaphore};

use crate::simulated::SimulatedStore;

#[cfg(test)]
pub(crate) mod willing;

/// What goes wrong with a call.
pub enum Fault<S = SimulatedStore> {
    /// Nothing.
    Nothing,
    /// It fails with this verdict and has no effect.
    Fails(Verdict),
    /// It fails like this.
    FailsWith(CallError),
    /// The request never arrives.
    RequestLost,
    /// It is carried out, and its answer is lost.
    AnswerLost,
    /// It is carried out and its answer lost, and then something else happens.
    AnswerLostThen(Box<dyn FnOnce(&S) + Send>),
    /// Something happens, and then it is carried out as usual.
    After(Box<dyn FnOnce(&S) + Send>),
    /// Its answer is lost at once, by a store with the usual time-outs that carries it out this
    /// much later.
    LandsAfter(Duration),
    /// It is carried out, and its answer does not name the object at this place.
    Unnamed(usize),
    /// Its body breaks off after so many bytes.
    BreaksAfter(usize),
    /// Its body ends, without an error, after so many bytes.
    EndsAfter(usize),
    /// Its body has a byte too many.
    IsTooLong,
    /// Its answer names another ETag.
    NamesOther,
    /// It never ends; [`Scripted::hanging`] tells.
    Hangs,
    /// The worker has to stop before the call.
    Stops,
}

/// Another store, whose calls go wrong as it is told.
pub struct Scripted<S = SimulatedStore> {
    /// What carries the calls out.
    pub inner: S,
    /// What heads say of metadata that they do not tell.
    pub untold_metadata: AtomicU32,
    clock: Arc<dyn Clock>,
    script: Mutex<VecDeque<(Expected, Fault<S>)>>,
    came: Mutex<Vec<(Call, Monotonic)>>,
    /// Calls that are carried out late, and when.
    late: Mutex<Vec<(Monotonic, Call)>>,
    hangs: Notify,
    /// Until then it cannot be reached.
    away_until: Mutex<Monotonic>,
    /// A call goes on when there is a permit for it.
    held: Semaphore,
}

/// Which call a fault waits for.
enum Expected {
    /// The next one of this kind.
    Kind(CallKind),
    /// The next one that is no listing, with which the retry loop probes an open circuit.
    #[cfg(test)]
    NoProbe,
}

impl Expected {
    fn is(&self, kind: CallKind) -> bool {
        match self {
            Expected::Kind(expected) => *expected == kind,
            #[cfg(test)]
            Expected::NoProbe => kind != CallKind::ListObjectsV2,
        }
    }
}

impl<S: ObjectStore> Scripted<S> {
    /// That store, until a test says more.
    #[must_use]
    pub fn over(inner: S, clock: Arc<dyn Clock>) -> Self {
        Self {
            inner,
            untold_metadata: AtomicU32::new(0),
            clock,
            script: Mutex::default(),
            came: Mutex::default(),
            late: Mutex::default(),
            hangs: Notify::new(),
            away_until: Mutex::default(),
            held: Semaphore::new(Semaphore::MAX_PERMITS >> 1),
        }
    }

    /// The next calls of these kinds go wrong like this: the first of a kind as the first that is said of it, and so on.
    pub fn expect(&self, faults: impl IntoIterator<Item = (CallKind, Fault<S>)>) {
        let faults = faults.into_iter().map(|(kind, fault)| (Expected::Kind(kind), fault));
        self.script.lock().unwrap().extend(faults);
    }

    /// Whether everything that was scripted has happened.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.script.lock().unwrap().is_empty()
    }

    /// Nothing goes wrong any more.
    pub fn clear(&self) {
        self.script.lock().unwrap().clear();
    }

    /// The kinds of the calls so far, in order; reading them forgets them.
    pub fn calls(&self) -> Vec<CallKind> {
        self.take_calls().iter().map(Call::kind).collect()
    }

    /// The calls so far, in order; reading them forgets them.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.came.lock().unwrap()).into_iter().map(|(call, _)| call).collect()
    }

    /// Done when a call hangs.
    pub async fn hanging(&self) {
        self.hangs.notified().await;
    }

    /// Holds each call until it is let go.
    pub fn hold(&self) {
        self.held.forget_permits(usize::MAX);
    }

    /// Lets so many calls end.
    pub fn let_go(&self, calls: usize) {
        self.held.add_permits(calls);
    }

    /// Cannot be reached for that long.
    pub fn go_away_for(&self, duration: Duration) {
        *self.away_until.lock().unwrap() = self.clock.monotonic().after(duration);
    }

    fn take_fault(&self, kind: CallKind) -> Fault<S> {
        let mut script = self.script.lock().unwrap();
        let place = script.iter().position(|(expected, _)| expected.is(kind));
        place.and_then(|place| script.remove(place)).map_or(Fault::Nothing, |(_, fault)| fault)
    }

    /// Carries out what is late and due.
    async fn carry_out_late(&self) {
        let now = self.clock.monotonic();
        let due: Vec<_> = self.late.lock().unwrap().extract_if(.., |(at, _)| *at <= now).collect();
        for (_, call) in due {
            self.inner.call(&CancelToken::unbounded(), call).await.unwrap();
        }
    }

    fn untell(&self, mut answer: Answer) -> Answer {
        match &mut answer {
            Answer::HeadObject(head) => head.untold_metadata = self.untold_metadata.load(Ordering::Relaxed),
            Answer::GetObject(got) => got.head.untold_metadata = self.untold_metadata.load(Ordering::Relaxed),
            _ => {}
        }
        answer
    }
}

#[async_trait]
impl<S: ObjectStore> ObjectStore for Scripted<S> {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        if cancel.is_stopped() {
            return Err(stopped());
        }
        self.came.lock().unwrap().push((call.clone(), self.clock.monotonic()));
        self.held.acquire().await.unwrap().forget();
        if self.clock.monotonic() < *self.away_until.lock().unwrap() {
            let away = CallError::new(Verdict::Unavailable, Effect::None, "ConnectFailed", "as scripted");
            return Err(CallError { attempts: 0, ..away });
        }
        self.carry_out_late().await;
        match self.take_fault(call.kind()) {
            Fault::Nothing => self.inner.call(cancel, call).await.map(|answer| self.untell(answer)),
            Fault::Fails(verdict) => Err(CallError::new(verdict, Effect::None, "Scripted", "as scripted")),
            Fault::FailsWith(error) => Err(error),
            Fault::RequestLost => Err(lost()),
            Fault::AnswerLost => self.inner.call(cancel, call).await.and_then(|_| Err(lost())),
            Fault::AnswerLostThen(happen) => {
                let answer = self.inner.call(cancel, call).await;
                happen(&self.inner);
                answer.and_then(|_| Err(lost()))
            }
            Fault::After(happen) => {
                happen(&self.inner);
                self.inner.call(cancel, call).await
            }
            Fault::LandsAfter(after) => {
                self.late.lock().unwrap().push((self.clock.monotonic().after(after), call));
                Err(lost_in_time())
            }
            Fault::Hangs => {
                self.hangs.notify_one();
                std::future::pending().await
            }
            Fault::Stops => {
                cancel.stop();
                Err(stopped())
            }
            fault => spoil(self.inner.call(cancel, call).await?, fault).await,
        }
    }
}

fn stopped() -> CallError {
    CallError::new(Verdict::Stopped, Effect::None, "Stopped", "the cancel token was stopped")
}

/// The error of a call whose answer does not come.
#[must_use]
pub fn lost() -> CallError {
    CallError::new(Verdict::Transient, Effect::Unknown, "RequestTimeout", "no answer in 30 s")
}

/// The same of a store with the usual time-outs.
#[must_use]
pub fn lost_in_time() -> CallError {
    CallError { attempt_time_ms: 15_000, mib_time_ms: 125, ..lost() }
}

/// The answer to a call that was carried out, as it arrives.
async fn spoil<S>(mut answer: Answer, fault: Fault<S>) -> Result<Answer, CallError> {
    match (&mut answer, fault) {
        (Answer::DeleteObjects(results), Fault::Unnamed(place)) => results[place] = DeleteResult::Unnamed,
        (Answer::GetObject(got), fault) => spoil_body(got, fault).await?,
        _ => {}
    }
    Ok(answer)
}

async fn spoil_body<S>(got: &mut GotObject, fault: Fault<S>) -> Result<(), CallError> {
    let mut bytes = Vec::new();
    while let Some(piece) = got.body.next().await {
        bytes.extend_from_slice(&piece?);
    }
    let mut pieces = VecDeque::new();
    match fault {
        Fault::BreaksAfter(size) => {
            bytes.truncate(size);
            pieces.push_back(Err(lost()));
        }
        Fault::EndsAfter(size) => bytes.truncate(size),
        Fault::IsTooLong => bytes.push(b'x'),
        Fault::NamesOther => got.head.etag = ETag::new("\"another\"").ok(),
        _ => {}
    }
    if !bytes.is_empty() {
        pieces.push_front(Ok(Bytes::from(bytes)));
    }
    got.body = Box::new(Pieces(pieces));
    Ok(())
}

struct Pieces(VecDeque<Result<Bytes, CallError>>);

#[async_trait]
impl ByteStream for Pieces {
    async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        self.0.pop_front()
    }
}
