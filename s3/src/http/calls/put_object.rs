//! PutObject: a new object from bytes.

use brigade_model::ports::object_store::{CallError, PutDone, PutObject};
use http::Method;

use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, StoreResponse};

pub(crate) fn encode(request: &PutObject) -> Result<RequestDraft, CallError> {
    let draft = RequestDraft::of_object(Method::PUT, &request.at).new_object(&request.with)?;
    let draft = draft.over(request.if_match.as_ref(), request.if_none_match)?;
    draft.head_if("x-amz-checksum-sha256", request.with.checksum_sha256.as_deref())?.bytes(&request.body)
}

pub(crate) fn decode(_: &PutObject, reply: StoreResponse) -> Result<PutDone, InvalidResponse> {
    Ok(PutDone { etag: reply.etag()?, version: reply.version(), sse: reply.sse() })
}
