//! What is known of an endpoint: what its kind is known to do and to lack, and what a probe of it
//! found.
//!
//! Real servers answer 2xx and ignore. So what neither a probe has proved nor the kind is known to
//! do is unproven, and counts as absent wherever a store could ignore it in silence: an operation
//! then takes another way to the same end, or is refused. The table of
//! `engine/src/operation/capabilities.rs` says which.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::capability::Capability;
use crate::operation::StorageClass;
use crate::probe::{Probe, Proof};

/// What is known of a capability at an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// A probe saw its effect, or the endpoint's kind is known to do it.
    Proved,
    /// A probe saw that it is missing, or the endpoint's kind is known to lack it.
    Lacking,
    /// Neither: it counts as absent wherever a store could ignore it in silence.
    Unproven,
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
    /// Anything else: nothing is known of it until it is probed.
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
    /// Amazon S3 is believed to, and Garage does (`handle_complete_multipart_upload` keeps the
    /// timestamp that CreateMultipartUpload gave); of COS nothing is known. Ceph and MinIO date it
    /// by its completion.
    #[must_use]
    pub fn may_date_by_upload_start(self) -> bool {
        match self {
            EndpointKind::Aws | EndpointKind::Garage | EndpointKind::Cos | EndpointKind::Other => true,
            EndpointKind::Ceph | EndpointKind::Minio => false,
        }
    }

    /// What this kind calls a storage class: COS has names of its own, all others those of S3.
    #[must_use]
    pub fn class_name(self, class: &StorageClass) -> &str {
        match (self, class) {
            (EndpointKind::Cos, StorageClass::Archive) => "ARCHIVE",
            (EndpointKind::Cos, StorageClass::MazStandard) => "MAZ_STANDARD",
            (EndpointKind::Cos, StorageClass::MazStandardIa) => "MAZ_STANDARD_IA",
            (EndpointKind::Cos, StorageClass::MazIntelligentTiering) => "MAZ_INTELLIGENT_TIERING",
            _ => class.s3_name(),
        }
    }

    /// What this kind is known to do.
    #[must_use]
    pub fn does(self) -> &'static [Capability] {
        match self {
            EndpointKind::Aws => &[
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
                Capability::UpdateEncryption,
                Capability::PartSizes,
            ],
            EndpointKind::Cos => &[
                Capability::Tagging,
                Capability::TaggingKeepsBody,
                Capability::CopySourceConditions,
                Capability::Versions,
                Capability::CannedAcl,
                Capability::AclGrants,
                Capability::Restore,
                Capability::MultipartCopy,
                Capability::StorageClasses,
                Capability::DistinctFolders,
                Capability::MetadataOnCopy,
                Capability::Encryption,
            ],
            EndpointKind::Ceph => &[
                Capability::Tagging,
                Capability::TaggingKeepsBody,
                Capability::Versions,
                Capability::ObjectLock,
                Capability::CannedAcl,
                Capability::AclGrants,
                Capability::MultipartCopy,
                Capability::StorageClasses,
                Capability::DistinctKeys,
                Capability::DistinctFolders,
                Capability::ListingInOrder,
                Capability::ListingDecodes,
                Capability::MetadataOnCopy,
                Capability::MetadataEncoded,
                Capability::MetadataUtf8,
            ],
            EndpointKind::Minio => &[
                Capability::Tagging,
                Capability::TaggingKeepsBody,
                Capability::TaggingOnCopy,
                Capability::CopySourceConditions,
                Capability::Versions,
                Capability::ObjectLock,
                Capability::MultipartCopy,
                Capability::Checksums,
                Capability::DistinctFolders,
                Capability::MetadataOnCopy,
            ],
            EndpointKind::Garage => {
                &[Capability::CopySourceConditions, Capability::MultipartCopy, Capability::MetadataOnCopy]
            }
            EndpointKind::Other => &[],
        }
    }

    /// What this kind is known to lack.
    #[must_use]
    pub fn lacks(self) -> &'static [Capability] {
        match self {
            EndpointKind::Other => &[],
            EndpointKind::Aws => &[Capability::MetadataUtf8],
            EndpointKind::Cos => &[Capability::ObjectLock, Capability::IfMatchOnDelete],
            EndpointKind::Ceph => &[
                Capability::TaggingOnCopy,
                Capability::CopySourceConditions,
                Capability::IfMatchOnDelete,
                Capability::Restore,
                Capability::Checksums,
            ],
            EndpointKind::Minio => {
                &[Capability::CannedAcl, Capability::AclGrants, Capability::IfMatchOnDelete, Capability::DistinctKeys]
            }
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

    /// What is known of a capability without a probe.
    #[must_use]
    pub fn standing(self, capability: Capability) -> Standing {
        if self.does().contains(&capability) {
            Standing::Proved
        } else if self.lacks().contains(&capability) {
            Standing::Lacking
        } else {
            Standing::Unproven
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

/// What is known of an endpoint, of each capability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    proved: BTreeSet<Capability>,
    lacking: BTreeSet<Capability>,
    emulated: BTreeSet<Capability>,
}

impl Capabilities {
    /// What the probe found out; where it found out nothing, what is known of the kind.
    #[must_use]
    pub fn known(kind: EndpointKind, probe: Option<&Probe>) -> Self {
        let standing = |capability| match probe.and_then(|probe| probe.proof(capability)) {
            Some(Proof::Proved) => Standing::Proved,
            Some(Proof::Lacking) => Standing::Lacking,
            Some(Proof::Untested) | None => kind.standing(capability),
        };
        let none = Self { proved: BTreeSet::new(), lacking: BTreeSet::new(), emulated: BTreeSet::new() };
        Capability::ALL.into_iter().fold(none, |known, capability| known.with(capability, standing(capability)))
    }

    /// Exactly these: every other is lacking.
    #[must_use]
    pub fn proved(capabilities: impl IntoIterator<Item = Capability>) -> Self {
        let proved: BTreeSet<Capability> = capabilities.into_iter().collect();
        let lacking = Capability::ALL.into_iter().filter(|capability| !proved.contains(capability)).collect();
        Self { proved, lacking, emulated: BTreeSet::new() }
    }

    /// The same of an endpoint at which other calls shall do what these capabilities are for.
    #[must_use]
    pub fn emulating(mut self, capabilities: impl IntoIterator<Item = Capability>) -> Self {
        self.emulated.extend(capabilities);
        self
    }

    /// Whether other calls shall do what it is for.
    #[must_use]
    pub fn emulates(&self, capability: Capability) -> bool {
        self.emulated.contains(&capability)
    }

    /// The same, but for one capability.
    #[must_use]
    pub fn with(mut self, capability: Capability, standing: Standing) -> Self {
        self.proved.remove(&capability);
        self.lacking.remove(&capability);
        match standing {
            Standing::Proved => self.proved.insert(capability),
            Standing::Lacking => self.lacking.insert(capability),
            Standing::Unproven => false,
        };
        self
    }

    /// What is known of that capability.
    #[must_use]
    pub fn standing(&self, capability: Capability) -> Standing {
        if self.proved.contains(&capability) {
            Standing::Proved
        } else if self.lacking.contains(&capability) {
            Standing::Lacking
        } else {
            Standing::Unproven
        }
    }

    /// Whether the endpoint is known to do that. What is unproven counts as absent.
    #[must_use]
    pub fn has(&self, capability: Capability) -> bool {
        self.proved.contains(&capability)
    }

    /// The names of all capabilities with that standing.
    #[must_use]
    pub fn names(&self, standing: Standing) -> Vec<String> {
        let all = Capability::ALL.into_iter().filter(|capability| self.standing(*capability) == standing);
        all.map(|capability| capability.name().to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::names::BucketName;
    use crate::probe::Finding;

    #[test]
    fn of_an_endpoint_of_another_kind_nothing_is_known_until_it_is_probed() {
        let known = Capabilities::known(EndpointKind::Other, None);
        for capability in Capability::ALL {
            assert_eq!(known.standing(capability), Standing::Unproven, "{capability:?}");
            assert!(!known.has(capability), "what is unproven counts as absent");
        }
    }

    #[test]
    fn an_unprobed_endpoint_is_trusted_for_what_its_kind_is_known_to_do_and_for_nothing_else() {
        let standing = |kind, capability| Capabilities::known(kind, None).standing(capability);
        assert_eq!(standing(EndpointKind::Aws, Capability::Restore), Standing::Proved);
        assert_eq!(standing(EndpointKind::Ceph, Capability::Tagging), Standing::Proved);
        assert_eq!(standing(EndpointKind::Ceph, Capability::TaggingOnCopy), Standing::Lacking);
        assert_eq!(standing(EndpointKind::Garage, Capability::Versions), Standing::Lacking);
        assert_eq!(standing(EndpointKind::Minio, Capability::IfNoneMatchOnCopy), Standing::Unproven);
    }

    #[test]
    fn of_amazon_s3_every_capability_is_known() {
        let unknown = Capability::ALL.into_iter().filter(|one| EndpointKind::Aws.standing(*one) == Standing::Unproven);
        assert_eq!(unknown.collect::<Vec<_>>(), []);
    }

    #[test]
    fn no_kind_is_known_to_do_what_it_is_known_to_lack() {
        for (kind, word) in EndpointKind::ALL {
            let both: Vec<_> = kind.does().iter().filter(|capability| kind.lacks().contains(capability)).collect();
            assert!(both.is_empty(), "{word}: {both:?}");
        }
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
        assert_eq!(known.standing(Capability::IfMatchOnPut), Standing::Unproven, "neither probed nor known");
    }

    #[test]
    fn what_is_said_of_one_capability_changes_no_other() {
        let all = Capabilities::proved(Capability::ALL);
        let without = all.clone().with(Capability::Versions, Standing::Unproven);
        assert_eq!(without.standing(Capability::Versions), Standing::Unproven);
        assert_eq!(
            without.clone().with(Capability::Versions, Standing::Lacking).standing(Capability::Versions),
            Standing::Lacking
        );
        assert_eq!(without.with(Capability::Versions, Standing::Proved), all);
        assert_eq!(Capabilities::proved([]).standing(Capability::Tagging), Standing::Lacking);
    }

    #[test]
    fn every_kind_is_read_by_its_word() {
        for (kind, word) in EndpointKind::ALL {
            assert_eq!(word.parse(), Ok(kind));
        }
    }
}
