//! What operations, rows and effect checks ask of an endpoint beyond what every store does, and
//! what happens where the endpoint is not known to do it: the one table that consults capabilities.
//!
//! [`Feature::row`] is the table. Its rule: an operation never uses what a store could ignore in
//! silence unless the store is known to do it. It takes another way with the same result, or the
//! job is refused at creation, or the row is refused when its task runs. What a store refuses aloud
//! is used on every store that is not known to lack it, because the refusal is seen.

use std::collections::BTreeSet;

use brigade_model::operation::Side;
use brigade_model::{Capabilities, Capability, ObjectKey, Standing, Task};

use super::failure::{End, refuse};

/// What is asked of one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    /// Tags are put and stay.
    KeepTags,
    /// Tags are put, and nothing is read back.
    PutTags,
    /// An object's tags are read, because the job adds to them.
    ReadTags,
    /// The source's tags go along where bytes pass through us, or come to a target in parts.
    CarryTags,
    /// Tags stay that an object or an upload is put with.
    TagsKeptOnPut,
    /// Tags stay that a copy inside the store is told.
    TagsKeptOnCopy,
    /// A condition pins the source of a copy, or of a part.
    PinSource,
    /// Parts are copied inside the store.
    CopyParts,
    /// A row names a version.
    NameVersion,
    /// A version under a lock stays when a row deletes it.
    KeepLockedVersion,
    /// A version is put under legal hold or kept until a time.
    SetLock,
    /// A row, or the target of one, has a key that a store could take for another.
    NameFoldableKey,
    /// A row, or the target of one, has a key that ends with a slash.
    NameFolder,
    /// A canned ACL is set.
    SetCannedAcl,
    /// A canned ACL is set whose grants only the store knows.
    SetStoresAcl,
    /// Grants are set.
    SetGrants,
    /// An object's grants are read, because the job copies them or adds to them.
    ReadGrants,
    /// An archived object is restored.
    Restore,
    /// A storage class other than STANDARD is set.
    SetClass,
    /// STANDARD is asked for where the job names no class: some stores keep the source's.
    AskForStandard,
    /// The metadata of a copy is set.
    SetMetadata,
    /// User metadata beyond ASCII is set, in encoded words.
    SetText,
    /// The same, in UTF-8.
    SetTextAsBytes,
    /// The store encrypts what is copied.
    Encrypt,
    /// The key of an object's encryption is changed in its place.
    UpdateEncryption,
    /// A look compares checksums.
    ProveByChecksum,
    /// A checksum that the store declares of an object is taken for the one that is asked for.
    TakeChecksum,
    /// The parts of an object are asked for one by one, because a checksum is of them.
    ReadParts,
    /// A checksum is computed of a copy, and kept with it.
    SetChecksum,
    /// Keys of a listing become rows of a manifest.
    ListKeys,
    /// A listing continues from page to page while objects are written.
    ListInOrder,
    /// A delete stops at an object that was written since.
    DeleteUnchanged,
    /// A put stops at an object that was written since.
    PutOntoUnchanged,
    /// A put stops at any object.
    PutOntoNothing,
    /// A copy stops at a target that was written since.
    CopyOntoUnchanged,
    /// A copy stops at any target.
    CopyOntoNothing,
    /// The completion of an upload stops at an object that was written since.
    CompleteOntoUnchanged,
    /// The completion of an upload stops at any object.
    CompleteOntoNothing,
}

/// What a store does that does not know what it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ignored {
    /// It may answer as if it had done it, or do something else: without proof, this happens
    /// instead.
    Silently(Without),
    /// It refuses, or its answer cannot be taken for the right one: without proof it is asked
    /// all the same.
    Aloud,
}

/// What happens without a capability. The texts tell it to operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Without {
    /// Another way leads to the same end.
    AnotherWay(&'static str),
    /// The job is refused when it is created.
    JobRefused(&'static str),
    /// Each row that asks for it fails.
    RowFails(&'static str),
    /// It is the store's own affair, or what is read shows it: no code asks, operators are told.
    Told(&'static str),
}

impl Without {
    fn text(self) -> &'static str {
        match self {
            Without::AnotherWay(text) | Without::JobRefused(text) | Without::RowFails(text) | Without::Told(text) => {
                text
            }
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
struct Row {
    capability: Capability,
    /// What happens where the endpoint is known to lack it.
    lacking: Without,
    /// What happens where nothing is known.
    ignored: Ignored,
}

impl Feature {
    /// The table.
    fn row(self) -> Row {
        use Ignored::{Aloud, Silently};
        use Without::{AnotherWay, JobRefused, RowFails, Told};
        let row = |capability, lacking, ignored| Row { capability, lacking, ignored };
        let both = |capability, without| row(capability, without, Silently(without));
        let look_first = |capability| both(capability, AnotherWay("the object is looked at first"));
        match self {
            Feature::KeepTags => row(
                Capability::Tagging,
                JobRefused("jobs that set tags are refused"),
                Silently(AnotherWay(
                    "tags are read back after they are put, and the row fails where they are not kept",
                )),
            ),
            // A store that takes a tagging call for a put destroys the object. Of the same call
            // as a read it gives the object's bytes, which are no tags.
            Feature::PutTags => row(
                Capability::TaggingKeepsBody,
                JobRefused("jobs that set tags are refused"),
                Silently(AnotherWay(
                    "tags are read before they are put: a row fails there on a store that does not know them",
                )),
            ),
            Feature::ReadTags => row(Capability::Tagging, JobRefused("copies that add tags are refused"), Aloud),
            Feature::CarryTags => {
                row(Capability::Tagging, AnotherWay("a copy between endpoints, or in parts, leaves tags behind"), Aloud)
            }
            Feature::TagsKeptOnPut => both(
                Capability::Tagging,
                AnotherWay("tags of a copy between endpoints, or in parts, are put after it and read back"),
            ),
            Feature::TagsKeptOnCopy => both(Capability::TaggingOnCopy, AnotherWay("tags of a copy are put after it")),
            Feature::PinSource => both(
                Capability::CopySourceConditions,
                AnotherWay("the source of a copy is compared before and after it"),
            ),
            Feature::CopyParts => both(
                Capability::MultipartCopy,
                AnotherWay("the bytes of an object too large for one copy pass through the service"),
            ),
            // A store without versions acts on the current object, and says that it did.
            Feature::NameVersion => both(Capability::Versions, RowFails("rows that name a version fail")),
            Feature::KeepLockedVersion => both(
                Capability::ObjectLock,
                Told("only the store can keep a version under a lock from a row that deletes it"),
            ),
            // A store that takes the call for a put destroys the object.
            Feature::SetLock => both(
                Capability::ObjectLock,
                JobRefused("jobs that set legal holds or retentions, also of copies, are refused"),
            ),
            Feature::NameFoldableKey => both(
                Capability::DistinctKeys,
                RowFails("rows fail whose key has empty, `.` or `..` segments, which the store may drop"),
            ),
            Feature::NameFolder => both(
                Capability::DistinctFolders,
                RowFails("rows fail whose key ends with a slash, which the store may drop"),
            ),
            Feature::SetCannedAcl => row(
                Capability::CannedAcl,
                JobRefused("jobs that set a canned ACL are refused"),
                Silently(AnotherWay("a canned ACL is read back, and the row fails where it is not kept")),
            ),
            Feature::SetStoresAcl => {
                both(Capability::CannedAcl, JobRefused("jobs that set a canned ACL for a bucket's owner are refused"))
            }
            Feature::SetGrants => row(
                Capability::AclGrants,
                JobRefused("jobs that set grants are refused"),
                Silently(AnotherWay("grants are read back, and the row fails where they are not kept")),
            ),
            Feature::ReadGrants => {
                row(Capability::AclGrants, JobRefused("copies that copy or add to an ACL are refused"), Aloud)
            }
            Feature::Restore => row(
                Capability::Restore,
                JobRefused("restores are refused"),
                Silently(AnotherWay("the object's head must tell of its restore, or the row fails")),
            ),
            Feature::SetClass => row(
                Capability::StorageClasses,
                JobRefused("copies into a storage class other than STANDARD are refused"),
                Silently(AnotherWay("the class of a copy is read back, and the row fails where it is another")),
            ),
            Feature::AskForStandard => {
                row(Capability::StorageClasses, AnotherWay("a copy is not asked to be STANDARD"), Aloud)
            }
            Feature::SetMetadata => both(
                Capability::MetadataOnCopy,
                AnotherWay("metadata that a copy sets is read back, and the row fails where it is not kept"),
            ),
            // Encoded words are ASCII, so that a store which keeps the bytes keeps them as well.
            Feature::SetText => both(
                Capability::MetadataEncoded,
                JobRefused("copies that set user metadata beyond ASCII are refused, and rows fail that carry some"),
            ),
            Feature::SetTextAsBytes => both(
                Capability::MetadataUtf8,
                AnotherWay("user metadata beyond ASCII is sent as RFC 2047 has it, where that is proved"),
            ),
            Feature::Encrypt => row(
                Capability::Encryption,
                JobRefused("copies that ask for encryption are refused"),
                Silently(AnotherWay("encryption is read back after a copy, and the row fails where it is not done")),
            ),
            // A store that takes the call for a put destroys the object.
            Feature::UpdateEncryption => both(
                Capability::UpdateEncryption,
                JobRefused("jobs that change encryption are refused, unless the endpoint says `emulate`"),
            ),
            // What an object declares is compared; a store that drops checksums declares none.
            Feature::ProveByChecksum => both(
                Capability::Checksums,
                Told("objects are proved by their ETags alone, since they declare no checksum"),
            ),
            Feature::TakeChecksum => {
                both(Capability::Checksums, AnotherWay("jobs that compute checksums read the bytes of every object"))
            }
            // The answer of a store that does not know parts names no number of them.
            Feature::ReadParts => row(
                Capability::PartSizes,
                JobRefused("jobs that compute checksums of parts are refused"),
                Silently(AnotherWay("the parts that are told must make the object, or its row fails")),
            ),
            Feature::SetChecksum => {
                both(Capability::Checksums, JobRefused("copies that name a checksum algorithm are refused"))
            }
            Feature::ListKeys => {
                both(Capability::ListingDecodes, Told("a manifest made by listing may name keys that are not there"))
            }
            Feature::ListInOrder => both(
                Capability::ListingInOrder,
                Told("a manifest made by listing may miss objects where others are written meanwhile"),
            ),
            Feature::DeleteUnchanged => look_first(Capability::IfMatchOnDelete),
            Feature::PutOntoUnchanged => look_first(Capability::IfMatchOnPut),
            Feature::PutOntoNothing => look_first(Capability::IfNoneMatchOnPut),
            Feature::CopyOntoUnchanged => look_first(Capability::IfMatchOnCopy),
            Feature::CopyOntoNothing => look_first(Capability::IfNoneMatchOnCopy),
            Feature::CompleteOntoUnchanged => look_first(Capability::IfMatchOnComplete),
            Feature::CompleteOntoNothing => look_first(Capability::IfNoneMatchOnComplete),
        }
    }

    /// Every feature.
    const ALL: [Feature; 38] = [
        Feature::KeepTags,
        Feature::PutTags,
        Feature::ReadTags,
        Feature::CarryTags,
        Feature::TagsKeptOnPut,
        Feature::TagsKeptOnCopy,
        Feature::PinSource,
        Feature::CopyParts,
        Feature::NameVersion,
        Feature::KeepLockedVersion,
        Feature::SetLock,
        Feature::NameFoldableKey,
        Feature::NameFolder,
        Feature::SetCannedAcl,
        Feature::SetStoresAcl,
        Feature::SetGrants,
        Feature::ReadGrants,
        Feature::Restore,
        Feature::SetClass,
        Feature::AskForStandard,
        Feature::SetMetadata,
        Feature::SetText,
        Feature::SetTextAsBytes,
        Feature::Encrypt,
        Feature::UpdateEncryption,
        Feature::ProveByChecksum,
        Feature::TakeChecksum,
        Feature::ReadParts,
        Feature::SetChecksum,
        Feature::ListKeys,
        Feature::ListInOrder,
        Feature::DeleteUnchanged,
        Feature::PutOntoUnchanged,
        Feature::PutOntoNothing,
        Feature::CopyOntoUnchanged,
        Feature::CopyOntoNothing,
        Feature::CompleteOntoUnchanged,
        Feature::CompleteOntoNothing,
    ];

    /// Whether it can simply be asked of that endpoint.
    pub(crate) fn is_possible_at(self, capabilities: &Capabilities) -> bool {
        self.without(capabilities).is_none()
    }

    /// What happens instead at that endpoint; `None` where it is asked.
    fn without(self, capabilities: &Capabilities) -> Option<Without> {
        let row = self.row();
        if capabilities.emulates(row.capability) && !capabilities.has(row.capability) {
            return Some(Without::AnotherWay("objects whose encryption is to change are copied onto themselves"));
        }
        match (capabilities.standing(row.capability), row.ignored) {
            (Standing::Proved, _) | (Standing::Unproven, Ignored::Aloud) => None,
            (Standing::Lacking, _) => Some(row.lacking),
            (Standing::Unproven, Ignored::Silently(without)) => Some(without),
        }
    }
}

/// What an operation asks of which of its endpoints.
pub(crate) type Need = (Side, Feature);

/// What the endpoints lack of what is needed, where the job cannot do without.
pub(super) fn missing_among(needs: &[Need], source: &Capabilities, target: &Capabilities) -> Vec<Capability> {
    let missing: BTreeSet<Capability> = needs
        .iter()
        .filter(|(side, feature)| {
            let endpoint = match side {
                Side::Source => source,
                Side::Target => target,
            };
            matches!(feature.without(endpoint), Some(Without::JobRefused(_)))
        })
        .map(|(_, feature)| feature.row().capability)
        .collect();
    missing.into_iter().collect()
}

/// What happens at an endpoint without a capability, for its operators.
#[must_use]
pub fn what_happens_without(capability: Capability, capabilities: &Capabilities) -> Vec<&'static str> {
    let features = Feature::ALL.into_iter().filter(|feature| feature.row().capability == capability);
    let mut texts: Vec<_> = features.filter_map(|feature| feature.without(capabilities).map(Without::text)).collect();
    texts.dedup();
    texts
}

/// The end of a row that names what its endpoint is not known to tell apart: a version, which a
/// store could ignore and act on the current object (`null` is a version like any other), or a
/// key that it could take for another.
pub(crate) fn refuse_row(task: &Task, capabilities: &Capabilities) -> Option<End> {
    if task.version.is_some() && !Feature::NameVersion.is_possible_at(capabilities) {
        let why = "the row names a version; a store that ignores it acts on the current object";
        return Some(refused(Feature::NameVersion, capabilities, why));
    }
    refuse_key(&task.key, capabilities)
}

/// What rows are refused for that name a version (or not) and that key.
pub(crate) fn missing_for_row(has_version: bool, key: &ObjectKey, capabilities: &Capabilities) -> Option<Capability> {
    let version = has_version && !Feature::NameVersion.is_possible_at(capabilities);
    let feature = version.then_some(Feature::NameVersion).or_else(|| unsafe_key(key, capabilities))?;
    Some(feature.row().capability)
}

fn unsafe_key(key: &ObjectKey, capabilities: &Capabilities) -> Option<Feature> {
    let asked = [(Feature::NameFoldableKey, is_foldable(key)), (Feature::NameFolder, key.as_str().ends_with('/'))];
    let is_refused = |(feature, is_asked): &(Feature, bool)| *is_asked && !feature.is_possible_at(capabilities);
    asked.into_iter().find(is_refused).map(|(feature, _)| feature)
}

/// The end of a row with such a key, or with such a key for its target.
pub(crate) fn refuse_key(key: &ObjectKey, capabilities: &Capabilities) -> Option<End> {
    let feature = unsafe_key(key, capabilities)?;
    let why = format!("a store that takes keys for paths takes {:?} for another key", key.as_str());
    Some(refused(feature, capabilities, &why))
}

/// Whether reading the key as a path gives another: stores that keep files, and proxies that
/// tidy paths, drop empty segments (so `/x`, `//x` and `x` are one object, and deleting the
/// stray `/x` deletes `x`), and resolve `.` and `..`. A slash at the end is a question of its own:
/// some of them tell a folder from a file, and `rclone serve s3` deletes `x` where `x/` is named.
fn is_foldable(key: &ObjectKey) -> bool {
    let path = key.as_str();
    let path = path.strip_suffix('/').unwrap_or(path);
    path.as_bytes().split(|byte| *byte == b'/').any(|segment| matches!(segment, b"" | b"." | b".."))
}

fn refused(feature: Feature, capabilities: &Capabilities, why: &str) -> End {
    let capability = feature.row().capability;
    let name = capability.name();
    let message = match capabilities.standing(capability) {
        Standing::Lacking => format!("{why}; the endpoint lacks `{name}`, so nothing was done"),
        Standing::Unproven | Standing::Proved => format!(
            "{why}; `{name}` is unproven at the endpoint, so nothing was done: \
             prove it with `brigade endpoint probe` and retry the failed rows"
        ),
    };
    refuse("NotImplemented", Some(501), message)
}

#[cfg(test)]
mod tests;
