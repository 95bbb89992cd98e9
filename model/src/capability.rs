//! What an object store can do, and what each kind of store is known to do.
//!
//! Real servers answer 2xx and ignore; so an operation that needs something the endpoint lacks
//! is done another way where that is exact, and refused when the job is created otherwise.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::probe::{Probe, Proof};

/// Something that not every store does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Tags of objects, read and written.
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
}

impl Capability {
    /// Every capability.
    pub const ALL: [Capability; 13] = [
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
        }
    }
}

/// What a store is declared to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointKind {
    /// Amazon S3.
    Aws,
    /// Tencent COS through its S3 interface.
    Cos,
    /// Ceph RGW.
    Ceph,
    /// MinIO.
    Minio,
    /// Garage.
    Garage,
    /// Anything else: trusted like Amazon S3 until it is probed.
    Other,
}

impl EndpointKind {
    /// Every kind, with its word in the configuration.
    pub const ALL: [(EndpointKind, &'static str); 6] = [
        (EndpointKind::Aws, "aws"),
        (EndpointKind::Cos, "cos"),
        (EndpointKind::Ceph, "ceph"),
        (EndpointKind::Minio, "minio"),
        (EndpointKind::Garage, "garage"),
        (EndpointKind::Other, "other"),
    ];

    /// Whether it may date an object that was uploaded in parts by the beginning of its upload.
    /// Amazon S3 does, as far as is known, and Garage (`handle_complete_multipart_upload` keeps
    /// the timestamp that CreateMultipartUpload gave); of COS nothing is known. Ceph and MinIO
    /// date it by its completion.
    #[must_use]
    pub fn may_date_by_upload_start(self) -> bool {
        match self {
            EndpointKind::Aws | EndpointKind::Garage | EndpointKind::Cos | EndpointKind::Other => true,
            EndpointKind::Ceph | EndpointKind::Minio => false,
        }
    }

    /// What this kind is known to lack.
    #[must_use]
    pub fn lacks(self) -> &'static [Capability] {
        match self {
            EndpointKind::Aws | EndpointKind::Other => &[],
            EndpointKind::Cos => &[Capability::ObjectLock, Capability::IfMatchOnDelete],
            EndpointKind::Ceph => &[
                Capability::TaggingOnCopy,
                Capability::CopySourceConditions,
                Capability::IfMatchOnDelete,
                Capability::Restore,
                Capability::Checksums,
            ],
            EndpointKind::Minio => &[Capability::CannedAcl, Capability::AclGrants, Capability::IfMatchOnDelete],
            EndpointKind::Garage => &[
                Capability::Tagging,
                Capability::TaggingOnCopy,
                Capability::Versions,
                Capability::ObjectLock,
                Capability::CannedAcl,
                Capability::AclGrants,
                Capability::Restore,
                Capability::IfMatchOnDelete,
                Capability::StorageClasses,
            ],
        }
    }
}

/// A text that names no kind of endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be one of aws, cos, ceph, minio, garage, other")]
pub struct UnknownKind;

impl FromStr for EndpointKind {
    type Err = UnknownKind;
    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        EndpointKind::ALL.into_iter().find(|(_, word)| *word == text).map(|(kind, _)| kind).ok_or(UnknownKind)
    }
}

/// What an endpoint can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities(BTreeSet<Capability>);

impl Capabilities {
    /// What is assumed of an endpoint of this kind that nobody probed.
    #[must_use]
    pub fn assumed(kind: EndpointKind) -> Self {
        let lacks = kind.lacks();
        Self(Capability::ALL.into_iter().filter(|capability| !lacks.contains(capability)).collect())
    }

    /// What the probe found out; where it found out nothing, what is assumed of the kind.
    #[must_use]
    pub fn known(kind: EndpointKind, probe: Option<&Probe>) -> Self {
        let assumed = Self::assumed(kind);
        let has = |capability: &Capability| match probe.and_then(|probe| probe.proof(*capability)) {
            Some(Proof::Proved) => true,
            Some(Proof::Lacking) => false,
            Some(Proof::Untested) | None => assumed.has(*capability),
        };
        Self(Capability::ALL.into_iter().filter(has).collect())
    }

    /// Exactly these.
    #[must_use]
    pub fn proved(capabilities: impl IntoIterator<Item = Capability>) -> Self {
        Self(capabilities.into_iter().collect())
    }

    /// Whether the endpoint can do that.
    #[must_use]
    pub fn has(&self, capability: Capability) -> bool {
        self.0.contains(&capability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::names::BucketName;
    use crate::probe::Finding;

    #[test]
    fn an_unprobed_endpoint_is_trusted_for_what_its_kind_is_known_to_do() {
        assert!(Capabilities::assumed(EndpointKind::Other).has(Capability::Restore));
        assert!(!Capabilities::assumed(EndpointKind::Ceph).has(Capability::TaggingOnCopy));
        assert!(!Capabilities::assumed(EndpointKind::Garage).has(Capability::Tagging));
    }

    #[test]
    fn what_a_probe_found_out_is_believed_and_the_kind_is_for_the_rest() {
        let found = |capability, proof| Finding { capability, proof, seen: String::new() };
        let probe = Probe {
            bucket: BucketName::new("scratch").unwrap(),
            at: Timestamp::UNIX_EPOCH,
            findings: vec![
                found(Capability::Restore, Proof::Proved),
                found(Capability::Tagging, Proof::Lacking),
                found(Capability::TaggingOnCopy, Proof::Untested),
            ],
        };
        let known = Capabilities::known(EndpointKind::Ceph, Some(&probe));
        assert!(known.has(Capability::Restore) && !known.has(Capability::Tagging));
        assert!(!known.has(Capability::TaggingOnCopy) && known.has(Capability::Versions), "as its kind");
        assert_eq!(Capabilities::known(EndpointKind::Ceph, None), Capabilities::assumed(EndpointKind::Ceph));
    }

    #[test]
    fn a_capability_is_stored_under_its_name() {
        for capability in Capability::ALL {
            assert_eq!(serde_json::to_value(capability).unwrap(), capability.name());
        }
    }

    #[test]
    fn every_kind_is_read_by_its_word() {
        for (kind, word) in EndpointKind::ALL {
            assert_eq!(word.parse(), Ok(kind));
        }
    }
}
