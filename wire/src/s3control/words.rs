//! What the S3 Control dialect calls operations and the values of their parameters.

use brigade_model::operation::{Directive, OperationKind, RestoreTier, StorageClass};

/// The element of an operation. S3 Batch Operations has no delete and waits for no restore: those are ours.
#[must_use]
pub fn operation_name(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Copy => "S3PutObjectCopy",
        OperationKind::Restore => "S3InitiateRestoreObject",
        OperationKind::Delete => "BrigadeDeleteObject",
        OperationKind::Tagging => "S3PutObjectTagging",
        OperationKind::Untagging => "S3DeleteObjectTagging",
        OperationKind::Acl => "S3PutObjectAcl",
        OperationKind::LegalHold => "S3PutObjectLegalHold",
        OperationKind::Retention => "S3PutObjectRetention",
        OperationKind::Checksum => "S3ComputeObjectChecksum",
        OperationKind::Encryption => "S3UpdateObjectEncryption",
        OperationKind::Invoke => "LambdaInvoke",
        OperationKind::WaitForRestore => "BrigadeWaitForRestore",
    }
}

/// The directive of a copy's metadata. Only other dialects have one that adds.
pub(super) fn directive_name(directive: Directive) -> &'static str {
    match directive {
        Directive::Copy => "COPY",
        Directive::Replaced => "REPLACE",
        Directive::Add => "ADD",
    }
}

/// How fast a restore is.
pub(super) fn tier_name(tier: RestoreTier) -> &'static str {
    match tier {
        RestoreTier::Bulk => "BULK",
        RestoreTier::Standard => "STANDARD",
    }
}

/// The storage class of that name on an S3 store; what has no meaning on each store is a store's own.
pub(super) fn storage_class_of(name: &str) -> Option<StorageClass> {
    let known = [
        StorageClass::Standard,
        StorageClass::StandardIa,
        StorageClass::IntelligentTiering,
        StorageClass::Archive,
        StorageClass::DeepArchive,
    ];
    known.into_iter().find(|class| class.s3_name() == name).or_else(|| StorageClass::other(name))
}
