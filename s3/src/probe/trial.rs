//! The calls of a trial, on keys of its own, and what an error means to its proof.

use brigade_model::names::{BucketName, ETag, ObjectKey};
use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::{
    At, CallError, CancelToken, CopyObject, DeleteObject, GetObject, HeadObject, NewObject, ObjectHead, PutDone,
    PutObject, Request, Verdict, send,
};
use bytes::Bytes;

use super::ProbeError;

/// Why a capability was not proved.
pub(super) enum End {
    /// The server does not do it; the evidence.
    Lacking(String),
    /// It could not be tried; why.
    Untested(String),
    /// Nothing can be said of this server now.
    Failed { doing: &'static str, error: CallError },
}

/// It does not do that; the evidence.
pub(super) fn lacking<T>(seen: impl Into<String>) -> Result<T, End> {
    Err(End::Lacking(seen.into()))
}

/// A refusal says something about the server; a lost or throttled call does not.
fn says_nothing(error: &CallError) -> bool {
    match error.verdict {
        Verdict::Throttled | Verdict::Unavailable | Verdict::CredentialsRefused | Verdict::Stopped => true,
        Verdict::Transient => error.http_status.is_none(),
        Verdict::Missing | Verdict::Denied | Verdict::Precondition | Verdict::Invalid => false,
    }
}

/// The server's refusal in a table's cell.
pub(super) fn in_short(error: &CallError) -> String {
    match error.http_status {
        Some(status) if (200..300).contains(&status) => format!("it answers {status} and not what it should"),
        Some(status) => format!("{} ({status})", error.code),
        None => error.code.clone(),
    }
}

impl From<CallError> for End {
    fn from(error: CallError) -> Self {
        if says_nothing(&error) {
            return End::Failed { doing: "a call of the probe", error };
        }
        match error.verdict {
            Verdict::Denied => End::Untested(format!("denied: {}", in_short(&error))),
            _ => End::Lacking(format!("refused: {}", in_short(&error))),
        }
    }
}

/// Where and with what is tried.
pub(super) struct Trial<'a> {
    pub(super) store: &'a dyn ObjectStore,
    pub(super) cancel: &'a CancelToken,
    pub(super) bucket: &'a BucketName,
    pub(super) prefix: String,
    /// The size of the object whose parts are copied.
    pub(super) large_bytes: usize,
}

impl Trial<'_> {
    /// Prefixes of keys that only a store which folds keys takes for some under the prefix.
    pub(super) fn stray_prefixes(&self) -> [String; 2] {
        [format!("/{}", self.prefix), format!("//{}", self.prefix)]
    }

    /// Whether the probe put it: a server may list more than it is asked for.
    pub(super) fn is_own(&self, key: &ObjectKey) -> bool {
        key.as_str().trim_start_matches('/').starts_with(&self.prefix)
    }

    /// A key under the prefix.
    pub(super) fn at(&self, name: &str) -> At {
        let key = ObjectKey::new(format!("{}{name}", self.prefix)).expect("a short name is a key");
        At { bucket: self.bucket.clone(), key }
    }

    pub(super) async fn call<R: Request>(&self, request: R) -> Result<R::Answer, CallError> {
        self.call_under(self.cancel, request).await
    }

    pub(super) async fn call_under<R: Request>(
        &self,
        cancel: &CancelToken,
        request: R,
    ) -> Result<R::Answer, CallError> {
        send(self.store, cancel, request).await
    }

    /// A call of which only the effect counts: a refusal does not matter.
    pub(super) async fn call_anyway<R: Request>(&self, request: R) -> Result<Option<CallError>, End> {
        match self.call(request).await {
            Ok(_) => Ok(None),
            Err(error) if says_nothing(&error) => Err(error.into()),
            Err(error) => Ok(Some(error)),
        }
    }

    /// Puts an object and removes it for good: what cannot be removed must not be begun.
    pub(super) async fn be_removable(&self) -> Result<(), ProbeError> {
        let at = self.at("first");
        let failed = |doing| move |error| ProbeError::Failed { doing, error };
        let put = PutObject::ours(at.clone(), "x", NewObject::default());
        let done = self.call(put).await.map_err(failed("putting an object"))?;
        let removed = self.call(DeleteObject { at, version: done.version, if_match: None }).await;
        removed.map(drop).map_err(failed("removing the object that the probe had just put"))
    }

    /// A plain object, which every server must take.
    pub(super) async fn put(&self, at: &At, body: impl Into<Bytes>) -> Result<PutDone, End> {
        let put = PutObject::ours(at.clone(), body, NewObject::default());
        self.call(put).await.map_err(|error| End::Failed { doing: "putting an object", error })
    }

    /// An object with something that the server may not take.
    pub(super) async fn put_with(&self, at: &At, body: &'static str, with: NewObject) -> Result<PutDone, CallError> {
        self.call(PutObject::ours(at.clone(), body, with)).await
    }

    pub(super) async fn head(&self, at: &At) -> Result<ObjectHead, CallError> {
        self.call(HeadObject { at: at.clone(), version: None }).await
    }

    /// Whether the object is there.
    pub(super) async fn is_there(&self, at: &At) -> Result<bool, End> {
        match self.head(at).await {
            Ok(_) => Ok(true),
            Err(error) if error.verdict == Verdict::Missing => Ok(false),
            Err(error) => Err(End::Failed { doing: "reading an object's head", error }),
        }
    }

    /// The bytes of an object that must be there.
    pub(super) async fn read(&self, request: GetObject) -> Result<Vec<u8>, End> {
        let failed = |error| End::Failed { doing: "reading an object", error };
        let mut got = self.call(request).await.map_err(failed)?;
        let mut bytes = Vec::new();
        while let Some(piece) = got.body.next().await {
            bytes.extend_from_slice(&piece.map_err(failed)?);
        }
        Ok(bytes)
    }

    /// The object still has these bytes.
    pub(super) async fn has_bytes(&self, at: &At, bytes: &[u8]) -> Result<bool, End> {
        let request = GetObject { at: at.clone(), version: None, range: None, if_match: None };
        Ok(self.read(request).await? == bytes)
    }
}

/// A copy that keeps everything.
pub(super) fn copy(source: &At, target: &At) -> CopyObject {
    CopyObject::plain(source.clone(), target.clone())
}

/// An ETag that no object has.
pub(super) fn wrong_etag() -> ETag {
    ETag::new("\"00000000000000000000000000000000\"").expect("digits are an ETag")
}
