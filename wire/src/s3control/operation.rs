//! The `Operation` element: exactly one operation with its parameters.
//!
//! [`ELEMENTS`] is the one table of what the element can hold: a file for each, with a function that reads it.
//! Where the engine has the operation, the file writes it, too, and `write` below names it; where it has not, the
//! file knows the element's shape and refuses it by its name.

use brigade_model::Operation;
use brigade_model::operation::Directive;

use super::words::operation_name;
use super::{Fields, S3ControlError};
use crate::xml::Writer;

mod acl;
mod checksum;
mod copy;
mod delete;
mod delete_tagging;
mod encryption;
mod grants;
mod lambda;
mod legal_hold;
mod metadata;
mod own;
mod replicate;
mod restore;
mod retention;
mod tagging;
mod wait_for_restore;

pub(super) use acl::type_and_identifier;
pub(super) use legal_hold::status as hold_status;
pub(super) use metadata::KMS;
pub use own::NAMESPACE as OWN_NAMESPACE;

/// Reads an operation's parameters.
type Read = fn(Fields<'_>) -> Result<Operation, S3ControlError>;

/// Every element that `Operation` can hold: the eleven of the service model, and four of our own.
const ELEMENTS: [(&str, Read); 15] = [
    ("S3PutObjectCopy", copy::read),
    ("S3PutObjectTagging", tagging::read),
    ("S3InitiateRestoreObject", restore::read),
    ("BrigadeDeleteObject", delete::read),
    (ADD_TAGS, tagging::read_addition),
    (REMOVE_TAGS, delete_tagging::read_some),
    ("BrigadeWaitForRestore", wait_for_restore::read),
    ("LambdaInvoke", lambda::read),
    ("S3PutObjectAcl", acl::read),
    ("S3DeleteObjectTagging", delete_tagging::read),
    ("S3PutObjectLegalHold", legal_hold::read),
    ("S3PutObjectRetention", retention::read),
    ("S3ReplicateObject", replicate::read),
    ("S3ComputeObjectChecksum", checksum::read),
    ("S3UpdateObjectEncryption", encryption::read),
];

/// Tags that are added to those that are there.
const ADD_TAGS: &str = "BrigadeAddObjectTagging";
/// Some tags are removed.
const REMOVE_TAGS: &str = "BrigadeRemoveObjectTagging";

/// The names of all elements that an operation can be.
pub fn element_names() -> impl Iterator<Item = &'static str> {
    ELEMENTS.into_iter().map(|(name, _)| name)
}

/// Reads the element's children.
pub(super) fn read(mut operation: Fields<'_>) -> Result<Operation, S3ControlError> {
    let mut found = Vec::new();
    for (name, read) in ELEMENTS {
        if let Some(parameters) = operation.child(name)? {
            found.push((read, parameters));
        }
    }
    operation.finish()?;
    match (found.pop(), found.pop()) {
        (Some((read, parameters)), None) => read(parameters),
        (Some(_), Some(_)) => Err(S3ControlError::malformed_xml("Operation must hold exactly one operation")),
        (None, _) => {
            let names = element_names().collect::<Vec<_>>().join(", ");
            Err(S3ControlError::malformed_xml(format_args!("Operation must hold one of {names}")))
        }
    }
}

/// Writes the element.
pub(super) fn write(writer: &mut Writer, operation: &Operation) {
    let name = operation_name(operation.kind());
    writer.within("Operation", |w| match operation {
        Operation::Copy(copy) => w.within(name, |w| copy::write(w, copy)),
        Operation::Restore(restore) => w.within(name, |w| restore::write(w, *restore)),
        Operation::Delete => w.within_namespace(name, OWN_NAMESPACE, |_| {}),
        Operation::WaitForRestore(wait) => {
            w.within_namespace(name, OWN_NAMESPACE, |w| wait_for_restore::write(w, *wait));
        }
        Operation::Tagging(tagging) if tagging.directive == Some(Directive::Add) => {
            w.within_namespace(ADD_TAGS, OWN_NAMESPACE, |w| tagging::write(w, tagging));
        }
        Operation::Tagging(tagging) => w.within(name, |w| tagging::write(w, tagging)),
        Operation::Untagging(untagging) if untagging.keys.is_empty() => w.within(name, |_| {}),
        Operation::Untagging(untagging) => {
            w.within_namespace(REMOVE_TAGS, OWN_NAMESPACE, |w| delete_tagging::write_some(w, untagging));
        }
        Operation::Acl(acl) => w.within(name, |w| acl::write(w, acl)),
        Operation::LegalHold(hold) => w.within(name, |w| legal_hold::write(w, *hold)),
        Operation::Retention(retention) => w.within(name, |w| retention::write(w, *retention)),
        Operation::Checksum(compute) => w.within(name, |w| checksum::write(w, *compute)),
        Operation::Encryption(update) => w.within(name, |w| encryption::write(w, update)),
        Operation::Invoke(invoke) => w.within(name, |w| lambda::write(w, invoke)),
    });
}
