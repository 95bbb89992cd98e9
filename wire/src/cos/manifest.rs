//! The `Manifest` element in the words and the order of COS.
//!
//! Sources: COS Batch reference, sections 4.2 (CSV) and 4.3 (inventories). Of rows they say the columns and no more:
//! not how keys are encoded (resolution U-3), nor whether there is a header (U-4), nor whether the blank of their
//! sample belongs to a cell (U-5). So nothing is said of that in the spec, and a manifest that can be read in two ways
//! is in doubt. Rows of another bucket than the first are tasks with a defect (U-28).

use brigade_model::{ManifestFormat, ManifestSpec, RowRules};

use super::fields::Fields;
use super::{CosError, qcs};
use crate::manifest::{ManifestWords, write_fields};
use crate::xml::Writer;

const WORDS: ManifestWords = ManifestWords {
    formats: [
        ("COSBatchOperations_CSV_V1", ManifestFormat::Csv),
        ("COSInventoryReport_CSV_V1", ManifestFormat::Inventory),
    ],
    parse_object: qcs::parse_object,
    row_rules: |_| RowRules::default(),
};

/// Reads the element's children.
pub(super) fn read(manifest: Fields<'_>) -> Result<ManifestSpec, CosError> {
    WORDS.read(manifest)
}

/// Writes the element.
pub(super) fn write(writer: &mut Writer, manifest: &ManifestSpec) {
    let ManifestSpec { location, format, fields, rows: _ } = manifest;
    writer.within("Manifest", |w| {
        w.within("Location", |w| {
            w.leaf("ETag", &location.etag);
            w.leaf("ObjectArn", &location.object.text);
            w.leaf_if("ObjectVersionId", location.version.as_ref());
        });
        w.within("Spec", |w| {
            write_fields(w, fields);
            WORDS.write_format(w, *format);
        });
    });
}
