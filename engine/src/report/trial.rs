//! Tries a report's place before any work: begins an upload there and aborts it.
//!
//! Nothing records that upload, for it lives for one call. It has a key of its own instead, which
//! holds the job's id, so whatever is open at that key was left by a trial of this job: by a
//! process that died between the two calls, or by a creation whose answer was lost. Each trial and
//! the report abort what they find there. A store that does not list uploads, or a role that may
//! not, leaves such to the bucket's own rule for incomplete uploads.

use brigade_model::job::failure;
use brigade_model::ports::object_store::{
    AbortMultipartUpload, At, CallError, CancelToken, CreateMultipartUpload, ListMultipartUploads, Verdict,
};
use brigade_model::{Job, JobFailure};

use crate::places::Place;
use crate::report::destination::Destination;
use crate::stage_error::StageError;

/// Proves that the report can be written and an upload be aborted; does nothing when no report is
/// wanted.
///
/// # Errors
/// [`StageError::Failed`] when the role or the store refuses it.
pub async fn try_place(job: &Job, place: &Place, cancel: &CancelToken) -> Result<(), StageError> {
    let Some(to) = Destination::of(job, place, cancel)? else { return Ok(()) };
    let at = to.at(to.trial_key()?);
    let refused = |error: CallError| refusal(&to, &error);
    let upload_id = to.send(CreateMultipartUpload { at: at.clone(), with: Box::default() }).await;
    abort(&to, &at, upload_id.map_err(refused)?).await.map_err(refused)?;
    abort_left(&to).await
}

/// Aborts what trials before left open. What the store does not list or abort stays: no job waits
/// for it.
///
/// # Errors
/// [`StageError::Stopped`] when the cancel token ended.
pub(super) async fn abort_left(to: &Destination<'_>) -> Result<(), StageError> {
    let At { bucket, key } = to.at(to.trial_key()?);
    let left = match to.send(ListMultipartUploads { bucket: bucket.clone(), prefix: key.as_str().to_owned() }).await {
        Ok(uploads) => uploads.into_iter().filter(|upload| upload.key == key),
        Err(error) => return unless_stopped(to, &error),
    };
    for upload in left {
        let at = At { bucket: bucket.clone(), key: key.clone() };
        if let Err(error) = abort(to, &at, upload.upload_id).await {
            unless_stopped(to, &error)?;
        }
    }
    Ok(())
}

async fn abort(to: &Destination<'_>, at: &At, upload_id: String) -> Result<(), CallError> {
    match to.send(AbortMultipartUpload { at: at.clone(), upload_id }).await {
        Err(error) if error.verdict != Verdict::Missing => Err(error),
        _ => Ok(()),
    }
}

fn unless_stopped(to: &Destination<'_>, error: &CallError) -> Result<(), StageError> {
    if error.verdict == Verdict::Stopped {
        return Err(StageError::Stopped);
    }
    tracing::debug!(report = %to, %error, "cannot abort multipart upload of the report test; it stays open");
    Ok(())
}

/// What a refused trial means: a report that the store does not take now will not be taken
/// after the work either.
fn refusal(to: &Destination<'_>, error: &CallError) -> StageError {
    if error.names_unknown_credentials() {
        return StageError::credentials_refused(error);
    }
    let code = match error.verdict {
        Verdict::Denied => failure::ACCESS_DENIED,
        Verdict::Missing | Verdict::Precondition | Verdict::Invalid => failure::REPORT_DELIVERY_FAILED,
        _ => return to.stage_error(error),
    };
    StageError::Failed(JobFailure::new(code, format!("the report cannot be written to {to}: {error}")))
}
