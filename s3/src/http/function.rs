//! Calls a function over HTTP: one POST for each invocation, on a connection of its own, and never to another place.
//!
//! | header | what it holds |
//! |---|---|
//! | `x-brigade-task` | the task's id, which is the same whenever the task is invoked again |
//! | `x-brigade-signature` | `sha256=` and the HMAC-SHA256 of the body in hexadecimal digits, where there is a shared secret |

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::limits::FUNCTION_ANSWER_BYTES_MAX;
use brigade_model::ports::Clock;
use brigade_model::ports::function::{FunctionAnswer, Invocation, Invoker, NotAnswered};
use brigade_model::ports::object_store::Effect;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri, header};
use ring::hmac;

use super::HttpConfigError;
use super::plain::PlainClient;
use super::proxy::Route;
use super::tls;

const TASK: HeaderName = HeaderName::from_static("x-brigade-task");
const SIGNATURE: HeaderName = HeaderName::from_static("x-brigade-signature");

/// Gives a secret as it is now.
pub type CurrentSecret = Arc<dyn Fn() -> String + Send + Sync>;

/// Where a function is, and how it is called.
#[derive(Clone)]
pub struct FunctionConfig {
    /// `http://` or `https://`, a host, perhaps a port and a path.
    pub url: String,
    /// From the request to the whole answer.
    pub timeout: Duration,
    /// How connections are made.
    pub route: Route,
    /// Certificates to trust besides the system's.
    pub extra_ca: Option<PathBuf>,
    /// What bodies are signed with, if they are.
    pub secret: Option<CurrentSecret>,
}

impl fmt::Debug for FunctionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionConfig").field("url", &self.url).finish_non_exhaustive()
    }
}

/// A function behind a URL.
#[derive(Debug)]
pub struct HttpFunction {
    uri: Uri,
    client: PlainClient,
    config: FunctionConfig,
}

impl HttpFunction {
    /// Sends no request.
    ///
    /// # Errors
    /// When the URL is none, or there is nothing that TLS could trust.
    pub fn new(config: FunctionConfig, clock: Arc<dyn Clock>) -> Result<Self, HttpConfigError> {
        let wrong = |problem| HttpConfigError::Endpoint { url: config.url.clone(), problem };
        let uri: Uri = config.url.parse().map_err(|_| wrong("is not a URL"))?;
        let tls = match uri.scheme_str() {
            Some("http") => None,
            Some("https") => Some(tls::client_config(config.extra_ca.as_deref())?),
            _ => return Err(wrong("must begin with http:// or https://")),
        };
        let client = PlainClient::new(clock, tls).bounded(config.timeout, FUNCTION_ANSWER_BYTES_MAX);
        Ok(Self { uri, client, config })
    }

    fn request(&self, invocation: Invocation) -> Result<Request<Bytes>, http::Error> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(self.uri.clone())
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(TASK, invocation.task);
        if let Some(secret) = &self.config.secret {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret().as_bytes());
            let tag = hmac::sign(&key, &invocation.body);
            request = request.header(SIGNATURE, format!("sha256={}", hex::encode(tag)));
        }
        request.body(invocation.body)
    }
}

#[async_trait]
impl Invoker for HttpFunction {
    async fn invoke(&self, invocation: Invocation) -> Result<FunctionAnswer, NotAnswered> {
        let not_sent = |error: http::Error| NotAnswered { effect: Effect::None, message: error.to_string() };
        let request = self.request(invocation).map_err(not_sent)?;
        let answer = self.client.send(&self.config.route, request).await.map_err(|failed| NotAnswered {
            effect: if failed.was_sent { Effect::Unknown } else { Effect::None },
            message: failed.problem,
        })?;
        let retry_after = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        Ok(FunctionAnswer {
            http_status: answer.status().as_u16(),
            retry_after_seconds: retry_after.and_then(|text| text.trim().parse().ok()),
            body: answer.into_body(),
        })
    }
}
