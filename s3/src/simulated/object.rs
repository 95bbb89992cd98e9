//! One version of a key: an object with everything that belongs to it, or a delete marker.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brigade_model::Timestamp;
use brigade_model::names::{ETag, VersionId};
use brigade_model::operation::{NewLock, Retention, RetentionMode};
use brigade_model::ports::object_store::{
    Acl, AclGrant, Checksum, ChecksumAlgorithm, Encryption, Grantee, Metadata, NewObject, ObjectHead, PartHead, TagSet,
};
use crc_fast::CrcAlgorithm;
use md5::{Digest as _, Md5};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use serde::{Deserialize, Serialize};

use super::Body;
use super::refusal::{self, Refusal};
use crate::metadata_text;

/// The canonical id of the owner of everything.
pub const OWNER: &str = "b61d6ade00000000000000000000000000000000000000000000000000000001";
const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
const AUTHENTICATED_USERS: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";

pub(super) const SECONDS_A_DAY: i64 = 24 * 3600;

/// Names a version inside its key; zero is the `null` version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct VersionNumber(pub(super) u64);

impl VersionNumber {
    pub(super) const NULL: VersionNumber = VersionNumber(0);

    pub(super) fn parse(id: &VersionId) -> Option<Self> {
        match id.as_str() {
            "null" => Some(Self::NULL),
            text if text.len() == 16 => u64::from_str_radix(text, 16).ok().map(Self),
            _ => None,
        }
    }

    pub(super) fn id(self) -> VersionId {
        let text = if self == Self::NULL { "null".to_owned() } else { format!("{:016x}", self.0) };
        VersionId::new(text).expect("hexadecimal digits are a version id")
    }
}

/// What an ETag says of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Digest {
    /// Of the bytes, or of the parts' MD5s.
    pub(super) md5: [u8; 16],
    /// How many parts it was uploaded in; 0 when at once.
    pub(super) parts: u32,
}

impl Digest {
    pub(super) fn of(body: &Body) -> Self {
        Self { md5: body.md5(), parts: 0 }
    }

    pub(super) fn etag(self) -> ETag {
        ETag::new(format!("\"{self}\"")).expect("hexadecimal digits are an ETag")
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.md5))?;
        if self.parts > 0 {
            write!(f, "-{}", self.parts)?;
        }
        Ok(())
    }
}

/// Everything besides the bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attributes {
    pub(super) metadata: Metadata,
    pub(super) tags: TagSet,
    /// `None` is private.
    pub(super) acl: Option<Acl>,
    /// `None` is STANDARD.
    pub(super) storage_class: Option<String>,
    pub(super) sse: Option<String>,
    /// The key of a key service.
    #[serde(default)]
    pub(super) sse_key: Option<String>,
    /// The ETag is that of the time before the object had a key of a key service.
    #[serde(default)]
    pub(super) has_digest_etag: bool,
    pub(super) restore: Option<Restore>,
    /// Locked until then, in seconds since 1970.
    #[serde(default)]
    pub(super) retain_until_s: Option<i64>,
    /// Whether those who may bypass governance can shorten that.
    #[serde(default)]
    pub(super) is_retained_by_governance: bool,
    #[serde(default)]
    pub(super) is_on_hold: bool,
    /// The MD5 of the key that only the customer has.
    #[serde(default)]
    pub(super) customer_key_md5: Option<String>,
    #[serde(default)]
    pub(super) checksum_sha256: Option<String>,
    /// By another algorithm, in base64.
    #[serde(default)]
    pub(super) other_checksum: Option<(ChecksumAlgorithm, String)>,
    /// Where a website sends its readers instead.
    #[serde(default)]
    pub(super) redirect: Option<String>,
}

/// When a temporary copy of an archived object is there, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Restore {
    pub(super) from_s: i64,
    pub(super) until_s: i64,
}

impl Restore {
    /// Days count from when the copy is there, and end at the next midnight, as in S3.
    pub(super) fn new(from_s: i64, days: u32) -> Self {
        let until_s = (from_s + i64::from(days) * SECONDS_A_DAY + SECONDS_A_DAY - 1) / SECONDS_A_DAY * SECONDS_A_DAY;
        Self { from_s, until_s }
    }
}

/// How far a restore has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RestoreState {
    /// None was asked for, or the copy has gone again.
    None,
    Ongoing,
    Restored {
        until_s: i64,
    },
}

impl Attributes {
    /// What a new object gets, checked as S3 checks it.
    pub(super) fn new(with: NewObject) -> Result<Self, Refusal> {
        let metadata = kept_metadata(with.metadata)?;
        check_tags(&with.tags)?;
        let lock = with.lock.map(|lock| *lock).unwrap_or_default();
        let retention = lock.retention;
        Ok(Self {
            metadata,
            tags: with.tags,
            acl: with.canned_acl.as_deref().map(canned_acl).transpose()?.flatten(),
            storage_class: storage_class(with.storage_class)?,
            sse_key: with.sse.as_ref().and_then(key_of),
            sse: with.sse.map(|sse| sse.name().to_owned()),
            checksum_sha256: with.checksum_sha256,
            redirect: with.redirect,
            retain_until_s: retention.map(|retention| retention.until.as_second()),
            is_retained_by_governance: retention.is_some_and(|retention| retention.mode == RetentionMode::Governance),
            is_on_hold: lock.is_held.unwrap_or_default(),
            ..Self::default()
        })
    }

    pub(super) fn is_archived(&self) -> bool {
        matches!(self.storage_class.as_deref(), Some("GLACIER" | "DEEP_ARCHIVE"))
    }

    pub(super) fn restore_state(&self, now_s: i64) -> RestoreState {
        match self.restore {
            Some(restore) if now_s < restore.from_s => RestoreState::Ongoing,
            Some(restore) if now_s < restore.until_s => RestoreState::Restored { until_s: restore.until_s },
            _ => RestoreState::None,
        }
    }

    /// Refuses to read what is only in the archive.
    pub(super) fn check_readable(&self, now_s: i64) -> Result<(), Refusal> {
        if self.is_archived() && !matches!(self.restore_state(now_s), RestoreState::Restored { .. }) {
            return Err(refusal::ARCHIVED);
        }
        Ok(())
    }

    fn lock(&self) -> NewLock {
        let mode = if self.is_retained_by_governance { RetentionMode::Governance } else { RetentionMode::Compliance };
        let retention = self.retain_until_s.map(|until_s| Retention { mode, until: seconds(until_s) });
        NewLock { retention, is_held: self.is_on_hold.then_some(true) }
    }

    /// Those that the object was put or copied with.
    fn checksums(&self) -> Vec<Checksum> {
        let sha256 = self.checksum_sha256.clone().map(|value| (ChecksumAlgorithm::Sha256, value));
        let all = sha256.into_iter().chain(self.other_checksum.clone());
        all.map(|(algorithm, value)| Checksum { algorithm, value, is_of_whole: true }).collect()
    }

    pub(super) fn acl(&self) -> Acl {
        self.acl.clone().unwrap_or_else(|| owned(&[]))
    }

    /// The value of `x-amz-restore`.
    fn restore_header(&self, now_s: i64) -> Option<String> {
        match self.restore_state(now_s) {
            RestoreState::None => None,
            RestoreState::Ongoing => Some("ongoing-request=\"true\"".to_owned()),
            RestoreState::Restored { until_s } => {
                let until = seconds(until_s).strftime("%a, %d %b %Y %H:%M:%S GMT");
                Some(format!("ongoing-request=\"false\", expiry-date=\"{until}\""))
            }
        }
    }
}

/// An object's content: bytes are shared between copies.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) body: Body,
    pub(super) digest: Digest,
    pub(super) attributes: Arc<Attributes>,
    /// Of each part that it was uploaded in; none of an object that was put or copied in one piece.
    pub(super) part_sizes: Arc<[u64]>,
}

impl Object {
    /// One that was put or copied in one piece.
    pub(super) fn whole(body: Body, digest: Digest, attributes: Arc<Attributes>) -> Self {
        Self { body, digest, attributes, part_sizes: Arc::default() }
    }

    /// What HEAD says of one of its parts.
    pub(super) fn part(&self, number: u32) -> Option<PartHead> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        if self.part_sizes.is_empty() {
            return (index == 0).then(|| PartHead { size: self.body.size(), parts: None });
        }
        let size = self.part_sizes.get(index)?;
        Some(PartHead { size: *size, parts: u32::try_from(self.part_sizes.len()).ok() })
    }

    /// Under a key service it is no digest of the bytes.
    pub(super) fn etag(&self) -> ETag {
        let Digest { md5, parts } = self.digest;
        let is_hidden = self.attributes.sse_key.is_some() && !self.attributes.has_digest_etag;
        let md5 = if is_hidden { Md5::digest(md5).into() } else { md5 };
        Digest { md5, parts }.etag()
    }
}

/// A version.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) version: VersionNumber,
    pub(super) modified_s: i64,
    /// `None` is a delete marker.
    pub(super) object: Option<Object>,
}

impl Stored {
    /// What HEAD says of the object; `version` when its bucket has versions.
    pub(super) fn head(&self, object: &Object, has_versions: bool, now_s: i64) -> ObjectHead {
        let attributes = &object.attributes;
        ObjectHead {
            size: object.body.size(),
            etag: Some(object.etag()),
            modified: Some(seconds(self.modified_s)),
            version: has_versions.then(|| self.version.id()),
            storage_class: attributes.storage_class.clone(),
            restore: attributes.restore_header(now_s),
            metadata: told_metadata(attributes.metadata.clone()),
            parts: Some(object.digest.parts).filter(|parts| *parts > 0),
            tag_count: u32::try_from(attributes.tags.len()).ok().filter(|count| *count > 0),
            sse: attributes.sse.clone(),
            sse_key: attributes.sse_key.clone(),
            lock: attributes.lock(),
            redirect: attributes.redirect.clone(),
            checksums: attributes.checksums(),
            untold_metadata: 0,
        }
    }
}

/// The checksum of bytes, in base64.
pub(super) fn checksum_of(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> String {
    let crc = |algorithm, bytes_of_it: usize| {
        let number = crc_fast::checksum(algorithm, bytes).to_be_bytes();
        number[number.len() - bytes_of_it..].to_vec()
    };
    STANDARD.encode(match algorithm {
        ChecksumAlgorithm::Crc32 => crc(CrcAlgorithm::Crc32IsoHdlc, 4),
        ChecksumAlgorithm::Crc32c => crc(CrcAlgorithm::Crc32Iscsi, 4),
        ChecksumAlgorithm::Crc64Nvme => crc(CrcAlgorithm::Crc64Nvme, 8),
        ChecksumAlgorithm::Sha1 => digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec(),
        ChecksumAlgorithm::Sha256 => digest(&SHA256, bytes).as_ref().to_vec(),
    })
}

/// That second.
pub(super) fn seconds(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

/// `None` for STANDARD.
pub(super) fn storage_class(name: Option<String>) -> Result<Option<String>, Refusal> {
    const CLASSES: [&str; 6] =
        ["STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"];
    match name {
        Some(name) if CLASSES.contains(&name.as_str()) => Ok(Some(name)),
        Some(name) if name != "STANDARD" => Err(refusal::INVALID_STORAGE_CLASS),
        _ => Ok(None),
    }
}

/// What a canned ACL grants; `None` is private.
pub(super) fn canned_acl(name: &str) -> Result<Option<Acl>, Refusal> {
    const CANNED: [(&str, &[(&str, &str)]); 7] = [
        ("private", &[]),
        ("public-read", &[(ALL_USERS, "READ")]),
        ("public-read-write", &[(ALL_USERS, "READ"), (ALL_USERS, "WRITE")]),
        ("authenticated-read", &[(AUTHENTICATED_USERS, "READ")]),
        // The bucket's owner is the object's.
        ("bucket-owner-read", &[]),
        ("bucket-owner-full-control", &[]),
        ("aws-exec-read", &[]),
    ];
    let row = CANNED.iter().find(|(canned, _)| *canned == name).ok_or(refusal::INVALID_ARGUMENT)?;
    Ok(Some(row.1).filter(|grants| !grants.is_empty()).map(owned))
}

fn owned(groups: &[(&str, &str)]) -> Acl {
    let own = AclGrant { grantee: Grantee::Id(OWNER.to_owned()), permission: "FULL_CONTROL".to_owned() };
    let others = groups.iter().map(|(group, permission)| AclGrant {
        grantee: Grantee::Group((*group).to_owned()),
        permission: (*permission).to_owned(),
    });
    Acl { owner: OWNER.to_owned(), grants: std::iter::once(own).chain(others).collect() }
}

/// The key that a key service encrypts with, by its ARN: S3 tells that of whatever it was given, and has one
/// of its own where it was given none.
fn key_of(sse: &Encryption) -> Option<String> {
    let key = sse.key_service()?.key.as_deref().unwrap_or("of-the-store");
    let is_whole = key.starts_with("arn:") || key.starts_with("alias/");
    Some(if is_whole { key.to_owned() } else { format!("arn:aws:kms:us-east-1:123456789012:key/{key}") })
}

/// As headers bring it: this store keeps their bytes, which are UTF-8 or encoded words.
fn kept_metadata(mut metadata: Metadata) -> Result<Metadata, Refusal> {
    check_metadata(&metadata)?;
    for (_, value) in &mut metadata.user {
        *value = metadata_text::written(value, metadata.form).ok_or(refusal::INVALID_ARGUMENT)?.into_owned();
    }
    Ok(metadata)
}

/// As it is read of headers.
fn told_metadata(mut metadata: Metadata) -> Metadata {
    metadata_text::read(&mut metadata);
    metadata
}

pub(super) fn check_metadata(metadata: &Metadata) -> Result<(), Refusal> {
    let bytes: usize = metadata.user.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > brigade_model::limits::USER_METADATA_BYTES_MAX {
        return Err(refusal::METADATA_TOO_LARGE);
    }
    Ok(())
}

pub(super) fn check_tags(tags: &TagSet) -> Result<(), Refusal> {
    use brigade_model::limits::{TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX, TAGS_MAX};
    if tags.len() > TAGS_MAX {
        return Err(refusal::TOO_MANY_TAGS);
    }
    for (n, tag) in tags.iter().enumerate() {
        if tag.key.is_empty() || tag.key.chars().count() > TAG_KEY_CHARS_MAX {
            return Err(refusal::INVALID_TAG.saying("The TagKey you have provided is invalid"));
        }
        if !tag.key.chars().chain(tag.value.chars()).all(may_stand_in_a_tag) {
            return Err(refusal::INVALID_TAG.saying("Tags may hold letters, digits, blanks and _ . : / = + - @ only"));
        }
        if tag.value.chars().count() > TAG_VALUE_CHARS_MAX {
            return Err(refusal::INVALID_TAG.saying("The TagValue you have provided is invalid"));
        }
        if tags[..n].iter().any(|earlier| earlier.key == tag.key) {
            return Err(refusal::INVALID_TAG.saying("Cannot provide multiple Tags with the same key"));
        }
    }
    Ok(())
}

/// S3: letters, separators and digits of any script, and a few signs.
fn may_stand_in_a_tag(c: char) -> bool {
    c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c)
}
