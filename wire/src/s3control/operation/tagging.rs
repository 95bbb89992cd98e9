//! `S3PutObjectTagging`: the set of tags that replaces those of each object.
//!
//! An empty set is refused: it would take every tag off every object, which has an operation of its own.

use brigade_model::Operation;
use brigade_model::limits::TAGS_MAX;
use brigade_model::operation::Tagging;

use crate::s3control::{Fields, S3ControlError, tags};
use crate::xml::Writer;

/// Reads the element's children.
pub(super) fn read(mut tagging: Fields<'_>) -> Result<Operation, S3ControlError> {
    let set = tagging.container("TagSet")?.map(|set| tags::read(set, TAGS_MAX)).transpose()?;
    let tags = tagging.required("TagSet", set)?;
    tagging.finish()?;
    Ok(Operation::Tagging(Tagging { directive: None, tags }))
}

/// Writes the element's children.
pub(super) fn write(writer: &mut Writer, tagging: &Tagging) {
    tags::write(writer, "TagSet", &tagging.tags);
}
