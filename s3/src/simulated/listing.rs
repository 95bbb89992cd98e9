//! Listings of keys, with S3's pages and delimiters.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brigade_model::names::ObjectKey;
use brigade_model::ports::object_store::{
    At, ListMultipartUploads, ListObjectVersions, ListObjectsV2, ListPage, ListedObject, ListedUpload, ListedVersion,
    VersionMarker, VersionPage,
};

use super::bucket::Bucket;
use super::object::{self, Stored};
use super::refusal::{self, Refusal};
use super::transaction::BucketTransaction;

/// A page holds at most this many keys and common prefixes. S3
pub(super) const PAGE_MAX: u32 = 1000;

/// Which keys of a bucket to list.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// Keys that begin with this.
    pub prefix: String,
    /// Keys that share what stands before it (after the prefix) count as one.
    pub delimiter: Option<String>,
    /// Begin after this key or common prefix.
    pub after: Option<String>,
    /// How many keys and common prefixes at most.
    pub max_keys: u32,
}

/// Some keys of a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The objects.
    pub objects: Vec<ListedObject>,
    /// What keys share up to the delimiter.
    pub common_prefixes: Vec<String>,
    /// The last key or common prefix, when there are more.
    pub last: Option<String>,
}

impl BucketTransaction<'_> {
    pub(super) fn list_objects(&mut self, request: ListObjectsV2) -> Result<ListPage, Refusal> {
        let bucket = self.state.bucket(&request.bucket)?;
        let after = request.continuation_token.as_deref().map(decode_token).transpose()?;
        let query = ListQuery { prefix: request.prefix, delimiter: None, after, max_keys: request.max_keys };
        let listing = self.conduct.list(bucket, &query);
        Ok(ListPage { objects: listing.objects, next: listing.last.as_deref().map(encode_token) })
    }

    pub(super) fn list_object_versions(&mut self, request: ListObjectVersions) -> Result<VersionPage, Refusal> {
        let bucket = self.state.bucket(&request.bucket)?;
        let versions = bucket.keys_from(&request.prefix, None).flat_map(|(key, versions)| {
            versions.iter().rev().enumerate().map(|(age, stored)| {
                let object = listed(key, stored);
                ListedVersion {
                    key: key.clone(),
                    version: stored.version.id(),
                    is_delete_marker: object.is_none(),
                    is_latest: age == 0,
                    size: object.as_ref().map(|object| object.size),
                    modified: Some(object::seconds(stored.modified_s)),
                    storage_class: object.and_then(|object| object.storage_class),
                }
            })
        });
        // A marker inside a key is the version that was listed last: what follows it are older ones.
        let mut is_behind = false;
        let mut left = versions.skip_while(|one| {
            let Some(VersionMarker { key, version }) = &request.after else { return false };
            if one.key.as_str() != key {
                return one.key.as_str() < key.as_str();
            }
            let is_skipped = !is_behind;
            is_behind |= version.as_deref() == Some(one.version.as_str());
            is_skipped
        });
        let versions: Vec<_> = left.by_ref().take(PAGE_MAX as usize).collect();
        let marker = |last: &ListedVersion| VersionMarker {
            key: last.key.as_str().to_owned(),
            version: Some(last.version.as_str().to_owned()),
        };
        let next = left.next().and_then(|_| versions.last().map(marker));
        Ok(VersionPage { versions, next })
    }

    pub(super) fn list_multipart_uploads(
        &mut self,
        request: ListMultipartUploads,
    ) -> Result<Vec<ListedUpload>, Refusal> {
        self.state.bucket(&request.bucket)?;
        let is_there = |at: &At| at.bucket == request.bucket && at.key.as_str().starts_with(&request.prefix);
        let open = self.state.uploads.iter().chain(self.completed_and_listed());
        let open = open.filter(|(_, upload)| is_there(&upload.at));
        let listed = open.map(|(id, upload)| ListedUpload { key: upload.at.key.clone(), upload_id: id.clone() });
        Ok(listed.take(PAGE_MAX as usize).collect())
    }
}

/// A token names the last key of its page.
pub(super) fn encode_token(last: &str) -> String {
    URL_SAFE_NO_PAD.encode(last)
}

pub(super) fn decode_token(token: &str) -> Result<String, Refusal> {
    let last = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    last.ok_or(refusal::INVALID_ARGUMENT.saying("The continuation token provided is incorrect"))
}

pub(super) fn list(bucket: &Bucket, query: &ListQuery) -> Listing {
    let max_keys = query.max_keys.min(PAGE_MAX) as usize;
    let mut listing = Listing::default();
    if max_keys == 0 {
        return listing;
    }
    let after = query.after.as_deref().and_then(|after| ObjectKey::new(after).ok());
    let mut last: Option<&str> = None;
    for (key, versions) in bucket.keys_from(&query.prefix, after.as_ref()) {
        let Some(object) = versions.last().and_then(|stored| listed(key, stored)) else { continue };
        let common = common_prefix(key.as_str(), query);
        if common.is_some_and(|common| last == Some(common) || query.after.as_deref() == Some(common)) {
            continue;
        }
        if listing.objects.len() + listing.common_prefixes.len() == max_keys {
            listing.last = last.map(str::to_owned);
            break;
        }
        match common {
            Some(common) => listing.common_prefixes.push(common.to_owned()),
            None => listing.objects.push(object),
        }
        last = Some(common.unwrap_or(key.as_str()));
    }
    listing
}

/// The key up to the first delimiter after the prefix.
fn common_prefix<'a>(key: &'a str, query: &ListQuery) -> Option<&'a str> {
    let delimiter = query.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty())?;
    let rest = &key[query.prefix.len()..];
    rest.find(delimiter).map(|at| &key[..query.prefix.len() + at + delimiter.len()])
}

/// `None` for a delete marker.
pub(super) fn listed(key: &ObjectKey, stored: &Stored) -> Option<ListedObject> {
    let object = stored.object.as_ref()?;
    Some(ListedObject {
        key: key.clone(),
        size: object.body.size(),
        etag: Some(object.etag()),
        modified: Some(object::seconds(stored.modified_s)),
        storage_class: object.attributes.storage_class.clone(),
    })
}
