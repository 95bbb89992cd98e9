//! A running task: makes its calls, and knows what is certain of their effects.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use brigade_model::ports::object_store::{
    At, CallError, CancelToken, Effect, GetObject, HeadObject, ObjectHead, Request, Verdict,
};
use brigade_model::{BucketName, Outcome, Task, Timestamp, VersionId};

use super::capabilities::refuse_row;
use super::failure::{End, in_doubt, outcome_of, refuse, reject};
use super::{SliceContext, TaskEnd};
use crate::byte_budget::Room;
use crate::places::Place;
use crate::shared_failures::SharedFailure;

/// What is known of the work of what is no store, once it was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acted {
    /// It did nothing.
    No,
    /// It told what became of it.
    Answered,
    /// Nothing tells.
    Unknown,
}

/// Who runs a task.
pub(crate) struct TaskContext<'a> {
    pub(crate) slice: &'a SliceContext,
    pub(crate) task: &'a Task,
    /// The task may have been attempted before.
    pub(crate) must_check: bool,
    /// The worker's cancel token, for the calls of this task.
    cancel: CancelToken,
    /// Since when an attempt may have had an effect that no check has confirmed or ruled out.
    doubt: Mutex<Option<Timestamp>>,
    /// A call of ours was sent that may have changed an object.
    has_acted: AtomicBool,
    /// The bucket of the last call that failed by more than its object, where that is none of the row's.
    shared_target: Mutex<Option<BucketName>>,
    /// A call of ours has changed an object, or left an upload open.
    has_changed: AtomicBool,
    /// The size of its object, where a call that it needed anyway told it.
    size: OnceLock<u64>,
}

impl<'a> TaskContext<'a> {
    /// `tried_since` says since when the task may have been attempted before.
    pub(crate) fn new(slice_context: &'a SliceContext, task: &'a Task, tried_since: Option<Timestamp>) -> Self {
        let doubt = task.tried_since.into_iter().chain(tried_since).min();
        Self {
            slice: slice_context,
            task,
            must_check: doubt.is_some(),
            cancel: slice_context.cancel.for_task(task.number),
            doubt: Mutex::new(doubt),
            has_acted: AtomicBool::new(false),
            shared_target: Mutex::new(None),
            has_changed: AtomicBool::new(false),
            size: OnceLock::new(),
        }
    }

    /// Since when an attempt may have had its effect, while that is neither confirmed nor ruled out.
    pub(crate) fn in_doubt_since(&self) -> Option<Timestamp> {
        *self.doubt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The attempts before are known to have had no effect, or to be followed by one that had it.
    pub(crate) fn end_doubt(&self) {
        *self.doubt.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// A check told that an attempt before had its effect.
    pub(crate) fn note_done(&self) {
        self.note_effect();
        self.end_doubt();
    }

    /// Of an object that is not there nothing remains that an attempt may have set on it.
    pub(crate) fn end_doubt_if_gone<T>(&self, result: Result<T, End>) -> Result<T, End> {
        if matches!(&result, Err(End::Call { error, .. }) if is_no_object(error)) {
            self.end_doubt();
        }
        result
    }

    /// Some answer told the size of its object.
    pub(crate) fn note_size(&self, size: u64) {
        self.size.get_or_init(|| size);
    }

    /// The size of its object, by an answer or else by the manifest.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size.get().copied().or(self.task.size)
    }

    /// Since then an attempt may have had its effect.
    pub(crate) fn doubt_since(&self, since: Timestamp) {
        self.doubt.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(since);
    }

    /// Makes a call.
    pub(crate) async fn send<R: Request>(&self, place: &Place, request: R) -> Result<R::Answer, CallError> {
        let call = request.into_call();
        let is_target = std::ptr::eq(place, &self.slice.target);
        let target = is_target.then(|| call.bucket().clone());
        let (kind, sent) = (call.kind(), place.stamps.now());
        let result = place.store.call(&self.cancel(), call).await;
        if kind.changes_objects() {
            match &result {
                Ok(_) => self.note_effect(),
                Err(error) if error.effect == Effect::Unknown => {
                    self.has_acted.store(true, Ordering::Relaxed);
                    self.doubt_since(sent);
                }
                Err(_) => {}
            }
        }
        if result.as_ref().is_err_and(|error| error.lasting.is_some()) {
            *self.shared_target.lock().unwrap_or_else(PoisonError::into_inner) = target;
        }
        R::from_answer(result?).ok_or_else(|| {
            CallError::new(Verdict::Invalid, Effect::Unknown, "InternalError", "the answer belongs to another call")
        })
    }

    /// The head of an object; `None` when there certainly is none. A HEAD is answered without a
    /// body, so its 404 does not tell a missing object from a missing bucket: a GET of one byte does.
    pub(crate) async fn find_head(
        &self,
        place: &Place,
        at: &At,
        version: Option<&VersionId>,
    ) -> Result<Option<ObjectHead>, CallError> {
        match self.read_head(place, at, version).await {
            Ok(head) => Ok(Some(head)),
            Err(error) if is_no_object(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The head of an object that must be there; the error says what is missing.
    pub(crate) async fn read_head(
        &self,
        place: &Place,
        at: &At,
        version: Option<&VersionId>,
    ) -> Result<ObjectHead, CallError> {
        let head = HeadObject { at: at.clone(), version: version.cloned() };
        let mut pauses = HEAD_PAUSES.into_iter();
        loop {
            let missing = match self.send(place, head.clone()).await {
                Err(error) if error.verdict == Verdict::Missing && !is_no_object(&error) => error,
                result => return result,
            };
            let get = GetObject { at: at.clone(), version: version.cloned(), range: Some((0, 0)), if_match: None };
            // Its bytes are let go at once: they hold a place at the endpoint, which the next call needs.
            match self.send(place, get).await.map(drop) {
                // Written between the two, or a bucket that comes and goes.
                Ok(()) => {}
                Err(error) if IS_THERE.contains(&error.code.as_str()) => {}
                Err(error) => return Err(CallError { attempts: missing.attempts + error.attempts, ..error }),
            }
            let Some(pause) = pauses.next() else { return Err(missing) };
            self.until_stopped(self.slice.clock.sleep(pause)).await?;
        }
    }

    /// Room for the bytes of a body that is about to be read or built, for as long as it is held.
    pub(crate) async fn room_for(&self, bytes: u64) -> Result<Room, CallError> {
        let cancel = self.cancel();
        // What has begun waits no longer than anything else after a stop.
        let room = self.until_stopped(self.slice.bytes.take(self.slice.job, bytes, &cancel)).await;
        room.ok().flatten().ok_or_else(|| {
            let why = "stopped while it waited for room for its bytes";
            CallError::new(Verdict::Stopped, Effect::None, "Stopped", why)
        })
    }

    /// Waits, until the worker has to stop.
    pub(crate) async fn wait(&self, duration: Duration) -> Result<(), End> {
        Ok(self.until_stopped(self.slice.clock.sleep(duration)).await?)
    }

    /// Goes on with something that is no call, until the worker has to stop.
    pub(crate) async fn until_stopped<F: Future>(&self, work: F) -> Result<F::Output, CallError> {
        let cancel = self.cancel();
        tokio::select! {
            biased;
            output = work => Ok(output),
            () = cancel.ended(&*self.slice.clock) => {
                let why = "stopped before a lost call was settled";
                Err(CallError::new(Verdict::Stopped, Effect::None, "Stopped", why))
            }
        }
    }

    /// Calls what is no store, and may act from the first moment on.
    pub(crate) async fn act<T>(
        &self,
        call: impl Future<Output = T>,
        acted: impl FnOnce(&T) -> Acted,
    ) -> Result<T, CallError> {
        let had_acted = self.has_acted.swap(true, Ordering::Relaxed);
        let begun = self.slice.clock.now();
        let result = self.until_stopped(call).await?;
        match acted(&result) {
            Acted::No => self.has_acted.store(had_acted, Ordering::Relaxed),
            Acted::Answered => self.note_done(),
            Acted::Unknown => self.doubt_since(begun),
        }
        Ok(result)
    }

    /// What may take so long begins neither after a stop nor so late that it could outlive the lease.
    pub(crate) fn may_begin(&self, timeout: Duration) -> Result<(), CallError> {
        let may_begin = self.slice.cancel.may_start(self.slice.clock.monotonic(), timeout);
        may_begin.then_some(()).ok_or_else(not_begun)
    }

    /// Waits after a failure that may pass. A stop ends the task: with that failure, if it has acted.
    pub(crate) async fn pause_after(&self, error: CallError, pause: Duration) -> Result<(), CallError> {
        tokio::select! {
            biased;
            () = self.slice.cancel.stopped() => {}
            () = self.slice.clock.sleep(pause) => return Ok(()),
        }
        Err(if self.is_cut_short() { error } else { not_begun() })
    }

    /// Something is different at the store because of this task.
    pub(crate) fn note_effect(&self) {
        self.has_acted.store(true, Ordering::Relaxed);
        self.has_changed.store(true, Ordering::Relaxed);
    }

    /// A task that has acted goes on to its end when the job is cancelled, so that its outcome
    /// is known; one that has not does not begin.
    fn cancel(&self) -> CancelToken {
        match self.has_acted.load(Ordering::Relaxed) {
            true => self.cancel.for_cleanup(),
            false => self.cancel.clone(),
        }
    }

    /// An attempt may have changed an object for this task: an earlier one, or one of ours.
    fn may_have_acted(&self) -> bool {
        self.must_check || self.has_acted.load(Ordering::Relaxed)
    }

    /// The job was stopped after the task had acted, so that it was given little time to end.
    fn is_cut_short(&self) -> bool {
        self.slice.cancel.is_stop_asked() && self.may_have_acted()
    }

    /// The object of the row, by the store's own name of its bucket.
    ///
    /// # Errors
    /// The row has a defect, or names what its endpoint is not known to tell apart, or the role
    /// does not allow its bucket.
    pub(crate) fn find_source(&self) -> Result<At, End> {
        self.check_defect()?;
        match refuse_row(self.task, &self.slice.source.capabilities) {
            None => {}
            // A job before this one may not have refused it.
            Some(End::Refused(outcome)) if self.task.tried_since.is_some() => return Err(End::Rejected(outcome)),
            Some(end) => return Err(end),
        }
        self.find_allowed()
    }

    /// The same for what asks nothing of the endpoint.
    pub(crate) fn find_row(&self) -> Result<At, End> {
        self.check_defect()?;
        self.find_allowed()
    }

    fn check_defect(&self) -> Result<(), End> {
        let defect = self.task.defect.map(|defect| refuse("InvalidRequest", Some(400), defect.message()));
        defect.map_or(Ok(()), Err)
    }

    fn find_allowed(&self) -> Result<At, End> {
        let bucket = allowed_bucket(&self.slice.source, "source", &self.task.bucket)?;
        Ok(At { bucket, key: self.task.key.clone() })
    }

    /// Makes of a task's result what the executor records.
    pub(crate) fn end(&self, result: Result<Outcome, End>) -> TaskEnd {
        match result {
            Ok(outcome) | Err(End::Refused(outcome)) => TaskEnd::Done(outcome),
            Err(end) if end.is_stop() && self.may_have_acted() => TaskEnd::UnknownEffect,
            Err(end) if end.is_stop() => TaskEnd::NotAttempted,
            Err(End::Rejected(outcome)) => TaskEnd::Done(self.with_effect(outcome)),
            Err(End::Call { doing, error }) if error.may_pass() && self.is_cut_short() => {
                TaskEnd::CutShort(self.with_effect(outcome_of(doing, &error)))
            }
            Err(End::Call { doing, error }) => {
                let outcome = self.with_effect(outcome_of(doing, &error));
                let target = self.shared_target.lock().unwrap_or_else(PoisonError::into_inner).take();
                match SharedFailure::of(&error, self.task, target.as_ref()) {
                    Some(shared) => TaskEnd::SharedFailure(outcome, Box::new(shared)),
                    None => TaskEnd::Done(outcome),
                }
            }
            Err(End::NotYet) => TaskEnd::NotYet,
            Err(End::LeaseLost) => TaskEnd::NotAttempted,
        }
    }

    /// A failure, with what is known of the task's effect.
    fn with_effect(&self, outcome: Outcome) -> Outcome {
        if self.in_doubt_since().is_some() {
            in_doubt(outcome)
        } else if self.has_changed.load(Ordering::Relaxed) {
            outcome.of_unknown_effect()
        } else {
            outcome
        }
    }
}

fn not_begun() -> CallError {
    CallError::new(Verdict::Stopped, Effect::None, "Stopped", "stopped before an attempt was begun")
}

/// The codes of a GET of the first byte of an object that is there: it has no byte, or it is archived.
const IS_THERE: [&str; 2] = ["InvalidRange", "InvalidObjectState"];
/// The pauses between a HEAD that finds nothing, though a GET does, and the next.
const HEAD_PAUSES: [Duration; 4] =
    [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(15)];

/// Whether the store says that the object or the version is not there, and its bucket is.
pub(crate) fn is_no_object(error: &CallError) -> bool {
    error.verdict == Verdict::Missing && matches!(error.code.as_str(), "NoSuchKey" | "NoSuchVersion")
}

/// The store's own name of a bucket that the role allows.
pub(crate) fn allowed_bucket(place: &Place, side: &str, written: &BucketName) -> Result<BucketName, End> {
    place.buckets.resolve(written).ok_or_else(|| {
        let message = format!("bucket {written} is none of the {side} buckets that the role allows");
        reject("AccessDenied", Some(403), message)
    })
}
