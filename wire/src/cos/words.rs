//! What the COS dialect calls operations and the values of their parameters.
//!
//! Source: COS Batch common elements; where they are silent, the resolutions U-18 to U-32 of its
//! reference (defaults of directives, spelling of values).

use brigade_model::EndpointKind;
use brigade_model::operation::{Directive, OperationKind, StorageClass};

/// The operations of the dialect, and one of our own, which follows a restore of the dialect.
pub const OPERATIONS: [OperationKind; 5] = [
    OperationKind::Copy,
    OperationKind::Restore,
    OperationKind::Delete,
    OperationKind::Tagging,
    OperationKind::WaitForRestore,
];

/// The element of an operation; our own word for one that the dialect does not have, which no job of it does.
#[must_use]
pub fn operation_name(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Copy => "COSPutObjectCopy",
        OperationKind::Restore => "COSInitiateRestoreObject",
        OperationKind::Delete => "COSDeleteObject",
        OperationKind::Tagging => "COSPutObjectTagging",
        OperationKind::WaitForRestore => "BrigadeWaitForRestore",
        OperationKind::Untagging
        | OperationKind::Acl
        | OperationKind::LegalHold
        | OperationKind::Retention
        | OperationKind::Checksum
        | OperationKind::Encryption
        | OperationKind::Invoke => kind.word(),
    }
}

/// A directive.
#[must_use]
pub fn directive_name(directive: Directive) -> &'static str {
    match directive {
        Directive::Copy => "Copy",
        Directive::Replaced => "Replaced",
        Directive::Add => "Add",
    }
}

/// A storage class (resolution U-18); a store's own has the name that the store has for it.
#[must_use]
pub fn storage_class_name(class: &StorageClass) -> &str {
    EndpointKind::Cos.class_name(class)
}

/// The storage class of that name.
#[must_use]
pub fn storage_class_of(name: &str) -> Option<StorageClass> {
    let known = StorageClass::ALL.into_iter().find(|class| storage_class_name(class) == name);
    known.or_else(|| StorageClass::other(name))
}
