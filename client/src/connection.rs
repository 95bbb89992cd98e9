//! Requests out, whole answers back: hyper over TLS or plain TCP, with a time-out.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use brigade_model::Timestamp;
use brigade_model::ports::Clock;
use brigade_s3::http::{HttpConfigError, tls};
use brigade_wire::s3control;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::RootCertStore;
use rustls::crypto::ring;

use super::{ClientConfig, ClientError};

/// From the first byte out to the last byte back. A CreateJob may wait for a busy disk.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// A page of 1,000 jobs is below 1 MiB; whatever is much larger is no answer of the dialect.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Connections to a service, kept and used again.
#[derive(Clone)]
pub(super) struct Connection {
    http: HttpClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

/// An answer, whole.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) status: StatusCode,
    pub(super) request_id: String,
    pub(super) body: Bytes,
}

impl Connection {
    pub(super) fn new(config: &ClientConfig, clock: Arc<dyn Clock>) -> Result<Self, ClientError> {
        let connector = HttpsConnectorBuilder::new().with_tls_config(trust(config)?);
        let connector = connector.https_or_http().enable_http1().build();
        Ok(Self { http: HttpClient::builder(TokioExecutor::new()).build(connector), clock })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Received, ClientError> {
        let (scheme, host) = (request.uri().scheme_str().unwrap_or("http"), request.uri().authority());
        let url = format!("{scheme}://{}", host.map_or("", |host| host.as_str()));
        let (method, uri, began) = (request.method().clone(), request.uri().clone(), self.clock.monotonic());
        let received = self.receive_in_time(request, url).await;
        let took_ms = self.clock.monotonic().since(began).as_millis();
        match &received {
            Ok(Received { status, request_id, .. }) => {
                tracing::debug!(%method, %uri, status = status.as_u16(), request_id, took_ms, "request answered");
            }
            Err(error) => tracing::debug!(%method, %uri, took_ms, %error, "request not answered"),
        }
        received
    }

    async fn receive_in_time(&self, request: Request<Full<Bytes>>, url: String) -> Result<Received, ClientError> {
        tokio::select! {
            received = self.receive(request) => received.map_err(|problem| ClientError::Unreachable { url, problem }),
            () = self.clock.sleep(ANSWER_TIMEOUT) => {
                let problem = format!("nothing came within {} seconds", ANSWER_TIMEOUT.as_secs());
                Err(ClientError::Unreachable { url, problem })
            }
        }
    }

    async fn receive(&self, request: Request<Full<Bytes>>) -> Result<Received, String> {
        let uri = request.uri().clone();
        let answer = self.http.request(request).await.map_err(|error| unanswered(&error, &uri))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| innermost(&*error))?;
        Ok(Received { status: head.status, request_id: request_id(&head.headers), body: body.to_bytes() })
    }
}

fn request_id(headers: &HeaderMap) -> String {
    let named = ["x-cos-request-id", s3control::headers::REQUEST_ID].into_iter().find_map(|name| headers.get(name));
    let value = named.and_then(|value| value.to_str().ok());
    value.unwrap_or("unknown").to_owned()
}

/// Why there is no answer: what is wrong with TLS, or what the system said.
fn unanswered(error: &(dyn Error + 'static), uri: &Uri) -> String {
    let host = uri.authority().map_or("", |authority| authority.as_str());
    match tls::explain(error, host) {
        Some(problem) => problem,
        None if is_no_http(error) && uri.scheme_str() == Some("http") => tls::explain_no_http(host),
        None => innermost(error),
    }
}

fn is_no_http(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref().is_some_and(hyper::Error::is_parse) || error.source().is_some_and(is_no_http)
}

/// What the system said, without the layers above it.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// The authorities that the client trusts: none without TLS, else the system's and the certificates of the
/// file, if one is named.
fn trust(config: &ClientConfig) -> Result<rustls::ClientConfig, ClientError> {
    if config.url.is_tls() {
        let trusted = tls::client_config(config.ca.as_deref()).map_err(|error| match error {
            HttpConfigError::ExtraCa { path, problem } => ClientError::Ca { file: path, problem },
            other => ClientError::SystemCa(other.to_string()),
        });
        return trusted.map(Arc::unwrap_or_clone);
    }
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError::SystemCa(error.to_string()))?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}
