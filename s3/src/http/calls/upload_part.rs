//! UploadPart: one part from bytes.

use brigade_model::ports::object_store::{CallError, PartDone, UploadPart};
use http::Method;

use crate::http::draft::Draft;
use crate::http::reply::{Flaw, Reply};

pub(crate) fn encode(request: &UploadPart) -> Result<Draft, CallError> {
    let draft = Draft::of_object(Method::PUT, &request.at)
        .ask("partNumber", request.part.to_string())
        .ask("uploadId", &request.upload_id);
    draft.bytes(&request.body)
}

pub(crate) fn decode(_: &UploadPart, reply: Reply) -> Result<PartDone, Flaw> {
    Ok(PartDone { etag: reply.etag()?, sse: reply.sse() })
}
