//! Multipart uploads of copies: recorded before their first part, so that a crash leaves none
//! behind, and forgotten once they are completed or aborted.
//!
//! An upload whose abort is refused stays recorded. The next worker of the slice aborts it again,
//! and so does the end of the job; the report then names those that are left.
//!
//! A crash between the store's answer and the record, or a lost answer, leaves an upload without a
//! record. It has no parts, for none begins before the record. The engine does not search for it: a
//! list of a key's uploads does not tell ours from another writer's, which must not be aborted. The
//! bucket's own rule for incomplete uploads removes it.

use std::time::Duration;

use brigade_model::JobId;
use brigade_model::ports::job_store::{Completing, LeaseError, OpenUpload, StoreError, UploadScope, UploadsOf};
use brigade_model::ports::object_store::{
    AbortMultipartUpload, At, CallError, CancelToken, CreateMultipartUpload, NewObject, Verdict, send,
};
use brigade_model::ports::{Clock, JobStore};

use super::SliceContext;
use super::failure::{Doing, End};
use super::task_context::TaskContext;
use crate::places::Place;
use crate::stage_error::StageError;

/// An upload of ours, open until [`Upload::forget`] or [`Upload::abort`].
pub(crate) struct Upload<'a> {
    slice_context: &'a SliceContext,
    pub(crate) at: At,
    pub(crate) id: String,
}

/// An upload is aborted even when the worker has to stop, but not waited for longer than this:
/// it stays recorded.
const ABORT_PATIENCE: Duration = Duration::from_secs(10);

impl<'a> Upload<'a> {
    /// Begins an upload and records it.
    pub(crate) async fn begin(context: &TaskContext<'a>, at: &At, with: NewObject) -> Result<Self, End> {
        let slice_context = context.slice;
        let request = CreateMultipartUpload { at: at.clone(), with: Box::new(with) };
        let id = context.send(&slice_context.target, request).await.doing("beginning a multipart upload")?;
        let upload = Self { slice_context, at: at.clone(), id };
        if let Err(error) = upload.record(None).await {
            tracing::warn!(job = %slice_context.job, slice = slice_context.slice, %error, "cannot record multipart upload; aborting it and giving up the slice");
            upload.abort(context).await;
            return Err(End::LeaseLost);
        }
        Ok(upload)
    }

    /// An upload that a worker before has begun and recorded.
    pub(crate) fn resume(slice_context: &'a SliceContext, at: At, id: String) -> Self {
        Self { slice_context, at, id }
    }

    /// Records, before the completion is sent, which ETags the object has after it.
    pub(crate) async fn record_completing(&self, completing: Completing) -> Result<(), End> {
        self.record(Some(completing)).await.map_err(|error| {
            tracing::warn!(job = %self.slice_context.job, slice = self.slice_context.slice, %error, "cannot record upload completion; not sending it and giving up the slice");
            End::LeaseLost
        })
    }

    /// Records that no completion can have been carried out.
    pub(crate) async fn record_open(&self) -> Result<(), End> {
        self.record(None).await.map_err(|error| {
            tracing::warn!(job = %self.slice_context.job, slice = self.slice_context.slice, %error, "cannot record that the upload stays open; giving up the slice");
            End::LeaseLost
        })
    }

    async fn record(&self, completing: Option<Completing>) -> Result<(), LeaseError> {
        let scope = UploadScope::Slice { slice: self.slice_context.slice, fence: self.slice_context.fence };
        let At { bucket, key } = self.at.clone();
        let upload = OpenUpload { bucket, key, upload_id: self.id.clone(), completing };
        self.slice_context.jobs.record_upload(self.slice_context.job, &scope, &upload).await
    }

    /// Forgets the upload, which was completed. A record that stays is harmless: aborting what
    /// is complete changes nothing.
    pub(crate) async fn forget(&self) {
        if let Err(error) = self.slice_context.jobs.forget_upload(self.slice_context.job, &self.id).await {
            tracing::warn!(job = %self.slice_context.job, upload = self.id, %error, "cannot delete record of ended multipart upload; the record stays");
        }
    }

    /// Aborts the upload with all its parts, none of which may be in flight. When the abort cannot
    /// be confirmed, the next run of the task must repeat it.
    pub(crate) async fn abort(&self, context: &TaskContext<'_>) -> Aborted {
        let cancel = CancelToken::unbounded();
        let aborted = tokio::select! {
            biased;
            aborted = abort(self.slice_context.job, &self.slice_context.target, &cancel, &self.at, &self.id) => match aborted {
                Ok(aborted) => aborted,
                Err(error) if matches!(error.verdict, Verdict::Denied | Verdict::Invalid) => Aborted::Refused,
                Err(_) => Aborted::Unanswered,
            },
            () = self.slice_context.clock.sleep(ABORT_PATIENCE) => Aborted::Unanswered,
        };
        match aborted {
            Aborted::Now | Aborted::Gone => self.forget().await,
            Aborted::Refused | Aborted::Unanswered => context.note_effect(),
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

async fn abort(job: JobId, place: &Place, cancel: &CancelToken, at: &At, id: &str) -> Result<Aborted, CallError> {
    let request = AbortMultipartUpload { at: at.clone(), upload_id: id.to_owned() };
    match send(&*place.store, cancel, request).await {
        Ok(()) => Ok(Aborted::Now),
        Err(error) if error.verdict == Verdict::Missing => Ok(Aborted::Gone),
        Err(error) => {
            tracing::warn!(%job, bucket = %at.bucket, key = %at.key, upload = id, %error, "cannot abort multipart upload; its parts stay in the bucket");
            Err(error)
        }
    }
}

/// Aborts what the workers before left open in this slice. Those that the store does not abort
/// now stay recorded. Gives those whose completion may have been sent: their tasks settle them.
///
/// # Errors
/// The job store failed.
pub async fn abort_recorded_uploads(slice_context: &SliceContext) -> Result<Vec<OpenUpload>, StoreError> {
    let mut completing = Vec::new();
    for upload in slice_context.jobs.uploads(slice_context.job, UploadsOf::Slice(slice_context.slice)).await? {
        if upload.completing.is_some() {
            completing.push(upload);
            continue;
        }
        let at = At { bucket: upload.bucket, key: upload.key };
        if abort(slice_context.job, &slice_context.target, &slice_context.cancel.for_cleanup(), &at, &upload.upload_id)
            .await
            .is_ok()
        {
            slice_context.jobs.forget_upload(slice_context.job, &upload.upload_id).await?;
        }
    }
    Ok(completing)
}

/// Aborts what the copies of an ended job left open, or its report; those that the store does not
/// abort now stay recorded. A store that does not answer is asked for the first of them only.
///
/// # Errors
/// The job store failed, or the cancel token has no time left: the store was not asked.
pub(crate) async fn abort_left_uploads(
    jobs: &dyn JobStore,
    clock: &dyn Clock,
    (job, of): (JobId, UploadsOf),
    place: &Place,
    cancel: &CancelToken,
) -> Result<(), StageError> {
    for OpenUpload { bucket, key, upload_id, .. } in jobs.uploads(job, of).await? {
        let at = At { bucket, key };
        let aborted = tokio::select! {
            biased;
            aborted = abort(job, place, cancel, &at, &upload_id) => aborted,
            () = clock.sleep(ABORT_PATIENCE) => return Ok(()),
        };
        match aborted {
            Ok(_) => jobs.forget_upload(job, &upload_id).await?,
            Err(error) if error.verdict == Verdict::Stopped => return Err(StageError::Stopped),
            Err(_) => {}
        }
    }
    Ok(())
}
