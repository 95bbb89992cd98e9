//! What a manifest is: where it lies, in which format, and what its columns mean.

use serde::{Deserialize, Serialize};

use crate::names::{ETag, VersionId};
use crate::options::{EmptyVersion, Header, JobOptions, KeyEncoding, Separator};
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
    /// What the dialect says of rows.
    #[serde(default, skip_serializing_if = "RowRules::is_silent")]
    pub rows: RowRules,
}

/// How the rows of a manifest are read, as far as it is said. Its dialect says it when the request is decoded, the
/// options of the job above it. Where nothing is said, the format has its own rules, and a manifest that can be read
/// in two ways is in doubt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RowRules {
    /// How keys are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_encoding: Option<KeyEncoding>,
    /// What separates the cells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<Separator>,
    /// Whether the first row is a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<Header>,
    /// What a row without a version means where others have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty_version: Option<EmptyVersion>,
}

impl RowRules {
    /// Whether nothing is said, as in everything that was stored before there were such rules.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        *self == Self::default()
    }

    /// These rules, except where the options of the job have their own.
    #[must_use]
    pub fn with(self, options: &JobOptions) -> Self {
        Self {
            key_encoding: options.key_encoding.or(self.key_encoding),
            separator: options.separator.or(self.separator),
            header: options.header.or(self.header),
            empty_version: options.empty_version.or(self.empty_version),
        }
    }
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

impl ManifestFormat {
    /// What a row without a version means where others have one and nothing is said of it: the task fails, since the
    /// meaning is unknown; an inventory that lists versions means the version `null`.
    #[must_use]
    pub fn empty_version(self) -> EmptyVersion {
        match self {
            ManifestFormat::Csv => EmptyVersion::Fail,
            ManifestFormat::Inventory => EmptyVersion::Null,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_rule_for_rows_is_the_dialects_unless_the_job_has_its_own() {
        let said = RowRules {
            key_encoding: Some(KeyEncoding::Url),
            separator: Some(Separator::Comma),
            header: Some(Header::No),
            empty_version: Some(EmptyVersion::Null),
        };
        assert_eq!(said.with(&JobOptions::default()), said);
        let options = JobOptions {
            key_encoding: Some(KeyEncoding::Raw),
            separator: Some(Separator::CommaBlank),
            header: Some(Header::Yes),
            empty_version: Some(EmptyVersion::Latest),
            ..JobOptions::default()
        };
        let own = RowRules::default().with(&options);
        assert_eq!(said.with(&options), own);
        assert!(!own.is_silent() && RowRules::default().is_silent());
    }

    #[test]
    fn a_row_without_a_version_means_what_the_job_says_or_its_dialect_or_else_its_format() {
        use ManifestFormat::{Csv, Inventory};
        let meaning = |format, dialect, job| {
            let mut spec = samples::job_spec();
            (spec.manifest.format, spec.manifest.rows.empty_version, spec.options.empty_version) =
                (format, dialect, job);
            spec.empty_version()
        };
        let (fail, null, latest) = (EmptyVersion::Fail, EmptyVersion::Null, EmptyVersion::Latest);
        assert_eq!((meaning(Csv, None, None), meaning(Inventory, None, None)), (fail, null));
        assert_eq!((meaning(Csv, Some(null), None), meaning(Inventory, Some(fail), None)), (null, fail));
        assert_eq!((meaning(Csv, Some(null), Some(latest)), meaning(Inventory, None, Some(latest))), (latest, latest));
    }

    #[test]
    fn what_a_dialect_says_of_keys_is_meant_for_text_and_what_the_job_says_for_parquet_too() {
        let mut spec = samples::job_spec();
        spec.manifest.rows.key_encoding = Some(KeyEncoding::Form);
        assert_eq!(spec.row_rules().key_encoding, Some(KeyEncoding::Form));
        assert_eq!(spec.parquet_rules(), RowRules::default());
        spec.options.key_encoding = Some(KeyEncoding::Url);
        assert_eq!(
            (spec.row_rules(), spec.parquet_rules().key_encoding),
            (spec.parquet_rules(), Some(KeyEncoding::Url))
        );
    }

    #[test]
    fn a_manifest_that_was_stored_without_rules_for_rows_has_none_and_is_stored_so_again() {
        let object = r#"{"text":"t","region":"r","owner":"Unnamed","bucket":"b","key":"k"}"#;
        let rules = r#","rows":{"key_encoding":"Form","empty_version":"Null"}"#;
        for (rules, expected) in [("", (None, None)), (rules, (Some(KeyEncoding::Form), Some(EmptyVersion::Null)))] {
            let stored = format!(
                r#"{{"location":{{"object":{object},"version":null,"etag":"e"}},"format":"CosCsvV1","fields":["Key"]{rules}}}"#
            );
            let read: ManifestSpec = serde_json::from_str(&stored).unwrap();
            assert_eq!((read.rows.key_encoding, read.rows.empty_version), expected);
            assert_eq!(serde_json::to_string(&read).unwrap(), stored);
        }
    }
}
