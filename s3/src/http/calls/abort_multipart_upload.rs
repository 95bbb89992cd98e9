//! AbortMultipartUpload: discards a multipart upload.

use brigade_model::ports::object_store::{AbortMultipartUpload, CallError};
use http::Method;

use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, StoreResponse};

pub(crate) fn encode(request: &AbortMultipartUpload) -> Result<RequestDraft, CallError> {
    Ok(RequestDraft::of_object(Method::DELETE, &request.at).ask("uploadId", &request.upload_id))
}

pub(crate) fn decode(_: &AbortMultipartUpload, reply: StoreResponse) -> Result<(), InvalidResponse> {
    reply.nothing()
}
