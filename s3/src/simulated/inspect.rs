//! What tests do beside the port: fill the store, make it deny, count calls, and look inside.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use brigade_model::names::{BucketName, ETag, ObjectKey};
use brigade_model::ports::object_store::{Acl, At, CallKind, GetObject, ObjectHead, TagSet};
use brigade_model::{Timestamp, VersionId};
use bytes::Bytes;

use super::multipart::Upload;
use super::object::{self, Attributes, Digest, Object, Stored, VersionNumber};
use super::refusal::Refusal;
use super::state::LoggedEffect;
use super::{Body, SimulatedStore};

/// Everything about an object.
#[derive(Debug, Clone)]
pub struct SimulatedObject {
    /// What HEAD says.
    pub head: ObjectHead,
    /// Its tags.
    pub tags: TagSet,
    /// Its ACL.
    pub acl: Acl,
    /// Its bytes.
    pub body: Body,
}

/// An upload that was neither completed nor aborted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenUpload {
    /// Where its object would be.
    pub at: At,
    /// Its id.
    pub id: String,
    /// When it began.
    pub begun: Timestamp,
    /// Its parts by number.
    pub parts: Vec<UploadedPart>,
}

/// A part of an open upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadedPart {
    /// Its number, from 1.
    pub number: u32,
    /// Its size in bytes.
    pub size: u64,
    /// Its ETag.
    pub etag: ETag,
    /// When it was uploaded.
    pub modified: Timestamp,
}

impl SimulatedStore {
    /// Puts `count` objects with the same bytes under the keys of `key_of(0..count)`: they
    /// share their bytes, so that a million of them are a few hundred megabytes.
    ///
    /// # Errors
    /// NoSuchBucket.
    pub fn fill(
        &self,
        bucket: &BucketName,
        count: u64,
        key_of: impl Fn(u64) -> ObjectKey,
        bytes: &Bytes,
    ) -> Result<(), Refusal> {
        let object = whole_object(Body::from(bytes.clone()));
        self.transaction(|transaction| {
            (0..count).try_for_each(|n| {
                let at = At { bucket: bucket.clone(), key: key_of(n) };
                transaction.store_quietly(at, object.clone())
            })
        })
    }

    /// Puts an object with that body: zeros, for one that no memory holds.
    ///
    /// # Errors
    /// NoSuchBucket.
    pub fn put(&self, at: &At, body: Body) -> Result<(), Refusal> {
        self.transaction(|transaction| transaction.store_quietly(at.clone(), whole_object(body)))
    }

    /// What GetObject reads from, checked as it checks: the head and the bytes of the whole
    /// object. For a server that cuts ranges and sends the bytes in its own way, and lets a
    /// customer bring a key (its MD5).
    ///
    /// # Errors
    /// As GetObject.
    pub fn read(
        &self,
        at: &At,
        version: Option<&VersionId>,
        if_match: Option<&ETag>,
        customer_key: Option<&str>,
    ) -> Result<(ObjectHead, Body), Refusal> {
        self.0.calls[CallKind::GetObject as usize].fetch_add(1, Ordering::Relaxed);
        let (version, if_match) = (version.cloned(), if_match.cloned());
        let request = GetObject { at: at.clone(), version, range: None, if_match };
        self.read_by(request, customer_key)
    }

    /// The object that a request without a version would find.
    #[must_use]
    pub fn object(&self, at: &At) -> Option<SimulatedObject> {
        self.find(at, None)
    }

    /// That version of an object; `None` for a delete marker too.
    #[must_use]
    pub fn object_version(&self, at: &At, version: &VersionId) -> Option<SimulatedObject> {
        self.find(at, Some(version))
    }

    fn find(&self, at: &At, version: Option<&VersionId>) -> Option<SimulatedObject> {
        self.transaction(|transaction| {
            let bucket = transaction.state.buckets.get(&at.bucket)?;
            let (stored, object) = bucket.object(&at.key, version).ok()?;
            Some(SimulatedObject {
                head: stored.head(object, bucket.has_versions(), transaction.now_s),
                tags: object.attributes.tags.clone(),
                acl: object.attributes.acl(),
                body: object.body.clone(),
            })
        })
    }

    /// The versions of a key, oldest first; the object of a delete marker is `None`.
    #[must_use]
    pub fn versions(&self, at: &At) -> Vec<(VersionId, Option<SimulatedObject>)> {
        let numbers: Vec<VersionNumber> = {
            let state = self.state();
            let versions = state.buckets.get(&at.bucket).and_then(|bucket| bucket.keys.get(&at.key));
            versions.into_iter().flatten().map(|stored| stored.version).collect()
        };
        numbers.into_iter().map(|number| (number.id(), self.find(at, Some(&number.id())))).collect()
    }

    /// The keys of a bucket whose latest version is an object, in the order of their bytes.
    #[must_use]
    pub fn keys(&self, bucket: &BucketName) -> Vec<ObjectKey> {
        let state = self.state();
        let keys = state.buckets.get(bucket).map(|bucket| &bucket.keys);
        let is_object = |versions: &[Stored]| versions.last().is_some_and(|latest| latest.object.is_some());
        keys.into_iter().flatten().filter(|(_, versions)| is_object(versions)).map(|(key, _)| key.clone()).collect()
    }

    /// Uploads that were neither completed nor aborted, in the order of their beginning.
    #[must_use]
    pub fn open_uploads(&self) -> Vec<OpenUpload> {
        self.transaction(|transaction| described(transaction.state.uploads.iter()))
    }

    /// Uploads to the bucket that a listing names: open ones, and those that a habit lets it name.
    #[must_use]
    pub fn listed_uploads(&self, bucket: &BucketName) -> Vec<OpenUpload> {
        let conduct = self.conduct_in(bucket);
        let mut listed = self.turn_by(&conduct, |transaction| {
            described(transaction.state.uploads.iter().chain(transaction.completed_and_listed()))
        });
        listed.retain(|upload| upload.at.bucket == *bucket);
        listed
    }

    /// How often that call was made, refused ones too.
    #[must_use]
    pub fn calls(&self, kind: CallKind) -> u64 {
        self.0.calls[kind as usize].load(Ordering::Relaxed)
    }

    /// What calls did so far, in order. Filling is not among it; empty when the configuration
    /// says that effects are not remembered.
    #[must_use]
    pub fn effects(&self) -> Vec<LoggedEffect> {
        self.state().effects.clone().unwrap_or_default()
    }

    /// From now on every call on the bucket gets AccessDenied.
    pub fn deny_bucket(&self, bucket: &BucketName) {
        self.state().denied_buckets.insert(bucket.clone());
    }

    /// From now on every call on the object gets AccessDenied.
    pub fn deny_key(&self, at: &At) {
        self.state().denied_keys.insert(at.clone());
    }

    /// From now on the bucket cannot be found, as behind a gateway that lost its way; or it can again.
    pub fn hide_bucket(&self, bucket: &BucketName, is_hidden: bool) {
        let mut state = self.state();
        match is_hidden {
            true => state.hidden_buckets.insert(bucket.clone()),
            false => state.hidden_buckets.remove(bucket),
        };
    }

    /// Whether the bucket cannot be found.
    #[must_use]
    pub fn is_hidden(&self, bucket: &BucketName) -> bool {
        self.state().hidden_buckets.contains(bucket)
    }

    /// Denies nothing any more.
    pub fn allow_all(&self) {
        let mut state = self.state();
        state.denied_buckets.clear();
        state.denied_keys.clear();
    }
}

fn whole_object(body: Body) -> Object {
    let digest = Digest::of(&body);
    Object::whole(body, digest, Arc::new(Attributes::default()))
}

fn described<'a>(uploads: impl Iterator<Item = (&'a String, &'a Upload)>) -> Vec<OpenUpload> {
    let describe = |(id, upload): (&String, &Upload)| OpenUpload {
        at: upload.at.clone(),
        id: id.clone(),
        begun: object::seconds(upload.begun_s),
        parts: upload.parts.iter().map(|(number, part)| part.describe(*number)).collect(),
    };
    let mut uploads: Vec<OpenUpload> = uploads.map(describe).collect();
    uploads.sort_by(|a, b| (a.begun, &a.id).cmp(&(b.begun, &b.id)));
    uploads
}

impl super::multipart::Part {
    fn describe(&self, number: u32) -> UploadedPart {
        UploadedPart {
            number,
            size: self.body.size(),
            etag: self.digest.etag(),
            modified: object::seconds(self.modified_s),
        }
    }
}
