//! RestoreObject: asks for a temporary copy of an archived object.

use brigade_model::ports::object_store::{CallError, RestoreDone, RestoreObject};
use http::{Method, StatusCode};

use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, StoreResponse};
use crate::xml::Writer;

pub(crate) fn encode(request: &RestoreObject) -> Result<RequestDraft, CallError> {
    let mut document = Writer::new("RestoreRequest");
    document.element("Days", &request.days.to_string());
    document.within("GlacierJobParameters", "", |job| job.element("Tier", &request.tier));
    let draft = RequestDraft::of_object(Method::POST, &request.at).ask("restore", "");
    Ok(draft.ask_version(request.version.as_ref()).xml(document))
}

pub(crate) fn decode(_: &RestoreObject, reply: StoreResponse) -> Result<RestoreDone, InvalidResponse> {
    reply.nothing()?;
    Ok(RestoreDone { was_restored: reply.status == StatusCode::OK })
}
