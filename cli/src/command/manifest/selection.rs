//! Which of the objects and versions of a listing a manifest names.

use std::time::Duration;

use anyhow::Context as _;
use brigade_config::value::{Bytes, Scalar};
use brigade_model::ports::object_store::{ListedObject, ListedVersion};
use brigade_model::{ObjectKey, Timestamp, VersionId};
use clap::ValueEnum;
use globset::{Glob, GlobMatcher};

/// Which versions are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Versions {
    /// All versions and delete markers
    All,
    /// Those that are not current: what a plain delete or another upload has covered
    Noncurrent,
    /// Delete markers, current or not
    Markers,
}

/// What of a listing the manifest names; all of it without any flag.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Selection")]
pub struct Selection {
    /// List versions, in rows of bucket, key and version
    #[arg(long, value_name = "WHICH", value_enum)]
    pub(super) versions: Option<Versions>,
    /// Written longer ago than this, such as 30d or 12h
    #[arg(long, value_name = "AGE", value_parser = scalar::<Duration>)]
    older_than: Option<Duration>,
    /// Written within this time
    #[arg(long, value_name = "AGE", value_parser = scalar::<Duration>)]
    newer_than: Option<Duration>,
    /// Of more bytes than this, such as 1GiB; delete markers have no size and are left out
    #[arg(long, value_name = "SIZE", value_parser = scalar::<Bytes>)]
    larger_than: Option<Bytes>,
    /// Of fewer bytes than this; delete markers are left out
    #[arg(long, value_name = "SIZE", value_parser = scalar::<Bytes>)]
    smaller_than: Option<Bytes>,
    /// Of this storage class, by the store's name; give it again for others. Delete markers are left out
    #[arg(long, value_name = "CLASS")]
    class: Vec<String>,
    /// With keys that match this glob, or one of several. `*` stands for any text, slashes too; `?`, `[a-z]` and `{a,b}`
    /// are known. The whole key is looked at
    #[arg(long = "match", value_name = "GLOB", value_parser = glob)]
    matching: Vec<GlobMatcher>,
    /// Without keys that match this glob, or one of several
    #[arg(long = "not-match", value_name = "GLOB", value_parser = glob)]
    not_matching: Vec<GlobMatcher>,
}

fn scalar<T: Scalar>(text: &str) -> Result<T, String> {
    T::from_text(text).ok_or_else(|| T::refusal(text))
}

fn glob(text: &str) -> Result<GlobMatcher, String> {
    Glob::new(text).map(|glob| glob.compile_matcher()).map_err(|error| error.kind().to_string())
}

/// A row that may become one of the manifest.
pub(super) struct Entry {
    pub(super) key: ObjectKey,
    pub(super) version: Option<VersionId>,
    is_delete_marker: bool,
    is_latest: bool,
    size: Option<u64>,
    modified: Option<Timestamp>,
    class: Option<String>,
}

impl From<ListedObject> for Entry {
    fn from(listed: ListedObject) -> Self {
        let ListedObject { key, size, modified, storage_class: class, .. } = listed;
        Self { key, version: None, is_delete_marker: false, is_latest: true, size: Some(size), modified, class }
    }
}

impl From<ListedVersion> for Entry {
    fn from(listed: ListedVersion) -> Self {
        let ListedVersion { key, version, is_delete_marker, is_latest, size, modified, storage_class: class } = listed;
        Self { key, version: Some(version), is_delete_marker, is_latest, size, modified, class }
    }
}

/// What a store means that names no class.
const STANDARD: &str = "STANDARD";

impl Selection {
    /// Whether no flag was given.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        let Self { versions, older_than, newer_than, larger_than, smaller_than, class, matching, not_matching } = self;
        versions.is_none()
            && older_than.is_none()
            && newer_than.is_none()
            && larger_than.is_none()
            && smaller_than.is_none()
            && class.is_empty()
            && matching.is_empty()
            && not_matching.is_empty()
    }

    /// Whether the manifest names it.
    ///
    /// # Errors
    /// The store does not tell what is asked for: leaving the row out, or in, would be a guess.
    pub(super) fn takes(&self, entry: &Entry, now: Timestamp) -> anyhow::Result<bool> {
        let is_version = match self.versions {
            None | Some(Versions::All) => true,
            Some(Versions::Noncurrent) => !entry.is_latest,
            Some(Versions::Markers) => entry.is_delete_marker,
        };
        let is_match = |glob: &GlobMatcher| glob.is_match(entry.key.as_str());
        let is_named =
            (self.matching.is_empty() || self.matching.iter().any(is_match)) && !self.not_matching.iter().any(is_match);
        Ok(is_version && is_named && self.takes_content(entry)? && self.takes_age(entry, now)?)
    }

    fn takes_content(&self, entry: &Entry) -> anyhow::Result<bool> {
        if entry.is_delete_marker {
            return Ok(self.larger_than.is_none() && self.smaller_than.is_none() && self.class.is_empty());
        }
        let class = entry.class.as_deref().unwrap_or(STANDARD);
        if !self.class.is_empty() && !self.class.iter().any(|wanted| wanted == class) {
            return Ok(false);
        }
        if self.larger_than.is_none() && self.smaller_than.is_none() {
            return Ok(true);
        }
        let size = entry.size.with_context(|| format!("the store does not tell the size of {}", entry.key))?;
        Ok(self.larger_than.is_none_or(|Bytes(bound)| size > bound)
            && self.smaller_than.is_none_or(|Bytes(bound)| size < bound))
    }

    fn takes_age(&self, entry: &Entry, now: Timestamp) -> anyhow::Result<bool> {
        if self.older_than.is_none() && self.newer_than.is_none() {
            return Ok(true);
        }
        let modified =
            entry.modified.with_context(|| format!("the store does not tell when {} was written", entry.key))?;
        // A store's clock may be ahead of ours.
        let age = Duration::try_from(now.duration_since(modified)).unwrap_or_default();
        Ok(self.older_than.is_none_or(|bound| age > bound) && self.newer_than.is_none_or(|bound| age < bound))
    }
}
