//! PutObject: a new object from bytes.

use brigade_model::ports::object_store::{CallError, PutDone, PutObject};
use http::Method;

use crate::http::draft::Draft;
use crate::http::reply::{Flaw, Reply};

pub(crate) fn encode(request: &PutObject) -> Result<Draft, CallError> {
    Draft::of_object(Method::PUT, &request.at).new_object(&request.with)?.bytes(&request.body)
}

pub(crate) fn decode(_: &PutObject, reply: Reply) -> Result<PutDone, Flaw> {
    Ok(PutDone { etag: reply.etag()?, version: reply.version() })
}
