//! UploadPartCopy: one part from a range of another object.

use brigade_model::names::ETag;
use brigade_model::ports::object_store::{CallError, UploadPartCopy};
use http::Method;

use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, StoreResponse, etag};

pub(crate) fn encode(request: &UploadPartCopy) -> Result<RequestDraft, CallError> {
    let (first, last) = request.range;
    RequestDraft::of_object(Method::PUT, &request.target)
        .ask("partNumber", request.part.to_string())
        .ask("uploadId", &request.upload_id)
        .copy_source(&request.source, request.source_version.as_ref())?
        .head("x-amz-copy-source-range", &format!("bytes={first}-{last}"))?
        .head_etag("x-amz-copy-source-if-match", request.source_if_match.as_ref())
}

pub(crate) fn decode(_: &UploadPartCopy, reply: StoreResponse) -> Result<ETag, InvalidResponse> {
    etag(reply.document("CopyPartResult")?.text_of("ETag"))
}
