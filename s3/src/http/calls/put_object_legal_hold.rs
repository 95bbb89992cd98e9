//! PutObjectLegalHold: puts a version under legal hold, or takes it from there.

use brigade_model::ports::object_store::{CallError, PutObjectLegalHold};
use http::Method;

use crate::http::draft::Draft;
use crate::http::reply::{Flaw, Reply};
use crate::xml::Writer;

pub(crate) fn encode(request: &PutObjectLegalHold) -> Result<Draft, CallError> {
    let mut document = Writer::new("LegalHold");
    document.element("Status", if request.is_held { "ON" } else { "OFF" });
    let draft = Draft::of_object(Method::PUT, &request.at).ask("legal-hold", "");
    Ok(draft.ask_version(request.version.as_ref()).xml(document))
}

pub(crate) fn decode(_: &PutObjectLegalHold, reply: Reply) -> Result<(), Flaw> {
    reply.nothing()
}
