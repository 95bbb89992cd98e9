//! HeadPart: the size of one part of an object, by HeadObject with the part's number.

use brigade_model::ports::object_store::{CallError, HeadPart, PartHead};
use http::Method;

use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, PARTS_COUNT, StoreResponse, invalid_response};

pub(crate) fn encode(request: &HeadPart) -> Result<RequestDraft, CallError> {
    let draft = RequestDraft::of_object(Method::HEAD, &request.at).ask("partNumber", request.part.to_string());
    Ok(draft.ask_version(request.version.as_ref()))
}

/// A store that does not know parts tells the whole object, whose ETag may end with a number of parts all the same.
pub(crate) fn decode(_: &HeadPart, reply: StoreResponse) -> Result<PartHead, InvalidResponse> {
    let size = reply.header("content-length").and_then(|text| text.parse().ok());
    let size = size.ok_or_else(|| invalid_response("the answer does not say the part's size"))?;
    Ok(PartHead { size, parts: reply.number(PARTS_COUNT) })
}
