//! The `Manifest` element: where the manifest lies and what its columns mean.
//!
//! Rules: `Location.ETag` and `Location.ObjectArn` are required. A CSV manifest needs
//! `Spec.Fields` with Bucket and Key once each and VersionId at most once; an inventory says
//! its columns itself, and fields given beside it are only echoed.

use brigade_model::{ETag, Field, ManifestFormat, ManifestLocation, ManifestSpec, RowRules, VersionId};

use super::fields::Fields;
use super::{CosError, qcs};
use crate::xml::Writer;

const FORMATS: [(&str, ManifestFormat); 2] =
    [("COSBatchOperations_CSV_V1", ManifestFormat::Csv), ("COSInventoryReport_CSV_V1", ManifestFormat::Inventory)];

/// Reads the element's children.
pub(super) fn read(mut manifest: Fields<'_>) -> Result<ManifestSpec, CosError> {
    let location = manifest.container("Location")?;
    let location = read_location(manifest.required("Location", location)?)?;
    let spec = manifest.container("Spec")?;
    let (format, fields) = read_spec(manifest.required("Spec", spec)?)?;
    manifest.finish()?;
    // The dialect says nothing of rows beyond their columns.
    Ok(ManifestSpec { location, format, fields, rows: RowRules::default() })
}

fn read_location(mut location: Fields<'_>) -> Result<ManifestLocation, CosError> {
    let etag = location.named("ETag", ETag::new)?;
    let etag = location.required("ETag", etag)?;
    let object = location.named("ObjectArn", qcs::parse_object)?;
    let object = location.required("ObjectArn", object)?;
    let version = location.named("ObjectVersionId", VersionId::new)?;
    location.finish()?;
    Ok(ManifestLocation { object, version, etag })
}

fn read_spec(mut spec: Fields<'_>) -> Result<(ManifestFormat, Vec<Field>), CosError> {
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

fn read_fields(mut fields: Fields<'_>) -> Result<Vec<Field>, CosError> {
    let names = fields.each_text("member")?;
    let choices = || Field::ALL.map(|(field, name)| (name, field));
    let read = names.into_iter().map(|name| fields.choose("member", name, choices())).collect::<Result<_, _>>()?;
    fields.finish()?;
    Ok(read)
}

fn check_fields(spec: &Fields<'_>, fields: Vec<Field>) -> Result<Vec<Field>, CosError> {
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
        w.within("Location", |w| {
            w.leaf("ETag", &location.etag);
            w.leaf("ObjectArn", &location.object.text);
            w.leaf_if("ObjectVersionId", location.version.as_ref());
        });
        w.within("Spec", |w| {
            if !fields.is_empty() {
                w.within("Fields", |w| fields.iter().for_each(|field| w.leaf("member", field.name())));
            }
            w.leaf("Format", format_name(*format));
        });
    });
}

fn format_name(format: ManifestFormat) -> &'static str {
    match format {
        ManifestFormat::Csv => FORMATS[0].0,
        ManifestFormat::Inventory => FORMATS[1].0,
    }
}
