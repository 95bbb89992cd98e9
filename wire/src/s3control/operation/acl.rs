//! `S3PutObjectAcl`: the access control list that each object gets, canned or of grants.
//!
//! Rule: exactly one of the two is given. A list names the owner whom the store knows as the object's.

use brigade_model::Operation;
use brigade_model::operation::ObjectAcl;
use brigade_model::ports::object_store::{Acl, AclGrant, Grantee};

use super::grants::{self, GivenGrant, one_line, read_canned, write_grant};
use crate::s3control::{Fields, S3ControlError};
use crate::xml::Writer;

/// Reads the element's children.
pub(super) fn read(mut parameters: Fields<'_>) -> Result<Operation, S3ControlError> {
    let policy = parameters.container("AccessControlPolicy")?;
    let mut policy = parameters.required("AccessControlPolicy", policy)?;
    let canned = read_canned(&mut policy)?;
    let list = policy.container("AccessControlList")?.map(read_list).transpose()?;
    let acl = match (canned, list) {
        (Some(canned), None) => ObjectAcl::Canned(canned),
        (None, Some(acl)) => ObjectAcl::Grants(acl),
        _ => return Err(policy.malformed("needs either AccessControlList or CannedAccessControlList")),
    };
    policy.finish()?;
    parameters.finish()?;
    Ok(Operation::Acl(acl))
}

fn read_list(mut list: Fields<'_>) -> Result<Acl, S3ControlError> {
    let owner = list.container("Owner")?;
    let mut owner = list.required("Owner", owner)?;
    let id = one_line(&mut owner, "ID")?;
    let id = owner.required("ID", id)?;
    owner.text("DisplayName")?;
    owner.finish()?;
    let given = list.container("Grants")?.map(grants::read).transpose()?.unwrap_or_default();
    list.finish()?;
    let grant = |GivenGrant { grantee, permission, .. }| AclGrant { grantee, permission: permission.name().to_owned() };
    Ok(Acl { owner: id, grants: given.into_iter().map(grant).collect() })
}

/// Writes the element's children.
pub(super) fn write(writer: &mut Writer, acl: &ObjectAcl) {
    writer.within("AccessControlPolicy", |w| match acl {
        ObjectAcl::Canned(canned) => w.leaf("CannedAccessControlList", canned.name()),
        ObjectAcl::Grants(acl) => w.within("AccessControlList", |w| {
            w.within("Owner", |w| w.leaf("ID", &acl.owner));
            w.within("Grants", |w| {
                for grant in &acl.grants {
                    write_grant(w, type_and_identifier(&grant.grantee), None, &grant.permission);
                }
            });
        }),
    });
}

/// A grantee's type and its identifier.
pub(in crate::s3control) fn type_and_identifier(grantee: &Grantee) -> (&'static str, &str) {
    match grantee {
        Grantee::Id(id) => ("id", id),
        Grantee::Group(uri) => ("uri", uri),
    }
}
