//! UploadPart: one part from bytes.

use brigade_model::ports::object_store::{CallError, PartDone, UploadPart};
use http::Method;

use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, StoreResponse};

pub(crate) fn encode(request: &UploadPart) -> Result<RequestDraft, CallError> {
    let draft = RequestDraft::of_object(Method::PUT, &request.at)
        .ask("partNumber", request.part.to_string())
        .ask("uploadId", &request.upload_id);
    draft.bytes(&request.body)
}

pub(crate) fn decode(_: &UploadPart, reply: StoreResponse) -> Result<PartDone, InvalidResponse> {
    Ok(PartDone { etag: reply.etag()?, sse: reply.sse() })
}
