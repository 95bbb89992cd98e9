//! Creates, lists and deletes buckets, and turns versioning on. These are no calls of the port; tests
//! and the sandbox need them.

use brigade_model::Timestamp;
use brigade_model::names::{BucketName, ObjectKey, VersionId};
use brigade_model::ports::object_store::ListedObject;

use super::bucket::Settings;
use super::listing::{self, ListQuery, Listing};
use super::object;
use super::refusal::{self, Refusal};
use super::state::Change;
use super::{SimulatedStore, Versioning};

/// A bucket of the list of buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketEntry {
    /// Its name.
    pub name: BucketName,
    /// When it was made.
    pub created: Timestamp,
}

/// A version of the list of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedVersion {
    /// The key.
    pub key: ObjectKey,
    /// The version.
    pub version: VersionId,
    /// Whether a request that names no version means this one.
    pub is_latest: bool,
    /// When it was written.
    pub modified: Timestamp,
    /// The object; `None` is a delete marker.
    pub object: Option<ListedObject>,
}

impl SimulatedStore {
    /// Makes a bucket.
    ///
    /// # Errors
    /// BucketAlreadyOwnedByYou when it exists.
    pub fn create_bucket(&self, name: &BucketName, versioning: Versioning) -> Result<(), Refusal> {
        self.transaction(|transaction| {
            if transaction.state.buckets.contains_key(name) {
                return Err(refusal::BUCKET_OWNED);
            }
            let settings = Settings { versioning, created_s: transaction.now_s, ..Settings::default() };
            transaction.state.change(Change::Bucket { name: name.clone(), settings })
        })
    }

    /// Deletes a bucket without objects.
    ///
    /// # Errors
    /// NoSuchBucket, or BucketNotEmpty when it holds a version, a delete marker or an upload.
    pub fn delete_bucket(&self, name: &BucketName) -> Result<(), Refusal> {
        self.transaction(|transaction| {
            let is_uploading = transaction.state.uploads.values().any(|upload| upload.at.bucket == *name);
            if is_uploading || !transaction.state.bucket(name)?.keys.is_empty() {
                return Err(refusal::BUCKET_NOT_EMPTY);
            }
            transaction.state.change(Change::BucketGone { name: name.clone() })
        })
    }

    /// The buckets by name.
    #[must_use]
    pub fn buckets(&self) -> Vec<BucketEntry> {
        let state = self.state();
        let entries = state.buckets.iter();
        entries
            .map(|(name, b)| BucketEntry { name: name.clone(), created: object::seconds(b.settings.created_s) })
            .collect()
    }

    /// Whether a bucket keeps versions.
    ///
    /// # Errors
    /// NoSuchBucket.
    pub fn versioning(&self, name: &BucketName) -> Result<Versioning, Refusal> {
        self.state().bucket(name).map(|bucket| bucket.settings.versioning)
    }

    /// Enables or suspends versions.
    ///
    /// # Errors
    /// NoSuchBucket; IllegalVersioningConfigurationException for [`Versioning::Off`], to which
    /// there is no way back; InvalidBucketState where object lock needs versions.
    pub fn set_versioning(&self, name: &BucketName, versioning: Versioning) -> Result<(), Refusal> {
        self.set_bucket(name, |settings| {
            if versioning == Versioning::Off && settings.versioning != Versioning::Off {
                return Err(refusal::ILLEGAL_VERSIONING);
            }
            if versioning != Versioning::Enabled && settings.lock.is_some() {
                return Err(refusal::NOT_LOCKABLE);
            }
            settings.versioning = versioning;
            Ok(())
        })
    }

    /// Changes what holds of a bucket.
    pub(super) fn set_bucket(
        &self,
        name: &BucketName,
        set: impl FnOnce(&mut Settings) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        self.transaction(|transaction| {
            let mut settings = transaction.state.bucket(name)?.settings;
            set(&mut settings)?;
            transaction.state.change(Change::Bucket { name: name.clone(), settings })
        })
    }

    /// Some keys of a bucket, in the order of their bytes.
    ///
    /// # Errors
    /// NoSuchBucket.
    pub fn list(&self, name: &BucketName, query: &ListQuery) -> Result<Listing, Refusal> {
        let conduct = self.conduct_in(name);
        self.state().bucket(name).map(|bucket| conduct.list(bucket, query))
    }

    /// All versions of the keys with that prefix, newest first within a key; at most `max`,
    /// from the key after `after`. Versions of one key are never separated: there may be a few
    /// more than `max`.
    ///
    /// # Errors
    /// NoSuchBucket.
    pub fn list_versions(
        &self,
        name: &BucketName,
        prefix: &str,
        after: Option<&ObjectKey>,
        max: usize,
    ) -> Result<(Vec<ListedVersion>, bool), Refusal> {
        let state = self.state();
        let mut keys = state.bucket(name)?.keys_from(prefix, after);
        let mut listed = Vec::new();
        while listed.len() < max {
            let Some((key, versions)) = keys.next() else { break };
            listed.extend(versions.iter().rev().enumerate().map(|(age, stored)| ListedVersion {
                key: key.clone(),
                version: stored.version.id(),
                is_latest: age == 0,
                modified: object::seconds(stored.modified_s),
                object: listing::listed(key, stored),
            }));
        }
        let is_truncated = keys.next().is_some();
        Ok((listed, is_truncated))
    }
}
