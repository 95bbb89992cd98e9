//! UpdateObjectEncryption: changes the key of an object's encryption, in its place.

use brigade_model::ports::object_store::{CallError, UpdateObjectEncryption};
use http::Method;

use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, StoreResponse};
use crate::xml::Writer;

pub(crate) fn encode(request: &UpdateObjectEncryption) -> Result<RequestDraft, CallError> {
    let mut document = Writer::new("ObjectEncryption");
    document.within("SSE-KMS", "", |document| {
        document.element("KMSKeyArn", &request.key);
        document.element("BucketKeyEnabled", if request.bucket_key { "true" } else { "false" });
    });
    let draft = RequestDraft::of_object(Method::PUT, &request.at).ask("encryption", "");
    Ok(draft.ask_version(request.version.as_ref()).xml(document))
}

pub(crate) fn decode(_: &UpdateObjectEncryption, reply: StoreResponse) -> Result<(), InvalidResponse> {
    reply.nothing()
}
