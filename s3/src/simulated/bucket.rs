//! A bucket: keys in the order of their bytes, each with its versions.

use std::collections::BTreeMap;
use std::ops::Bound;

use brigade_model::names::{ObjectKey, VersionId};
use serde::{Deserialize, Serialize};

use super::lock::ObjectLock;
use super::object::{Object, Stored, VersionNumber};
use super::refusal::{self, Refusal};

/// Whether a bucket keeps versions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Versioning {
    /// It never did: one version for each key.
    #[default]
    Off,
    /// Each write makes a new version.
    Enabled,
    /// Each write replaces the `null` version; others stay.
    Suspended,
}

/// What holds of a bucket as a whole.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) versioning: Versioning,
    pub(super) created_s: i64,
    #[serde(default)]
    pub(super) requester_pays: bool,
    #[serde(default)]
    pub(super) is_without_acls: bool,
    /// `None` without object lock.
    #[serde(default)]
    pub(super) lock: Option<ObjectLock>,
}

#[derive(Debug, Default)]
pub(super) struct Bucket {
    pub(super) settings: Settings,
    /// Versions of a key from oldest to newest, at least one.
    pub(super) keys: BTreeMap<ObjectKey, Vec<Stored>>,
}

impl Bucket {
    pub(super) fn has_versions(&self) -> bool {
        self.settings.versioning != Versioning::Off
    }

    pub(super) fn latest(&self, key: &ObjectKey) -> Option<&Stored> {
        self.keys.get(key)?.last()
    }

    pub(super) fn version(&self, key: &ObjectKey, version: VersionNumber) -> Option<&Stored> {
        self.keys.get(key)?.iter().find(|stored| stored.version == version)
    }

    /// The version that a request names: the latest when it names none. Delete markers too.
    pub(super) fn named(&self, key: &ObjectKey, version: Option<&VersionId>) -> Result<&Stored, Refusal> {
        match version {
            None => self.latest(key).ok_or(refusal::NO_SUCH_KEY),
            Some(id) => {
                VersionNumber::parse(id).and_then(|number| self.version(key, number)).ok_or(refusal::NO_SUCH_VERSION)
            }
        }
    }

    /// The object that a request names. A delete marker reads as no object, and as a method
    /// that is not allowed when the request names it by its version.
    pub(super) fn object(&self, key: &ObjectKey, version: Option<&VersionId>) -> Result<(&Stored, &Object), Refusal> {
        let stored = self.named(key, version)?;
        match (&stored.object, version) {
            (Some(object), _) => Ok((stored, object)),
            (None, None) => Err(refusal::NO_SUCH_KEY),
            (None, Some(_)) => Err(refusal::METHOD_NOT_ALLOWED),
        }
    }

    /// Adds a version as the newest; one with the same number goes.
    pub(super) fn store(&mut self, key: ObjectKey, stored: Stored) {
        let versions = self.keys.entry(key).or_insert_with(|| Vec::with_capacity(1));
        versions.retain(|other| other.version != stored.version);
        versions.push(stored);
    }

    pub(super) fn remove(&mut self, key: &ObjectKey, version: VersionNumber) {
        if let Some(versions) = self.keys.get_mut(key) {
            versions.retain(|stored| stored.version != version);
            if versions.is_empty() {
                self.keys.remove(key);
            }
        }
    }

    /// Keys that begin with `prefix`, from `after` on (exclusive), with their versions.
    pub(super) fn keys_from<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&ObjectKey>,
    ) -> impl Iterator<Item = (&'a ObjectKey, &'a Vec<Stored>)> {
        let first = ObjectKey::new(prefix).ok();
        let start = match (&first, after) {
            (Some(first), Some(after)) if after < first => Bound::Included(first),
            (_, Some(after)) => Bound::Excluded(after),
            (Some(first), None) => Bound::Included(first),
            (None, None) => Bound::Unbounded,
        };
        self.keys
            .range::<ObjectKey, _>((start, Bound::Unbounded))
            .take_while(move |(key, _)| key.as_str().starts_with(prefix))
    }
}
