//! PutObjectRetention: keeps a version until a time, or lifts that.

use brigade_model::ports::object_store::{CallError, PutObjectRetention};
use http::Method;

use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, StoreResponse};
use crate::xml::Writer;

pub(crate) fn encode(request: &PutObjectRetention) -> Result<RequestDraft, CallError> {
    let mut document = Writer::new("Retention");
    if let Some(retention) = request.retention {
        document.element("Mode", retention.mode.name());
        document.element("RetainUntilDate", &retention.until.to_string());
    }
    let draft = RequestDraft::of_object(Method::PUT, &request.at).ask("retention", "");
    let draft = draft.head_if("x-amz-bypass-governance-retention", request.bypass_governance.then_some("true"))?;
    Ok(draft.ask_version(request.version.as_ref()).xml(document))
}

pub(crate) fn decode(_: &PutObjectRetention, reply: StoreResponse) -> Result<(), InvalidResponse> {
    reply.nothing()
}
