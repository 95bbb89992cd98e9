//! The listener: accepts connections up to its limit, over TLS where there is a certificate, and drains
//! them when it stops.
//!
//! A peer may be slow or silent, by mistake or on purpose; a bound holds against each:
//!
//! | the peer | bound |
//! |---|---|
//! | sends nothing, or a head that never ends | `head_timeout`, and a newcomer when all places are taken |
//! | sends a head that is too long | `REQUEST_HEAD_BYTES_MAX`, `REQUEST_HEADERS_MAX`: 431 |
//! | sends a body that never ends | `request_timeout`, in the API, and a newcomer likewise |
//! | takes nothing of its answer | `answer_timeout` |
//!
//! `places` decides how many places each holder has, and which connection makes room.
//!
//! HTTP/1.1 only: signatures of the COS dialect name the `Host` header.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use brigade_model::limits::{REQUEST_HEAD_BYTES_MAX, REQUEST_HEADERS_MAX};
use brigade_model::ports::{Clock, Spawn};
use brigade_s3::http::IdleConnections;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

mod places;
mod write_timeout;

use brigade_config::value::Network;
pub(crate) use places::{HEALTH_PLACES, METRICS_CONNECTIONS_MAX};
use places::{Place, Places};
pub(crate) use places::{PlaceHandle, TooMany};
use write_timeout::WriteTimeout;

/// The sender of a request: an extension of each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub SocketAddr);

/// What a listener serves, and how.
#[derive(Clone)]
pub(crate) struct Listening {
    /// Answers requests.
    pub router: Router,
    /// Accepts TLS, if configured.
    pub tls: Option<TlsAcceptor>,
    /// Connections at once, beside those for health.
    pub connections_max: usize,
    /// Proxies that speak for many clients.
    pub trusted_proxies: Vec<Network>,
    /// How long the head of a request may take, and a handshake.
    pub head_timeout: Duration,
    /// How long a peer may take nothing of its answer.
    pub answer_timeout: Duration,
    /// Connections of this process that give their descriptors first when there are none left.
    pub idle: IdleConnections,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Concurrency.
    pub spawn: Arc<dyn Spawn>,
}

/// Accepts until `stop` turns true; returns once no connection is left that began before, or
/// once `stop_timeout` has passed.
pub(crate) async fn listen(
    listener: TcpListener,
    listening: Listening,
    mut stop: watch::Receiver<bool>,
    stop_timeout: Duration,
) {
    let graceful = GracefulShutdown::new();
    let places = Places::new(listening.connections_max);
    loop {
        let next = async {
            let (stream, peer) = accept(&listener, &listening, &places).await;
            let is_proxy = listening.trusted_proxies.iter().any(|proxy| proxy.holds(peer.ip()));
            (stream, peer, places.enter((!is_proxy).then_some(peer.ip())).await)
        };
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            (stream, peer, place) = next => {
                serve(&listening, stream, Admitted { peer, place, watcher: graceful.watcher() });
            }
        }
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = listening.clock.sleep(stop_timeout) => tracing::warn!("stop_timeout passed; abandoning client requests in flight"),
    }
}

/// A connection that has a place.
struct Admitted {
    peer: SocketAddr,
    place: Place,
    watcher: Watcher,
}

/// The next connection.
async fn accept(listener: &TcpListener, listening: &Listening, places: &Places) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                // Out of file descriptors, or a peer that is gone already: waiting helps both.
                tracing::warn!(%error, "cannot accept client connection; retrying");
                if is_out_of_descriptors(&error) {
                    listening.idle.make_room();
                    places.make_room();
                }
                listening.clock.sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Whether the process, or the system, has all the files open that it may.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

/// Serves a connection until it ends.
fn serve(listening: &Listening, stream: TcpStream, admitted: Admitted) {
    let listening = listening.clone();
    let spawn = Arc::clone(&listening.spawn);
    let work = async move {
        let _ = stream.set_nodelay(true);
        let stream = WriteTimeout::new(stream, Arc::clone(&listening.clock), listening.answer_timeout);
        match listening.tls.clone() {
            None => answer(&listening, stream, admitted).await,
            Some(tls) => {
                if let Some(stream) = within(&listening, &admitted, tls.accept(stream)).await {
                    answer(&listening, stream, admitted).await;
                }
            }
        }
    };
    spawn.spawn("connection", Box::pin(work));
}

/// The handshake's result, if it comes in time.
async fn within<T>(
    listening: &Listening,
    admitted: &Admitted,
    handshake: impl Future<Output = std::io::Result<T>>,
) -> Option<T> {
    tokio::select! {
        done = handshake => done.inspect_err(|error| tracing::debug!(%error, "TLS handshake failed")).ok(),
        () = listening.clock.sleep(listening.head_timeout) => None,
        () = admitted.place.dismissed() => None,
    }
}

async fn answer<S>(listening: &Listening, stream: S, admitted: Admitted)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Admitted { peer, place, watcher } = admitted;
    let (router, handle) = (listening.router.clone(), place.handle());
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        handle.ask();
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(handle.clone());
        let (router, handle) = (router.clone(), handle.clone());
        async move {
            let answered = router.oneshot(request.map(Body::new)).await;
            handle.wait_for_peer();
            answered
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(listening.head_timeout);
    http.max_header_size(REQUEST_HEAD_BYTES_MAX).max_buf_size(REQUEST_HEAD_BYTES_MAX).max_headers(REQUEST_HEADERS_MAX);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    // The connection first: it sends its finished answers before it is dismissed.
    tokio::select! {
        biased;
        ended = watcher.watch(connection) => {
            if let Err(error) = ended {
                tracing::debug!(%error, %peer, "client connection failed");
            }
        }
        () = place.dismissed() => tracing::debug!(%peer, "closed slow client connection to admit another"),
    }
}

#[cfg(test)]
mod tests;
