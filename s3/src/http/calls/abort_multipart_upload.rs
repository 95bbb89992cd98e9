//! AbortMultipartUpload: throws an upload in parts away.

use brigade_model::ports::object_store::{AbortMultipartUpload, CallError};
use http::Method;

use crate::http::draft::Draft;
use crate::http::reply::{Flaw, Reply};

pub(crate) fn encode(request: &AbortMultipartUpload) -> Result<Draft, CallError> {
    Ok(Draft::of_object(Method::DELETE, &request.at).ask("uploadId", &request.upload_id))
}

pub(crate) fn decode(_: &AbortMultipartUpload, reply: Reply) -> Result<(), Flaw> {
    reply.nothing()
}
