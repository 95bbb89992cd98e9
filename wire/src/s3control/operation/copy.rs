//! `S3PutObjectCopy`: the target and everything that the copies get.
//!
//! Rules: `TargetResource` is required. `NewObjectTagging` replaces the tags, by none where it is empty; absent,
//! the copies have those of their sources. `NewObjectMetadata` without a `MetadataDirective` replaces the
//! metadata, unless it says nothing of it but the encryption. `TargetKeyPrefix` is a folder: the copies' keys are
//! `<prefix>/<key>`. What the engine has no parameter for is refused by its name.

use brigade_model::limits::{COPY_PREFIX_BYTES_MAX, RESOURCE_NAME_BYTES_MAX, TAGS_MAX};
use brigade_model::operation::{CannedAcl, Copy, Directive, Grant, NewMetadata, Permission};
use brigade_model::{Operation, Timestamp};

use super::metadata;
use crate::s3control::words::{directive_name, storage_class_of};
use crate::s3control::{Fields, S3ControlError, arn, tags};
use crate::times;
use crate::xml::Writer;

/// Parameters of the model that the engine has not.
const NOT_OFFERED: [&str; 9] = [
    "AnnotationDirective",
    "RedirectLocation",
    "SSEAwsKmsKeyId",
    "ObjectLockLegalHoldStatus",
    "ObjectLockMode",
    "ObjectLockRetainUntilDate",
    "ObjectLockEventHold",
    "ObjectLockEventHoldDuration",
    "ChecksumAlgorithm",
];
/// Canned ACLs of the model that the engine has not.
const CANNED_ACLS_NOT_OFFERED: [&str; 5] =
    ["public-read-write", "aws-exec-read", "authenticated-read", "bucket-owner-read", "bucket-owner-full-control"];

/// Reads the element's children.
pub(super) fn read(mut copy: Fields<'_>) -> Result<Operation, S3ControlError> {
    copy.refuse(&NOT_OFFERED)?;
    copy.refuse_switches(&["RequesterPays", "BucketKeyEnabled"])?;
    let target = copy.named("TargetResource", arn::parse_bucket)?;
    let mut read = Copy::to(copy.required("TargetResource", target)?);
    read.canned_acl = read_canned_acl(&mut copy)?;
    read.grants = copy.container("AccessControlGrants")?.map(read_grants).transpose()?.unwrap_or_default();
    let directives = [Directive::Copy, Directive::Replaced].map(|directive| (directive_name(directive), directive));
    read.metadata = copy.container("NewObjectMetadata")?.map(metadata::read).transpose()?.flatten();
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
    copy.finish()?;
    Ok(Operation::Copy(Box::new(read)))
}

/// What metadata without a directive asks for.
fn implied_directive(metadata: &NewMetadata) -> Option<Directive> {
    let only_encrypts = NewMetadata { sse_aes256: metadata.sse_aes256, ..NewMetadata::default() };
    (*metadata != only_encrypts).then_some(Directive::Replaced)
}

fn read_canned_acl(copy: &mut Fields<'_>) -> Result<Option<CannedAcl>, S3ControlError> {
    let offered = [CannedAcl::Private, CannedAcl::PublicRead];
    let Some(name) = copy.trimmed("CannedAccessControlList")? else { return Ok(None) };
    if CANNED_ACLS_NOT_OFFERED.contains(&name) {
        return Err(S3ControlError::not_offered(format_args!("{} {name}", copy.path("CannedAccessControlList"))));
    }
    copy.choose("CannedAccessControlList", name, offered.map(|acl| (acl.name(), acl))).map(Some)
}

fn read_grants(mut grants: Fields<'_>) -> Result<Vec<Grant>, S3ControlError> {
    let read = grants.each("member")?.into_iter().map(read_grant).collect::<Result<_, _>>()?;
    grants.finish()?;
    Ok(read)
}

fn read_grant(mut grant: Fields<'_>) -> Result<Grant, S3ControlError> {
    let name = grant.trimmed("Permission")?;
    let name = grant.required("Permission", name)?;
    if ["READ_ACP", "WRITE_ACP"].contains(&name) {
        return Err(S3ControlError::not_offered(format_args!("{} {name}", grant.path("Permission"))));
    }
    let offered = [Permission::Read, Permission::Write, Permission::FullControl];
    let permission = grant.choose("Permission", name, offered.map(|permission| (permission.name(), permission)))?;
    let grantee = grant.container("Grantee")?;
    let (grantee, display_name) = read_grantee(grant.required("Grantee", grantee)?)?;
    grant.finish()?;
    Ok(Grant { grantee, display_name, permission })
}

fn read_grantee(mut grantee: Fields<'_>) -> Result<(String, Option<String>), S3ControlError> {
    let kind = grantee.trimmed("TypeIdentifier")?;
    if let Some(name @ ("emailAddress" | "uri")) = kind {
        return Err(S3ControlError::not_offered(format_args!("{} {name}", grantee.path("TypeIdentifier"))));
    }
    grantee.choose("TypeIdentifier", grantee.required("TypeIdentifier", kind)?, [("id", ())])?;
    let identifier = one_line(&mut grantee, "Identifier")?;
    let identifier = grantee.required("Identifier", identifier)?;
    let display_name = one_line(&mut grantee, "DisplayName")?;
    grantee.finish()?;
    Ok((identifier, display_name))
}

/// A text on one line; an empty one counts as absent.
fn one_line(fields: &mut Fields<'_>, name: &'static str) -> Result<Option<String>, S3ControlError> {
    let text = fields.bounded(name, RESOURCE_NAME_BYTES_MAX)?.filter(|text| !text.is_empty());
    if text.as_ref().is_some_and(|text| text.chars().any(char::is_control)) {
        return Err(fields.invalid(name, "must not hold control characters"));
    }
    Ok(text)
}

/// Writes the element's children.
pub(super) fn write(writer: &mut Writer, copy: &Copy) {
    writer.leaf("TargetResource", &copy.target.text);
    writer.leaf_if("CannedAccessControlList", copy.canned_acl.map(CannedAcl::name));
    write_grants(writer, &copy.grants);
    writer.leaf_if("MetadataDirective", copy.metadata_directive.map(directive_name));
    let time = |time: Option<Timestamp>| time.map(times::iso);
    writer.leaf_if("ModifiedSinceConstraint", time(copy.modified_since));
    if let Some(metadata) = &copy.metadata {
        metadata::write(writer, metadata);
    }
    if copy.tagging_directive == Some(Directive::Replaced) {
        tags::write(writer, "NewObjectTagging", &copy.tags);
    }
    writer.leaf_if("StorageClass", copy.storage_class.as_ref().map(|class| class.s3_name()));
    writer.leaf_if("UnModifiedSinceConstraint", time(copy.unmodified_since));
    writer.leaf_if("TargetKeyPrefix", copy.target_prefix.as_ref());
}

fn write_grants(writer: &mut Writer, grants: &[Grant]) {
    if grants.is_empty() {
        return;
    }
    writer.within("AccessControlGrants", |w| {
        for grant in grants {
            w.within("member", |w| {
                w.within("Grantee", |w| {
                    w.leaf("TypeIdentifier", "id");
                    w.leaf("Identifier", &grant.grantee);
                    w.leaf_if("DisplayName", grant.display_name.as_ref());
                });
                w.leaf("Permission", grant.permission.name());
            });
        }
    });
}
