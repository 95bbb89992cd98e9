//! ListMultipartUploads: the first open uploads under a prefix.

use brigade_model::ports::object_store::{CallError, ListMultipartUploads, ListedUpload};
use http::Method;

use super::list_objects_v2::key_of;
use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, StoreResponse, invalid_response};
use crate::xml::Element;

pub(crate) fn encode(request: &ListMultipartUploads) -> Result<RequestDraft, CallError> {
    let draft = RequestDraft::of_bucket(Method::GET, &request.bucket).ask("uploads", "").ask("encoding-type", "url");
    Ok(draft.ask("prefix", &request.prefix))
}

pub(crate) fn decode(_: &ListMultipartUploads, reply: StoreResponse) -> Result<Vec<ListedUpload>, InvalidResponse> {
    let page = reply.document("ListMultipartUploadsResult")?;
    let is_encoded = page.text_of("EncodingType") == Some("url");
    page.children("Upload").map(|entry| listed(entry, is_encoded)).collect()
}

fn listed(entry: &Element<'_>, is_encoded: bool) -> Result<ListedUpload, InvalidResponse> {
    let id = entry.text_of("UploadId").filter(|id| !id.is_empty());
    let upload_id = id.ok_or_else(|| invalid_response("an upload has no id"))?.to_owned();
    Ok(ListedUpload { key: key_of(entry, is_encoded)?, upload_id })
}
