//! Bounds how long a stage's call waits: after that the job says why, and makes room for other
//! jobs.
//!
//! Below stands `retry`, which waits while the circuit breaker of an endpoint is open, and repeats
//! failed calls. A task uses its slice's own place; a stage's place is one that other jobs wait
//! for.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ports::object_store::{
    Answer, ByteStream, Call, CallError, CancelToken, GotObject, ObjectStore, Verdict, WaitNumber,
};
use brigade_model::ports::{Clock, clock::Monotonic};
use brigade_model::{EndpointName, WaitCause, Waiting};
use bytes::Bytes;

use crate::places::{Place, RolePlaces};

/// A call waits so long. An attempt that has begun by then ends by its own time-out.
const CALL_PATIENCE: Duration = Duration::from_secs(30);
/// A call that was stopped after this has a reason that is worth telling.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// A store whose calls wait no longer than a stage does.
struct Patient {
    inner: Arc<dyn ObjectStore>,
    endpoint: EndpointName,
    clock: Arc<dyn Clock>,
}

/// The same place, for a stage.
pub(crate) fn patient_place(place: Place, clock: &Arc<dyn Clock>) -> Place {
    let endpoint = place.endpoint.clone();
    Place { store: Arc::new(Patient { inner: place.store, endpoint, clock: clock.clone() }), ..place }
}

/// The same places, for a stage.
pub(crate) fn patient_places(places: RolePlaces, clock: &Arc<dyn Clock>) -> RolePlaces {
    let RolePlaces { operations, source, target, manifest, report } = places;
    let patient = |place| patient_place(place, clock);
    RolePlaces {
        operations,
        source: patient(source),
        target: patient(target),
        manifest: patient(manifest),
        report: patient(report),
    }
}

impl Patient {
    fn waiting(&self, call: &Call) -> Waiting {
        let (who, since) = (format!("{} in bucket {}", call.kind().name(), call.bucket()), Some(self.clock.now()));
        let (name, cause) = (self.endpoint.to_string(), WaitCause::Answer);
        Waiting { who, cause, what: format!("endpoint {name} has not answered yet"), since, name }
    }

    /// A wait that was cut short, and not because the store had no time for an attempt: the error
    /// tells what was waited for.
    fn tell(&self, error: CallError, began: Monotonic) -> CallError {
        let waited = self.clock.monotonic().since(began);
        if error.verdict != Verdict::Stopped || waited < WORTH_TELLING {
            return error;
        }
        // The code is that of what was waited for. Credentials that are not known have had their time.
        let refused = CallError { verdict: Verdict::CredentialsRefused, ..error };
        match waited >= CALL_PATIENCE && refused.names_unknown_credentials() {
            true => refused,
            false => CallError { verdict: Verdict::Transient, ..refused },
        }
    }
}

#[async_trait]
impl ObjectStore for Patient {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let (began, branch) = (self.clock.monotonic(), cancel.branch());
        let waiting = self.waiting(&call);
        let hanging = Hanging { number: cancel.begin_wait(began, waiting.clone()), cancel };
        let answered = self.inner.call(&branch, call);
        tokio::pin!(answered);
        let answer = tokio::select! {
            biased;
            answer = &mut answered => answer,
            () = self.clock.sleep(CALL_PATIENCE) => {
                branch.stop();
                answered.await
            }
        };
        drop(hanging);
        match answer {
            Ok(Answer::GetObject(got)) => {
                let GotObject { head, body } = *got;
                let body = Box::new(AwaitedBody { body, cancel: cancel.clone(), waiting, clock: self.clock.clone() });
                Ok(Answer::GetObject(Box::new(GotObject { head, body })))
            }
            answer => answer.map_err(|error| self.tell(error, began)),
        }
    }
}

/// A body whose next piece is a call that has not been answered yet, while it is awaited.
struct AwaitedBody {
    body: Box<dyn ByteStream>,
    cancel: CancelToken,
    waiting: Waiting,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl ByteStream for AwaitedBody {
    async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        let waiting = Waiting { since: Some(self.clock.now()), ..self.waiting.clone() };
        let number = self.cancel.begin_wait(self.clock.monotonic(), waiting);
        let _hanging = Hanging { number, cancel: &self.cancel };
        self.body.next().await
    }
}

/// A call that has not been answered yet, for those who ask why its job stands still.
struct Hanging<'a> {
    cancel: &'a CancelToken,
    number: WaitNumber,
}

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        self.cancel.end_wait(self.number);
    }
}

#[cfg(test)]
mod tests {
    use brigade_model::ports::object_store::{Effect, GetObject, HeadObject, ObjectHead, send};
    use brigade_runtime::SimulatedClock;
    use futures::FutureExt;

    use super::*;
    use crate::test_job::at;

    /// Waits until the cancel token is stopped, as `retry` does.
    struct Waits;

    #[async_trait]
    impl ObjectStore for Waits {
        async fn call(&self, cancel: &CancelToken, _: Call) -> Result<Answer, CallError> {
            cancel.stopped().await;
            Err(CallError::new(Verdict::Stopped, Effect::None, "Stopped", "stopped while it is away"))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_for_half_a_minute_and_then_says_what_for() {
        let clock: Arc<dyn Clock> = Arc::new(SimulatedClock::new());
        let endpoint = EndpointName::new("main").unwrap();
        let patient = Patient { inner: Arc::new(Waits), endpoint, clock: clock.clone() };
        let head = || HeadObject { at: at("photos", "k"), version: None };
        let cancel = CancelToken::unbounded();
        let error = send(&patient, &cancel, head()).await.unwrap_err();
        assert_eq!((error.verdict, clock.monotonic().0), (Verdict::Transient, CALL_PATIENCE));
        assert!(!cancel.is_stopped(), "only the call was stopped");

        for (after, verdict) in [(10, Verdict::Transient), (0, Verdict::Stopped)] {
            let cancel = CancelToken::unbounded();
            let stopping = async {
                clock.sleep(Duration::from_secs(after)).await;
                cancel.stop();
            };
            let (answer, ()) = tokio::join!(send(&patient, &cancel, head()), stopping);
            assert_eq!(answer.unwrap_err().verdict, verdict, "stopped after {after} s");
        }
    }

    /// Answers a GET at once with a body whose first piece never comes.
    struct Stalls;

    #[async_trait]
    impl ObjectStore for Stalls {
        async fn call(&self, _: &CancelToken, _: Call) -> Result<Answer, CallError> {
            let (head, body) = (ObjectHead::default(), Box::new(Stalls));
            Ok(Answer::GetObject(Box::new(GotObject { head, body })))
        }
    }

    #[async_trait]
    impl ByteStream for Stalls {
        async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_is_a_call_without_an_answer_while_its_next_piece_is_awaited() {
        let clock: Arc<dyn Clock> = Arc::new(SimulatedClock::new());
        let endpoint = EndpointName::new("main").unwrap();
        let patient = Patient { inner: Arc::new(Stalls), endpoint, clock: clock.clone() };
        let cancel = CancelToken::unbounded();
        let get = GetObject { at: at("lists", "m.csv"), version: None, range: None, if_match: None };
        let mut body = send(&patient, &cancel, get).await.unwrap().body;
        assert_eq!(cancel.longest_wait(), None, "the reader works on what it has");
        let (since, mut piece) = (clock.monotonic(), body.next());
        assert!(piece.as_mut().now_or_never().is_none());
        let (began, waiting) = cancel.longest_wait().unwrap();
        assert_eq!(
            (began, waiting.cause, waiting.who.as_str()),
            (since, WaitCause::Answer, "GetObject in bucket lists")
        );
        drop(piece);
        assert_eq!(cancel.longest_wait(), None);
    }

    #[test]
    fn a_branch_of_a_leash_stops_alone_and_ends_with_it() {
        let cancel = CancelToken::unbounded();
        let (one, other) = (cancel.branch(), cancel.branch());
        one.stop();
        assert!(one.is_stopped() && one.clone().is_stopped() && !one.for_cleanup().is_stopped());
        assert!(!other.is_stopped() && !cancel.is_stopped());
        cancel.stop();
        assert!(other.is_stopped() && !other.for_cleanup().is_stopped());
        cancel.kill();
        assert!(other.for_cleanup().is_stopped());
    }
}
