//! DeleteObjectTagging: removes all tags.

use brigade_model::ports::object_store::{CallError, DeleteObjectTagging};
use http::Method;

use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, StoreResponse};

pub(crate) fn encode(request: &DeleteObjectTagging) -> Result<RequestDraft, CallError> {
    Ok(RequestDraft::of_object(Method::DELETE, &request.at).ask("tagging", "").ask_version(request.version.as_ref()))
}

pub(crate) fn decode(_: &DeleteObjectTagging, reply: StoreResponse) -> Result<(), InvalidResponse> {
    reply.nothing()
}
