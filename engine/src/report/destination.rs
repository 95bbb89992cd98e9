//! Where a report goes: its bucket, the names of its objects, and the calls that write there.

use std::fmt;

use brigade_model::job::failure;
use brigade_model::ports::object_store::{
    At, CallError, CancelToken, Metadata, NewObject, PutObject, Request, Verdict, send,
};
use brigade_model::{BucketName, Job, JobFailure, JobId, ObjectKey};
use bytes::Bytes;
use md5::{Digest, Md5};

use crate::places::Place;
use crate::report::rows::Kind;
use crate::stage_error::StageError;

/// Where the report of a job goes.
pub(super) struct Destination<'a> {
    place: &'a Place,
    cancel: &'a CancelToken,
    job: JobId,
    /// The bucket as the job names it, for people and for `manifest.json`.
    pub(super) named: BucketName,
    /// The bucket as the store names it.
    bucket: BucketName,
    /// What all keys begin with, up to the last slash.
    folder: String,
}

impl<'a> Destination<'a> {
    /// The destination; `None` when the job wants no report.
    pub(super) fn of(job: &'a Job, place: &'a Place, cancel: &'a CancelToken) -> Result<Option<Self>, StageError> {
        let spec = &job.spec.report;
        if !spec.enabled {
            return Ok(None);
        }
        let failed = |code, reason: String| StageError::Failed(JobFailure::new(code, reason));
        let named = spec.bucket.as_ref().map(|bucket| &bucket.bucket);
        let named = named.ok_or_else(|| {
            failed(failure::REPORT_DELIVERY_FAILED, "the job wants a report and names no bucket for it".to_owned())
        })?;
        let bucket = place.buckets.resolve(named).ok_or_else(|| {
            failed(failure::ACCESS_DENIED, format!("the role does not allow a report in bucket {named}"))
        })?;
        let folder = folder(spec.prefix.as_deref().unwrap_or_default(), job.id);
        Ok(Some(Self { place, cancel, job: job.id, named: named.clone(), bucket, folder }))
    }

    /// The key of `manifest.json`.
    pub(super) fn manifest_key(&self) -> Result<ObjectKey, StageError> {
        self.key("manifest.json")
    }

    /// The key of `manifest.json.md5`.
    pub(super) fn manifest_md5_key(&self) -> Result<ObjectKey, StageError> {
        self.key("manifest.json.md5")
    }

    /// The key of the small object that tells the store's clock.
    pub(super) fn clock_key(&self) -> Result<ObjectKey, StageError> {
        self.key("clock")
    }

    /// The key of the upload that proves the place.
    pub(super) fn trial_key(&self) -> Result<ObjectKey, StageError> {
        self.key("upload-test")
    }

    /// The key of a file of rows: 40 hexadecimal digits, a hash of the job and the kind and then
    /// the file's number, so that files of a kind sort in the manifest's order.
    pub(super) fn rows_key(&self, kind: Kind, number: u32) -> Result<ObjectKey, StageError> {
        let hash = Md5::digest(format!("{}/{}", self.job, kind.word()));
        self.key(&format!("results/{}{number:08x}.csv", hex::encode(hash)))
    }

    fn key(&self, name: &str) -> Result<ObjectKey, StageError> {
        ObjectKey::new(format!("{}{name}", self.folder)).map_err(|error| {
            StageError::Failed(JobFailure::new(failure::REPORT_DELIVERY_FAILED, format!("the report's key: {error}")))
        })
    }

    /// The place of one of its objects.
    pub(super) fn at(&self, key: ObjectKey) -> At {
        At { bucket: self.bucket.clone(), key }
    }

    /// Makes a call there.
    pub(super) async fn send<R: Request>(&self, request: R) -> Result<R::Answer, CallError> {
        send(&*self.place.store, self.cancel, request).await
    }

    /// Writes an object whole.
    pub(super) async fn put(&self, key: ObjectKey, body: Bytes, content_type: &str) -> Result<(), StageError> {
        let request = PutObject::ours(self.at(key), body, new_object(content_type));
        self.send(request).await.map(|_| ()).map_err(|error| self.stage_error(&error))
    }

    /// What a call that did not succeed means for the report.
    pub(super) fn stage_error(&self, error: &CallError) -> StageError {
        match error.verdict {
            Verdict::Stopped => StageError::Stopped,
            _ => StageError::Again(format!("the report cannot be written to {self}: {error}")),
        }
    }
}

impl fmt::Display for Destination<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.named, self.folder)
    }
}

/// An object of that type.
pub(super) fn new_object(content_type: &str) -> NewObject {
    let content_type = Some(content_type.to_owned());
    NewObject { metadata: Metadata { content_type, ..Metadata::default() }, ..NewObject::default() }
}

/// `PREFIX/job-ID/`; one slash at the prefix's end is taken as this one.
fn folder(prefix: &str, job: JobId) -> String {
    match prefix.strip_suffix('/').unwrap_or(prefix) {
        "" => format!("job-{job}/"),
        prefix => format!("{prefix}/job-{job}/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_may_be_absent_or_end_with_a_slash() {
        let job = JobId::from_u128(1);
        let id = "job-00000000-0000-0000-0000-000000000001";
        for (prefix, expected) in [
            ("", format!("{id}/")),
            ("/", format!("{id}/")),
            ("a/b", format!("a/b/{id}/")),
            ("a/b/", format!("a/b/{id}/")),
            ("a//", format!("a//{id}/")),
        ] {
            assert_eq!(folder(prefix, job), expected, "{prefix:?}");
        }
    }
}
