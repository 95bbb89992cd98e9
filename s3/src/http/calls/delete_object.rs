//! DeleteObject: deletes one object or version.

use brigade_model::ports::object_store::{CallError, DeleteObject, Deleted};
use http::Method;

use crate::http::draft::Draft;
use crate::http::reply::{Flaw, Reply};

pub(crate) fn encode(request: &DeleteObject) -> Result<Draft, CallError> {
    let draft = Draft::of_object(Method::DELETE, &request.at).ask_version(request.version.as_ref());
    draft.head_etag("if-match", request.if_match.as_ref())
}

pub(crate) fn decode(_: &DeleteObject, reply: Reply) -> Result<Deleted, Flaw> {
    reply.nothing()?;
    let is_delete_marker = reply.header("x-amz-delete-marker").as_deref() == Some("true");
    Ok(Deleted { is_delete_marker, version: reply.version() })
}
