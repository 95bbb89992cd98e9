//! GetObjectAcl: reads the owner and the grants.

use brigade_model::ports::object_store::{Acl, AclGrant, CallError, GetObjectAcl, Grantee};
use http::Method;

use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, StoreResponse, invalid_response};
use crate::xml::Element;

pub(crate) fn encode(request: &GetObjectAcl) -> Result<RequestDraft, CallError> {
    Ok(RequestDraft::of_object(Method::GET, &request.at).ask("acl", "").ask_version(request.version.as_ref()))
}

pub(crate) fn decode(_: &GetObjectAcl, reply: StoreResponse) -> Result<Acl, InvalidResponse> {
    let policy = reply.document("AccessControlPolicy")?;
    let owner = policy.child("Owner").and_then(|owner| owner.text_of("ID")).unwrap_or_default().to_owned();
    let list =
        policy.child("AccessControlList").ok_or_else(|| invalid_response("the answer has no AccessControlList"))?;
    let grants = list.children("Grant").map(grant).collect::<Result<_, _>>()?;
    Ok(Acl { owner, grants })
}

fn grant(entry: &Element<'_>) -> Result<AclGrant, InvalidResponse> {
    let grantee = entry.child("Grantee").ok_or_else(|| invalid_response("a grant has no grantee"))?;
    let grantee = match (grantee.text_of("ID"), grantee.text_of("URI")) {
        (Some(id), _) => Grantee::Id(id.to_owned()),
        (None, Some(uri)) => Grantee::Group(uri.to_owned()),
        (None, None) => return Err(invalid_response("a grantee is neither a canonical user nor a group")),
    };
    let permission =
        entry.text_of("Permission").ok_or_else(|| invalid_response("a grant has no permission"))?.to_owned();
    Ok(AclGrant { grantee, permission })
}
