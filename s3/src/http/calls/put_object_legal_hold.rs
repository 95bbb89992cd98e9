//! PutObjectLegalHold: sets or lifts a version's legal hold.

use brigade_model::ports::object_store::{CallError, PutObjectLegalHold};
use http::Method;

use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, StoreResponse};
use crate::xml::Writer;

pub(crate) fn encode(request: &PutObjectLegalHold) -> Result<RequestDraft, CallError> {
    let mut document = Writer::new("LegalHold");
    document.element("Status", if request.is_held { "ON" } else { "OFF" });
    let draft = RequestDraft::of_object(Method::PUT, &request.at).ask("legal-hold", "");
    Ok(draft.ask_version(request.version.as_ref()).xml(document))
}

pub(crate) fn decode(_: &PutObjectLegalHold, reply: StoreResponse) -> Result<(), InvalidResponse> {
    reply.nothing()
}
