//! The `Manifest` element, which dialects have alike but for names and order: where the manifest lies and what
//! its columns mean.
//!
//! Rules: `Location.ETag` and `Location.ObjectArn` are required. A CSV manifest needs `Spec.Fields` with Bucket
//! and Key once each and VersionId at most once; an inventory says its columns itself, and fields given beside it
//! are only echoed.

use brigade_model::resource::ObjectRef;
use brigade_model::{ETag, Field, ManifestFormat, ManifestLocation, ManifestSpec, NameError, RowRules, VersionId};

use crate::fields::{FieldError, Fields};
use crate::xml::Writer;

/// What a dialect has for itself.
pub(crate) struct ManifestWords {
    /// The names of formats.
    pub(crate) formats: [(&'static str, ManifestFormat); 2],
    /// Reads the name of an object.
    pub(crate) parse_object: fn(&str) -> Result<ObjectRef, NameError>,
    /// What the dialect says of rows.
    pub(crate) row_rules: fn(ManifestFormat) -> RowRules,
}

impl ManifestWords {
    /// Reads the element's children.
    pub(crate) fn read<E: FieldError>(&self, mut manifest: Fields<'_, E>) -> Result<ManifestSpec, E> {
        let location = manifest.container("Location")?;
        let location = self.read_location(manifest.required("Location", location)?)?;
        let spec = manifest.container("Spec")?;
        let (format, fields) = self.read_spec(manifest.required("Spec", spec)?)?;
        manifest.finish()?;
        Ok(ManifestSpec { location, format, fields, rows: (self.row_rules)(format) })
    }

    fn read_location<E: FieldError>(&self, mut location: Fields<'_, E>) -> Result<ManifestLocation, E> {
        let etag = location.named("ETag", ETag::new)?;
        let etag = location.required("ETag", etag)?;
        let object = location.named("ObjectArn", self.parse_object)?;
        let object = location.required("ObjectArn", object)?;
        let version = location.named("ObjectVersionId", VersionId::new)?;
        location.finish()?;
        Ok(ManifestLocation { object, version, etag })
    }

    fn read_spec<E: FieldError>(&self, mut spec: Fields<'_, E>) -> Result<(ManifestFormat, Vec<Field>), E> {
        let format = spec.choice("Format", self.formats)?;
        let format = spec.required("Format", format)?;
        let fields = spec.container("Fields")?.map(read_fields).transpose()?;
        let fields = match format {
            ManifestFormat::Csv => check_fields(&spec, spec.required("Fields", fields)?)?,
            ManifestFormat::Inventory => fields.unwrap_or_default(),
        };
        spec.finish()?;
        Ok((format, fields))
    }

    /// Writes the format's name.
    pub(crate) fn write_format(&self, writer: &mut Writer, format: ManifestFormat) {
        writer.leaf_if("Format", self.formats.iter().find(|(_, named)| *named == format).map(|(name, _)| name));
    }
}

fn read_fields<E: FieldError>(mut fields: Fields<'_, E>) -> Result<Vec<Field>, E> {
    let names = fields.each_text("member")?;
    let choices = || Field::ALL.map(|(field, name)| (name, field));
    let read = names.into_iter().map(|name| fields.choose("member", name, choices())).collect::<Result<_, _>>()?;
    fields.finish()?;
    Ok(read)
}

fn check_fields<E: FieldError>(spec: &Fields<'_, E>, fields: Vec<Field>) -> Result<Vec<Field>, E> {
    let count = |wanted| fields.iter().filter(|field| **field == wanted).count();
    if (count(Field::Bucket), count(Field::Key)) != (1, 1) || count(Field::VersionId) > 1 {
        return Err(spec.invalid("Fields", "must name Bucket and Key once each and VersionId at most once"));
    }
    Ok(fields)
}

/// Writes the names of the columns, if there are any.
pub(crate) fn write_fields(writer: &mut Writer, fields: &[Field]) {
    if !fields.is_empty() {
        writer.within("Fields", |w| fields.iter().for_each(|field| w.leaf("member", field.name())));
    }
}
