//! The bytes of an answer: collected within a bound, or streamed piece by piece.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ports::Clock;
use brigade_model::ports::object_store::{ByteStream, CallError};
use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Incoming};

use super::endpoint::Address;
use super::failure::unanswered;
use super::pool::{Pool, PooledConnection};
use super::response_timeout::ResponseTimeout;
use crate::unanswered::Listener;
use crate::verdict::Loss;

/// An answer's body that is still on its connection.
pub(crate) struct Download {
    /// `None` once the body ended, well or not.
    connection: Option<(Box<PooledConnection>, Incoming)>,
    address: Address,
    pool: Arc<Pool>,
    clock: Arc<dyn Clock>,
    /// Until the next piece.
    response_timeout: Duration,
    /// Of a stream, which tells its errors by itself.
    request_id: Option<String>,
    /// Of a stream: is told that a piece is awaited.
    pub(crate) listener: Option<Listener>,
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Why a body is not whole.
pub(crate) enum NotWhole {
    /// The connection ended before it did.
    CutOff(hyper::Error),
    /// Nothing more of it came in time.
    TimedOut,
    /// It is larger than its bound.
    TooLarge,
}

impl Download {
    pub(crate) fn new(
        connection: (Box<PooledConnection>, Incoming),
        address: Address,
        pool: &Arc<Pool>,
        clock: &Arc<dyn Clock>,
        response_timeout: Duration,
        request_id: Option<String>,
    ) -> Self {
        Self {
            connection: Some(connection),
            address,
            pool: Arc::clone(pool),
            clock: Arc::clone(clock),
            response_timeout,
            request_id,
            listener: None,
        }
    }

    /// How many bytes the answer says it has.
    pub(crate) fn length(&self) -> Option<u64> {
        self.connection.as_ref().and_then(|(_, body)| body.size_hint().exact())
    }

    /// All of it, when it is not larger than that. What says that it is larger is not read.
    pub(crate) async fn collect(
        &mut self,
        bytes_max: usize,
        response_timeout: &mut ResponseTimeout,
    ) -> Result<Bytes, NotWhole> {
        if self.length().is_some_and(|length| length > bytes_max as u64) {
            return Err(NotWhole::TooLarge);
        }
        let Some(first) = self.piece_in_time(response_timeout).await? else {
            return Ok(Bytes::new());
        };
        let mut all = BytesMut::new();
        let mut whole = first;
        while let Some(piece) = self.piece_in_time(response_timeout).await? {
            // Most answers are one piece, which is given as it is.
            if all.is_empty() {
                all.extend_from_slice(&whole);
                whole = Bytes::new();
            }
            all.extend_from_slice(&piece);
            if all.len() > bytes_max {
                return Err(NotWhole::TooLarge);
            }
        }
        if !all.is_empty() {
            whole = all.freeze();
        }
        if whole.len() > bytes_max { Err(NotWhole::TooLarge) } else { Ok(whole) }
    }

    async fn piece_in_time(&mut self, response_timeout: &mut ResponseTimeout) -> Result<Option<Bytes>, NotWhole> {
        tokio::select! {
            biased;
            piece = self.piece() => {
                response_timeout.hear();
                piece.map_err(NotWhole::CutOff)
            }
            () = response_timeout.over() => Err(NotWhole::TimedOut),
        }
    }

    /// The next piece with bytes in it. At the end the connection goes back to its pool; after an
    /// error, or when this is dropped before, it is closed.
    async fn piece(&mut self) -> Result<Option<Bytes>, hyper::Error> {
        while let Some((connection, body)) = &mut self.connection {
            match poll_fn(|cx| connection.poll_frame(body, cx)).await {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) if !bytes.is_empty() => return Ok(Some(bytes)),
                    _ => {}
                },
                Some(Err(error)) => {
                    self.connection = None;
                    return Err(error);
                }
                None => {
                    let (connection, _) = self.connection.take().expect("it was there a moment ago");
                    self.pool.keep(self.address.clone(), connection);
                }
            }
        }
        Ok(None)
    }
}

#[async_trait]
impl ByteStream for Download {
    async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        let deadline = self.clock.sleep(self.response_timeout);
        let awaited = self.listener.as_ref().map(Listener::await_piece);
        let lost = tokio::select! {
            biased;
            piece = self.piece() => match piece {
                Ok(piece) => {
                    if let Some(awaited) = awaited {
                        awaited.hear(self.clock.monotonic());
                    }
                    return piece.map(Ok);
                }
                Err(error) => unanswered::lost(Loss::CutOff, &error),
            },
            () = deadline => unanswered::timed_out(),
        };
        self.connection = None;
        Some(Err(CallError { request_id: self.request_id.clone(), ..lost }))
    }
}
