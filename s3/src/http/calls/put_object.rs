//! PutObject: a new object from bytes.

use brigade_model::ports::object_store::{CallError, PutDone, PutObject};
use http::Method;

use crate::http::draft::Draft;
use crate::http::reply::{Flaw, Reply};

pub(crate) fn encode(request: &PutObject) -> Result<Draft, CallError> {
    let draft = Draft::of_object(Method::PUT, &request.at).new_object(&request.with)?;
    let draft = draft.over(request.if_match.as_ref(), request.if_none_match)?;
    draft.head_if("x-amz-checksum-sha256", request.with.checksum_sha256.as_deref())?.bytes(&request.body)
}

pub(crate) fn decode(_: &PutObject, reply: Reply) -> Result<PutDone, Flaw> {
    Ok(PutDone { etag: reply.etag()?, version: reply.version(), sse: reply.sse() })
}
