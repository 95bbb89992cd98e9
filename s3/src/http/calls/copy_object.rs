//! CopyObject: a copy inside the store. Its result counts only when it is whole and has an ETag.

use brigade_model::ports::object_store::{CallError, CopyDone, CopyObject};
use http::Method;

use crate::http::request::{REDIRECT, RequestDraft};
use crate::http::response::{InvalidResponse, StoreResponse, etag, xml_time};

pub(crate) fn encode(request: &CopyObject) -> Result<RequestDraft, CallError> {
    let extras = request.extras.as_deref();
    let checksum = request.checksum.map(|algorithm| algorithm.name().to_ascii_uppercase());
    let mut draft = RequestDraft::of_object(Method::PUT, &request.target)
        .copy_source(&request.source, request.source_version.as_ref())?
        .head_etag("x-amz-copy-source-if-match", request.source_if_match.as_ref())?
        .over(request.if_match.as_ref(), request.if_none_match)?
        .head_if("x-amz-acl", request.canned_acl.as_deref())?
        .head_if("x-amz-storage-class", request.storage_class.as_deref())?
        .encryption(request.sse.as_ref())?
        .lock(extras.and_then(|extras| extras.lock.as_ref()))?
        .head_if(REDIRECT, extras.and_then(|extras| extras.redirect.as_deref()))?
        .head_if("x-amz-checksum-algorithm", checksum.as_deref())?;
    if let Some(metadata) = &request.metadata {
        draft = draft.head("x-amz-metadata-directive", "REPLACE")?.metadata(metadata)?;
    }
    if let Some(tags) = &request.tags {
        draft = draft.head("x-amz-tagging-directive", "REPLACE")?.tags(tags)?;
    }
    Ok(draft)
}

pub(crate) fn decode(_: &CopyObject, reply: StoreResponse) -> Result<CopyDone, InvalidResponse> {
    let result = reply.document("CopyObjectResult")?;
    Ok(CopyDone {
        etag: etag(result.text_of("ETag"))?,
        modified: result.text_of("LastModified").and_then(xml_time),
        version: reply.version(),
    })
}
