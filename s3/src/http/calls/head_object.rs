//! HeadObject: size, ETag, time and metadata.

use brigade_model::ports::object_store::{CallError, HeadObject, ObjectHead};
use http::Method;

use crate::http::request::{CHECKSUM_MODE, RequestDraft};
use crate::http::response::{InvalidResponse, StoreResponse, invalid_response};

pub(crate) fn encode(request: &HeadObject) -> Result<RequestDraft, CallError> {
    let draft = RequestDraft::of_object(Method::HEAD, &request.at).ask_version(request.version.as_ref());
    draft.head(CHECKSUM_MODE, "ENABLED")
}

pub(crate) fn decode(_: &HeadObject, reply: StoreResponse) -> Result<Box<ObjectHead>, InvalidResponse> {
    let size = reply.header("content-length").and_then(|text| text.parse().ok());
    let size = size.ok_or_else(|| invalid_response("the answer does not say the object's size"))?;
    Ok(Box::new(reply.object_head(size)))
}
