//! Multipart uploads of copies: recorded before their first part, so that nothing stays behind
//! whoever dies, and forgotten once they are completed or aborted.
//!
//! An upload whose abort is refused stays recorded. It is tried again by whoever takes the slice
//! over, and once more when the job ends; the report then names those that are left.
//!
//! A crash between the store's answer and the record, or an answer that gets lost, leaves an
//! upload that nobody knows. It has no parts, for none begins before the record. It is not looked
//! for: a list of a key's uploads does not tell ours from another writer's, which must not be
//! aborted. The bucket's own rule for incomplete uploads removes such.

use std::time::Duration;

use brigade_model::JobId;
use brigade_model::ports::job_store::{Completing, LeaseError, OpenUpload, StoreError, UploadScope, UploadsOf};
use brigade_model::ports::object_store::{
    AbortMultipartUpload, At, CallError, CreateMultipartUpload, Leash, NewObject, Verdict, send,
};
use brigade_model::ports::{Clock, JobStore};
use tracing::warn;

use super::Bench;
use super::failure::{Doing, End};
use super::hand::Hand;
use crate::places::Place;
use crate::setback::Setback;

/// An upload of ours, open until [`Upload::forget`] or [`Upload::abort`].
pub(crate) struct Upload<'a> {
    bench: &'a Bench,
    pub(crate) at: At,
    pub(crate) id: String,
}

/// An upload is aborted even when the worker has to stop, but not waited for longer than this:
/// it stays recorded.
const ABORT_PATIENCE: Duration = Duration::from_secs(10);

impl<'a> Upload<'a> {
    /// Begins an upload and records it.
    pub(crate) async fn begin(hand: &Hand<'a>, at: &At, with: NewObject) -> Result<Self, End> {
        let bench = hand.bench;
        let request = CreateMultipartUpload { at: at.clone(), with: Box::new(with) };
        let id = hand.send(&bench.target, request).await.doing("beginning a multipart upload")?;
        let upload = Self { bench, at: at.clone(), id };
        if let Err(error) = upload.record(None).await {
            warn!(job = %bench.job, slice = bench.slice, %error, "an upload is not recorded and so not begun");
            upload.abort(hand).await;
            return Err(End::LeaseLost);
        }
        Ok(upload)
    }

    /// An upload that a worker before has begun and recorded.
    pub(crate) fn resume(bench: &'a Bench, at: At, id: String) -> Self {
        Self { bench, at, id }
    }

    /// Records, before the completion is sent, which ETags the object has after it.
    pub(crate) async fn record_completing(&self, completing: Completing) -> Result<(), End> {
        self.record(Some(completing)).await.map_err(|error| {
            warn!(job = %self.bench.job, slice = self.bench.slice, %error, "a completion is not recorded and so not sent");
            End::LeaseLost
        })
    }

    /// Records that no completion can have been carried out.
    pub(crate) async fn record_open(&self) -> Result<(), End> {
        self.record(None).await.map_err(|error| {
            warn!(job = %self.bench.job, slice = self.bench.slice, %error, "an upload is not recorded as open");
            End::LeaseLost
        })
    }

    async fn record(&self, completing: Option<Completing>) -> Result<(), LeaseError> {
        let scope = UploadScope::Slice { slice: self.bench.slice, fence: self.bench.fence };
        let At { bucket, key } = self.at.clone();
        let upload = OpenUpload { bucket, key, upload_id: self.id.clone(), completing };
        self.bench.jobs.record_upload(self.bench.job, &scope, &upload).await
    }

    /// Forgets the upload, which was completed. A record that stays is harmless: aborting what
    /// is complete changes nothing.
    pub(crate) async fn forget(&self) {
        if let Err(error) = self.bench.jobs.forget_upload(self.bench.job, &self.id).await {
            warn!(job = %self.bench.job, upload = self.id, %error, "an upload that has ended stays recorded");
        }
    }

    /// Throws the upload away with all its parts, none of which may be in flight. When that
    /// cannot be confirmed, whoever runs the task next has to.
    pub(crate) async fn abort(&self, hand: &Hand<'_>) -> Aborted {
        let leash = Leash::unbounded();
        let aborted = tokio::select! {
            biased;
            aborted = abort(self.bench.job, &self.bench.target, &leash, &self.at, &self.id) => match aborted {
                Ok(aborted) => aborted,
                Err(error) if matches!(error.verdict, Verdict::Denied | Verdict::Invalid) => Aborted::Refused,
                Err(_) => Aborted::Unanswered,
            },
            () = self.bench.clock.sleep(ABORT_PATIENCE) => Aborted::Unanswered,
        };
        match aborted {
            Aborted::Now | Aborted::Gone => self.forget().await,
            Aborted::Refused | Aborted::Unanswered => hand.note_effect(),
        }
        aborted
    }
}

/// What became of an upload that was to be thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aborted {
    /// It was open until now.
    Now,
    /// It was gone: completed, aborted, or dropped by the store.
    Gone,
    /// The store does not let it be aborted; it stays recorded.
    Refused,
    /// The store did not answer; it may still be open, and stays recorded.
    Unanswered,
}

async fn abort(job: JobId, place: &Place, leash: &Leash, at: &At, id: &str) -> Result<Aborted, CallError> {
    let request = AbortMultipartUpload { at: at.clone(), upload_id: id.to_owned() };
    match send(&*place.store, leash, request).await {
        Ok(()) => Ok(Aborted::Now),
        Err(error) if error.verdict == Verdict::Missing => Ok(Aborted::Gone),
        Err(error) => {
            warn!(%job, bucket = %at.bucket, key = %at.key, upload = id, %error, "an upload is not aborted");
            Err(error)
        }
    }
}

/// Aborts what the workers before left open in this slice. Those that the store does not abort
/// now stay recorded. Gives those whose completion may have been sent: their tasks settle them.
///
/// # Errors
/// The job store failed.
pub async fn abort_recorded_uploads(bench: &Bench) -> Result<Vec<OpenUpload>, StoreError> {
    let mut completing = Vec::new();
    for upload in bench.jobs.uploads(bench.job, UploadsOf::Slice(bench.slice)).await? {
        if upload.completing.is_some() {
            completing.push(upload);
            continue;
        }
        let at = At { bucket: upload.bucket, key: upload.key };
        if abort(bench.job, &bench.target, &bench.leash.finishing(), &at, &upload.upload_id).await.is_ok() {
            bench.jobs.forget_upload(bench.job, &upload.upload_id).await?;
        }
    }
    Ok(completing)
}

/// Aborts what the copies of an ended job left open, or its report; those that the store does not
/// abort now stay recorded. A store that does not answer is asked for the first of them only.
///
/// # Errors
/// The job store failed, or the leash has no time left: the store was not asked.
pub(crate) async fn abort_left_uploads(
    jobs: &dyn JobStore,
    clock: &dyn Clock,
    (job, of): (JobId, UploadsOf),
    place: &Place,
    leash: &Leash,
) -> Result<(), Setback> {
    for OpenUpload { bucket, key, upload_id, .. } in jobs.uploads(job, of).await? {
        let at = At { bucket, key };
        let aborted = tokio::select! {
            biased;
            aborted = abort(job, place, leash, &at, &upload_id) => aborted,
            () = clock.sleep(ABORT_PATIENCE) => return Ok(()),
        };
        match aborted {
            Ok(_) => jobs.forget_upload(job, &upload_id).await?,
            Err(error) if error.verdict == Verdict::Stopped => return Err(Setback::Stopped),
            Err(_) => {}
        }
    }
    Ok(())
}
