//! A proxy on a thread of this process that adds distance: it delays each answer by a round trip, and
//! the first of a connection by two, for its handshake.

#![allow(clippy::disallowed_methods, reason = "the proxy is no part of the service")]

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Pieces of answers in flight on one connection.
const PIECES: usize = 1024;

/// The running proxy; it ends with the process.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub url: String,
}

impl Proxy {
    /// Starts it before the server at that URL.
    ///
    /// # Panics
    /// When the system has no thread or no port, or the URL names no address.
    #[must_use]
    pub fn start(server: &str, round_trip: Duration) -> Self {
        let server: SocketAddr = server.trim_start_matches("http://").parse().expect("the URL names an address");
        let (listening, url) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                let address = listener.local_addr().expect("it is bound");
                listening.send(format!("http://{address}")).expect("the caller waits for it");
                loop {
                    let (client, _) = listener.accept().await.expect("connections come");
                    tokio::spawn(connect(client, server, round_trip));
                }
            });
        });
        Self { url: url.recv().expect("it listens") }
    }
}

/// Carries one connection until either side ends it.
async fn connect(client: TcpStream, server: SocketAddr, round_trip: Duration) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    for side in [&client, &server] {
        side.set_nodelay(true).expect("a connection takes the option");
    }
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    tokio::spawn(async move {
        // A side that is gone ends the other one by the end of its stream.
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
        let _ = to_server.shutdown().await;
    });
    let (late, mut answers) = mpsc::channel::<(Instant, Bytes)>(PIECES);
    tokio::spawn(async move {
        while let Some((due, piece)) = answers.recv().await {
            sleep_until(due).await;
            if to_client.write_all(&piece).await.is_err() {
                return;
            }
        }
    });
    let mut piece = BytesMut::with_capacity(64 << 10);
    let mut distance = round_trip * 2;
    while from_server.read_buf(&mut piece).await.unwrap_or(0) > 0 {
        if late.send((Instant::now() + distance, piece.split().freeze())).await.is_err() {
            return;
        }
        distance = round_trip;
        piece.reserve(64 << 10);
    }
}
