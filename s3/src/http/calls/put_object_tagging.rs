//! PutObjectTagging: replaces all tags.

use brigade_model::ports::object_store::{CallError, PutObjectTagging};
use http::Method;

use crate::http::request::{RequestDraft, refuse};
use crate::http::response::{InvalidResponse, StoreResponse};
use crate::xml::{Writer, can_carry};

pub(crate) fn encode(request: &PutObjectTagging) -> Result<RequestDraft, CallError> {
    if let Some(tag) = request.tags.iter().find(|tag| !can_carry(&tag.key) || !can_carry(&tag.value)) {
        return Err(refuse(format!("tag {:?} holds characters that XML cannot carry", tag.key)));
    }
    let mut document = Writer::new("Tagging");
    document.within("TagSet", "", |set| {
        for tag in &request.tags {
            set.within("Tag", "", |entry| {
                entry.element("Key", &tag.key);
                entry.element("Value", &tag.value);
            });
        }
    });
    let draft = RequestDraft::of_object(Method::PUT, &request.at).ask("tagging", "");
    Ok(draft.ask_version(request.version.as_ref()).xml(document))
}

pub(crate) fn decode(_: &PutObjectTagging, reply: StoreResponse) -> Result<(), InvalidResponse> {
    reply.nothing()
}
