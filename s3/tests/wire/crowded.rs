//! Servers that take only so many connections: the client never sends a call first over one too many.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use brigade_model::ports::object_store::{CallError, DeleteObject, Effect, Verdict};
use brigade_s3::http::HttpStore;
use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::calls::at;
use crate::store::{call, store};

/// Connections that a client opens without asking first.
const UNPROVEN: usize = 32;

/// What the server does with one connection more than it has room for.
#[derive(Clone, Copy)]
enum Beyond {
    /// Closes it when something has come over it.
    Closes,
    /// Answers 503, and closes it.
    Refuses,
}

/// A server that answers deletes only when that many have come.
struct Server {
    url: String,
    seen: Arc<Mutex<Vec<&'static str>>>,
}

#[derive(Clone)]
struct Shared {
    open: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<&'static str>>>,
    held: Arc<Semaphore>,
}

/// What the server is like.
#[derive(Clone, Copy)]
struct Room {
    connections: usize,
    beyond: Beyond,
    keeps_connections: bool,
    /// So many deletes are answered together.
    answered_together: usize,
}

impl Server {
    async fn with(room: Room) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Shared { open: Arc::default(), seen: Arc::default(), held: Arc::new(Semaphore::new(0)) };
        let seen = Arc::clone(&shared.seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                let nth = shared.open.fetch_add(1, Ordering::Relaxed) + 1;
                tokio::spawn(async move {
                    serve(stream, nth > room.connections, room, &shared).await;
                    shared.open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Self { url, seen }
    }

    fn seen(&self, method: &str) -> usize {
        self.seen.lock().unwrap().iter().filter(|seen| **seen == method).count()
    }
}

async fn serve(mut stream: TcpStream, is_beyond: bool, room: Room, shared: &Shared) {
    let mut buffer = [0; 4096];
    while let Ok(read) = stream.read(&mut buffer).await
        && read > 0
    {
        let method = if buffer.starts_with(b"HEAD") { "HEAD" } else { "DELETE" };
        shared.seen.lock().unwrap().push(method);
        if is_beyond {
            if matches!(room.beyond, Beyond::Refuses) {
                stream.write_all(b"HTTP/1.1 503 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
            }
            return;
        }
        if method == "DELETE" {
            let deletes = shared.seen.lock().unwrap().iter().filter(|seen| **seen == "DELETE").count();
            if deletes == room.answered_together {
                shared.held.add_permits(deletes);
            }
            shared.held.acquire().await.unwrap().forget();
        }
        let answer: &[u8] = match room.keeps_connections {
            true => b"HTTP/1.1 204 X\r\n\r\n",
            false => b"HTTP/1.1 204 X\r\nconnection: close\r\n\r\n",
        };
        stream.write_all(answer).await.unwrap();
        if !room.keeps_connections {
            return;
        }
    }
}

async fn delete_at_once(store: &HttpStore, count: usize) -> (usize, Vec<CallError>) {
    let deletes =
        (0..count).map(|n| call(store, DeleteObject { at: at(&format!("k{n}")), version: None, if_match: None }));
    let results = join_all(deletes).await;
    let errors: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    (count - errors.len(), errors)
}

#[tokio::test]
async fn a_connection_that_the_server_has_no_room_for_is_told_before_a_call_is_sent_over_it() {
    for beyond in [Beyond::Closes, Beyond::Refuses] {
        let room = Room { connections: 40, beyond, keeps_connections: true, answered_together: 40 };
        let server = Server::with(room).await;
        let (deleted, errors) = delete_at_once(&store(&server.url), 60).await;
        assert_eq!((deleted, errors.len()), (40, 20));
        for error in &errors {
            assert_eq!((error.code.as_str(), error.verdict), ("TooManyConnections", Verdict::Throttled), "{error}");
            assert_eq!((error.effect, error.attempts), (Effect::None, 0));
            assert!(error.message.contains(&server.url), "{error}");
        }
        assert_eq!((server.seen("DELETE"), server.seen("HEAD")), (40, 60 - UNPROVEN));
    }
}

#[tokio::test]
async fn a_server_that_closes_each_connection_after_one_answer_is_sent_as_many_calls_all_the_same() {
    let room = Room { connections: 1000, beyond: Beyond::Closes, keeps_connections: false, answered_together: 60 };
    let server = Server::with(room).await;
    let (deleted, errors) = delete_at_once(&store(&server.url), 60).await;
    assert_eq!((deleted, errors), (60, Vec::new()));
}

#[tokio::test]
async fn few_connections_are_not_asked_for_anything_first() {
    let room = Room { connections: 1000, beyond: Beyond::Closes, keeps_connections: true, answered_together: UNPROVEN };
    let server = Server::with(room).await;
    let (deleted, _) = delete_at_once(&store(&server.url), UNPROVEN).await;
    assert_eq!((deleted, server.seen("HEAD")), (UNPROVEN, 0));
}
