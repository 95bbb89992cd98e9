//! RestoreObject: asks for a temporary copy of an archived object.

use brigade_model::ports::object_store::{CallError, RestoreDone, RestoreObject};
use http::{Method, StatusCode};

use crate::http::draft::Draft;
use crate::http::reply::{Flaw, Reply};
use crate::xml::Writer;

pub(crate) fn encode(request: &RestoreObject) -> Result<Draft, CallError> {
    let mut document = Writer::new("RestoreRequest");
    document.element("Days", &request.days.to_string());
    document.within("GlacierJobParameters", "", |job| job.element("Tier", &request.tier));
    let draft = Draft::of_object(Method::POST, &request.at).ask("restore", "");
    Ok(draft.ask_version(request.version.as_ref()).xml(document))
}

pub(crate) fn decode(_: &RestoreObject, reply: Reply) -> Result<RestoreDone, Flaw> {
    reply.nothing()?;
    Ok(RestoreDone { was_restored: reply.status == StatusCode::OK })
}
