//! DeleteObjects: deletes up to 1,000 objects or versions. Each has its own result; the effect on one
//! that the answer does not name is unknown.

use std::collections::HashMap;

use brigade_model::limits::DELETE_OBJECTS_KEYS_MAX;
use brigade_model::names::{ObjectKey, VersionId};
use brigade_model::ports::object_store::{CallError, DeleteObjects, DeleteResult, Deleted};
use http::Method;

use crate::http::request::{RequestDraft, refuse};
use crate::http::response::{InvalidResponse, StoreResponse};
use crate::verdict::failed_delete;
use crate::xml::{Element, Writer, can_carry};

pub(crate) fn encode(request: &DeleteObjects) -> Result<RequestDraft, CallError> {
    if request.objects.is_empty() || request.objects.len() > DELETE_OBJECTS_KEYS_MAX {
        return Err(refuse(format!("a multi-object delete names 1 to {DELETE_OBJECTS_KEYS_MAX} objects")));
    }
    let mut document = Writer::new("Delete");
    for (key, version) in &request.objects {
        if !can_carry(key.as_str()) {
            return Err(refuse(format!("key {key:?} cannot stand in XML: delete it singly")));
        }
        document.within("Object", "", |object| {
            object.element("Key", key.as_str());
            if let Some(version) = version {
                object.element("VersionId", version.as_str());
            }
        });
    }
    Ok(RequestDraft::of_bucket(Method::POST, &request.bucket).ask("delete", "").xml(document))
}

pub(crate) fn decode(request: &DeleteObjects, reply: StoreResponse) -> Result<Vec<DeleteResult>, InvalidResponse> {
    let named = ResultsByKey::of(&reply.document("DeleteResult")?);
    let mut times_asked = HashMap::new();
    for (key, _) in &request.objects {
        *times_asked.entry(key.as_str()).or_insert(0) += 1;
    }
    let is_only = |key: &ObjectKey| times_asked.get(key.as_str()) == Some(&1);
    Ok(request.objects.iter().map(|(key, version)| named.result(key, version.as_ref(), is_only(key))).collect())
}

/// What an answer says, by key and version, and by key alone.
struct ResultsByKey {
    exact: HashMap<(String, Option<String>), DeleteResult>,
    by_key: HashMap<String, DeleteResult>,
}

impl ResultsByKey {
    fn of(document: &Element<'_>) -> Self {
        let mut named = Self { exact: HashMap::new(), by_key: HashMap::new() };
        let deleted = document.children("Deleted").map(|entry| (entry, deleted(entry)));
        let failed = document.children("Error").map(|entry| (entry, failed(entry)));
        // Errors last: where an answer names an object twice, the worse news counts.
        for (entry, result) in deleted.chain(failed) {
            let Some(key) = entry.text_of("Key") else { continue };
            let version = entry.text_of("VersionId").filter(|version| !version.is_empty());
            named.exact.insert((key.to_owned(), version.map(str::to_owned)), result.clone());
            named.by_key.insert(key.to_owned(), result);
        }
        named
    }

    /// Servers add or leave out a version (`null`, for one), so an object that was asked for
    /// once is known by its key too.
    fn result(&self, key: &ObjectKey, version: Option<&VersionId>, is_only: bool) -> DeleteResult {
        let exact = (key.as_str().to_owned(), version.map(|version| version.as_str().to_owned()));
        let by_key = || self.by_key.get(key.as_str()).filter(|_| is_only);
        self.exact.get(&exact).or_else(by_key).cloned().unwrap_or(DeleteResult::Unnamed)
    }
}

fn deleted(entry: &Element<'_>) -> DeleteResult {
    let is_delete_marker = entry.text_of("DeleteMarker") == Some("true");
    let version = entry.text_of("DeleteMarkerVersionId").or_else(|| entry.text_of("VersionId"));
    DeleteResult::Deleted(Deleted { is_delete_marker, version: version.and_then(|text| VersionId::new(text).ok()) })
}

fn failed(entry: &Element<'_>) -> DeleteResult {
    let text = |name| entry.text_of(name).unwrap_or_default();
    failed_delete(text("Code"), text("Message"))
}
