//! `S3PutObjectCopy`: the target and everything that the copies get.
//!
//! Rules: `TargetResource` is required. `NewObjectTagging` replaces the tags, by none where it is empty; absent,
//! the copies have those of their sources. `NewObjectMetadata` without a `MetadataDirective` replaces the
//! metadata, unless it says nothing of it but the encryption. `TargetKeyPrefix` is a folder: the copies' keys are
//! `<prefix>/<key>`. What the engine has no parameter for is refused by its name: annotations, event holds, and the
//! checksums that no client of ours can read back.

use brigade_model::limits::{COPY_PREFIX_BYTES_MAX, TAGS_MAX};
use brigade_model::operation::{
    CannedAcl, Copy, DigestAlgorithm, Directive, Grant, KeyService, NewLock, NewMetadata, Retention, RetentionMode,
};
use brigade_model::ports::object_store::{ChecksumAlgorithm, Grantee};
use brigade_model::{Operation, Timestamp};

use super::grants::{self, GivenGrant, read_canned, write_grant};
use super::legal_hold::status;
use super::metadata::{self, GivenMetadata, check_header};
use crate::s3control::words::{directive_name, storage_class_of};
use crate::s3control::{Fields, S3ControlError, arn, tags};
use crate::times;
use crate::xml::Writer;

/// The id of a key, bytes. S3
const KEY_ID_BYTES_MAX: usize = 2000;

/// Where a website redirects to, bytes. S3
const REDIRECT_BYTES_MAX: usize = 2048;

/// Parameters of the model that the engine has not.
const NOT_OFFERED: [&str; 3] = ["AnnotationDirective", "ObjectLockEventHold", "ObjectLockEventHoldDuration"];

/// Reads the element's children.
pub(super) fn read(mut copy: Fields<'_>) -> Result<Operation, S3ControlError> {
    copy.refuse(&NOT_OFFERED)?;
    let target = copy.named("TargetResource", arn::parse_bucket)?;
    let mut read = Copy::to(copy.required("TargetResource", target)?);
    read.canned_acl = read_canned(&mut copy)?;
    if let Some(grants) = copy.container("AccessControlGrants")? {
        if read.canned_acl.is_some_and(|canned| canned.grants().is_none()) {
            return Err(
                copy.malformed("takes no AccessControlGrants beside a canned ACL whose grants the store alone knows")
            );
        }
        read.grants = read_grants(grants)?;
    }
    let directives = [Directive::Copy, Directive::Replaced].map(|directive| (directive_name(directive), directive));
    let given = copy.container("NewObjectMetadata")?.map(metadata::read).transpose()?.unwrap_or_default();
    read.key_service = read_key_service(&mut copy, &given)?;
    read.metadata = given.metadata;
    read.lock = read_lock(&mut copy)?;
    read.metadata_directive =
        copy.choice("MetadataDirective", directives)?.or(read.metadata.as_ref().and_then(implied_directive));
    read.modified_since = copy.time("ModifiedSinceConstraint")?;
    read.unmodified_since = copy.time("UnModifiedSinceConstraint")?;
    if let Some(set) = copy.child("NewObjectTagging")? {
        (read.tagging_directive, read.tags) = (Some(Directive::Replaced), tags::read(set, TAGS_MAX)?);
    }
    read.storage_class = match copy.trimmed("StorageClass")? {
        Some(name) => Some(
            storage_class_of(name).ok_or_else(|| copy.invalid("StorageClass", "must be capitals, digits, _ and -"))?,
        ),
        None => None,
    };
    if let Some(prefix) = copy.bounded("TargetKeyPrefix", COPY_PREFIX_BYTES_MAX)?.filter(|prefix| !prefix.is_empty()) {
        read.prefix_replace = Some(true);
        read.target_prefix = Some(if prefix.ends_with('/') { prefix } else { format!("{prefix}/") });
    }
    read.redirect = read_redirect(&mut copy)?;
    read.checksum = read_checksum(&mut copy)?;
    read.requester_pays = copy.boolean("RequesterPays")?.unwrap_or_default();
    copy.finish()?;
    Ok(Operation::Copy(Box::new(read)))
}

/// A key's id says by itself that the key service is meant.
fn read_key_service(copy: &mut Fields<'_>, given: &GivenMetadata) -> Result<Option<KeyService>, S3ControlError> {
    let key = copy.bounded("SSEAwsKmsKeyId", KEY_ID_BYTES_MAX)?.filter(|key| !key.is_empty());
    check_header(copy, "SSEAwsKmsKeyId", key.as_deref().unwrap_or_default())?;
    let bucket_key = copy.boolean("BucketKeyEnabled")?;
    let has_own_key = given.metadata.as_ref().is_some_and(|metadata| metadata.sse_aes256);
    if has_own_key && key.is_some() {
        return Err(copy.malformed("takes no SSEAwsKmsKeyId beside the SSEAlgorithm AES256"));
    }
    if given.asks_key_service || key.is_some() {
        return Ok(Some(KeyService { key, bucket_key }));
    }
    if bucket_key == Some(true) {
        return Err(copy.malformed("takes BucketKeyEnabled only beside the SSEAlgorithm KMS"));
    }
    Ok(None)
}

/// S3 takes a path of the same website, or a whole URL.
fn read_redirect(copy: &mut Fields<'_>) -> Result<Option<String>, S3ControlError> {
    let redirect = copy.bounded("RedirectLocation", REDIRECT_BYTES_MAX)?.filter(|location| !location.is_empty());
    let Some(location) = redirect else { return Ok(None) };
    check_header(copy, "RedirectLocation", &location)?;
    if !["/", "http://", "https://"].iter().any(|start| location.starts_with(start)) {
        return Err(copy.invalid("RedirectLocation", "must begin with /, http:// or https://"));
    }
    Ok(Some(location))
}

/// What the model names and stores have no header of is refused by its name.
fn read_checksum(copy: &mut Fields<'_>) -> Result<Option<ChecksumAlgorithm>, S3ControlError> {
    let algorithms = DigestAlgorithm::ALL.map(|algorithm| (algorithm.name(), algorithm));
    let Some(asked) = copy.choice("ChecksumAlgorithm", algorithms)? else { return Ok(None) };
    let kept = ChecksumAlgorithm::ALL.into_iter().find(|algorithm| DigestAlgorithm::from(*algorithm) == asked);
    let name = || format!("{} {}", copy.path("ChecksumAlgorithm"), asked.name());
    kept.map(Some).ok_or_else(|| S3ControlError::not_offered(name()))
}

fn read_lock(copy: &mut Fields<'_>) -> Result<Option<NewLock>, S3ControlError> {
    let is_held = copy.choice("ObjectLockLegalHoldStatus", [true, false].map(|is_held| (status(is_held), is_held)))?;
    let mode = copy.choice("ObjectLockMode", RetentionMode::ALL.map(|mode| (mode.name(), mode)))?;
    let retention = match (mode, copy.time("ObjectLockRetainUntilDate")?) {
        (Some(mode), Some(until)) => Some(Retention { mode, until }),
        (None, None) => None,
        _ => return Err(copy.malformed("needs both ObjectLockMode and ObjectLockRetainUntilDate, or neither")),
    };
    Ok((retention.is_some() || is_held.is_some()).then_some(NewLock { retention, is_held }))
}

/// What metadata without a directive asks for.
fn implied_directive(metadata: &NewMetadata) -> Option<Directive> {
    let only_encrypts = NewMetadata { sse_aes256: metadata.sse_aes256, ..NewMetadata::default() };
    (*metadata != only_encrypts).then_some(Directive::Replaced)
}

fn read_grants(grants: Fields<'_>) -> Result<Vec<Grant>, S3ControlError> {
    let read = grants::read(grants)?.into_iter().map(|GivenGrant { grantee, display_name, permission }| {
        let (grantee, is_group) = match grantee {
            Grantee::Id(id) => (id, false),
            Grantee::Group(uri) => (uri, true),
        };
        Grant { grantee, is_group, display_name, permission }
    });
    Ok(read.collect())
}

/// Writes the element's children.
pub(super) fn write(writer: &mut Writer, copy: &Copy) {
    writer.leaf("TargetResource", &copy.target.text);
    writer.leaf_if("CannedAccessControlList", copy.canned_acl.map(CannedAcl::name));
    write_grants(writer, &copy.grants);
    writer.leaf_if("MetadataDirective", copy.metadata_directive.map(directive_name));
    let time = |time: Option<Timestamp>| time.map(times::iso);
    writer.leaf_if("ModifiedSinceConstraint", time(copy.modified_since));
    metadata::write(writer, copy.metadata.as_ref(), copy.key_service.is_some());
    if copy.tagging_directive == Some(Directive::Replaced) {
        tags::write(writer, "NewObjectTagging", &copy.tags);
    }
    writer.leaf_if("RedirectLocation", copy.redirect.as_ref());
    writer.leaf_if("RequesterPays", copy.requester_pays.then_some(true));
    writer.leaf_if("StorageClass", copy.storage_class.as_ref().map(|class| class.s3_name()));
    writer.leaf_if("UnModifiedSinceConstraint", time(copy.unmodified_since));
    if let Some(NewLock { retention, is_held }) = copy.lock {
        writer.leaf_if("ObjectLockLegalHoldStatus", is_held.map(status));
        writer.leaf_if("ObjectLockMode", retention.map(|retention| retention.mode.name()));
        writer.leaf_if("ObjectLockRetainUntilDate", retention.map(|retention| times::iso(retention.until)));
    }
    if let Some(KeyService { key, bucket_key }) = &copy.key_service {
        writer.leaf_if("SSEAwsKmsKeyId", key.as_ref());
        writer.leaf_if("BucketKeyEnabled", *bucket_key);
    }
    writer.leaf_if("TargetKeyPrefix", copy.target_prefix.as_ref());
    let checksum = copy.checksum.map(|algorithm| DigestAlgorithm::from(algorithm).name());
    writer.leaf_if("ChecksumAlgorithm", checksum);
}

fn write_grants(writer: &mut Writer, grants: &[Grant]) {
    if grants.is_empty() {
        return;
    }
    writer.within("AccessControlGrants", |w| {
        for grant in grants {
            let kind = if grant.is_group { "uri" } else { "id" };
            write_grant(w, (kind, &grant.grantee), grant.display_name.as_ref(), grant.permission.name());
        }
    });
}
