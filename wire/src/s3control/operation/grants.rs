//! Grants of access control lists, and the names of canned ones.

use brigade_model::limits::RESOURCE_NAME_BYTES_MAX;
use brigade_model::operation::{CannedAcl, Permission};
use brigade_model::ports::object_store::Grantee;

use crate::s3control::{Fields, S3ControlError};
use crate::xml::Writer;

/// A grant as the element has it.
pub(super) struct GivenGrant {
    pub(super) grantee: Grantee,
    pub(super) display_name: Option<String>,
    pub(super) permission: Permission,
}

/// Reads the name of a canned ACL.
pub(super) fn read_canned(fields: &mut Fields<'_>) -> Result<Option<CannedAcl>, S3ControlError> {
    fields.choice("CannedAccessControlList", CannedAcl::ALL.iter().map(|acl| (acl.name(), *acl)))
}

/// Reads the children of a list of grants.
pub(super) fn read(mut grants: Fields<'_>) -> Result<Vec<GivenGrant>, S3ControlError> {
    let read = grants.each("member")?.into_iter().map(read_grant).collect::<Result<_, _>>()?;
    grants.finish()?;
    Ok(read)
}

fn read_grant(mut grant: Fields<'_>) -> Result<GivenGrant, S3ControlError> {
    let permissions = Permission::ALL.map(|permission| (permission.name(), permission));
    let permission = grant.choice("Permission", permissions)?;
    let permission = grant.required("Permission", permission)?;
    let grantee = grant.container("Grantee")?;
    let (grantee, display_name) = read_grantee(grant.required("Grantee", grantee)?)?;
    grant.finish()?;
    Ok(GivenGrant { grantee, display_name, permission })
}

fn read_grantee(mut grantee: Fields<'_>) -> Result<(Grantee, Option<String>), S3ControlError> {
    let kind = grantee.trimmed("TypeIdentifier")?;
    let kind = grantee.required("TypeIdentifier", kind)?;
    if kind == "emailAddress" {
        return Err(S3ControlError::not_offered(format_args!("{} {kind}", grantee.path("TypeIdentifier"))));
    }
    let is_group = grantee.choose("TypeIdentifier", kind, [("id", false), ("uri", true)])?;
    let identifier = one_line(&mut grantee, "Identifier")?;
    let identifier = grantee.required("Identifier", identifier)?;
    let display_name = one_line(&mut grantee, "DisplayName")?;
    grantee.finish()?;
    Ok((if is_group { Grantee::Group(identifier) } else { Grantee::Id(identifier) }, display_name))
}

/// A text on one line; an empty one counts as absent.
pub(super) fn one_line(fields: &mut Fields<'_>, name: &'static str) -> Result<Option<String>, S3ControlError> {
    let text = fields.bounded(name, RESOURCE_NAME_BYTES_MAX)?.filter(|text| !text.is_empty());
    if text.as_ref().is_some_and(|text| text.chars().any(char::is_control)) {
        return Err(fields.invalid(name, "must not hold control characters"));
    }
    Ok(text)
}

/// Writes a grant.
pub(super) fn write_grant(
    writer: &mut Writer,
    (kind, identifier): (&str, &str),
    display_name: Option<&String>,
    permission: &str,
) {
    writer.within("member", |w| {
        w.within("Grantee", |w| {
            w.leaf("TypeIdentifier", kind);
            w.leaf("Identifier", identifier);
            w.leaf_if("DisplayName", display_name);
        });
        w.leaf("Permission", permission);
    });
}
