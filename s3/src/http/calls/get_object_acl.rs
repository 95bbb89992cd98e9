//! GetObjectAcl: reads the owner and the grants.

use brigade_model::ports::object_store::{Acl, AclGrant, CallError, GetObjectAcl, Grantee};
use http::Method;

use crate::http::draft::Draft;
use crate::http::reply::{Flaw, Reply, flaw};
use crate::xml::Element;

pub(crate) fn encode(request: &GetObjectAcl) -> Result<Draft, CallError> {
    Ok(Draft::of_object(Method::GET, &request.at).ask("acl", "").ask_version(request.version.as_ref()))
}

pub(crate) fn decode(_: &GetObjectAcl, reply: Reply) -> Result<Acl, Flaw> {
    let policy = reply.document("AccessControlPolicy")?;
    let owner = policy.child("Owner").and_then(|owner| owner.text_of("ID")).unwrap_or_default().to_owned();
    let list = policy.child("AccessControlList").ok_or_else(|| flaw("the answer has no AccessControlList"))?;
    let grants = list.children("Grant").map(grant).collect::<Result<_, _>>()?;
    Ok(Acl { owner, grants })
}

fn grant(entry: &Element<'_>) -> Result<AclGrant, Flaw> {
    let grantee = entry.child("Grantee").ok_or_else(|| flaw("a grant has no grantee"))?;
    let grantee = match (grantee.text_of("ID"), grantee.text_of("URI")) {
        (Some(id), _) => Grantee::Id(id.to_owned()),
        (None, Some(uri)) => Grantee::Group(uri.to_owned()),
        (None, None) => return Err(flaw("a grantee is neither a canonical user nor a group")),
    };
    let permission = entry.text_of("Permission").ok_or_else(|| flaw("a grant has no permission"))?.to_owned();
    Ok(AclGrant { grantee, permission })
}
