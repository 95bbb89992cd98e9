//! `S3PutObjectTagging`: the set of tags that replaces those of each object; in an element of our own, the set
//! that is added to them.
//!
//! An empty set is refused: it would take every tag off every object, which has an operation of its own.

use brigade_model::Operation;
use brigade_model::limits::TAGS_MAX;
use brigade_model::operation::{Directive, Tag, Tagging};

use crate::s3control::{Fields, S3ControlError, tags};
use crate::xml::Writer;

/// Reads the element's children.
pub(super) fn read(tagging: Fields<'_>) -> Result<Operation, S3ControlError> {
    read_set(tagging).map(|tags| Operation::Tagging(Tagging { directive: None, tags }))
}

/// Reads the children of our own element.
pub(super) fn read_addition(tagging: Fields<'_>) -> Result<Operation, S3ControlError> {
    read_set(tagging).map(|tags| Operation::Tagging(Tagging { directive: Some(Directive::Add), tags }))
}

fn read_set(mut tagging: Fields<'_>) -> Result<Vec<Tag>, S3ControlError> {
    let set = tagging.container("TagSet")?.map(|set| tags::read(set, TAGS_MAX)).transpose()?;
    let tags = tagging.required("TagSet", set)?;
    tagging.finish()?;
    Ok(tags)
}

/// Writes the element's children.
pub(super) fn write(writer: &mut Writer, tagging: &Tagging) {
    tags::write(writer, "TagSet", &tagging.tags);
}
