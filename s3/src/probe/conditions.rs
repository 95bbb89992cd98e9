//! Trials of conditions: the server must refuse once the object has changed, or exists.

use brigade_model::names::ETag;
use brigade_model::ports::object_store::{
    AbortMultipartUpload, At, CallError, CompleteMultipartUpload, CopyObject, CreateMultipartUpload, DeleteObject,
    NewObject, PutObject, UploadPart, Verdict,
};
use bytes::Bytes;

use super::parts;
use super::trial::{End, Trial, copy, lacking, wrong_etag};

/// Copies of objects and of parts alike.
pub(super) async fn stop_a_copy(trial: &Trial<'_>) -> Result<(), End> {
    let (source, target) = (trial.at("condition"), trial.at("copied"));
    let put = trial.put(&source, "expected").await?;
    let with_condition = |etag| CopyObject { source_if_match: Some(etag), ..copy(&source, &target) };
    match trial.call(with_condition(wrong_etag())).await {
        Ok(_) => return lacking("copied although the source has another ETag"),
        Err(error) if error.verdict == Verdict::Precondition => {}
        Err(error) => return Err(error.into()),
    }
    if trial.is_there(&target).await? {
        return lacking("refused, and copied although the source has another ETag");
    }
    trial.call(with_condition(put.etag)).await?;
    if !trial.is_there(&target).await? {
        return lacking("nothing was copied although the source has the ETag");
    }
    parts::are_stopped_by_a_condition(trial).await
}

pub(super) async fn stop_a_delete(trial: &Trial<'_>) -> Result<(), End> {
    let at = trial.at("deleted");
    let put = trial.put(&at, "expected").await?;
    let delete = |etag| DeleteObject { at: at.clone(), version: None, if_match: Some(etag) };
    let refused = trial.call_anyway(delete(wrong_etag())).await?;
    if !trial.is_there(&at).await? {
        return lacking("deleted although the object has another ETag");
    }
    match refused {
        None => return lacking("answered as if it were deleted, although the object has another ETag"),
        Some(error) if error.verdict == Verdict::Precondition => {}
        Some(error) => return Err(error.into()),
    }
    trial.call(delete(put.etag)).await?;
    if trial.is_there(&at).await? { lacking("not deleted although the object has the ETag") } else { Ok(()) }
}

/// A way to write an object.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    Put,
    Copy,
    Complete,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Way::Put => "put",
            Way::Copy => "copy",
            Way::Complete => "complete",
        }
    }
}

/// What must hold of the object that is written over.
enum Condition {
    Has(ETag),
    IsNone,
}

const THERE: &str = "there";
const NEW: &str = "new";

/// A write on the condition that the object has an ETag.
pub(super) async fn keep_what_was_written(trial: &Trial<'_>, way: Way) -> Result<(), End> {
    let at = trial.at(&format!("{} over", way.name()));
    let put = trial.put(&at, THERE).await?;
    let refused = write(trial, way, &at, Condition::Has(wrong_etag())).await?;
    see_refused(trial, &at, refused, "the object has another ETag").await?;
    let refused = write(trial, way, &at, Condition::Has(put.etag)).await?;
    see_written(trial, &at, refused, "the object has the ETag").await
}

/// A write on the condition that no object is there.
pub(super) async fn keep_what_is_there(trial: &Trial<'_>, way: Way) -> Result<(), End> {
    let (at, free) = (trial.at(&format!("{} there", way.name())), trial.at(&format!("{} free", way.name())));
    trial.put(&at, THERE).await?;
    let refused = write(trial, way, &at, Condition::IsNone).await?;
    see_refused(trial, &at, refused, "an object is there").await?;
    let refused = write(trial, way, &free, Condition::IsNone).await?;
    see_written(trial, &free, refused, "no object is there").await
}

async fn see_refused(trial: &Trial<'_>, at: &At, refused: Option<CallError>, why: &str) -> Result<(), End> {
    if !trial.has_bytes(at, THERE.as_bytes()).await? {
        return lacking(format!("written although {why}"));
    }
    match refused {
        None => lacking(format!("answered as if it were written, although {why}")),
        Some(error) if error.verdict == Verdict::Precondition => Ok(()),
        Some(error) => Err(error.into()),
    }
}

/// Whether it succeeded is seen by the object: Ceph 16.2 answers a completion without its ETag.
async fn see_written(trial: &Trial<'_>, at: &At, refused: Option<CallError>, why: &str) -> Result<(), End> {
    if trial.is_there(at).await? && trial.has_bytes(at, NEW.as_bytes()).await? {
        return Ok(());
    }
    match refused {
        Some(error) if error.verdict != Verdict::Precondition => Err(error.into()),
        _ => lacking(format!("not written although {why}")),
    }
}

/// Writes, or is refused.
async fn write(trial: &Trial<'_>, way: Way, at: &At, condition: Condition) -> Result<Option<CallError>, End> {
    let (if_match, if_none_match) = match condition {
        Condition::Has(etag) => (Some(etag), false),
        Condition::IsNone => (None, true),
    };
    match way {
        Way::Put => {
            let put = PutObject::ours(at.clone(), NEW, NewObject::default());
            trial.call_anyway(PutObject { if_match, if_none_match, ..put }).await
        }
        Way::Copy => {
            let source = trial.at("new");
            trial.put(&source, NEW).await?;
            trial.call_anyway(CopyObject { if_match, if_none_match, ..copy(&source, at) }).await
        }
        Way::Complete => {
            let upload_id = trial.call(CreateMultipartUpload { at: at.clone(), with: Box::default() }).await?;
            let part = UploadPart {
                at: at.clone(),
                upload_id: upload_id.clone(),
                part: 1,
                body: Bytes::from_static(NEW.as_bytes()),
            };
            let etag = trial.call(part).await?;
            let completion = CompleteMultipartUpload::new(at.clone(), upload_id.clone(), vec![(1, etag.etag)]);
            let refused = trial.call_anyway(CompleteMultipartUpload { if_match, if_none_match, ..completion }).await?;
            if refused.is_some() {
                trial.call_anyway(AbortMultipartUpload { at: at.clone(), upload_id }).await?;
            }
            Ok(refused)
        }
    }
}
