//! `S3DeleteObjectTagging`: takes every tag off each object. With `Keys`, in an element of our own, it takes off
//! the tags of these keys alone.

use brigade_model::Operation;
use brigade_model::limits::{TAG_KEY_CHARS_MAX, TAGS_MAX};
use brigade_model::operation::Untagging;

use crate::s3control::{Fields, S3ControlError};
use crate::xml::Writer;

/// Reads the element, which is empty.
pub(super) fn read(parameters: Fields<'_>) -> Result<Operation, S3ControlError> {
    parameters.finish().map(|()| Operation::Untagging(Untagging::default()))
}

/// Reads the children of our own element.
pub(super) fn read_some(mut parameters: Fields<'_>) -> Result<Operation, S3ControlError> {
    let keys = parameters.container("Keys")?;
    let mut set = parameters.required("Keys", keys)?;
    let mut keys: Vec<String> = Vec::new();
    for key in set.each_text("member")? {
        if key.is_empty() || key.chars().count() > TAG_KEY_CHARS_MAX {
            return Err(set.invalid("member", format_args!("must have 1 to {TAG_KEY_CHARS_MAX} characters")));
        }
        if !keys.iter().any(|earlier| earlier == key) {
            keys.push(key.to_owned());
        }
    }
    if keys.is_empty() || keys.len() > TAGS_MAX {
        return Err(set.invalid("member", format_args!("must be given 1 to {TAGS_MAX} times")));
    }
    set.finish()?;
    parameters.finish()?;
    Ok(Operation::Untagging(Untagging { keys }))
}

/// Writes the children of our own element.
pub(super) fn write_some(writer: &mut Writer, untagging: &Untagging) {
    writer.within("Keys", |w| untagging.keys.iter().for_each(|key| w.leaf("member", key)));
}
