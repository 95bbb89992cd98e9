//! A pooled connection, and the pool of idle ones.
//!
//! The call that uses a connection polls it, so nothing is spawned: dropping the call closes its
//! connection, and an answer wakes no other task. The pool checks an idle connection when a call takes
//! it and at each sweep, and drops one that the server has closed.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use brigade_model::ports::Clock;
use brigade_model::ports::clock::Monotonic;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;

use super::connect::{Connector, Stream};
use super::endpoint::Address;
use super::not_connected::NotConnected;
use crate::verdict::Step;

/// A connection that carries one request at a time. Boxed by all who hold one: it is large, and
/// moves with every request.
pub(crate) struct PooledConnection {
    sender: SendRequest<Full<Bytes>>,
    connection: Connection<TokioIo<Box<dyn Stream>>, Full<Bytes>>,
    is_over: bool,
    place: Place,
}

/// Its place among the open connections of a pool, left when dropped.
struct Place {
    open: Arc<AtomicUsize>,
    /// So many were open with it when it was taken.
    nth: usize,
}

impl Place {
    fn among(open: &Arc<AtomicUsize>) -> Self {
        Self { nth: open.fetch_add(1, Ordering::Relaxed) + 1, open: Arc::clone(open) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is read of an answer at a time, and the longest head of one. Each connection holds as much; the
/// library's own 400 KiB would be 200 MiB of idle connections.
const READ_AHEAD_MAX: usize = 64 << 10;

/// Why a request on a connection has no answer.
pub(crate) enum SendError {
    /// Never written: the request is given back.
    NotSent(Box<Request<Full<Bytes>>>),
    /// Written, at least in part.
    Broken(hyper::Error),
}

impl PooledConnection {
    async fn over(stream: Box<dyn Stream>, place: Place) -> Result<Box<Self>, NotConnected> {
        let (sender, connection) = Builder::new()
            .max_buf_size(READ_AHEAD_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| NotConnected { step: Step::Connect, cause: error.to_string() })?;
        Ok(Box::new(Self { sender, connection, is_over: false, place }))
    }

    /// How many connections of its pool were open when it was opened, itself among them.
    pub(crate) fn nth(&self) -> usize {
        self.place.nth
    }

    /// Sends a request and waits for the answer's head.
    pub(crate) async fn send(&mut self, request: Box<Request<Full<Bytes>>>) -> Result<Response<Incoming>, SendError> {
        let mut answer = pin!(self.sender.try_send_request(*request));
        let answer = poll_fn(|cx| {
            drive(&mut self.connection, &mut self.is_over, cx);
            answer.as_mut().poll(cx)
        });
        answer.await.map_err(|mut refused| match refused.take_message() {
            Some(request) => SendError::NotSent(Box::new(request)),
            None => SendError::Broken(refused.into_error()),
        })
    }

    /// The next frame of the answer's body.
    pub(crate) fn poll_frame(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        // The connection reads on only once the body was asked for more.
        match Pin::new(&mut *body).poll_frame(cx) {
            Poll::Pending => {
                drive(&mut self.connection, &mut self.is_over, cx);
                Pin::new(body).poll_frame(cx)
            }
            ready => ready,
        }
    }

    /// Whether it can carry another request. No task waits for an idle connection, so none is woken: not by
    /// the request that is sent over it next, either.
    pub(crate) fn is_free(&mut self) -> bool {
        drive(&mut self.connection, &mut self.is_over, &mut Context::from_waker(Waker::noop()));
        !self.is_over && self.sender.is_ready()
    }
}

/// Lets the connection read and write. Its own errors reach the answer or the body, so its end
/// is all that counts here.
fn drive(connection: &mut Connection<TokioIo<Box<dyn Stream>>, Full<Bytes>>, is_over: &mut bool, cx: &mut Context<'_>) {
    if !*is_over {
        *is_over = Pin::new(connection).poll(cx).is_ready();
    }
}

/// How many connections are kept for the next request, unless the process can have fewer: more
/// than are in flight at most endpoints, and with what is read ahead on each some 32 MiB.
pub const IDLE_CONNECTIONS_MAX: usize = 512;

/// The idle connections of all stores that share this, to whatever
/// address. Clones are one.
///
/// Besides its use an idle connection ends in three ways: a further one replaces the least recently
/// used, and [`IdleConnections::sweep`] closes those whose time is over and those that the server has
/// closed.
#[derive(Clone)]
pub struct IdleConnections(Arc<Mutex<IdleList>>);

struct IdleList {
    max: usize,
    /// The one that was used last stands last.
    connections: VecDeque<Idle>,
    pools: u64,
}

/// A connection that is idle.
struct Idle {
    pool: u64,
    address: Address,
    connection: Box<PooledConnection>,
    until: Monotonic,
}

impl fmt::Debug for IdleConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdleConnections").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Default for IdleConnections {
    fn default() -> Self {
        Self::new(IDLE_CONNECTIONS_MAX)
    }
}

impl IdleConnections {
    /// Keeps at most so many.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self(Arc::new(Mutex::new(IdleList { max, connections: VecDeque::new(), pools: 0 })))
    }

    /// How many are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept().connections.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Closes those whose time is over and those that the server has closed.
    pub fn sweep(&self, now: Monotonic) {
        let (mut kept, mut over) = (self.kept(), Vec::new());
        for mut idle in std::mem::take(&mut kept.connections) {
            let is_good = idle.until > now && idle.connection.is_free();
            if is_good { kept.connections.push_back(idle) } else { over.push(idle) }
        }
        // Closed without the lock.
        drop(kept);
        drop(over);
    }

    /// Closes the half that was used least lately, for a process that has no descriptor left;
    /// whether that closed any.
    pub fn make_room(&self) -> bool {
        let mut kept = self.kept();
        let half = kept.connections.len().div_ceil(2);
        let closed: Vec<Idle> = kept.connections.drain(..half).collect();
        drop(kept);
        !closed.is_empty()
    }

    fn kept(&self) -> MutexGuard<'_, IdleList> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that tells the connections of one pool from those of others.
    fn next_pool(&self) -> u64 {
        let mut kept = self.kept();
        kept.pools += 1;
        kept.pools
    }

    fn put(&self, idle: Idle) {
        let mut kept = self.kept();
        kept.connections.push_back(idle);
        let first = if kept.connections.len() > kept.max { kept.connections.pop_front() } else { None };
        drop(kept);
        // Closed without the lock.
        drop(first);
    }

    /// The one of that pool and address that was used last.
    fn take(&self, pool: u64, address: &Address) -> Option<Idle> {
        let mut kept = self.kept();
        let at = kept.connections.iter().rposition(|idle| idle.pool == pool && idle.address == *address)?;
        kept.connections.remove(at)
    }
}

/// The connections of one store.
pub(crate) struct Pool {
    connector: Connector,
    clock: Arc<dyn Clock>,
    idle_max: Duration,
    idle: IdleConnections,
    number: u64,
    /// Lines of this pool that are open, or being opened.
    open: Arc<AtomicUsize>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("idle_max", &self.idle_max).finish_non_exhaustive()
    }
}

impl Pool {
    pub(crate) fn new(connector: Connector, clock: Arc<dyn Clock>, idle_max: Duration, idle: IdleConnections) -> Self {
        let number = idle.next_pool();
        Self { connector, clock, idle_max, idle, number, open: Arc::default() }
    }

    /// A kept connection that is still good.
    pub(crate) fn kept(&self, address: &Address) -> Option<Box<PooledConnection>> {
        let now = self.clock.monotonic();
        while let Some(mut idle) = self.idle.take(self.number, address) {
            if idle.until > now && idle.connection.is_free() {
                return Some(idle.connection);
            }
        }
        None
    }

    /// A new connection. Where the process has no descriptor left, those that wait give theirs.
    pub(crate) async fn connect(&self, address: &Address) -> Result<Box<PooledConnection>, NotConnected> {
        let place = Place::among(&self.open);
        loop {
            match self.connector.connect(address).await {
                Err(NotConnected { step: Step::Descriptor, .. }) if self.idle.make_room() => {}
                connected => return PooledConnection::over(connected?, place).await,
            }
        }
    }

    /// Keeps a connection whose answer was read to its end, if it can carry another request.
    pub(crate) fn keep(&self, address: Address, mut connection: Box<PooledConnection>) {
        if connection.is_free() {
            let until = self.clock.monotonic().after(self.idle_max);
            self.idle.put(Idle { pool: self.number, address, connection, until });
        }
    }
}
