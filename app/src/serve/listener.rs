//! The listener: accepts connections, as many at once as allowed, over TLS where there is a
//! certificate, and lets them end in peace when it stops.
//!
//! HTTP/1.1 only: signatures of the COS dialect name the `Host` header.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use brigade_model::ports::{Clock, Spawn};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// Who sent a request: an extension of each.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// What a listener serves, and how.
#[derive(Clone)]
pub struct Listening {
    /// Who answers.
    pub router: Router,
    /// Who speaks TLS, if anybody does.
    pub tls: Option<TlsAcceptor>,
    /// Connections at once.
    pub connections_max: usize,
    /// How long the head of a request may take, and a handshake.
    pub head_timeout: Duration,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Concurrency.
    pub spawn: Arc<dyn Spawn>,
}

/// Accepts until `stop` turns true; returns once no connection is left that began before, or
/// once `stop_timeout` has passed.
pub async fn listen(
    listener: TcpListener,
    listening: Listening,
    mut stop: watch::Receiver<bool>,
    stop_timeout: Duration,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(listening.connections_max));
    loop {
        let next = accept(&listener, &places, &*listening.clock);
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            (stream, peer, place) = next => serve(&listening, stream, peer, place, graceful.watcher()),
        }
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = listening.clock.sleep(stop_timeout) => tracing::warn!("stopped while requests were being answered"),
    }
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    clock: &dyn Clock,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let place = Arc::clone(places).acquire_owned().await.expect("nobody closes the semaphore");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            Err(error) => {
                // Out of file descriptors, or a peer that is gone already: waiting helps both.
                tracing::warn!(%error, "cannot accept a connection");
                clock.sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Serves a connection until it ends.
fn serve(listening: &Listening, stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit, watcher: Watcher) {
    let listening = listening.clone();
    let spawn = Arc::clone(&listening.spawn);
    let work = async move {
        let _place = place;
        let _ = stream.set_nodelay(true);
        match listening.tls.clone() {
            None => answer(&listening, stream, peer, watcher).await,
            Some(tls) => {
                if let Some(stream) = within(&listening, tls.accept(stream)).await {
                    answer(&listening, stream, peer, watcher).await;
                }
            }
        }
    };
    spawn.spawn("connection", Box::pin(work));
}

/// The handshake's result, if it comes in time.
async fn within<T>(listening: &Listening, handshake: impl Future<Output = std::io::Result<T>>) -> Option<T> {
    tokio::select! {
        done = handshake => done.inspect_err(|error| tracing::debug!(%error, "no TLS handshake")).ok(),
        () = listening.clock.sleep(listening.head_timeout) => None,
    }
}

async fn answer<S>(listening: &Listening, stream: S, peer: SocketAddr, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let router = listening.router.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        router.clone().oneshot(request.map(Body::new))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(listening.head_timeout);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, %peer, "a connection broke");
    }
}

#[cfg(test)]
mod tests;
