//! Reads a range of an object to its end: when a body breaks off, it asks again for the bytes
//! behind the last good one. `retry` stands below and sees only the beginning of an answer. The
//! caller pins the object, so that all bytes are those of one state of it.

use brigade_model::ports::object_store::{ByteStream, CallError, Effect, Verdict};
use bytes::Bytes;

/// Broken bodies in a row, none of which brought a byte, before reading is given up for now.
pub(crate) const BROKEN_BODIES_MAX: u32 = 3;

/// The first and the last byte of a range.
pub(crate) type Range = (u64, u64);

/// An object of which every range is of one state.
pub(crate) trait Pinned: Sync {
    /// Why it cannot be read.
    type Error;

    /// Asks for a range, and gives its body.
    fn ask(&self, range: Range) -> impl Future<Output = Result<Box<dyn ByteStream>, Self::Error>> + Send;

    /// The error of a body that broke off too often.
    fn broken(&self, error: CallError) -> Self::Error;
}

/// The bytes of a range, in order.
pub(crate) struct Ranged {
    offset: u64,
    end: u64,
    /// Bytes that are asked for at once, at most.
    bytes_at_once: u64,
    /// The body that is being read and how many of its bytes are still to come.
    body: Option<(Box<dyn ByteStream>, u64)>,
    broken_bodies: u32,
}

impl Ranged {
    /// The bytes from `from` on, `to` not included; so many are asked for at once.
    pub(crate) fn new(from: u64, to: u64, bytes_at_once: u64) -> Self {
        Self { offset: from, end: to, bytes_at_once, body: None, broken_bodies: 0 }
    }

    /// The same, all at once, and their body has come already.
    pub(crate) fn begun(from: u64, to: u64, body: Box<dyn ByteStream>) -> Self {
        let bytes = to.saturating_sub(from);
        Self { body: Some((body, bytes)), ..Self::new(from, to, bytes) }
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// Those of the object.
    pub(crate) async fn next<P: Pinned>(&mut self, object: &P) -> Result<Option<Bytes>, P::Error> {
        while self.offset < self.end {
            let (mut body, to_come) = match self.body.take() {
                Some(body) => body,
                None => {
                    let bytes = self.bytes_at_once.min(self.end - self.offset);
                    (object.ask((self.offset, self.offset + bytes - 1)).await?, bytes)
                }
            };
            match next_piece(&mut *body, to_come).await {
                Ok(piece) => {
                    let to_come = to_come - piece.len() as u64;
                    self.offset += piece.len() as u64;
                    self.body = (to_come > 0).then_some((body, to_come));
                    if !piece.is_empty() {
                        self.broken_bodies = 0;
                        return Ok(Some(piece));
                    }
                }
                Err(error) => {
                    self.broken_bodies += 1;
                    if error.verdict == Verdict::Stopped || self.broken_bodies >= BROKEN_BODIES_MAX {
                        return Err(object.broken(error));
                    }
                }
            }
        }
        Ok(None)
    }
}

/// The next piece of a body of which so many bytes are to come.
async fn next_piece(body: &mut dyn ByteStream, to_come: u64) -> Result<Bytes, CallError> {
    let piece = body.next().await.unwrap_or_else(|| Err(incomplete("the answer is shorter than the range")))?;
    match to_come.checked_sub(piece.len() as u64) {
        None => return Err(too_long()),
        Some(0) => must_be_over(body).await?,
        Some(_) => {}
    }
    Ok(piece)
}

/// Reads the end of a body, so that its connection is used again.
///
/// # Errors
/// When something else comes.
pub(crate) async fn must_be_over(body: &mut dyn ByteStream) -> Result<(), CallError> {
    match body.next().await {
        None => Ok(()),
        Some(more) => more.and(Err(too_long())),
    }
}

fn too_long() -> CallError {
    incomplete("the answer is longer than the range")
}

/// The error of a body whose bytes are not those that were asked for.
pub(crate) fn incomplete(what: &str) -> CallError {
    CallError::new(Verdict::Transient, Effect::None, "IncompleteBody", what)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;

    const TEXT: &[u8] = b"0123456789";

    /// Each body in turn is the range that was asked for, cut to so many bytes, or followed by one more.
    struct Scripted {
        bodies: Mutex<VecDeque<Body>>,
        asked: Mutex<Vec<Range>>,
    }

    #[derive(Clone, Copy)]
    enum Body {
        Whole,
        BreaksAfter(usize),
        EndsAfter(usize),
        HasMore,
    }

    struct Pieces(VecDeque<Result<Bytes, CallError>>);

    #[async_trait]
    impl ByteStream for Pieces {
        async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
            self.0.pop_front()
        }
    }

    impl Pinned for Scripted {
        type Error = CallError;

        async fn ask(&self, (first, last): Range) -> Result<Box<dyn ByteStream>, CallError> {
            self.asked.lock().unwrap().push((first, last));
            let bytes = &TEXT[usize::try_from(first).unwrap()..=usize::try_from(last).unwrap()];
            let piece = |bytes: &[u8]| Ok(Bytes::copy_from_slice(bytes));
            let pieces = match self.bodies.lock().unwrap().pop_front().unwrap() {
                Body::Whole => vec![piece(bytes)],
                Body::BreaksAfter(size) => vec![piece(&bytes[..size]), Err(incomplete("reset"))],
                Body::EndsAfter(size) => vec![piece(&bytes[..size])],
                Body::HasMore => vec![piece(bytes), piece(b"x")],
            };
            Ok(Box::new(Pieces(pieces.into())))
        }

        fn broken(&self, error: CallError) -> CallError {
            error
        }
    }

    /// What is read, or why not, and the ranges that were asked for.
    async fn read(bytes_at_once: u64, bodies: &[Body]) -> (Result<Vec<u8>, String>, Vec<Range>) {
        let object = Scripted { bodies: Mutex::new(bodies.iter().copied().collect()), asked: Mutex::default() };
        let (mut ranged, mut all) = (Ranged::new(0, TEXT.len() as u64, bytes_at_once), Vec::new());
        let read = loop {
            match ranged.next(&object).await {
                Ok(Some(piece)) => all.extend_from_slice(&piece),
                Ok(None) => break Ok(all),
                Err(error) => break Err(error.message),
            }
        };
        (read, object.asked.into_inner().unwrap())
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_asked_for_again_behind_its_last_byte() {
        let (read, asked) = read(6, &[Body::BreaksAfter(2), Body::EndsAfter(3), Body::Whole]).await;
        assert_eq!(read.unwrap(), TEXT);
        assert_eq!(asked, [(0, 5), (2, 7), (5, 9)]);
    }

    #[tokio::test]
    async fn reading_is_given_up_when_bodies_in_a_row_bring_nothing() {
        let nothing = Body::BreaksAfter(0);
        let (some, asked) = read(10, &[nothing, nothing, Body::EndsAfter(1), nothing, Body::Whole]).await;
        assert_eq!((some.unwrap(), asked.len()), (TEXT.to_vec(), 5));
        let (none, asked) = read(10, &[Body::EndsAfter(4), nothing, nothing]).await;
        assert_eq!((none.unwrap_err().as_str(), asked.len()), ("reset", 3));
    }

    #[tokio::test]
    async fn nothing_is_taken_of_the_last_piece_of_a_body_that_is_longer_than_its_range() {
        let (read, asked) = read(5, &[Body::HasMore, Body::Whole, Body::Whole]).await;
        assert_eq!(read.unwrap(), TEXT);
        assert_eq!(asked, [(0, 4), (0, 4), (5, 9)]);
    }
}
