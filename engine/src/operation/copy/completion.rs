//! Completes the upload of an object, and finds out whether an earlier completion took effect.
//!
//! The proof is the ETag that the parts must yield, recorded with the upload before the first
//! completion is sent, so that a worker that takes the slice over has it, too. That an upload is
//! gone proves nothing: stores drop it when another writer's put completes, or after a day. That
//! it is still listed proves little: some list it while it completes.

use brigade_model::limits::COPY_TIME;
use brigade_model::ports::job_store::{Completing, OpenUpload};
use brigade_model::ports::object_store::{At, CallError, CompleteMultipartUpload, ListParts, ObjectHead, Verdict};
use brigade_model::{ETag, Outcome, Timestamp, VersionId};

use super::super::capabilities::Feature;
use super::super::effect_check::{
    Before, CheckResult, Checked, CheckedCall, Condition, Content, Current, LookedAt, NonRepeatableCall, check_until,
};
use super::super::failure::{Doing, End};
use super::super::task_context::TaskContext;
use super::super::uploads::{Aborted, Upload};
use super::version_of;

/// A completion: an upload whose parts are all there.
pub(super) struct Completion<'a> {
    pub(super) context: &'a TaskContext<'a>,
    pub(super) upload: &'a Upload<'a>,
    pub(super) parts: Vec<(u32, ETag)>,
    /// The size of the object, in bytes.
    pub(super) size: u64,
    /// The ETags that the object may have by its parts.
    pub(super) expected: Vec<ETag>,
}

impl CheckedCall for Completion<'_> {
    type Done = Option<VersionId>;

    fn condition(&self, current: &Current) -> Condition {
        let onto = (Feature::CompleteOntoUnchanged, Some(Feature::CompleteOntoNothing));
        Condition::of(current, &self.context.slice.target.capabilities, onto)
    }

    async fn act(&self, repeat: Option<&Condition>) -> Result<Option<VersionId>, CallError> {
        let place = &self.context.slice.target;
        let Condition { if_match, if_none_match } = repeat.cloned().unwrap_or_default();
        let (at, upload_id, parts) = (self.upload.at.clone(), self.upload.id.clone(), self.parts.clone());
        let request = CompleteMultipartUpload { at, upload_id, parts, if_match, if_none_match };
        let done = self.context.send(place, request).await?;
        if !self.expected.is_empty() {
            place.multipart_etag.learn(&self.expected, &done.etag);
        }
        Ok(done.version)
    }

    async fn check(&self, since: Timestamp) -> Result<CheckResult<Option<VersionId>>, End> {
        let wanted = Wanted { etags: &self.expected, size: self.size };
        check(self.context, &self.upload.at, &self.upload.id, wanted, since).await
    }
}

/// Settles a completion that an attempt before may have sent: done, or aborted so that the copy
/// begins anew.
pub(super) async fn settle_left(
    context: &TaskContext<'_>,
    left: &OpenUpload,
    completing: &Completing,
    since: Timestamp,
) -> Result<Before<Option<VersionId>>, End> {
    let at = At { bucket: left.bucket.clone(), key: left.key.clone() };
    let upload = Upload::resume(context.slice, at, left.upload_id.clone());
    let (size, expected) = (completing.size, completing.etags.clone());
    let lost = Completion { context, upload: &upload, parts: Vec::new(), size, expected };
    let found = match lost.check(since).await {
        Ok(CheckResult::Act { .. }) => {
            // Its sender is gone, and with it the time-outs that it had: those of the defaults.
            let until = context.slice.clock.monotonic().after(COPY_TIME);
            check_until(context, &lost, since, (1, until)).await
        }
        found => found,
    };
    match found {
        Ok(CheckResult::Done(version)) => {
            upload.forget().await;
            context.note_done();
            Ok(Before::Done(version))
        }
        Ok(CheckResult::Act { current, .. }) => {
            // From here on it is an upload like any other, also for a worker that takes over.
            upload.record_open().await?;
            match upload.abort(context).await {
                Aborted::Now => {
                    context.end_doubt();
                    Ok(Before::Act(Some(Checked { current, since })))
                }
                Aborted::Gone => Err(is_gone()),
                Aborted::Refused => Err(is_not_aborted()),
                Aborted::Unanswered => Err(End::LeaseLost),
            }
        }
        // A check that failed may succeed for the next worker.
        Err(end @ (End::Call { .. } | End::LeaseLost)) => Err(end),
        Err(end) => {
            upload.abort(context).await;
            Err(end)
        }
    }
}

/// What the object must be to be ours.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    etags: &'a [ETag],
    size: u64,
}

/// Looks at the object, and where it is not the one at the upload.
async fn check(
    context: &TaskContext<'_>,
    at: &At,
    id: &str,
    wanted: Wanted<'_>,
    since: Timestamp,
) -> Result<CheckResult<Option<VersionId>>, End> {
    let place = &context.slice.target;
    let (what, doing) = ("the target", "looking whether the upload was completed");
    let target = LookedAt { context, place, at, version: None, what, doing };
    let content = async |head: &ObjectHead| Ok(compare(head, wanted, place.multipart_etag.is_digest()));
    let result = target.check(NonRepeatableCall::CompleteUpload, since, content).await?.map(version_of);
    if let CheckResult::Act { .. } = &result {
        must_be_open(context, at, id).await?;
    }
    Ok(result)
}

fn compare(head: &ObjectHead, Wanted { etags, size }: Wanted<'_>, is_digest: bool) -> Content {
    match &head.etag {
        Some(etag) if etags.iter().any(|wanted| wanted.matches(etag)) => Content::Proven,
        _ if size != head.size => Content::Other,
        Some(_) if is_digest && !etags.is_empty() => Content::Other,
        _ => Content::Incomparable,
    }
}

/// An object that is old or absent proves that nothing was completed only while the upload is there.
async fn must_be_open(context: &TaskContext<'_>, at: &At, id: &str) -> Result<(), End> {
    let request = ListParts { at: at.clone(), upload_id: id.to_owned() };
    match context.send(&context.slice.target, request).await {
        Err(error) if error.verdict == Verdict::Missing => Err(is_gone()),
        other => other.map(|_| ()).doing("looking whether the upload is open"),
    }
}

fn is_gone() -> End {
    let message = "the answer to the upload's completion was lost, the upload is gone and the target is not the \
                   object that it makes: whether it was completed and then overwritten cannot be told; retry it \
                   with --unconfirmed act";
    End::Refused(Outcome::unconfirmed(None, message))
}

fn is_not_aborted() -> End {
    let message = "the answer to the upload's completion was lost, and the store does not let the upload be aborted, \
                   so the copy cannot begin anew: it needs the right AbortMultipartUpload";
    End::Refused(Outcome::unconfirmed(None, message))
}
