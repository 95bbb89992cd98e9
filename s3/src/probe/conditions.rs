//! Trials of conditions: what must not be done once the object is another one.

use brigade_model::ports::object_store::{CopyObject, DeleteObject, Verdict};

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
