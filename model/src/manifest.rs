//! What a manifest is: where it lies, in which format, and what its columns mean.

use serde::{Deserialize, Serialize};

use crate::names::{ETag, VersionId};
use crate::resource::ObjectRef;

/// The manifest of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestSpec {
    /// Where it lies and which bytes are meant.
    pub location: ManifestLocation,
    /// How to read it.
    pub format: ManifestFormat,
    /// The meaning of each column, in order; empty for inventories, which say it themselves.
    pub fields: Vec<Field>,
}

/// The place of a manifest, pinned by its ETag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestLocation {
    /// The object.
    pub object: ObjectRef,
    /// Its version, when one is meant.
    pub version: Option<VersionId>,
    /// The ETag its bytes must have.
    pub etag: ETag,
}

/// Formats of manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ManifestFormat {
    /// Rows of the columns that the fields name.
    #[serde(rename = "CosCsvV1")]
    Csv,
    /// The manifest.json of an inventory.
    #[serde(rename = "CosInventoryCsvV1")]
    Inventory,
}

/// Meaning of a column of a CSV manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Field {
    /// The bucket's name.
    Bucket,
    /// The object's key.
    Key,
    /// The object's version, or nothing.
    VersionId,
    /// A column to skip.
    Ignore,
}

impl Field {
    /// All fields, with their names on the wire.
    pub const ALL: [(Field, &'static str); 4] =
        [(Field::Ignore, "Ignore"), (Field::Bucket, "Bucket"), (Field::Key, "Key"), (Field::VersionId, "VersionId")];

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Field::Bucket => "Bucket",
            Field::Key => "Key",
            Field::VersionId => "VersionId",
            Field::Ignore => "Ignore",
        }
    }
}
