//! The parameters of a copy.

use serde::{Deserialize, Serialize};

use super::{CannedAcl, Directive, NewLock, Tag};
use crate::Timestamp;
use crate::limits::STORAGE_CLASS_BYTES_MAX;
use crate::names::ObjectKey;
use crate::ports::object_store::ChecksumAlgorithm;
use crate::resource::BucketRef;

/// Parameters of a copy. Fields that were not given are `None`, and are not echoed; their
/// defaults are stated at each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    /// The bucket to copy into.
    pub target: BucketRef,
    /// ACL: not given means the bucket's default, or `Replaced` when an ACL is given.
    pub acl_directive: Option<Directive>,
    /// Grants for `Replaced` and `Add`.
    pub grants: Vec<Grant>,
    /// A canned ACL for `Replaced`.
    pub canned_acl: Option<CannedAcl>,
    /// Whether `resources_prefix` is replaced by `target_prefix`; not given means no.
    pub prefix_replace: Option<bool>,
    /// The part of the key that is replaced, possibly empty.
    pub resources_prefix: Option<String>,
    /// What replaces it, possibly empty.
    pub target_prefix: Option<String>,
    /// Metadata: not given means `Copy`.
    pub metadata_directive: Option<Directive>,
    /// Act only on sources modified after this time.
    pub modified_since: Option<Timestamp>,
    /// Act only on sources not modified after this time.
    pub unmodified_since: Option<Timestamp>,
    /// Metadata for `Replaced` and `Add`; its SSE applies whatever the directive says.
    pub metadata: Option<NewMetadata>,
    /// Tags: not given means `Copy`.
    pub tagging_directive: Option<Directive>,
    /// Tags for `Replaced` and `Add`.
    pub tags: Vec<Tag>,
    /// The target's storage class; not given means `STANDARD`.
    pub storage_class: Option<StorageClass>,
    /// The key that the store encrypts the target with; not given means as `metadata` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_service: Option<KeyService>,
    /// What keeps the target from being removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<NewLock>,
    /// Where a website sends readers of the target instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
    /// The checksum that the store computes of the target and keeps with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<ChecksumAlgorithm>,
    /// Whether calls say that their sender pays for them, as buckets whose requester pays demand.
    #[serde(default, skip_serializing_if = "is_false")]
    pub requester_pays: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_false(is_it: &bool) -> bool {
    !is_it
}

impl Copy {
    /// A copy to this bucket without any other parameter.
    #[must_use]
    pub fn to(target: BucketRef) -> Self {
        Copy {
            target,
            acl_directive: None,
            grants: Vec::new(),
            canned_acl: None,
            prefix_replace: None,
            resources_prefix: None,
            target_prefix: None,
            metadata_directive: None,
            modified_since: None,
            unmodified_since: None,
            metadata: None,
            tagging_directive: None,
            tags: Vec::new(),
            storage_class: None,
            key_service: None,
            lock: None,
            redirect: None,
            checksum: None,
            requester_pays: false,
        }
    }
}

impl Copy {
    /// The key that the copy of an object gets; `None` where there can be none. A key outside of the prefix stays.
    #[must_use]
    pub fn target_of(&self, key: &ObjectKey) -> Option<ObjectKey> {
        let (from, to) = (self.resources_prefix.as_deref(), self.target_prefix.as_deref());
        let rest = key.as_str().strip_prefix(from.unwrap_or_default()).filter(|_| self.prefix_replace == Some(true));
        match rest {
            Some(rest) => ObjectKey::new(format!("{}{rest}", to.unwrap_or_default())).ok(),
            None => Some(key.clone()),
        }
    }
}

/// Metadata that a copy sets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMetadata {
    /// Cache-Control.
    pub cache_control: Option<String>,
    /// Content-Disposition.
    pub content_disposition: Option<String>,
    /// Content-Encoding.
    pub content_encoding: Option<String>,
    /// Content-Language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    /// Content-Type.
    pub content_type: Option<String>,
    /// Expires, as RFC 1123.
    pub expires: Option<String>,
    /// Server-side encryption with the store's own key (`AES256`).
    pub sse_aes256: bool,
    /// User metadata, in the order given, names without the prefix that headers give them.
    pub user: Vec<(String, String)>,
}

/// A key of a key service, with which a store encrypts objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyService {
    /// Its id, ARN or alias; not given means the one that the store has of itself.
    pub key: Option<String>,
    /// Whether a key of the bucket stands between, which saves calls to the service; not given means as the
    /// bucket has it.
    pub bucket_key: Option<bool>,
}

/// One grant of an ACL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Who: the identifier as given.
    pub grantee: String,
    /// Whether that is the URI of a group.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_group: bool,
    /// A name for people.
    pub display_name: Option<String>,
    /// What is allowed.
    pub permission: Permission,
}

/// What a grant allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Permission {
    /// READ.
    Read,
    /// WRITE.
    Write,
    /// READ_ACP.
    ReadAcp,
    /// WRITE_ACP.
    WriteAcp,
    /// FULL_CONTROL.
    FullControl,
}

impl Permission {
    /// Every one.
    pub const ALL: [Permission; 5] =
        [Permission::Read, Permission::Write, Permission::ReadAcp, Permission::WriteAcp, Permission::FullControl];

    /// The name at stores and on every wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Permission::Read => "READ",
            Permission::Write => "WRITE",
            Permission::ReadAcp => "READ_ACP",
            Permission::WriteAcp => "WRITE_ACP",
            Permission::FullControl => "FULL_CONTROL",
        }
    }
}

/// A storage class.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StorageClass {
    /// STANDARD.
    Standard,
    /// STANDARD_IA.
    StandardIa,
    /// INTELLIGENT_TIERING.
    IntelligentTiering,
    /// ARCHIVE; GLACIER on S3.
    Archive,
    /// DEEP_ARCHIVE.
    DeepArchive,
    /// MAZ_STANDARD; STANDARD on S3.
    MazStandard,
    /// MAZ_STANDARD_IA; STANDARD_IA on S3.
    MazStandardIa,
    /// MAZ_INTELLIGENT_TIERING; INTELLIGENT_TIERING on S3.
    MazIntelligentTiering,
    /// A store's own, by its name there.
    Other(String),
}

impl StorageClass {
    /// Every class that has the same meaning on each store.
    pub const ALL: [StorageClass; 8] = [
        StorageClass::Standard,
        StorageClass::StandardIa,
        StorageClass::IntelligentTiering,
        StorageClass::Archive,
        StorageClass::DeepArchive,
        StorageClass::MazStandard,
        StorageClass::MazStandardIa,
        StorageClass::MazIntelligentTiering,
    ];

    /// A store's own class; `None` for what can be no name of one: capitals, digits, `_` and `-`.
    #[must_use]
    pub fn other(name: &str) -> Option<Self> {
        let is_named = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        let is_name = (1..=STORAGE_CLASS_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_named);
        is_name.then(|| Self::Other(name.to_owned()))
    }

    /// The name on an S3 store.
    #[must_use]
    pub fn s3_name(&self) -> &str {
        match self {
            StorageClass::Other(name) => name,
            StorageClass::Standard | StorageClass::MazStandard => "STANDARD",
            StorageClass::StandardIa | StorageClass::MazStandardIa => "STANDARD_IA",
            StorageClass::IntelligentTiering | StorageClass::MazIntelligentTiering => "INTELLIGENT_TIERING",
            StorageClass::Archive => "GLACIER",
            StorageClass::DeepArchive => "DEEP_ARCHIVE",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Retention, RetentionMode};

    #[test]
    fn what_copies_got_later_is_absent_from_the_stored_form_where_it_is_not_given() {
        let mut copy = Copy::to(crate::samples::bucket_ref("target"));
        let plain = serde_json::to_value(&copy).unwrap();
        let later = ["key_service", "lock", "redirect", "checksum", "requester_pays"];
        assert!(later.into_iter().all(|name| plain.get(name).is_none()), "{plain}");
        assert_eq!(serde_json::from_value::<Copy>(plain).unwrap(), copy);
        copy.key_service = Some(KeyService { key: Some("k".into()), bucket_key: Some(true) });
        let retention = Some(Retention { mode: RetentionMode::Governance, until: Timestamp::UNIX_EPOCH });
        copy.lock = Some(NewLock { retention, is_held: Some(true) });
        let stored = serde_json::to_value(&copy).unwrap();
        let retention = serde_json::json!({"mode": "Governance", "until": "1970-01-01T00:00:00Z"});
        assert_eq!(stored["lock"], serde_json::json!({"retention": retention, "is_held": true}));
        assert_eq!(stored["key_service"], serde_json::json!({"key": "k", "bucket_key": true}));
        assert_eq!(serde_json::from_value::<Copy>(stored).unwrap(), copy);
    }
}
