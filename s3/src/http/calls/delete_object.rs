//! DeleteObject: deletes one object or version.

use brigade_model::ports::object_store::{CallError, DeleteObject, Deleted};
use http::Method;

use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, StoreResponse};

pub(crate) fn encode(request: &DeleteObject) -> Result<RequestDraft, CallError> {
    let draft = RequestDraft::of_object(Method::DELETE, &request.at).ask_version(request.version.as_ref());
    draft.head_etag("if-match", request.if_match.as_ref())
}

pub(crate) fn decode(_: &DeleteObject, reply: StoreResponse) -> Result<Deleted, InvalidResponse> {
    reply.nothing()?;
    let is_delete_marker = reply.header("x-amz-delete-marker").as_deref() == Some("true");
    Ok(Deleted { is_delete_marker, version: reply.version() })
}
