//! The `Manifest` element: where the manifest lies and what its columns mean.
//!
//! Rules: `Location.ETag` and `Location.ObjectArn` are required. A CSV manifest needs `Spec.Fields` with Bucket
//! and Key once each and VersionId at most once; an inventory says its columns itself. Keys are form-encoded
//! in both: `+` is a space.

use brigade_model::options::{EmptyVersion, Header, KeyEncoding, Separator};
use brigade_model::{ETag, Field, ManifestFormat, ManifestLocation, ManifestSpec, RowRules, VersionId};

use super::{Fields, S3ControlError, arn};
use crate::xml::Writer;

const FORMATS: [(&str, ManifestFormat); 2] = [
    ("S3BatchOperations_CSV_20180820", ManifestFormat::Csv),
    ("S3InventoryReport_CSV_20161130", ManifestFormat::Inventory),
];

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
pub(super) fn read(mut manifest: Fields<'_>) -> Result<ManifestSpec, S3ControlError> {
    let location = manifest.container("Location")?;
    let location = read_location(manifest.required("Location", location)?)?;
    let spec = manifest.container("Spec")?;
    let (format, fields) = read_spec(manifest.required("Spec", spec)?)?;
    manifest.finish()?;
    Ok(ManifestSpec { location, format, fields, rows: row_rules(format) })
}

fn read_location(mut location: Fields<'_>) -> Result<ManifestLocation, S3ControlError> {
    let etag = location.named("ETag", ETag::new)?;
    let etag = location.required("ETag", etag)?;
    let object = location.named("ObjectArn", arn::parse_object)?;
    let object = location.required("ObjectArn", object)?;
    let version = location.named("ObjectVersionId", VersionId::new)?;
    location.finish()?;
    Ok(ManifestLocation { object, version, etag })
}

fn read_spec(mut spec: Fields<'_>) -> Result<(ManifestFormat, Vec<Field>), S3ControlError> {
    let format = spec.choice("Format", FORMATS)?;
    let format = spec.required("Format", format)?;
    let fields = spec.container("Fields")?.map(read_fields).transpose()?;
    let fields = match format {
        ManifestFormat::Csv => check_fields(&spec, spec.required("Fields", fields)?)?,
        ManifestFormat::Inventory => fields.unwrap_or_default(),
    };
    spec.finish()?;
    Ok((format, fields))
}

fn read_fields(mut fields: Fields<'_>) -> Result<Vec<Field>, S3ControlError> {
    let names = fields.each_text("member")?;
    let choices = || Field::ALL.map(|(field, name)| (name, field));
    let read = names.into_iter().map(|name| fields.choose("member", name, choices())).collect::<Result<_, _>>()?;
    fields.finish()?;
    Ok(read)
}

fn check_fields(spec: &Fields<'_>, fields: Vec<Field>) -> Result<Vec<Field>, S3ControlError> {
    let count = |wanted| fields.iter().filter(|field| **field == wanted).count();
    if (count(Field::Bucket), count(Field::Key)) != (1, 1) || count(Field::VersionId) > 1 {
        return Err(spec.invalid("Fields", "must name Bucket and Key once each and VersionId at most once"));
    }
    Ok(fields)
}

/// Writes the element.
pub(super) fn write(writer: &mut Writer, manifest: &ManifestSpec) {
    let ManifestSpec { location, format, fields, rows: _ } = manifest;
    writer.within("Manifest", |w| {
        w.within("Spec", |w| {
            w.leaf("Format", format_name(*format));
            if !fields.is_empty() {
                w.within("Fields", |w| fields.iter().for_each(|field| w.leaf("member", field.name())));
            }
        });
        w.within("Location", |w| {
            w.leaf("ObjectArn", &location.object.text);
            w.leaf_if("ObjectVersionId", location.version.as_ref());
            w.leaf("ETag", &location.etag);
        });
    });
}

fn format_name(format: ManifestFormat) -> &'static str {
    match format {
        ManifestFormat::Csv => FORMATS[0].0,
        ManifestFormat::Inventory => FORMATS[1].0,
    }
}
