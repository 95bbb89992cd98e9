//! A request of the dialect, and its signature over everything that it says.

use std::time::Duration;

use base64::Engine as _;
use brigade_model::Timestamp;
use brigade_wire::cos_signature::{self, RequestParts};
use brigade_wire::encode_query;
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use md5::{Digest, Md5};

use super::{ClientConfig, ClientError};

/// How long a signature counts. Short, as a request is sent at once; long enough for a clock
/// that is minutes off.
const SIGNED_FOR: Duration = Duration::from_secs(900);

/// A request before it is signed.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Document>,
}

/// A body.
#[derive(Debug)]
pub(super) struct Document {
    /// Its content type.
    pub(super) media: &'static str,
    pub(super) bytes: Bytes,
}

impl Draft {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), query: Vec::new(), headers: Vec::new(), body: None }
    }

    /// The request as it goes out: all its headers but the signature itself are signed.
    pub(super) fn signed(mut self, config: &ClientConfig, now: Timestamp) -> Result<Request<Full<Bytes>>, ClientError> {
        let body = self.describe_body();
        self.headers.push(("host".to_owned(), config.host().to_owned()));
        self.headers.push(("x-cos-appid".to_owned(), config.appid.clone()));
        let token = config.security_token.as_ref().map(|token| token.expose().to_owned());
        self.headers.extend(token.map(|token| ("x-cos-security-token".to_owned(), token)));
        let query = encode_query(&self.query);
        let authorization = self.authorization(config, &query, now);
        let mark = if query.is_empty() { "" } else { "?" };
        let uri = format!("{}{}{mark}{query}", config.url.as_str(), self.path);
        let mut request = Request::builder().method(self.method).uri(uri);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.header("authorization", authorization).body(Full::new(body));
        request.map_err(|error| ClientError::Unsendable(error.to_string()))
    }

    /// Takes the body out and says in headers what it is.
    fn describe_body(&mut self) -> Bytes {
        let body = self.body.take();
        if self.method == Method::POST {
            let length = body.as_ref().map_or(0, |document| document.bytes.len());
            self.headers.push(("content-length".to_owned(), length.to_string()));
        }
        let Some(Document { media, bytes }) = body else { return Bytes::new() };
        let md5 = base64::engine::general_purpose::STANDARD.encode(Md5::digest(&bytes));
        self.headers.push(("content-md5".to_owned(), md5));
        self.headers.push(("content-type".to_owned(), media.to_owned()));
        bytes
    }

    fn authorization(&self, config: &ClientConfig, query: &str, now: Timestamp) -> String {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let parts = RequestParts { method: self.method.as_str(), path: &self.path, query, headers: &headers };
        let end = now.checked_add(SIGNED_FOR).unwrap_or(Timestamp::MAX);
        cos_signature::sign(parts, &config.secret_id, config.secret_key.expose().as_bytes(), now, end)
    }
}
