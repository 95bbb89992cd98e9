//! A kept connection, and the pool of those that wait.
//!
//! A connection is polled by the call that uses it, so nothing is spawned: a call that is
//! dropped closes its connection, and an answer costs no wake-up of another task. An idle
//! connection is looked at when it is taken: one that the server has closed is dropped then.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use brigade_model::ports::Clock;
use brigade_model::ports::clock::Monotonic;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper_util::rt::TokioIo;

use super::connect::{Connector, NotConnected, Stream};
use super::endpoint::Address;
use crate::verdict::Step;

/// A connection that carries one request at a time. Boxed by all who hold one: it is large, and
/// moves with every request.
pub(crate) struct Line {
    sender: SendRequest<Full<Bytes>>,
    connection: Connection<TokioIo<Box<dyn Stream>>, Full<Bytes>>,
    is_over: bool,
}

/// Why a request on a line has no answer.
pub(crate) enum LineError {
    /// Never written: the request is given back.
    NotSent(Box<Request<Full<Bytes>>>),
    /// Written, at least in part.
    Broken(hyper::Error),
}

impl Line {
    async fn over(stream: Box<dyn Stream>) -> Result<Box<Self>, NotConnected> {
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| NotConnected { step: Step::Connect, cause: error.to_string() })?;
        Ok(Box::new(Self { sender, connection, is_over: false }))
    }

    /// Sends a request and waits for the answer's head.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, LineError> {
        let mut answer = pin!(self.sender.try_send_request(request));
        let answer = poll_fn(|cx| {
            drive(&mut self.connection, &mut self.is_over, cx);
            answer.as_mut().poll(cx)
        });
        answer.await.map_err(|mut refused| match refused.take_message() {
            Some(request) => LineError::NotSent(Box::new(request)),
            None => LineError::Broken(refused.into_error()),
        })
    }

    /// The next frame of the answer's body.
    pub(crate) fn poll_frame(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        drive(&mut self.connection, &mut self.is_over, cx);
        Pin::new(body).poll_frame(cx)
    }

    /// Whether it can carry another request.
    async fn is_free(&mut self) -> bool {
        poll_fn(|cx| {
            drive(&mut self.connection, &mut self.is_over, cx);
            Poll::Ready(())
        })
        .await;
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

/// A line that nobody uses, and since when.
type Idle = (Box<Line>, Monotonic);

/// Lines that wait for their next request.
pub(crate) struct Pool {
    connector: Connector,
    clock: Arc<dyn Clock>,
    idle_max: Duration,
    /// The latest used last.
    idle: Mutex<BTreeMap<Address, Vec<Idle>>>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("idle_max", &self.idle_max).finish_non_exhaustive()
    }
}

impl Pool {
    pub(crate) fn new(connector: Connector, clock: Arc<dyn Clock>, idle_max: Duration) -> Self {
        Self { connector, clock, idle_max, idle: Mutex::default() }
    }

    /// A kept line that is still good.
    pub(crate) async fn kept(&self, address: &Address) -> Option<Box<Line>> {
        while let Some(mut line) = self.take_idle(address) {
            if line.is_free().await {
                return Some(line);
            }
        }
        None
    }

    /// A new line.
    pub(crate) async fn connect(&self, address: &Address) -> Result<Box<Line>, NotConnected> {
        Line::over(self.connector.connect(address).await?).await
    }

    /// Keeps a line whose answer was read to its end, if it can carry another request.
    pub(crate) async fn keep(&self, address: Address, mut line: Box<Line>) {
        if line.is_free().await {
            let now = self.clock.monotonic();
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.entry(address).or_default().push((line, now));
        }
    }

    /// The latest used line; the ones that were idle for too long are dropped.
    fn take_idle(&self, address: &Address) -> Option<Box<Line>> {
        let now = self.clock.monotonic();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = idle.get_mut(address)?;
        lines.retain(|(_, since)| now.since(*since) < self.idle_max);
        let line = lines.pop().map(|(line, _)| line);
        if lines.is_empty() {
            idle.remove(address);
        }
        line
    }
}
