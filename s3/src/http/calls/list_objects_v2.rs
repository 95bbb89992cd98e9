//! ListObjectsV2: one page of a listing. It asks for encoded keys, so that any key survives XML.

use brigade_model::names::{ETag, ObjectKey};
use brigade_model::ports::object_store::{CallError, ListObjectsV2, ListPage, ListedObject};
use http::Method;

use crate::http::encoding::decode_form;
use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, StoreResponse, invalid_response, xml_time};
use crate::verdict::LISTING_STUCK;
use crate::xml::Element;

pub(crate) fn encode(request: &ListObjectsV2) -> Result<RequestDraft, CallError> {
    let mut draft = RequestDraft::of_bucket(Method::GET, &request.bucket)
        .ask("list-type", "2")
        .ask("encoding-type", "url")
        .ask("max-keys", request.max_keys.to_string());
    if !request.prefix.is_empty() {
        draft = draft.ask("prefix", &request.prefix);
    }
    Ok(match &request.continuation_token {
        Some(token) => draft.ask("continuation-token", token),
        None => draft,
    })
}

pub(crate) fn decode(request: &ListObjectsV2, reply: StoreResponse) -> Result<ListPage, InvalidResponse> {
    let page = reply.document("ListBucketResult")?;
    let is_encoded = page.text_of("EncodingType") == Some("url");
    let objects = page.children("Contents").map(|entry| listed(entry, is_encoded)).collect::<Result<_, _>>()?;
    Ok(ListPage { objects, next: next(&page, request.continuation_token.as_deref())? })
}

/// A page that is not the last has to name the next: taking it for the last would lose objects. And the next
/// is another one: a listing that asks for the same page again and again never ends.
fn next(page: &Element<'_>, asked: Option<&str>) -> Result<Option<String>, InvalidResponse> {
    let token = page.text_of("NextContinuationToken").filter(|token| !token.is_empty());
    match (page.text_of("IsTruncated"), token) {
        (Some("true"), Some(token)) if Some(token) == asked => {
            Err(stuck(format!("the page of continuation token {token:?} names the same token for the next")))
        }
        (Some("true"), Some(token)) => Ok(Some(token.to_owned())),
        (Some("true"), None) => Err(stuck(match asked {
            Some(token) => format!("the page of continuation token {token:?} is not the last and names no next"),
            None => "the first page is not the last and names no next".to_owned(),
        })),
        (Some("false"), _) => Ok(None),
        _ => Err(invalid_response("the page does not say whether it is the last")),
    }
}

/// The same answer would come again.
pub(super) fn stuck(message: String) -> InvalidResponse {
    InvalidResponse { code: Some(LISTING_STUCK.to_owned()), ..invalid_response(message) }
}

fn listed(entry: &Element<'_>, is_encoded: bool) -> Result<ListedObject, InvalidResponse> {
    let size = entry.text_of("Size").and_then(|size| size.trim().parse().ok());
    Ok(ListedObject {
        key: key_of(entry, is_encoded)?,
        size: size.ok_or_else(|| invalid_response("an object has no size"))?,
        etag: entry.text_of("ETag").and_then(|tag| ETag::new(tag).ok()),
        modified: entry.text_of("LastModified").and_then(xml_time),
        storage_class: entry.text_of("StorageClass").map(str::to_owned),
    })
}

/// The key of an entry of a listing, whichever listing it is.
pub(super) fn key_of(entry: &Element<'_>, is_encoded: bool) -> Result<ObjectKey, InvalidResponse> {
    let text = entry.text_of("Key").ok_or_else(|| invalid_response("an object has no key"))?;
    let key = if is_encoded { decode_form(text) } else { Some(text.to_owned()) };
    let key = key.ok_or_else(|| invalid_response("a key is not UTF-8"))?;
    ObjectKey::new(&key).map_err(|error| invalid_response(format!("key {key:?}: {error}")))
}
