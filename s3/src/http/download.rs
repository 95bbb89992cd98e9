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
use super::line::{Line, Pool};
use super::patience::Patience;
use crate::verdict::Loss;

/// An answer's body that is still on its line.
pub(crate) struct Download {
    /// `None` once the body ended, well or not.
    line: Option<(Box<Line>, Incoming)>,
    address: Address,
    pool: Arc<Pool>,
    clock: Arc<dyn Clock>,
    /// Until the next piece.
    patience: Duration,
    /// Of a stream, which tells its errors by itself.
    request_id: Option<String>,
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
        line: (Box<Line>, Incoming),
        address: Address,
        pool: &Arc<Pool>,
        clock: &Arc<dyn Clock>,
        patience: Duration,
        request_id: Option<String>,
    ) -> Self {
        Self { line: Some(line), address, pool: Arc::clone(pool), clock: Arc::clone(clock), patience, request_id }
    }

    /// How many bytes the answer says it has.
    pub(crate) fn length(&self) -> Option<u64> {
        self.line.as_ref().and_then(|(_, body)| body.size_hint().exact())
    }

    /// All of it, when it is not larger than that. What says that it is larger is not read.
    pub(crate) async fn collect(&mut self, bytes_max: usize, patience: &mut Patience) -> Result<Bytes, NotWhole> {
        if self.length().is_some_and(|length| length > bytes_max as u64) {
            return Err(NotWhole::TooLarge);
        }
        let Some(first) = self.piece_in_time(patience).await? else {
            return Ok(Bytes::new());
        };
        let mut all = BytesMut::new();
        let mut whole = first;
        while let Some(piece) = self.piece_in_time(patience).await? {
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

    async fn piece_in_time(&mut self, patience: &mut Patience) -> Result<Option<Bytes>, NotWhole> {
        tokio::select! {
            biased;
            piece = self.piece() => {
                patience.hear();
                piece.map_err(NotWhole::CutOff)
            }
            () = patience.over() => Err(NotWhole::TimedOut),
        }
    }

    /// The next piece with bytes in it. At the end the line goes back to its pool; after an
    /// error, or when this is dropped before, it is closed.
    async fn piece(&mut self) -> Result<Option<Bytes>, hyper::Error> {
        while let Some((line, body)) = &mut self.line {
            match poll_fn(|cx| line.poll_frame(body, cx)).await {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) if !bytes.is_empty() => return Ok(Some(bytes)),
                    _ => {}
                },
                Some(Err(error)) => {
                    self.line = None;
                    return Err(error);
                }
                None => {
                    let (line, _) = self.line.take().expect("it was there a moment ago");
                    self.pool.keep(self.address.clone(), line).await;
                }
            }
        }
        Ok(None)
    }
}

#[async_trait]
impl ByteStream for Download {
    async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        let deadline = self.clock.sleep(self.patience);
        let lost = tokio::select! {
            biased;
            piece = self.piece() => match piece {
                Ok(piece) => return piece.map(Ok),
                Err(error) => unanswered::lost(Loss::CutOff, &error),
            },
            () = deadline => unanswered::timed_out(),
        };
        self.line = None;
        Some(Err(CallError { request_id: self.request_id.clone(), ..lost }))
    }
}
