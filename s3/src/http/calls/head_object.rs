//! HeadObject: size, ETag, time and metadata.

use brigade_model::ports::object_store::{CallError, HeadObject, ObjectHead};
use http::Method;

use crate::http::draft::{CHECKSUM_MODE, Draft};
use crate::http::reply::{Flaw, Reply, flaw};

pub(crate) fn encode(request: &HeadObject) -> Result<Draft, CallError> {
    let draft = Draft::of_object(Method::HEAD, &request.at).ask_version(request.version.as_ref());
    draft.head(CHECKSUM_MODE, "ENABLED")
}

pub(crate) fn decode(_: &HeadObject, reply: Reply) -> Result<Box<ObjectHead>, Flaw> {
    let size = reply.header("content-length").and_then(|text| text.parse().ok());
    let size = size.ok_or_else(|| flaw("the answer does not say the object's size"))?;
    Ok(Box::new(reply.object_head(size)))
}
