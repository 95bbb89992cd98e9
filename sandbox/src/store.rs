//! The simulated store as the sender of a request sees it: every action of the sandbox acts on it.

use brigade_model::names::BucketName;
use brigade_model::ports::object_store::{CancelToken, Request, send};
use brigade_s3::simulated::{Paying, SimulatedStore};
use http::{HeaderMap, HeaderValue};
use s3s::dto::ETagCondition;
use s3s::{S3Error, S3ErrorCode, S3Result};

use super::answers::{USER_METADATA, refusal, refused};

/// S3's actions on a simulated store.
pub(super) struct Sandbox {
    pub(super) store: SimulatedStore,
    /// The current request says that its sender pays.
    is_paying: bool,
    /// Of the current request.
    headers: HeaderMap,
}

const REQUEST_PAYER: &str = "x-amz-request-payer";

impl Sandbox {
    pub(super) fn new(store: SimulatedStore) -> Self {
        Self { store, is_paying: false, headers: HeaderMap::new() }
    }

    /// The sandbox as the sender of a request finds it.
    pub(super) fn asked_by(&self, headers: &HeaderMap) -> Self {
        let is_paying = headers.get(REQUEST_PAYER).is_some_and(|payer| payer == "requester");
        Self { store: self.store.clone(), is_paying, headers: headers.clone() }
    }

    /// Denies what the port does not see, where the requester has to pay and does not say so.
    pub(super) fn check_payer(&self, bucket: &BucketName) -> S3Result<()> {
        self.store.check_payer(bucket, self.is_paying).map_err(refusal)
    }

    /// A condition on the target of a copy, which `s3s` does not know.
    pub(super) fn condition(&self, name: &str) -> S3Result<Option<ETagCondition>> {
        let read = |value: &HeaderValue| ETagCondition::parse_http_header(value.as_bytes());
        self.headers.get(name).map(read).transpose().map_err(|_| S3ErrorCode::InvalidArgument.into())
    }

    /// The user metadata as its bytes came: `s3s` decodes the encoded words of RFC 2047, as not every store does.
    pub(super) fn user_metadata(&self) -> S3Result<Vec<(String, String)>> {
        let named = self.headers.iter().filter_map(|(name, value)| {
            Some((name.as_str().strip_prefix(USER_METADATA).filter(|name| !name.is_empty())?, value))
        });
        let read = |(name, value): (&str, &HeaderValue)| match std::str::from_utf8(value.as_bytes()) {
            Ok(value) => Ok((name.to_owned(), value.to_owned())),
            Err(_) => Err(S3Error::from(S3ErrorCode::InvalidArgument)),
        };
        let mut user = named.map(read).collect::<S3Result<Vec<_>>>()?;
        user.sort();
        Ok(user)
    }

    /// A call of the port.
    pub(super) async fn call<R: Request>(&self, request: R) -> S3Result<R::Answer> {
        let sent = match self.is_paying {
            true => send(&Paying(self.store.clone()), &CancelToken::unbounded(), request).await,
            false => send(&self.store, &CancelToken::unbounded(), request).await,
        };
        sent.map_err(refused)
    }
}
