//! The `Manifest` element in the words and the order of S3 Control. Keys are form-encoded: `+` is a space.

use brigade_model::options::{EmptyVersion, Header, KeyEncoding, Separator};
use brigade_model::{ManifestFormat, ManifestSpec, RowRules};

use super::{Fields, S3ControlError, arn};
use crate::manifest::{ManifestWords, write_fields};
use crate::xml::Writer;

const WORDS: ManifestWords = ManifestWords {
    formats: [
        ("S3BatchOperations_CSV_20180820", ManifestFormat::Csv),
        ("S3InventoryReport_CSV_20161130", ManifestFormat::Inventory),
    ],
    parse_object: arn::parse_object,
    row_rules,
};

/// What the dialect says of rows: keys are form-encoded, there is no header, blanks belong to the cells, and
/// rows without a version among others with one fail. An inventory says the rest of itself.
fn row_rules(format: ManifestFormat) -> RowRules {
    let key_encoding = Some(KeyEncoding::Form);
    match format {
        ManifestFormat::Csv => RowRules {
            key_encoding,
            separator: Some(Separator::Comma),
            header: Some(Header::No),
            empty_version: Some(EmptyVersion::Fail),
        },
        ManifestFormat::Inventory => RowRules { key_encoding, ..RowRules::default() },
    }
}

/// Reads the element's children.
pub(super) fn read(manifest: Fields<'_>) -> Result<ManifestSpec, S3ControlError> {
    WORDS.read(manifest)
}

/// Writes the element.
pub(super) fn write(writer: &mut Writer, manifest: &ManifestSpec) {
    let ManifestSpec { location, format, fields, rows: _ } = manifest;
    writer.within("Manifest", |w| {
        w.within("Spec", |w| {
            WORDS.write_format(w, *format);
            write_fields(w, fields);
        });
        w.within("Location", |w| {
            w.leaf("ObjectArn", &location.object.text);
            w.leaf_if("ObjectVersionId", location.version.as_ref());
            w.leaf("ETag", &location.etag);
        });
    });
}
