//! A request of either dialect, and its signature over everything that it says.

use std::time::Duration;

use base64::Engine as _;
use brigade_model::Timestamp;
use brigade_wire::cos_signature::{self, RequestParts};
use brigade_wire::{encode_query, s3control, s3control_signature};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use md5::{Digest, Md5};
use ring::digest::{SHA256, digest};

use super::{ClientConfig, ClientError};

/// How long a signature counts. Short, as a request is sent at once; long enough for a clock
/// that is minutes off.
const SIGNED_FOR: Duration = Duration::from_secs(900);

/// Whose signature a request bears.
#[derive(Debug)]
pub(super) enum SignedBy<'a> {
    /// That of the COS dialect, and of the operator's API.
    Cos,
    /// That of the S3 Control dialect, for the account of that number.
    S3Control {
        /// 12 digits.
        account_id: &'a str,
    },
}

impl SignedBy<'_> {
    /// Where the token of a temporary key stands.
    fn token_header(&self) -> &'static str {
        match self {
            SignedBy::Cos => "x-cos-security-token",
            SignedBy::S3Control { .. } => s3control::headers::SECURITY_TOKEN,
        }
    }
}

/// A request before it is signed.
#[derive(Debug)]
pub(super) struct RequestDraft {
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

impl RequestDraft {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), query: Vec::new(), headers: Vec::new(), body: None }
    }

    /// The request as it goes out: all its headers but the signature itself are signed.
    pub(super) fn signed(
        mut self,
        signed_by: &SignedBy<'_>,
        config: &ClientConfig,
        now: Timestamp,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let body = self.describe_body();
        let own = match *signed_by {
            SignedBy::Cos => vec![("x-cos-appid", config.appid.clone())],
            SignedBy::S3Control { account_id } => vec![
                (s3control::headers::ACCOUNT_ID, account_id.to_owned()),
                (s3control::headers::DATE, s3control_signature::time_text(now)),
                (s3control::headers::CONTENT_SHA256, hex::encode(digest(&SHA256, &body))),
            ],
        };
        let token = config.security_token.as_ref().map(|token| (signed_by.token_header(), token.expose().to_owned()));
        let host = ("host", config.host().to_owned());
        self.headers.extend(own.into_iter().chain(token).chain([host]).map(|(name, value)| (name.to_owned(), value)));
        let query = encode_query(&self.query);
        let authorization = self.authorization(signed_by, config, &query, now)?;
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

    fn authorization(
        &self,
        signed_by: &SignedBy<'_>,
        config: &ClientConfig,
        query: &str,
        now: Timestamp,
    ) -> Result<String, ClientError> {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let parts = RequestParts { method: self.method.as_str(), path: &self.path, query, headers: &headers };
        let (key_id, secret) = (&config.secret_id, config.secret_key.expose().as_bytes());
        match signed_by {
            SignedBy::Cos => {
                let end = now.checked_add(SIGNED_FOR).unwrap_or(Timestamp::MAX);
                Ok(cos_signature::sign(parts, key_id, secret, now, end))
            }
            SignedBy::S3Control { .. } => s3control_signature::sign(parts, key_id, secret, &config.region)
                .map_err(|error| ClientError::Unsendable(error.to_string())),
        }
    }
}
