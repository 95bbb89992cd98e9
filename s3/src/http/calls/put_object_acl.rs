//! PutObjectAcl: replaces the ACL, by a canned name or by grants.

use brigade_model::ports::object_store::{Acl, CallError, Grantee, NewAcl, PutObjectAcl};
use http::Method;

use crate::http::request::{RequestDraft, refuse};
use crate::http::response::{InvalidResponse, StoreResponse};
use crate::xml::{Writer, can_carry};

const XSI: &str = " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";

pub(crate) fn encode(request: &PutObjectAcl) -> Result<RequestDraft, CallError> {
    let draft = RequestDraft::of_object(Method::PUT, &request.at).ask("acl", "").ask_version(request.version.as_ref());
    match &request.acl {
        NewAcl::Canned(name) => draft.head("x-amz-acl", name),
        NewAcl::Grants(acl) => Ok(draft.xml(policy(acl)?)),
    }
}

pub(crate) fn decode(_: &PutObjectAcl, reply: StoreResponse) -> Result<(), InvalidResponse> {
    reply.nothing()
}

fn policy(acl: &Acl) -> Result<Writer, CallError> {
    let grantees = acl.grants.iter().map(|grant| grantee(&grant.grantee).2);
    if let Some(name) = grantees.chain([acl.owner.as_str()]).find(|name| !can_carry(name)) {
        return Err(refuse(format!("grantee {name:?} holds characters that XML cannot carry")));
    }
    let mut document = Writer::new("AccessControlPolicy");
    document.within("AccessControlList", "", |list| {
        for grant in &acl.grants {
            let (kind, element, name) = grantee(&grant.grantee);
            list.within("Grant", "", |entry| {
                entry.within("Grantee", &format!("{XSI} xsi:type=\"{kind}\""), |inner| inner.element(element, name));
                entry.element("Permission", &grant.permission);
            });
        }
    });
    document.within("Owner", "", |owner| owner.element("ID", &acl.owner));
    Ok(document)
}

/// A grantee's type, its element and its name.
fn grantee(grantee: &Grantee) -> (&'static str, &'static str, &str) {
    match grantee {
        Grantee::Id(id) => ("CanonicalUser", "ID", id),
        Grantee::Group(uri) => ("Group", "URI", uri),
    }
}
