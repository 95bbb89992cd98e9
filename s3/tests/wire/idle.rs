//! Idle connections: how many the client keeps, and what ends them.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade_model::ports::object_store::{DeleteObject, GetObjectTagging};
use brigade_model::ports::{Clock, Monotonic};
use brigade_s3::http::{HttpStore, IDLE, IdleConnections};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::yield_now;

use crate::calls::at;
use crate::store::{HeldClock, call, config};
use crate::stub::{Reply, Stub, answer};

const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// A server on every address of loopback, and the clients of its open connections.
struct Everywhere {
    port: u16,
    open: Arc<Mutex<BTreeSet<SocketAddr>>>,
}

impl Everywhere {
    async fn start() -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let open: Arc<Mutex<BTreeSet<SocketAddr>>> = Arc::default();
        let known = Arc::clone(&open);
        tokio::spawn(async move {
            while let Ok((mut stream, peer)) = listener.accept().await {
                let known = Arc::clone(&known);
                known.lock().unwrap().insert(peer);
                tokio::spawn(async move {
                    let mut buffer = [0; 4096];
                    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                        stream.write_all(ANSWER).await.unwrap();
                    }
                    known.lock().unwrap().remove(&peer);
                });
            }
        });
        Self { port, open }
    }

    /// Its address of that number, as the bucket of a virtual host would be one.
    fn url(&self, n: u32) -> String {
        format!("http://127.0.{}.{}:{}", n / 250, n % 250 + 1, self.port)
    }

    fn open(&self) -> usize {
        self.open.lock().unwrap().len()
    }
}

fn store(url: &str, idle: &IdleConnections, clock: &Arc<HeldClock>) -> HttpStore {
    HttpStore::keeping_connections_in(idle.clone(), config(url), clock.clone()).unwrap()
}

async fn delete(store: &HttpStore) {
    call(store, DeleteObject { at: at("k"), version: None, if_match: None }).await.unwrap();
}

async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        yield_now().await;
    }
}

#[tokio::test]
async fn of_three_hundred_hosts_at_most_as_many_connections_stay_open_as_are_kept_in_all() {
    let (server, idle, clock) = (Everywhere::start().await, IdleConnections::new(20), HeldClock::new());
    for n in 0..300 {
        delete(&store(&server.url(n), &idle, &clock)).await;
        assert!(idle.len() <= 20);
    }
    assert_eq!(idle.len(), 20);
    until(|| server.open() == 20).await;
}

#[tokio::test]
async fn the_connection_that_was_used_least_lately_goes_first() {
    let (server, idle, clock) = (Everywhere::start().await, IdleConnections::new(2), HeldClock::new());
    let stores = [0, 1, 2].map(|n| store(&server.url(n), &idle, &clock));
    delete(&stores[0]).await;
    let of_first = *server.open.lock().unwrap().first().unwrap();
    for n in [1, 0, 2] {
        delete(&stores[n]).await;
    }
    until(|| server.open() == 2).await;
    assert!(server.open.lock().unwrap().contains(&of_first), "it was used after the second");
    // The first and the third go on with theirs.
    let before = server.open.lock().unwrap().clone();
    delete(&stores[0]).await;
    delete(&stores[2]).await;
    assert_eq!(*server.open.lock().unwrap(), before);
}

#[tokio::test]
async fn what_the_server_closed_is_closed_without_being_used() {
    let Reply::Bytes(bytes) = answer(200, &[], "") else { unreachable!() };
    let stub = Stub::scripted([Reply::BytesThenClose(bytes)]).await;
    let (idle, clock) = (IdleConnections::new(9), HeldClock::new());
    delete(&store(&stub.url(), &idle, &clock)).await;
    stub.connection_ended().await;
    while !idle.is_empty() {
        idle.sweep(clock.monotonic());
        yield_now().await;
    }
}

#[tokio::test]
async fn the_head_of_a_bucket_is_one_small_request_over_a_kept_connection_and_any_answer_is_one() {
    let replies = [200, 403, 404, 503].map(|status| answer(status, &[], ""));
    let stub = Stub::scripted(replies).await;
    let store = store(&stub.url(), &IdleConnections::new(9), &HeldClock::new());
    let bucket = "photos".parse().unwrap();
    for _ in 0..4 {
        store.head_bucket(&bucket).await.unwrap();
    }
    let seen: Vec<_> =
        stub.recorded().iter().map(|came| (came.method.clone(), came.path().to_owned(), came.connection)).collect();
    assert_eq!(seen, vec![("HEAD".to_owned(), "/photos/".to_owned(), 0); 4]);
    let nowhere = HttpStore::new(config("http://127.0.0.1:1"), HeldClock::new()).unwrap();
    assert!(nowhere.head_bucket(&bucket).await.is_err());
}

#[tokio::test]
async fn a_call_over_a_kept_connection_is_polled_once_to_send_it_and_once_when_its_answer_is_there() {
    let tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
    let stub = Stub::scripted([answer(200, &[], tags), answer(200, &[], tags)]).await;
    let store = store(&stub.url(), &IdleConnections::new(9), &HeldClock::new());
    let ask = || call(&store, GetObjectTagging { at: at("k"), version: None });
    ask().await.unwrap();
    // What woke this task for the first call is spent.
    yield_now().await;
    let (mut second, mut polls) = (pin!(ask()), 0);
    let answered = poll_fn(|cx| {
        polls += 1;
        second.as_mut().poll(cx)
    });
    assert_eq!(answered.await.unwrap().len(), 1);
    assert_eq!((polls, stub.recorded()[1].connection), (2, 0));
}

#[tokio::test]
async fn an_idle_connection_ends_in_time_though_nobody_asks_for_it() {
    let (server, idle, clock) = (Everywhere::start().await, IdleConnections::new(9), HeldClock::new());
    delete(&store(&server.url(0), &idle, &clock)).await;
    idle.sweep(Monotonic(IDLE - Duration::from_millis(1)));
    assert_eq!((idle.len(), server.open()), (1, 1));
    idle.sweep(Monotonic(IDLE));
    assert!(idle.is_empty());
    until(|| server.open() == 0).await;
}

#[tokio::test]
async fn stores_that_keep_their_connections_together_do_not_use_those_of_each_other() {
    let (server, idle, clock) = (Everywhere::start().await, IdleConnections::new(9), HeldClock::new());
    // Other certificates may be trusted there, though the address is the same.
    delete(&store(&server.url(0), &idle, &clock)).await;
    delete(&store(&server.url(0), &idle, &clock)).await;
    assert_eq!(idle.len(), 2);
}

#[tokio::test]
async fn making_room_closes_the_half_that_was_used_least_lately_and_says_when_there_is_none() {
    let (server, idle, clock) = (Everywhere::start().await, IdleConnections::new(9), HeldClock::new());
    for n in 0..3 {
        delete(&store(&server.url(n), &idle, &clock)).await;
    }
    assert!(idle.make_room() && idle.len() == 1);
    assert!(idle.make_room() && !idle.make_room());
    until(|| server.open() == 0).await;
}
