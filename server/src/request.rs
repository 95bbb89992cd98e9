//! A request as sent: path and query raw, because the signature covers them so.

use axum::body::Body;
use brigade_model::AccountId;
use brigade_model::limits::REQUEST_BODY_BYTES_MAX;
use brigade_wire::cos::{CosError, digest};
use brigade_wire::cos_signature::RequestParts;
use brigade_wire::parse_query;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;

use crate::listener::{Peer, PlaceHandle, TooMany};
use crate::refusal::Refusal;

/// A request without its body.
pub(crate) struct RequestHead {
    head: http::request::Parts,
    /// Its connection's place; a request without a connection has none.
    seat: Option<PlaceHandle>,
    request_id: String,
    peer: String,
}

impl RequestHead {
    pub(crate) fn new(head: http::request::Parts, request_id: String) -> Self {
        let peer = head.extensions.get::<Peer>().map_or_else(|| "unknown".to_owned(), |peer| peer.0.ip().to_string());
        let seat = head.extensions.get::<PlaceHandle>().cloned();
        Self { head, seat, request_id, peer }
    }

    /// `GET`, `POST`, ...
    pub(crate) fn method(&self) -> &str {
        self.head.method.as_str()
    }

    /// The raw path, also of a request line in absolute form.
    pub(crate) fn path(&self) -> &str {
        self.head.uri.path()
    }

    fn raw_query(&self) -> &str {
        self.head.uri.query().unwrap_or_default()
    }

    /// The query's parameters, decoded.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        parse_query(self.raw_query())
    }

    /// Names the request in logs and in its answer.
    pub(crate) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The address that it came from.
    pub(crate) fn peer(&self) -> &str {
        &self.peer
    }

    /// Host and path, for an error's body.
    pub(crate) fn resource(&self) -> String {
        let host = self.head.headers.get(HOST).and_then(|host| host.to_str().ok());
        format!("{}{}", host.unwrap_or_default(), self.path())
    }

    /// Every header whose name begins so, with its value.
    pub(crate) fn headers_from<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let headers = self.head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        headers.filter(move |(name, _)| name.starts_with(prefix))
    }

    /// Shows the request as a signature sees it.
    pub(crate) fn with_parts<T>(&self, see: impl FnOnce(RequestParts<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> = self.headers_from("").collect();
        see(RequestParts { method: self.method(), path: self.path(), query: self.raw_query(), headers: &headers })
    }

    /// That account holds the connection's place from now on.
    pub(crate) fn belongs_to(&self, account: &AccountId) {
        if let Some(seat) = &self.seat {
            seat.belongs_to(account);
        }
    }

    /// The peer is waited for, to send the body.
    pub(crate) fn wait_for_body(&self) {
        if let Some(seat) = &self.seat {
            seat.wait_for_body();
        }
    }

    /// The request is answered from now on, if its account has no more of them than it may.
    pub(crate) fn work(&self) -> Result<(), CosError> {
        self.seat.as_ref().map_or(Ok(()), PlaceHandle::work).map_err(|TooMany| CosError::slow_down())
    }

    /// Whether there is a header of that name.
    pub(crate) fn has_header(&self, name: &str) -> bool {
        self.head.headers.contains_key(name)
    }

    /// Refuses a body where none belongs, without reading it.
    pub(crate) fn take_no_body(&self, body: &Body) -> Result<(), CosError> {
        if body.size_hint().exact() != Some(0) {
            return Err(CosError::invalid_request("the action takes no body"));
        }
        self.check_digest(b"")
    }

    fn check_digest(&self, body: &[u8]) -> Result<(), CosError> {
        let mut digests = self.head.headers.get_all("content-md5").iter();
        digests.try_for_each(|md5| digest::check_content_md5(md5.as_bytes(), body))
    }

    /// Reads the body to its end, within the limit, and compares it with its digest.
    pub(crate) async fn read_body(&self, body: Body) -> Result<Bytes, Refusal> {
        let claimed = self.head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if claimed.is_some_and(|length: u64| length > REQUEST_BODY_BYTES_MAX as u64) {
            return Err(CosError::xml_size_limit().into());
        }
        let body = match Limited::new(body, REQUEST_BODY_BYTES_MAX).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(CosError::xml_size_limit().into()),
            Err(error) => {
                return Err(Refusal::because(CosError::invalid_request("the body is cut off"), error));
            }
        };
        self.check_digest(&body)?;
        Ok(body)
    }
}
