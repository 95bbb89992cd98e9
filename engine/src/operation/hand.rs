//! One task at the bench: makes its calls, and remembers whether any may have changed an object.

use std::sync::atomic::{AtomicBool, Ordering};

use brigade_model::ports::object_store::{At, CallError, CallKind, Effect, Leash, Request, Verdict};
use brigade_model::{BucketName, Outcome, Task, Timestamp};

use super::failure::{End, outcome_of, refuse};
use super::{Bench, Run};
use crate::places::Place;

/// Who runs a task.
pub(crate) struct Hand<'a> {
    pub(crate) bench: &'a Bench,
    pub(crate) task: &'a Task,
    /// The task may have been attempted before.
    pub(crate) must_look: bool,
    /// We may have changed an object for this task.
    has_acted: AtomicBool,
}

impl<'a> Hand<'a> {
    pub(crate) fn new(bench: &'a Bench, task: &'a Task, must_look: bool) -> Self {
        let must_look = must_look || task.tried_since.is_some();
        Self { bench, task, must_look, has_acted: AtomicBool::new(false) }
    }

    /// What is newer may have been written by an attempt of ours, or by somebody else since.
    pub(crate) fn first_attempt(&self) -> Timestamp {
        let first_leased = self.bench.first_leased;
        self.task.tried_since.map_or(first_leased, |since| since.min(first_leased))
    }

    /// Makes a call.
    pub(crate) async fn send<R: Request>(&self, place: &Place, request: R) -> Result<R::Answer, CallError> {
        let call = request.into_call();
        let kind = call.kind();
        let result = place.store.call(&self.leash(), call).await;
        let had_effect = result.as_ref().map_or_else(|error| error.effect == Effect::Unknown, |_| true);
        if had_effect && changes_objects(kind) {
            self.note_effect();
        }
        R::from_answer(result?).ok_or_else(|| {
            CallError::new(Verdict::Invalid, Effect::Unknown, "InternalError", "the answer belongs to another call")
        })
    }

    /// Something may be different at the store because of this task.
    pub(crate) fn note_effect(&self) {
        self.has_acted.store(true, Ordering::Relaxed);
    }

    /// A task that has acted goes on to its end when the job is cancelled, so that its outcome
    /// is known; one that has not does not begin.
    fn leash(&self) -> Leash {
        match self.has_acted.load(Ordering::Relaxed) {
            true => self.bench.leash.finishing(),
            false => self.bench.leash.clone(),
        }
    }

    /// Somebody may have changed an object for this task: an attempt before, or one of ours.
    fn may_have_acted(&self) -> bool {
        self.must_look || self.has_acted.load(Ordering::Relaxed)
    }

    /// The object of the row, by the store's own name of its bucket.
    ///
    /// # Errors
    /// The row has a defect, or the role does not allow its bucket.
    pub(crate) fn find_source(&self) -> Result<At, End> {
        if let Some(defect) = self.task.defect {
            return Err(refuse("InvalidRequest", Some(400), defect.message()));
        }
        let bucket = allowed_bucket(&self.bench.source, "source", &self.task.bucket)?;
        Ok(At { bucket, key: self.task.key.clone() })
    }

    /// Makes of a task's result what the executor records.
    pub(crate) fn end(&self, result: Result<Outcome, End>) -> Run {
        match result {
            Ok(outcome) | Err(End::Refused(outcome)) => Run::Done(outcome),
            Err(end) if end.is_stop() && self.may_have_acted() => Run::Unsettled,
            Err(end) if end.is_stop() => Run::NotAttempted,
            Err(End::Call { doing, error }) => Run::Done(outcome_of(doing, &error)),
            Err(End::LeaseLost) => Run::NotAttempted,
        }
    }
}

/// The store's own name of a bucket that the role allows.
pub(crate) fn allowed_bucket(place: &Place, side: &str, written: &BucketName) -> Result<BucketName, End> {
    place.buckets.resolve(written).ok_or_else(|| {
        let message = format!("bucket {written} is none of the {side} buckets that the role allows");
        refuse("AccessDenied", Some(403), message)
    })
}

/// Whether a call changes what readers of the bucket see. Parts of an upload do not, and the
/// upload itself is recorded elsewhere.
fn changes_objects(kind: CallKind) -> bool {
    match kind {
        CallKind::PutObject
        | CallKind::CopyObject
        | CallKind::DeleteObject
        | CallKind::DeleteObjects
        | CallKind::PutObjectTagging
        | CallKind::PutObjectAcl
        | CallKind::RestoreObject
        | CallKind::PutObjectLegalHold
        | CallKind::CompleteMultipartUpload => true,
        CallKind::HeadObject
        | CallKind::GetObject
        | CallKind::GetObjectTagging
        | CallKind::GetObjectAcl
        | CallKind::ListObjectsV2
        | CallKind::CreateMultipartUpload
        | CallKind::UploadPart
        | CallKind::UploadPartCopy
        | CallKind::AbortMultipartUpload
        | CallKind::ListObjectVersions
        | CallKind::ListMultipartUploads
        | CallKind::GetObjectAttributes => false,
    }
}
