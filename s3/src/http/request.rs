//! A request before it is addressed and signed, as each call of `calls` makes it.

use brigade_model::header::is_value;
use brigade_model::names::{BucketName, ETag, ObjectKey, VersionId};
use brigade_model::operation::NewLock;
use brigade_model::ports::object_store::{At, CallError, Effect, Encryption, Metadata, NewObject, TagSet, Verdict};
use bytes::Bytes;
use http::header::InvalidHeaderValue;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::encoding::{form, push_path, push_query};
use crate::metadata_text;
use crate::xml::Writer;

/// A request in the making.
#[derive(Debug)]
pub(crate) struct RequestDraft {
    pub(crate) method: Method,
    pub(crate) bucket: BucketName,
    pub(crate) key: Option<ObjectKey>,
    /// Names and values, not encoded.
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What stands in the message of a header that cannot be sent.
const HEADER_RULE: &str = "cannot be sent in an HTTP header: visible ASCII characters and inner blanks only";
/// The same, of user metadata.
const TEXT_RULE: &str = "cannot be sent in an HTTP header: visible characters and inner blanks only, and none beyond \
                         ASCII unless `brigade endpoint probe` proved how the store keeps them";

/// Where a website sends an object's readers instead.
pub(crate) const REDIRECT: &str = "x-amz-website-redirect-location";

/// Asks for the checksums that an object has.
pub(crate) const CHECKSUM_MODE: &str = "x-amz-checksum-mode";

/// In base64.
const MD5_OF_NOTHING: &str = "1B2M2Y8AsgTpgAmY7PhCfg==";

/// A request that is refused before it is sent.
pub(crate) fn refuse(message: impl Into<String>) -> CallError {
    CallError { attempts: 0, ..CallError::new(Verdict::Invalid, Effect::None, "InvalidArgument", message) }
}

impl RequestDraft {
    pub(crate) fn of_object(method: Method, at: &At) -> Self {
        Self { key: Some(at.key.clone()), ..Self::of_bucket(method, &at.bucket) }
    }

    pub(crate) fn of_bucket(method: Method, bucket: &BucketName) -> Self {
        Self {
            method,
            bucket: bucket.clone(),
            key: None,
            query: Vec::new(),
            headers: HeaderMap::with_capacity(16),
            body: Bytes::new(),
        }
    }

    /// Says that the sender pays for the request, if it does.
    pub(crate) fn paid(mut self, is_paid: bool) -> Self {
        if is_paid {
            self.headers.insert("x-amz-request-payer", HeaderValue::from_static("requester"));
        }
        self
    }

    /// A parameter of the query.
    pub(crate) fn ask(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(crate) fn ask_version(self, version: Option<&VersionId>) -> Self {
        match version {
            Some(version) => self.ask("versionId", version.as_str()),
            None => self,
        }
    }

    /// A header. What HTTP cannot carry unchanged is refused rather than sent changed: servers
    /// drop blanks at the ends, and disagree on bytes beyond ASCII.
    pub(crate) fn head(mut self, name: &'static str, value: &str) -> Result<Self, CallError> {
        self.put(HeaderName::from_static(name), value)?;
        Ok(self)
    }

    /// A header, if there is a value for it.
    pub(crate) fn head_if(self, name: &'static str, value: Option<&str>) -> Result<Self, CallError> {
        match value {
            Some(value) => self.head(name, value),
            None => Ok(self),
        }
    }

    /// `If-Match` and its kind: the tag in quotes, however it was given.
    pub(crate) fn head_etag(self, name: &'static str, etag: Option<&ETag>) -> Result<Self, CallError> {
        match etag {
            Some(etag) => self.head(name, &format!("\"{}\"", etag.unquoted())),
            None => Ok(self),
        }
    }

    /// What has to hold of the object that would be written over.
    pub(crate) fn over(self, if_match: Option<&ETag>, if_none_match: bool) -> Result<Self, CallError> {
        self.head_etag("if-match", if_match)?.head_if("if-none-match", if_none_match.then_some("*"))
    }

    /// `x-amz-copy-source`.
    pub(crate) fn copy_source(self, source: &At, version: Option<&VersionId>) -> Result<Self, CallError> {
        let mut value = String::new();
        push_path(&mut value, source.bucket.as_str());
        value.push('/');
        push_path(&mut value, source.key.as_str());
        if let Some(version) = version {
            value.push_str("?versionId=");
            push_query(&mut value, version.as_str());
        }
        self.head("x-amz-copy-source", &value)
    }

    pub(crate) fn metadata(mut self, metadata: &Metadata) -> Result<Self, CallError> {
        self = self
            .head_if("cache-control", metadata.cache_control.as_deref())?
            .head_if("content-disposition", metadata.content_disposition.as_deref())?
            .head_if("content-encoding", metadata.content_encoding.as_deref())?
            .head_if("content-language", metadata.content_language.as_deref())?
            .head_if("content-type", metadata.content_type.as_deref())?
            .head_if("expires", metadata.expires.as_deref())?;
        for (name, value) in &metadata.user {
            let name = HeaderName::try_from(format!("x-amz-meta-{name}"))
                .map_err(|_| refuse(format!("metadata name {name:?} is not one of an HTTP header")))?;
            let written = metadata_text::written(value, metadata.form)
                .ok_or_else(|| refuse(format!("the value of {name} {TEXT_RULE}")))?;
            self.insert(name, HeaderValue::from_bytes(written.as_bytes()), TEXT_RULE)?;
        }
        Ok(self)
    }

    /// `x-amz-tagging`; no header for no tags.
    pub(crate) fn tags(self, tags: &TagSet) -> Result<Self, CallError> {
        if tags.is_empty() {
            return Ok(self);
        }
        self.head("x-amz-tagging", &form(tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()))))
    }

    /// What the calls that make an object share.
    pub(crate) fn new_object(self, with: &NewObject) -> Result<Self, CallError> {
        self.metadata(&with.metadata)?
            .tags(&with.tags)?
            .head_if("x-amz-acl", with.canned_acl.as_deref())?
            .head_if("x-amz-storage-class", with.storage_class.as_deref())?
            .encryption(with.sse.as_ref())?
            .lock(with.lock.as_deref())?
            .head_if(REDIRECT, with.redirect.as_deref())
    }

    /// How the store encrypts the new object.
    pub(crate) fn encryption(self, sse: Option<&Encryption>) -> Result<Self, CallError> {
        let key_service = sse.and_then(Encryption::key_service);
        let bucket_key = key_service.and_then(|service| service.bucket_key);
        self.head_if("x-amz-server-side-encryption", sse.map(Encryption::name))?
            .head_if("x-amz-server-side-encryption-aws-kms-key-id", key_service.and_then(|key| key.key.as_deref()))?
            .head_if(
                "x-amz-server-side-encryption-bucket-key-enabled",
                bucket_key.map(|is_enabled| if is_enabled { "true" } else { "false" }),
            )
    }

    /// What keeps the new object from being removed.
    pub(crate) fn lock(self, lock: Option<&NewLock>) -> Result<Self, CallError> {
        let Some(NewLock { retention, is_held }) = lock else { return Ok(self) };
        let until = retention.map(|retention| retention.until.to_string());
        self.head_if("x-amz-object-lock-mode", retention.map(|retention| retention.mode.name()))?
            .head_if("x-amz-object-lock-retain-until-date", until.as_deref())?
            .head_if("x-amz-object-lock-legal-hold", is_held.map(|is_held| if is_held { "ON" } else { "OFF" }))
    }

    pub(crate) fn body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }

    /// Bytes of an object, which always go with their MD5, even when there are none: a bucket that
    /// keeps its objects by default takes no others.
    pub(crate) fn bytes(self, bytes: &Bytes) -> Result<Self, CallError> {
        let draft = if bytes.is_empty() { self.head("content-md5", MD5_OF_NOTHING)? } else { self };
        Ok(draft.body(bytes.clone()))
    }

    pub(crate) fn xml(mut self, document: Writer) -> Self {
        self.headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        self.body(document.finish().into())
    }

    fn put(&mut self, name: HeaderName, value: &str) -> Result<(), CallError> {
        if !is_value(value) {
            return Err(refuse(format!("the value of {name} {HEADER_RULE}")));
        }
        self.insert(name, HeaderValue::from_str(value), HEADER_RULE)
    }

    fn insert(
        &mut self,
        name: HeaderName,
        value: Result<HeaderValue, InvalidHeaderValue>,
        rule: &str,
    ) -> Result<(), CallError> {
        let value = value.map_err(|_| refuse(format!("the value of {name} {rule}")))?;
        if self.headers.insert(&name, value).is_some() {
            return Err(refuse(format!("{name} is given twice")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> RequestDraft {
        RequestDraft::of_object(Method::PUT, &At { bucket: "b".parse().unwrap(), key: "k".parse().unwrap() })
    }

    fn with_user(name: &str, value: &str) -> Result<RequestDraft, CallError> {
        draft().metadata(&Metadata { user: vec![(name.into(), value.into())], ..Metadata::default() })
    }

    #[test]
    fn metadata_that_a_header_would_change_is_refused_before_it_is_sent() {
        assert!(with_user("colour", "dark  blue").is_ok());
        assert!(with_user("empty", "").is_ok());
        for (name, value) in [("a", "é"), ("a", " x"), ("a", "x\t"), ("a", "x\ny"), ("a b", "x"), ("é", "x")] {
            let error = with_user(name, value).unwrap_err();
            assert_eq!((error.verdict, error.effect, error.attempts), (Verdict::Invalid, Effect::None, 0), "{error}");
        }
        let error = with_user("a", "é").unwrap_err();
        assert!(error.message.contains("x-amz-meta-a") && error.message.contains("brigade endpoint probe"), "{error}");
    }

    #[test]
    fn a_copy_source_is_encoded_but_for_its_slashes() {
        let source = At { bucket: "b".parse().unwrap(), key: "a/ü +?".parse().unwrap() };
        let draft = draft().copy_source(&source, Some(&"v/1".parse().unwrap())).unwrap();
        assert_eq!(draft.headers["x-amz-copy-source"], "b/a/%C3%BC%20%2B%3F?versionId=v%2F1");
    }
}
