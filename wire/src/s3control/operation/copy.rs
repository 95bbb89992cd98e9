//! `S3PutObjectCopy`: the target and everything that the copies get.
//!
//! Rules: `TargetResource` is required. `NewObjectTagging` replaces the tags, by none where it is empty; absent,
//! the copies have those of their sources. `NewObjectMetadata` without a `MetadataDirective` replaces the
//! metadata, unless it says nothing of it but the encryption. `TargetKeyPrefix` is a folder: the copies' keys are
//! `<prefix>/<key>`. What the engine has no parameter for is refused by its name.

use brigade_model::limits::{COPY_PREFIX_BYTES_MAX, TAGS_MAX};
use brigade_model::operation::{CannedAcl, Copy, Directive, Grant, NewMetadata};
use brigade_model::ports::object_store::Grantee;
use brigade_model::{Operation, Timestamp};

use super::grants::{self, read_canned, write_grant};
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

/// Reads the element's children.
pub(super) fn read(mut copy: Fields<'_>) -> Result<Operation, S3ControlError> {
    copy.refuse(&NOT_OFFERED)?;
    copy.refuse_switches(&["RequesterPays", "BucketKeyEnabled"])?;
    let target = copy.named("TargetResource", arn::parse_bucket)?;
    let mut read = Copy::to(copy.required("TargetResource", target)?);
    read.canned_acl = read_canned(&mut copy)?;
    if let Some(grants) = copy.container("AccessControlGrants")? {
        if read.canned_acl.is_some_and(|canned| canned.grants().is_none()) {
            return Err(
                copy.malformed("takes no AccessControlGrants beside a canned ACL whose grants the store alone knows")
            );
        }
        read.grants = read_grants(&copy, grants)?;
    }
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

/// Only other elements give rights to groups.
fn read_grants(copy: &Fields<'_>, grants: Fields<'_>) -> Result<Vec<Grant>, S3ControlError> {
    let read = grants::read(grants)?.into_iter().map(|given| match given.grantee {
        Grantee::Id(grantee) => Ok(Grant { grantee, display_name: given.display_name, permission: given.permission }),
        Grantee::Group(_) => {
            Err(S3ControlError::not_offered(format_args!("{} of type uri", copy.path("AccessControlGrants"))))
        }
    });
    read.collect()
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
            write_grant(w, ("id", &grant.grantee), grant.display_name.as_ref(), grant.permission.name());
        }
    });
}
