//! ListObjectVersions: the first versions and delete markers under a prefix.

use brigade_model::names::VersionId;
use brigade_model::ports::object_store::{CallError, ListObjectVersions, ListedVersion};
use http::Method;

use super::list_objects_v2::key_of;
use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, StoreResponse, invalid_response};
use crate::xml::Element;

pub(crate) fn encode(request: &ListObjectVersions) -> Result<RequestDraft, CallError> {
    let draft = RequestDraft::of_bucket(Method::GET, &request.bucket).ask("versions", "").ask("encoding-type", "url");
    Ok(draft.ask("prefix", &request.prefix))
}

pub(crate) fn decode(_: &ListObjectVersions, reply: StoreResponse) -> Result<Vec<ListedVersion>, InvalidResponse> {
    let page = reply.document("ListVersionsResult")?;
    let is_encoded = page.text_of("EncodingType") == Some("url");
    let entries = page.inside.iter().filter(|entry| ["Version", "DeleteMarker"].contains(&entry.name.as_str()));
    entries.map(|entry| listed(entry, is_encoded)).collect()
}

fn listed(entry: &Element<'_>, is_encoded: bool) -> Result<ListedVersion, InvalidResponse> {
    let version = entry.text_of("VersionId").and_then(|id| VersionId::new(id).ok());
    Ok(ListedVersion {
        key: key_of(entry, is_encoded)?,
        version: version.ok_or_else(|| invalid_response("a version has no id"))?,
        is_delete_marker: entry.name == "DeleteMarker",
    })
}
