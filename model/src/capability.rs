//! The capabilities of object stores: their names, and what holds of a server that has one.

use serde::{Deserialize, Serialize};

/// Something that not every store does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Tags of objects, put with an object or by themselves, and read.
    Tagging,
    /// A tagging call leaves the object's bytes alone: some servers take it for a put.
    TaggingKeepsBody,
    /// A replaced tag set given with a copy is kept.
    TaggingOnCopy,
    /// `x-amz-copy-source-if-*` conditions are honoured.
    CopySourceConditions,
    /// Versions of objects.
    Versions,
    /// Object lock.
    ObjectLock,
    /// Canned ACLs.
    CannedAcl,
    /// ACLs of grants.
    AclGrants,
    /// Restore of archived objects.
    Restore,
    /// UploadPartCopy with a range.
    MultipartCopy,
    /// If-Match on a delete.
    IfMatchOnDelete,
    /// Checksums are kept and given back.
    Checksums,
    /// Storage classes other than STANDARD are kept.
    StorageClasses,
    /// A key is its bytes: no slash is dropped, and no segment of it is resolved.
    DistinctKeys,
    /// A slash at the end of a key makes another object.
    DistinctFolders,
    /// A listing has its keys in the order of their bytes.
    ListingInOrder,
    /// A listing gives keys back as they were put.
    ListingDecodes,
    /// If-Match on a put.
    IfMatchOnPut,
    /// If-None-Match on a put.
    IfNoneMatchOnPut,
    /// If-Match on a copy, of its target.
    IfMatchOnCopy,
    /// If-None-Match on a copy, of its target.
    IfNoneMatchOnCopy,
    /// If-Match on the completion of an upload.
    IfMatchOnComplete,
    /// If-None-Match on the completion of an upload.
    IfNoneMatchOnComplete,
    /// Replaced metadata given with a copy is kept.
    MetadataOnCopy,
    /// Encryption by the store (`AES256`) is done where it is asked for.
    Encryption,
    /// User metadata beyond ASCII is kept that is sent as encoded words.
    MetadataEncoded,
    /// User metadata beyond ASCII is kept that is sent as UTF-8.
    MetadataUtf8,
    /// The key of an object's encryption is changed in its place.
    UpdateEncryption,
    /// The parts of an object that was uploaded in parts can be asked for one by one.
    PartSizes,
}

impl Capability {
    /// Every capability.
    pub const ALL: [Capability; 29] = [
        Capability::Tagging,
        Capability::TaggingKeepsBody,
        Capability::TaggingOnCopy,
        Capability::CopySourceConditions,
        Capability::Versions,
        Capability::ObjectLock,
        Capability::CannedAcl,
        Capability::AclGrants,
        Capability::Restore,
        Capability::MultipartCopy,
        Capability::IfMatchOnDelete,
        Capability::Checksums,
        Capability::StorageClasses,
        Capability::DistinctKeys,
        Capability::DistinctFolders,
        Capability::ListingInOrder,
        Capability::ListingDecodes,
        Capability::IfMatchOnPut,
        Capability::IfNoneMatchOnPut,
        Capability::IfMatchOnCopy,
        Capability::IfNoneMatchOnCopy,
        Capability::IfMatchOnComplete,
        Capability::IfNoneMatchOnComplete,
        Capability::MetadataOnCopy,
        Capability::Encryption,
        Capability::MetadataEncoded,
        Capability::MetadataUtf8,
        Capability::UpdateEncryption,
        Capability::PartSizes,
    ];

    /// The name in errors and configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Capability::Tagging => "tagging",
            Capability::TaggingKeepsBody => "tagging-keeps-body",
            Capability::TaggingOnCopy => "tagging-on-copy",
            Capability::CopySourceConditions => "copy-source-conditions",
            Capability::Versions => "versions",
            Capability::ObjectLock => "object-lock",
            Capability::CannedAcl => "canned-acl",
            Capability::AclGrants => "acl-grants",
            Capability::Restore => "restore",
            Capability::MultipartCopy => "multipart-copy",
            Capability::IfMatchOnDelete => "if-match-on-delete",
            Capability::Checksums => "checksums",
            Capability::StorageClasses => "storage-classes",
            Capability::DistinctKeys => "distinct-keys",
            Capability::DistinctFolders => "distinct-folders",
            Capability::ListingInOrder => "listing-in-order",
            Capability::ListingDecodes => "listing-decodes",
            Capability::IfMatchOnPut => "if-match-on-put",
            Capability::IfNoneMatchOnPut => "if-none-match-on-put",
            Capability::IfMatchOnCopy => "if-match-on-copy",
            Capability::IfNoneMatchOnCopy => "if-none-match-on-copy",
            Capability::IfMatchOnComplete => "if-match-on-complete",
            Capability::IfNoneMatchOnComplete => "if-none-match-on-complete",
            Capability::MetadataOnCopy => "metadata-on-copy",
            Capability::Encryption => "encryption",
            Capability::MetadataEncoded => "metadata-encoded",
            Capability::MetadataUtf8 => "metadata-utf8",
            Capability::UpdateEncryption => "update-encryption",
            Capability::PartSizes => "part-sizes",
        }
    }

    /// What holds of a server that has it.
    #[must_use]
    pub fn promise(self) -> &'static str {
        match self {
            Capability::Tagging => "tags are read back as they were put",
            Capability::TaggingKeepsBody => "a tagging call leaves the object's bytes alone",
            Capability::TaggingOnCopy => "a copy has the tags that it was told to have",
            Capability::CopySourceConditions => "nothing is copied from a source with another ETag",
            Capability::Versions => "versions and delete markers hide nothing for good",
            Capability::ObjectLock => "a version under legal hold cannot be deleted",
            Capability::CannedAcl => "a canned ACL grants what its name says, also with a copy",
            Capability::AclGrants => "grants are read back as they were put",
            Capability::Restore => "an archived object can be restored",
            Capability::MultipartCopy => "a part is copied from exactly its range",
            Capability::IfMatchOnDelete => "nothing with another ETag is deleted",
            Capability::Checksums => "a checksum is given back as it was put",
            Capability::StorageClasses => "an object has the class that it was put or copied with",
            Capability::DistinctKeys => "`/x`, `//x` and `x` are three objects",
            Capability::DistinctFolders => "`x/` and `x` are two objects",
            Capability::ListingInOrder => "a listing has its keys in the order of their bytes",
            Capability::ListingDecodes => "a `%`, a `+` and a blank in a key are listed as they were put",
            Capability::IfMatchOnPut => "nothing with another ETag is overwritten by a put",
            Capability::IfNoneMatchOnPut => "nothing that is there is overwritten by a put that must not",
            Capability::IfMatchOnCopy => "nothing with another ETag is overwritten by a copy",
            Capability::IfNoneMatchOnCopy => "nothing that is there is overwritten by a copy that must not",
            Capability::IfMatchOnComplete => "nothing with another ETag is overwritten by an upload",
            Capability::IfNoneMatchOnComplete => "nothing that is there is overwritten by an upload that must not",
            Capability::MetadataOnCopy => "a copy has the metadata that it was told to have",
            Capability::Encryption => "an object says that it is encrypted when it was put or copied so",
            Capability::MetadataEncoded => {
                "user metadata beyond ASCII, sent as RFC 2047 has it, is the same text when read"
            }
            Capability::MetadataUtf8 => "user metadata beyond ASCII, sent as UTF-8, is the same text when read",
            Capability::UpdateEncryption => "the key of an object's encryption is changed and its bytes stay",
            Capability::PartSizes => "of an object that was uploaded in parts the size of each part is told",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_is_stored_under_its_name() {
        for capability in Capability::ALL {
            assert_eq!(serde_json::to_value(capability).unwrap(), capability.name());
        }
    }
}
