//! `COSPutObjectCopy`: the target and everything that the copies get.
//!
//! Rules: `TargetResource` is required; tags are required where the tagging directive is
//! Replaced or Add; without `PrefixReplace` true the two prefixes say nothing, and are kept for the
//! echo. Written in the order of COS's Go client. Where the pages are silent: an ACL that is given without its directive
//! replaces (resolution U-19), and a key that does not begin with the prefix stays as it is (U-21).

use brigade_model::Timestamp;
use brigade_model::limits::{COPY_PREFIX_BYTES_MAX, RESOURCE_NAME_BYTES_MAX};
use brigade_model::operation::{CannedAcl, Copy, Directive, Grant, Permission, StorageClass};

use super::{metadata, read_directive, read_tags, write_tags};
use crate::cos::CosError;
use crate::cos::fields::Fields;
use crate::cos::qcs;
use crate::cos::words::{directive_name, storage_class_name, storage_class_of};
use crate::xml::Writer;

const DIRECTIVES: &[Directive] = &[Directive::Copy, Directive::Replaced, Directive::Add];

/// Reads the element's children.
pub(super) fn read(mut copy: Fields<'_>) -> Result<Copy, CosError> {
    let target = copy.named("TargetResource", qcs::parse_bucket)?;
    let target = copy.required("TargetResource", target)?;
    let read = Copy {
        acl_directive: read_directive(&mut copy, "AccessControlDirective", DIRECTIVES)?,
        grants: copy.container("AccessControlGrants")?.map(read_grants).transpose()?.unwrap_or_default(),
        canned_acl: copy.choice(
            "CannedAccessControlList",
            [CannedAcl::Private, CannedAcl::PublicRead].map(|acl| (acl.name(), acl)),
        )?,
        prefix_replace: copy.boolean("PrefixReplace")?,
        resources_prefix: copy.bounded("ResourcesPrefix", COPY_PREFIX_BYTES_MAX)?,
        target_prefix: copy.bounded("TargetKeyPrefix", COPY_PREFIX_BYTES_MAX)?,
        metadata_directive: read_directive(&mut copy, "MetadataDirective", DIRECTIVES)?,
        modified_since: copy.time("ModifiedSinceConstraint")?,
        unmodified_since: copy.time("UnModifiedSinceConstraint")?,
        metadata: copy.container("NewObjectMetadata")?.map(metadata::read).transpose()?.flatten(),
        tagging_directive: read_directive(&mut copy, "TaggingDirective", DIRECTIVES)?,
        tags: copy.container("NewObjectTagging")?.map(read_tags).transpose()?.unwrap_or_default(),
        storage_class: read_storage_class(&mut copy)?,
        ..Copy::to(target)
    };
    check_tags(&copy, &read)?;
    copy.finish()?;
    Ok(read)
}

fn read_storage_class(copy: &mut Fields<'_>) -> Result<Option<StorageClass>, CosError> {
    let Some(name) = copy.trimmed("StorageClass")? else { return Ok(None) };
    let class = storage_class_of(name);
    class.map(Some).ok_or_else(|| copy.invalid("StorageClass", "must be capitals, digits, _ and -"))
}

fn check_tags(fields: &Fields<'_>, copy: &Copy) -> Result<(), CosError> {
    let needs_tags = matches!(copy.tagging_directive, Some(Directive::Replaced | Directive::Add));
    fields.required("NewObjectTagging", (!needs_tags || !copy.tags.is_empty()).then_some(()))
}

fn read_grants(mut grants: Fields<'_>) -> Result<Vec<Grant>, CosError> {
    let read = grants.each("COSGrant")?.into_iter().map(read_grant).collect::<Result<_, _>>()?;
    grants.finish()?;
    Ok(read)
}

fn read_grant(mut grant: Fields<'_>) -> Result<Grant, CosError> {
    let permissions = [Permission::Read, Permission::Write, Permission::FullControl];
    let permission = grant.choice("Permission", permissions.map(|permission| (permission.name(), permission)))?;
    let permission = grant.required("Permission", permission)?;
    let grantee = grant.container("Grantee")?;
    let (grantee, display_name) = read_grantee(grant.required("Grantee", grantee)?)?;
    grant.finish()?;
    Ok(Grant { grantee, is_group: false, display_name, permission })
}

fn read_grantee(mut grantee: Fields<'_>) -> Result<(String, Option<String>), CosError> {
    let identifier = metadata::one_line(&mut grantee, "Identifier", RESOURCE_NAME_BYTES_MAX)?;
    let identifier = grantee.required("Identifier", identifier)?;
    let display_name = metadata::one_line(&mut grantee, "DisplayName", RESOURCE_NAME_BYTES_MAX)?;
    grantee.choice("TypeIdentifier", [("ID", ())])?;
    grantee.finish()?;
    Ok((identifier, display_name))
}

/// Writes the element's children.
pub(super) fn write(writer: &mut Writer, copy: &Copy) {
    writer.leaf_if("AccessControlDirective", copy.acl_directive.map(directive_name));
    write_grants(writer, &copy.grants);
    writer.leaf_if("CannedAccessControlList", copy.canned_acl.map(CannedAcl::name));
    writer.leaf_if("PrefixReplace", copy.prefix_replace);
    writer.leaf_if("ResourcesPrefix", copy.resources_prefix.as_ref());
    writer.leaf_if("TargetKeyPrefix", copy.target_prefix.as_ref());
    writer.leaf_if("MetadataDirective", copy.metadata_directive.map(directive_name));
    writer.leaf_if("ModifiedSinceConstraint", copy.modified_since.map(Timestamp::as_second));
    writer.leaf_if("UnModifiedSinceConstraint", copy.unmodified_since.map(Timestamp::as_second));
    if let Some(metadata) = &copy.metadata {
        metadata::write(writer, metadata);
    }
    writer.leaf_if("TaggingDirective", copy.tagging_directive.map(directive_name));
    write_tags(writer, "NewObjectTagging", &copy.tags);
    writer.leaf_if("StorageClass", copy.storage_class.as_ref().map(storage_class_name));
    writer.leaf("TargetResource", &copy.target.text);
}

fn write_grants(writer: &mut Writer, grants: &[Grant]) {
    if grants.is_empty() {
        return;
    }
    writer.within("AccessControlGrants", |w| {
        for grant in grants {
            w.within("COSGrant", |w| {
                w.within("Grantee", |w| {
                    w.leaf_if("DisplayName", grant.display_name.as_ref());
                    w.leaf("Identifier", &grant.grantee);
                    w.leaf("TypeIdentifier", "ID");
                });
                w.leaf("Permission", grant.permission.name());
            });
        }
    });
}
