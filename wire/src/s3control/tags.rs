//! A set of tags: `<member><Key/><Value/></member>`, on objects as on jobs.

use brigade_model::limits::{TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX};
use brigade_model::operation::Tag;

use super::{Fields, S3ControlError};
use crate::xml::Writer;

/// Reads a set of at most so many tags, possibly empty.
pub(super) fn read(mut set: Fields<'_>, tags_max: usize) -> Result<Vec<Tag>, S3ControlError> {
    let mut tags: Vec<Tag> = Vec::new();
    for member in set.each("member")? {
        let tag = read_tag(member)?;
        if tags.iter().any(|earlier| earlier.key == tag.key) {
            return Err(set.invalid("member", "has a Key that another has already"));
        }
        tags.push(tag);
    }
    if tags.len() > tags_max {
        return Err(set.invalid("member", format_args!("must not be given more than {tags_max} times")));
    }
    set.finish()?;
    Ok(tags)
}

fn read_tag(mut tag: Fields<'_>) -> Result<Tag, S3ControlError> {
    let key = tag.filled("Key")?;
    let key = tag.required("Key", key)?;
    let value = tag.text("Value")?.unwrap_or_default();
    for (name, text, max) in [("Key", key, TAG_KEY_CHARS_MAX), ("Value", value, TAG_VALUE_CHARS_MAX)] {
        if text.chars().count() > max {
            return Err(tag.invalid(name, format_args!("must not be longer than {max} characters")));
        }
    }
    tag.finish()?;
    Ok(Tag { key: key.to_owned(), value: value.to_owned() })
}

/// Writes a set, even an empty one.
pub(super) fn write(writer: &mut Writer, name: &str, tags: &[Tag]) {
    writer.within(name, |w| {
        for tag in tags {
            w.within("member", |w| {
                w.leaf("Key", &tag.key);
                w.leaf("Value", &tag.value);
            });
        }
    });
}
