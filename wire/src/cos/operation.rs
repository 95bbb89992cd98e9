//! The `Operation` element: exactly one operation with its parameters.

use brigade_model::Operation;
use brigade_model::limits::{TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX, TAGS_MAX};
use brigade_model::operation::{Directive, OperationKind, Tag};

use super::CosError;
use super::fields::Fields;
use super::words::{OPERATIONS, directive_name, operation_name};
use crate::xml::Writer;

mod copy;
mod metadata;
mod restore;
mod tagging;
mod wait_for_restore;

/// Reads the element's children.
pub(super) fn read(mut operation: Fields<'_>) -> Result<Operation, CosError> {
    let mut found = Vec::new();
    for kind in OPERATIONS {
        if let Some(parameters) = operation.child(operation_name(kind))? {
            found.push((kind, parameters));
        }
    }
    // The documentation's example lists empty operations beside the one that is meant.
    if found.iter().any(|(_, parameters)| !parameters.is_empty()) {
        found.retain(|(_, parameters)| !parameters.is_empty());
    }
    let read = match (found.pop(), found.pop()) {
        (Some((kind, parameters)), None) => read_parameters(kind, parameters)?,
        (Some(_), Some(_)) => return Err(operation.malformed("Operation must hold exactly one operation")),
        (None, _) => {
            let names = OPERATIONS.map(operation_name).join(", ");
            return Err(operation.malformed(format!("Operation must hold one of {names}")));
        }
    };
    operation.finish()?;
    Ok(read)
}

fn read_parameters(kind: OperationKind, parameters: Fields<'_>) -> Result<Operation, CosError> {
    match kind {
        OperationKind::Copy => copy::read(parameters).map(|copy| Operation::Copy(Box::new(copy))),
        OperationKind::Restore => restore::read(parameters).map(Operation::Restore),
        OperationKind::Delete => parameters.finish().map(|()| Operation::Delete),
        OperationKind::Tagging => tagging::read(parameters).map(Operation::Tagging),
        OperationKind::WaitForRestore => wait_for_restore::read(parameters).map(Operation::WaitForRestore),
        OperationKind::Untagging
        | OperationKind::Acl
        | OperationKind::LegalHold
        | OperationKind::Retention
        | OperationKind::Checksum
        | OperationKind::Encryption
        | OperationKind::Invoke => Err(parameters.malformed("Operation holds one that the dialect does not have")),
    }
}

/// Writes the element.
pub(super) fn write(writer: &mut Writer, operation: &Operation) {
    writer.within("Operation", |w| {
        w.within(operation_name(operation.kind()), |w| match operation {
            Operation::Copy(copy) => copy::write(w, copy),
            Operation::Restore(restore) => restore::write(w, *restore),
            Operation::Delete => {}
            Operation::Tagging(tagging) => tagging::write(w, tagging),
            Operation::WaitForRestore(wait) => wait_for_restore::write(w, *wait),
            // The dialect does not have them.
            Operation::Untagging(_)
            | Operation::Acl(_)
            | Operation::LegalHold(_)
            | Operation::Retention(_)
            | Operation::Checksum(_)
            | Operation::Encryption(_)
            | Operation::Invoke(_) => {}
        });
    });
}

/// Reads a directive; `Replace` is the documentation's other spelling of `Replaced`.
fn read_directive(
    fields: &mut Fields<'_>,
    name: &'static str,
    allowed: &[Directive],
) -> Result<Option<Directive>, CosError> {
    let other_spelling = [("Replace", Directive::Replaced)].into_iter();
    let choices = allowed.iter().map(|directive| (directive_name(*directive), *directive)).chain(other_spelling);
    fields.choice(name, choices)
}

/// Reads the `COSTag` children of a tag set.
fn read_tags(mut set: Fields<'_>) -> Result<Vec<Tag>, CosError> {
    let mut tags: Vec<Tag> = Vec::new();
    for member in set.each("COSTag")? {
        let tag = read_tag(member)?;
        if tags.iter().any(|earlier| earlier.key == tag.key) {
            return Err(set.invalid("COSTag", "has a Key that another has already"));
        }
        tags.push(tag);
    }
    if tags.len() > TAGS_MAX {
        return Err(set.invalid("COSTag", format!("must not be given more than {TAGS_MAX} times")));
    }
    set.finish()?;
    Ok(tags)
}

fn read_tag(mut tag: Fields<'_>) -> Result<Tag, CosError> {
    let key = tag.filled("Key")?;
    let key = tag.required("Key", key)?;
    if key.chars().count() > TAG_KEY_CHARS_MAX {
        return Err(tag.invalid("Key", format!("must not be longer than {TAG_KEY_CHARS_MAX} characters")));
    }
    // Clients in Go leave an empty value out.
    let value = tag.text("Value")?.unwrap_or_default();
    if value.chars().count() > TAG_VALUE_CHARS_MAX {
        return Err(tag.invalid("Value", format!("must not be longer than {TAG_VALUE_CHARS_MAX} characters")));
    }
    tag.finish()?;
    Ok(Tag { key: key.to_owned(), value: value.to_owned() })
}

/// Writes a tag set, if there are tags.
fn write_tags(writer: &mut Writer, name: &str, tags: &[Tag]) {
    if tags.is_empty() {
        return;
    }
    writer.within(name, |w| {
        for tag in tags {
            w.within("COSTag", |w| {
                w.leaf("Key", &tag.key);
                w.leaf("Value", &tag.value);
            });
        }
    });
}
