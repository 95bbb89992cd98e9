//! Removes everything that a probe left: open uploads, versions, delete markers, objects.
//!
//! The sweep lists what the server holds and does not rely on memory: a call whose answer was lost may
//! have left something that no answer names.

use brigade_model::names::{ObjectKey, VersionId};
use brigade_model::ports::object_store::{
    AbortMultipartUpload, At, CallError, CancelToken, DeleteObject, Effect, ListMultipartUploads, ListObjectVersions,
    ListObjectsV2, ListedUpload, PutObjectLegalHold, Verdict,
};

use super::ProbeError;
use super::trial::Trial;

/// A page of each listing is removed in a round, and a probe makes less than a page.
const ROUNDS_MAX: usize = 10;

/// Sweeps until nothing is left, also when the probe was told to stop.
pub(super) async fn sweep(trial: &Trial<'_>) -> Result<(), ProbeError> {
    let broom = Broom { trial, cancel: trial.cancel.for_cleanup() };
    let mut last = None;
    for _ in 0..ROUNDS_MAX {
        match broom.sweep_once().await {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) => last = Some(error),
        }
    }
    let still_listed = || CallError::new(Verdict::Invalid, Effect::None, "StillListed", "listed after it was deleted");
    let error = last.unwrap_or_else(still_listed);
    Err(ProbeError::LeftBehind { bucket: trial.bucket.clone(), prefix: trial.prefix.clone(), error })
}

/// Sees that the sweep will be able to list, before there is anything to be swept.
pub(super) async fn be_allowed(trial: &Trial<'_>) -> Result<(), ProbeError> {
    let broom = Broom { trial, cancel: trial.cancel.clone() };
    let listed = async {
        broom.uploads().await?;
        broom.objects().await
    };
    let doing = "listing the bucket's objects, versions and uploads, as the probe must to clean up after itself,";
    listed.await.map(drop).map_err(|error| ProbeError::Failed { doing, error })
}

struct Broom<'a> {
    trial: &'a Trial<'a>,
    cancel: CancelToken,
}

impl Broom<'_> {
    /// Removes what is listed, and says how much that was.
    async fn sweep_once(&self) -> Result<usize, CallError> {
        let mut found = 0;
        for upload in self.uploads().await? {
            found += 1;
            let abort = AbortMultipartUpload { at: self.at(upload.key), upload_id: upload.upload_id };
            ignore_missing(self.trial.call_under(&self.cancel, abort).await)?;
        }
        for (key, version) in self.objects().await? {
            found += 1;
            self.remove(self.at(key), version).await?;
        }
        Ok(found)
    }

    fn at(&self, key: ObjectKey) -> At {
        At { bucket: self.trial.bucket.clone(), key }
    }

    /// Of a server that does not list uploads, none: the trials abort their own.
    async fn uploads(&self) -> Result<Vec<ListedUpload>, CallError> {
        let (bucket, prefix) = (self.trial.bucket.clone(), self.trial.prefix.clone());
        match self.trial.call_under(&self.cancel, ListMultipartUploads { bucket, prefix }).await {
            Ok(listed) => Ok(listed.into_iter().filter(|upload| self.trial.is_own(&upload.key)).collect()),
            Err(error) if is_unknown_call(&error) => Ok(vec![]),
            Err(error) => Err(error),
        }
    }

    /// Everything of the probe that lies in the bucket, and nothing else, whatever is listed.
    async fn objects(&self) -> Result<Vec<(ObjectKey, Option<VersionId>)>, CallError> {
        let mut objects = self.objects_under(self.trial.prefix.clone()).await?;
        for prefix in self.trial.stray_prefixes() {
            match self.objects_under(prefix).await {
                Ok(strays) => objects.extend(strays),
                // Where such a prefix is refused, nothing was put under it.
                Err(error) if is_unknown_call(&error) => {}
                Err(error) => return Err(error),
            }
        }
        objects.retain(|(key, _)| self.trial.is_own(key));
        Ok(objects)
    }

    /// Versions and delete markers; objects, of a server that does not list versions.
    async fn objects_under(&self, prefix: String) -> Result<Vec<(ObjectKey, Option<VersionId>)>, CallError> {
        let bucket = self.trial.bucket.clone();
        let request = ListObjectVersions { bucket: bucket.clone(), prefix: prefix.clone(), after: None };
        match self.trial.call_under(&self.cancel, request).await {
            Ok(listed) => return Ok(listed.versions.into_iter().map(|one| (one.key, Some(one.version))).collect()),
            Err(error) if is_unknown_call(&error) => {}
            Err(error) => return Err(error),
        }
        let request = ListObjectsV2 { bucket, prefix, continuation_token: None, max_keys: 1000 };
        let page = self.trial.call_under(&self.cancel, request).await?;
        Ok(page.objects.into_iter().map(|object| (object.key, None)).collect())
    }

    /// Deletes a version, after taking it from the legal hold that a trial may have left on it.
    async fn remove(&self, at: At, version: Option<VersionId>) -> Result<(), CallError> {
        let delete = DeleteObject { at: at.clone(), version: version.clone(), if_match: None };
        let Err(error) = ignore_missing(self.trial.call_under(&self.cancel, delete.clone()).await) else {
            return Ok(());
        };
        if error.verdict != Verdict::Denied {
            return Err(error);
        }
        let release = PutObjectLegalHold { at, version, is_held: false };
        match self.trial.call_under(&self.cancel, release).await {
            Ok(()) => ignore_missing(self.trial.call_under(&self.cancel, delete).await),
            // It was not the hold that forbade it.
            Err(_) => Err(error),
        }
    }
}

/// The server does not know this call.
fn is_unknown_call(error: &CallError) -> bool {
    matches!(error.verdict, Verdict::Invalid | Verdict::Missing) || (error.http_status == Some(200))
}

fn ignore_missing<T>(result: Result<T, CallError>) -> Result<(), CallError> {
    match result {
        Err(error) if error.verdict != Verdict::Missing => Err(error),
        _ => Ok(()),
    }
}
