//! Everything that the simulated store holds. Only a [`Change`] changes it, written to the journal
//! first when there is one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use brigade_model::names::{BucketName, ObjectKey, VersionId};
use brigade_model::ports::object_store::{At, CallKind};

use super::bucket::{Bucket, Settings};
use super::habits::Way;
use super::journal::Journal;
use super::multipart::{Completed, Upload};
use super::object::{Attributes, Stored, VersionNumber};
use super::refusal::{self, Refusal};

/// What a call did to an object, for tests that count effects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEffect {
    /// Which call did it.
    pub call: CallKind,
    /// To which object.
    pub at: At,
    /// The version that was made, changed or removed; `null` where the bucket has none.
    pub version: VersionId,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) buckets: BTreeMap<BucketName, Bucket>,
    pub(super) uploads: HashMap<String, Upload>,
    /// Uploads that were completed, where a habit needs them.
    pub(super) completed: BTreeMap<String, Completed>,
    /// Objects whose first call of a kind had its fate.
    pub(super) fated: HashSet<(Way, CallKind, At)>,
    /// Buckets that cannot be found for a while.
    pub(super) hidden_buckets: HashSet<BucketName>,
    pub(super) denied_buckets: HashSet<BucketName>,
    pub(super) denied_keys: HashSet<At>,
    /// `None`: effects are not remembered.
    pub(super) effects: Option<Vec<LoggedEffect>>,
    pub(super) journal: Option<Journal>,
}

/// A change of the durable state. Open uploads are not durable: they end with the process.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// A bucket was made, or its settings were changed.
    Bucket { name: BucketName, settings: Settings },
    /// A bucket was deleted.
    BucketGone { name: BucketName },
    /// A version became the newest of its key.
    Stored { at: At, stored: Stored },
    /// A version has other attributes.
    Changed { at: At, version: VersionNumber, attributes: Arc<Attributes> },
    /// A version has gone.
    Removed { at: At, version: VersionNumber },
}

impl State {
    pub(super) fn bucket(&self, name: &BucketName) -> Result<&Bucket, Refusal> {
        if self.hidden_buckets.contains(name) {
            return Err(refusal::NO_SUCH_BUCKET);
        }
        if self.denied_buckets.contains(name) {
            return Err(refusal::ACCESS_DENIED);
        }
        self.buckets.get(name).ok_or_else(|| match is_valid(name) {
            true => refusal::NO_SUCH_BUCKET,
            false => refusal::INVALID_BUCKET_NAME,
        })
    }

    /// The bucket, when the key in it is not denied.
    pub(super) fn bucket_of(&self, bucket: &BucketName, key: &ObjectKey) -> Result<&Bucket, Refusal> {
        let found = self.bucket(bucket)?;
        let is_denied =
            !self.denied_keys.is_empty() && self.denied_keys.contains(&At { bucket: bucket.clone(), key: key.clone() });
        if is_denied { Err(refusal::ACCESS_DENIED) } else { Ok(found) }
    }

    /// Keeps the change, then makes it: what cannot be kept is not made.
    pub(super) fn change(&mut self, change: Change) -> Result<(), Refusal> {
        if let Some(journal) = &mut self.journal {
            journal.append(&change).map_err(|why| refusal::JOURNAL_FAILED.saying(why.to_string()))?;
        }
        self.apply(change);
        Ok(())
    }

    /// The change that a call makes to an object, with its entry in the log of effects.
    pub(super) fn effect(&mut self, call: CallKind, change: Change) -> Result<(), Refusal> {
        let logged = self.effects.as_ref().and_then(|_| change.version());
        let logged = logged.map(|(at, version)| LoggedEffect { call, at: at.clone(), version: version.id() });
        self.change(change)?;
        if let Some(effects) = &mut self.effects {
            effects.extend(logged);
        }
        Ok(())
    }

    /// Makes a change that is kept already.
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::Bucket { name, settings } => self.buckets.entry(name).or_default().settings = settings,
            Change::BucketGone { name } => {
                self.buckets.remove(&name);
            }
            Change::Stored { at, stored } => {
                if let Some(bucket) = self.buckets.get_mut(&at.bucket) {
                    bucket.store(at.key, stored);
                }
            }
            Change::Changed { at, version, attributes } => self.set_attributes(&at, version, attributes),
            Change::Removed { at, version } => {
                if let Some(bucket) = self.buckets.get_mut(&at.bucket) {
                    bucket.remove(&at.key, version);
                }
            }
        }
    }

    fn set_attributes(&mut self, at: &At, version: VersionNumber, attributes: Arc<Attributes>) {
        let versions = self.buckets.get_mut(&at.bucket).and_then(|bucket| bucket.keys.get_mut(&at.key));
        let stored = versions.and_then(|all| all.iter_mut().find(|stored| stored.version == version));
        if let Some(object) = stored.and_then(|stored| stored.object.as_mut()) {
            object.attributes = attributes;
        }
    }
}

impl Change {
    /// The version that is made, changed or removed.
    fn version(&self) -> Option<(&At, VersionNumber)> {
        match self {
            Change::Bucket { .. } | Change::BucketGone { .. } => None,
            Change::Stored { at, stored } => Some((at, stored.version)),
            Change::Changed { at, version, .. } | Change::Removed { at, version } => Some((at, *version)),
        }
    }
}

/// Whether Amazon S3 takes it for a bucket's name; asked of one that does not exist.
fn is_valid(name: &BucketName) -> bool {
    name.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte))
}
