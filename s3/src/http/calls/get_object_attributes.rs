//! GetObjectAttributes: the checksum that an object was put with.

use brigade_model::ports::object_store::{CallError, GetObjectAttributes, ObjectAttributes};
use http::Method;

use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, StoreResponse};

pub(crate) fn encode(request: &GetObjectAttributes) -> Result<RequestDraft, CallError> {
    let draft = RequestDraft::of_object(Method::GET, &request.at).ask("attributes", "");
    draft.ask_version(request.version.as_ref()).head("x-amz-object-attributes", "Checksum")
}

pub(crate) fn decode(_: &GetObjectAttributes, reply: StoreResponse) -> Result<ObjectAttributes, InvalidResponse> {
    // The reference names the root one way, and servers send both.
    let document =
        reply.document("GetObjectAttributesResponse").or_else(|_| reply.document("GetObjectAttributesOutput"))?;
    let checksum = document.child("Checksum").and_then(|checksum| checksum.text_of("ChecksumSHA256"));
    Ok(ObjectAttributes { checksum_sha256: checksum.map(str::to_owned) })
}
