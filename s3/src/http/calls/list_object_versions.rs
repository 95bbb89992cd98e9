//! ListObjectVersions: one page of the versions and delete markers under a prefix.

use brigade_model::names::VersionId;
use brigade_model::ports::object_store::{CallError, ListObjectVersions, ListedVersion, VersionMarker, VersionPage};
use http::Method;

use super::list_objects_v2::{key_of, stuck};
use crate::http::encoding::decode_form;
use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, StoreResponse, invalid_response, xml_time};
use crate::xml::Element;

pub(crate) fn encode(request: &ListObjectVersions) -> Result<RequestDraft, CallError> {
    let draft = RequestDraft::of_bucket(Method::GET, &request.bucket).ask("versions", "").ask("encoding-type", "url");
    let draft = draft.ask("prefix", &request.prefix);
    let Some(VersionMarker { key, version }) = &request.after else { return Ok(draft) };
    let draft = draft.ask("key-marker", key);
    Ok(version.iter().fold(draft, |draft, version| draft.ask("version-id-marker", version)))
}

pub(crate) fn decode(request: &ListObjectVersions, reply: StoreResponse) -> Result<VersionPage, InvalidResponse> {
    let page = reply.document("ListVersionsResult")?;
    let is_encoded = page.text_of("EncodingType") == Some("url");
    let entries = page.inside.iter().filter(|entry| ["Version", "DeleteMarker"].contains(&entry.name.as_str()));
    let versions = entries.map(|entry| listed(entry, is_encoded)).collect::<Result<_, _>>()?;
    Ok(VersionPage { versions, next: next(&page, request.after.as_ref(), is_encoded)? })
}

/// As that of a listing of objects: a page that is not the last names the next, which is another one.
fn next(
    page: &Element<'_>,
    asked: Option<&VersionMarker>,
    is_encoded: bool,
) -> Result<Option<VersionMarker>, InvalidResponse> {
    match page.text_of("IsTruncated") {
        Some("false") => return Ok(None),
        Some("true") => {}
        _ => return Err(invalid_response("the page does not say whether it is the last")),
    }
    let text_of = |name| page.text_of(name).filter(|text| !text.is_empty());
    let Some(key) = text_of("NextKeyMarker") else {
        return Err(stuck("a page of versions is not the last and names no next".to_owned()));
    };
    let key = if is_encoded { decode_form(key) } else { Some(key.to_owned()) };
    let key = key.ok_or_else(|| invalid_response("the next key marker is not UTF-8"))?;
    let marker = VersionMarker { key, version: text_of("NextVersionIdMarker").map(str::to_owned) };
    if Some(&marker) == asked {
        let VersionMarker { key, version } = &marker;
        return Err(stuck(format!(
            "the page of key marker {key:?} and version marker {version:?} names the same for the next"
        )));
    }
    Ok(Some(marker))
}

fn listed(entry: &Element<'_>, is_encoded: bool) -> Result<ListedVersion, InvalidResponse> {
    let version = entry.text_of("VersionId").and_then(|id| VersionId::new(id).ok());
    Ok(ListedVersion {
        key: key_of(entry, is_encoded)?,
        version: version.ok_or_else(|| invalid_response("a version has no id"))?,
        is_delete_marker: entry.name == "DeleteMarker",
        is_latest: entry.text_of("IsLatest") == Some("true"),
        size: entry.text_of("Size").and_then(|size| size.trim().parse().ok()),
        modified: entry.text_of("LastModified").and_then(xml_time),
        storage_class: entry.text_of("StorageClass").map(str::to_owned),
    })
}
