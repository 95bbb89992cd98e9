//! ListParts: the first parts of an open upload.

use brigade_model::names::ETag;
use brigade_model::ports::object_store::{CallError, ListParts, ListedPart};
use http::Method;

use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, StoreResponse, invalid_response};
use crate::xml::Element;

pub(crate) fn encode(request: &ListParts) -> Result<RequestDraft, CallError> {
    Ok(RequestDraft::of_object(Method::GET, &request.at).ask("uploadId", &request.upload_id))
}

pub(crate) fn decode(_: &ListParts, reply: StoreResponse) -> Result<Vec<ListedPart>, InvalidResponse> {
    reply.document("ListPartsResult")?.children("Part").map(listed).collect()
}

fn listed(entry: &Element<'_>) -> Result<ListedPart, InvalidResponse> {
    let number = |name| entry.text_of(name).map(str::trim);
    let part = number("PartNumber").and_then(|text| text.parse().ok());
    let size = number("Size").and_then(|text| text.parse().ok());
    let etag = entry.text_of("ETag").and_then(|text| ETag::new(text).ok());
    Ok(ListedPart {
        part: part.ok_or_else(|| invalid_response("a part has no number"))?,
        etag: etag.ok_or_else(|| invalid_response("a part has no ETag"))?,
        size: size.ok_or_else(|| invalid_response("a part has no size"))?,
    })
}
