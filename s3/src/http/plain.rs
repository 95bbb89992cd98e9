//! One request to a server that is no store, such as those that give credentials, and functions: a connection of its
//! own, a small answer, no retries.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brigade_model::ports::Clock;
use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio_rustls::TlsConnector;

use super::connect::Connector;
use super::endpoint::Address;
use super::exchange::USER_AGENT;
use super::proxy::Route;

/// From the request to the whole answer, unless bounded otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read, unless bounded otherwise: STS sends some 2 KiB.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Sends requests to wherever their URIs say.
pub(crate) struct PlainClient {
    clock: Arc<dyn Clock>,
    /// Whom TLS trusts, where a URI may ask for TLS.
    tls: Option<Arc<ClientConfig>>,
    timeout: Duration,
    answer_bytes_max: usize,
}

/// There is no whole answer.
#[derive(Debug)]
pub(crate) struct NoAnswer {
    /// Whether the request may have reached the server.
    pub(crate) was_sent: bool,
    /// What went wrong, and with whom.
    pub(crate) problem: String,
}

impl fmt::Debug for PlainClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainClient").finish_non_exhaustive()
    }
}

impl PlainClient {
    pub(crate) fn new(clock: Arc<dyn Clock>, tls: Option<Arc<ClientConfig>>) -> Self {
        Self { clock, tls, timeout: TIMEOUT, answer_bytes_max: ANSWER_BYTES_MAX }
    }

    /// The same within other bounds.
    pub(crate) fn bounded(self, timeout: Duration, answer_bytes_max: usize) -> Self {
        Self { timeout, answer_bytes_max, ..self }
    }

    /// The whole answer, whatever its status.
    pub(crate) async fn send(&self, route: &Route, request: Request<Bytes>) -> Result<Response<Bytes>, NoAnswer> {
        let uri = request.uri();
        let server = format!("{}://{}", uri.scheme_str().unwrap_or(""), uri.authority().map_or("", |a| a.as_str()));
        let (was_sent, timeout) = (AtomicBool::new(false), self.timeout);
        let answer = tokio::select! {
            biased;
            answer = self.exchange(route, request, &was_sent) => answer,
            () = self.clock.sleep(timeout) => Err(format!("no answer in {timeout:?}")),
        };
        answer.map_err(|problem| NoAnswer {
            was_sent: was_sent.load(Ordering::Relaxed),
            problem: format!("{server}: {problem}"),
        })
    }

    async fn exchange(
        &self,
        route: &Route,
        request: Request<Bytes>,
        was_sent: &AtomicBool,
    ) -> Result<Response<Bytes>, String> {
        let (mut head, body) = request.into_parts();
        let is_tls = match head.uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("the URL begins with neither http:// nor https://".to_owned()),
        };
        let authority = head.uri.authority().ok_or("the URL has no host")?.clone();
        let tls = match (is_tls, &self.tls) {
            (true, Some(tls)) => Some(TlsConnector::from(Arc::clone(tls))),
            (true, None) => return Err("it is not spoken to in TLS".to_owned()),
            (false, _) => None,
        };
        let host = HeaderValue::from_str(authority.as_str()).map_err(|error| error.to_string())?;
        head.headers.insert(header::HOST, host);
        head.headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        match route.forwarding(is_tls) {
            Some(proxy) => {
                if let Some(authorization) = &proxy.authorization {
                    head.headers.insert(header::PROXY_AUTHORIZATION, authorization.clone());
                }
            }
            None => head.uri = head.uri.path_and_query().cloned().map_or_else(|| Uri::from_static("/"), Uri::from),
        }
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let connector = Connector { clock: Arc::clone(&self.clock), timeout: self.timeout, tls, route: route.clone() };
        let stream = connector.connect(&Address::of(authority.host(), port)).await.map_err(|not| not.cause)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
        let mut answer = pin!(async {
            let request = Request::from_parts(head, Full::new(body));
            was_sent.store(true, Ordering::Relaxed);
            let (head, body) = sender.send_request(request).await.map_err(|error| error.to_string())?.into_parts();
            let body = Limited::new(body, self.answer_bytes_max).collect().await.map_err(|error| error.to_string())?;
            Ok(Response::from_parts(head, body.to_bytes()))
        });
        let mut connection = pin!(connection.fuse());
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return answer,
                // Its errors reach the answer.
                _ = &mut connection => {}
            }
        }
    }
}
