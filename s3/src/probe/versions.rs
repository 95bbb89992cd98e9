//! Trials of versions, and of the lock on them.

use brigade_model::names::VersionId;
use brigade_model::ports::object_store::{
    At, CallError, DeleteObject, GetObject, HeadObject, PutObjectLegalHold, Verdict,
};

use super::trial::{End, Trial, in_short, lacking};

/// The version of an answer, in a bucket that keeps versions.
fn kept(version: Option<VersionId>) -> Result<VersionId, End> {
    match version {
        Some(version) if version.as_str() != "null" => Ok(version),
        _ => Err(End::Untested("the bucket keeps no versions; probe one that does".to_owned())),
    }
}

async fn has_bytes(trial: &Trial<'_>, at: &At, version: &VersionId, bytes: &[u8]) -> Result<bool, End> {
    let request = GetObject { at: at.clone(), version: Some(version.clone()), range: None, if_match: None };
    match trial.read(request).await {
        Ok(read) => Ok(read == bytes),
        Err(End::Failed { error, .. }) if error.verdict == Verdict::Missing => Ok(false),
        Err(end) => Err(end),
    }
}

pub(super) async fn hide_nothing_for_good(trial: &Trial<'_>) -> Result<(), End> {
    let at = trial.at("versions");
    let first = kept(trial.put(&at, "first").await?.version)?;
    let second = kept(trial.put(&at, "second").await?.version)?;
    if first == second || !has_bytes(trial, &at, &first, b"first").await? {
        return lacking("a put replaced the version before it");
    }
    let head = trial.call(HeadObject { at: at.clone(), version: Some(first.clone()) }).await?;
    if head.version.as_ref() != Some(&first) {
        return lacking("the head of a version does not name it");
    }
    let marker = trial.call(DeleteObject { at: at.clone(), version: None, if_match: None }).await?;
    if trial.is_there(&at).await? {
        return lacking("a delete did not hide the object");
    }
    if !has_bytes(trial, &at, &second, b"second").await? {
        return lacking("a delete removed the version");
    }
    let Some(version) = marker.version.filter(|_| marker.is_delete_marker) else {
        return lacking("a delete does not name its delete marker");
    };
    trial.call(DeleteObject { at: at.clone(), version: Some(version), if_match: None }).await?;
    if !trial.has_bytes(&at, b"second").await? {
        return lacking("the object did not come back when its delete marker was removed");
    }
    trial.call(DeleteObject { at: at.clone(), version: Some(second.clone()), if_match: None }).await?;
    if trial.call_anyway(HeadObject { at: at.clone(), version: Some(second) }).await?.is_none() {
        return lacking("a version that was deleted is still there");
    }
    if trial.has_bytes(&at, b"first").await? { Ok(()) } else { lacking("a delete removed other versions too") }
}

/// A legal hold, since it can be taken away again.
pub(super) async fn are_held(trial: &Trial<'_>) -> Result<(), End> {
    let at = trial.at("held");
    let version = kept(trial.put(&at, "held").await?.version)?;
    let hold = |is_held| PutObjectLegalHold { at: at.clone(), version: Some(version.clone()), is_held };
    trial.call(hold(true)).await.map_err(not_held)?;
    let deleted = trial.call_anyway(DeleteObject { at: at.clone(), version: Some(version.clone()), if_match: None });
    let refused = deleted.await?;
    if !has_bytes(trial, &at, &version, b"held").await? {
        return lacking("a version under legal hold was deleted or changed");
    }
    trial.call(hold(false)).await?;
    if refused.is_none() { lacking("answered as if the held version were deleted") } else { Ok(()) }
}

/// A bucket has the lock only if it was made with it.
fn not_held(error: CallError) -> End {
    match error.http_status {
        Some(400 | 404 | 409) => {
            End::Untested(format!("the bucket may have no object lock; probe one that has: {}", in_short(&error)))
        }
        _ => error.into(),
    }
}
