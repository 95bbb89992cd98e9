//! Requests out, whole answers back: hyper over TLS or plain TCP, with a time-out.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use brigade_model::Timestamp;
use brigade_model::ports::Clock;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

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
        tokio::select! {
            received = self.receive(request) => received.map_err(|problem| ClientError::Unreachable { url, problem }),
            () = self.clock.sleep(ANSWER_TIMEOUT) => {
                let problem = format!("nothing came within {} seconds", ANSWER_TIMEOUT.as_secs());
                Err(ClientError::Unreachable { url, problem })
            }
        }
    }

    async fn receive(&self, request: Request<Full<Bytes>>) -> Result<Received, String> {
        let answer = self.http.request(request).await.map_err(|error| innermost(&error))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| innermost(&*error))?;
        Ok(Received { status: head.status, request_id: request_id(&head.headers), body: body.to_bytes() })
    }
}

fn request_id(headers: &HeaderMap) -> String {
    let value = headers.get("x-cos-request-id").and_then(|value| value.to_str().ok());
    value.unwrap_or("unknown").to_owned()
}

/// What the system said, without the layers above it.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// Whom to trust: nobody when no TLS is spoken, the file's certificates when one is named,
/// the system's otherwise.
fn trust(config: &ClientConfig) -> Result<rustls::ClientConfig, ClientError> {
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError::SystemCa(error.to_string()))?;
    let builder = match &config.ca {
        _ if !config.url.is_tls() => builder.with_root_certificates(RootCertStore::empty()),
        Some(file) => builder.with_root_certificates(read_roots(file)?),
        None => builder.with_native_roots().map_err(|error| ClientError::SystemCa(error.to_string()))?,
    };
    Ok(builder.with_no_client_auth())
}

fn read_roots(file: &Path) -> Result<RootCertStore, ClientError> {
    let unusable = |problem: String| ClientError::Ca { file: file.to_owned(), problem };
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| unusable(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() { Err(unusable("holds no certificate in PEM".to_owned())) } else { Ok(roots) }
}
