//! GetObjectTagging: reads tags.

use brigade_model::operation::Tag;
use brigade_model::ports::object_store::{CallError, GetObjectTagging, TagSet};
use http::Method;

use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, StoreResponse, invalid_response};

pub(crate) fn encode(request: &GetObjectTagging) -> Result<RequestDraft, CallError> {
    Ok(RequestDraft::of_object(Method::GET, &request.at).ask("tagging", "").ask_version(request.version.as_ref()))
}

pub(crate) fn decode(_: &GetObjectTagging, reply: StoreResponse) -> Result<TagSet, InvalidResponse> {
    let document = reply.document("Tagging")?;
    let set = document.child("TagSet").ok_or_else(|| invalid_response("the answer has no TagSet"))?;
    set.children("Tag")
        .map(|tag| {
            let key = tag.text_of("Key").ok_or_else(|| invalid_response("a tag has no key"))?.to_owned();
            Ok(Tag { key, value: tag.text_of("Value").unwrap_or_default().to_owned() })
        })
        .collect()
}
