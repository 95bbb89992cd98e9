//! The bytes of a simulated object: given bytes, or runs of zeros that take no memory, so that
//! a test can hold an object of a terabyte.

use std::sync::Arc;

use async_trait::async_trait;
use brigade_model::ports::object_store::{ByteStream, CallError};
use bytes::Bytes;
use md5::{Digest as _, Md5};

/// Bytes of a reading arrive in pieces of at most this size.
const PIECE_BYTES_MAX: u64 = 256 * 1024;
static ZEROS: [u8; PIECE_BYTES_MAX as usize] = [0; PIECE_BYTES_MAX as usize];

/// The bytes of an object. Cheap to clone: bytes are shared.
#[derive(Debug, Clone)]
pub struct Body(Shape);

#[derive(Debug, Clone)]
enum Shape {
    One(Run),
    Many(Arc<[Run]>),
}

/// Consecutive bytes of a body.
#[derive(Debug, Clone)]
pub(super) enum Run {
    Data(Bytes),
    Zeros(u64),
}

impl Run {
    fn len(&self) -> u64 {
        match self {
            Run::Data(bytes) => bytes.len() as u64,
            Run::Zeros(len) => *len,
        }
    }

    /// From `first`, at most `len` bytes.
    fn slice(&self, first: u64, len: u64) -> Run {
        let len = len.min(self.len() - first);
        match self {
            Run::Data(bytes) => Run::Data(bytes.slice(to_usize(first)..to_usize(first + len))),
            Run::Zeros(_) => Run::Zeros(len),
        }
    }
}

/// A place within bytes that are in memory.
fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).expect("what is in memory can be addressed")
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Shape::One(Run::Data(bytes)))
    }
}

impl Body {
    /// That many zeros, without memory.
    #[must_use]
    pub fn zeros(len: u64) -> Self {
        Self(Shape::One(Run::Zeros(len)))
    }

    /// That many bytes: zeros, and at the end these, which tell it from others of its size.
    #[must_use]
    pub fn zeros_before(len: u64, end: &Bytes) -> Self {
        let zeros = len.saturating_sub(end.len() as u64);
        Self::of(vec![Run::Zeros(zeros), Run::Data(end.clone())])
    }

    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.runs().iter().map(Run::len).sum()
    }

    /// All of it in one piece. For bodies that fit in memory.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match &self.0 {
            Shape::One(Run::Data(bytes)) => bytes.clone(),
            _ => self.pieces().flatten().collect::<Vec<u8>>().into(),
        }
    }

    /// The bytes from `first` to `last`, both included, cut at the end; `None` when there are none.
    #[must_use]
    pub fn slice(&self, first: u64, last: u64) -> Option<Body> {
        let last = last.min(self.size().checked_sub(1)?);
        if first > last {
            return None;
        }
        let (mut start, mut runs) = (0, Vec::new());
        for run in self.runs() {
            let end = start + run.len();
            if end > first && start <= last {
                let from = first.max(start) - start;
                runs.push(run.slice(from, last + 1 - start - from));
            }
            start = end;
        }
        Some(Body::of(runs))
    }

    /// One after the other.
    pub(super) fn join<'a>(bodies: impl Iterator<Item = &'a Body>) -> Body {
        Body::of(bodies.flat_map(Body::runs).cloned().collect())
    }

    /// Neighbouring zeros become one run, so that equal contents have equal runs of zeros.
    pub(super) fn of(runs: Vec<Run>) -> Body {
        let mut merged: Vec<Run> = Vec::with_capacity(runs.len());
        for run in runs.into_iter().filter(|run| run.len() > 0) {
            match (merged.last_mut(), run) {
                (Some(Run::Zeros(len)), Run::Zeros(more)) => *len += more,
                (_, run) => merged.push(run),
            }
        }
        match merged.len() {
            0 => Body::from(Bytes::new()),
            1 => Body(Shape::One(merged.remove(0))),
            _ => Body(Shape::Many(merged.into())),
        }
    }

    pub(super) fn runs(&self) -> &[Run] {
        match &self.0 {
            Shape::One(run) => std::slice::from_ref(run),
            Shape::Many(runs) => runs,
        }
    }

    /// The MD5 of its bytes. A run of zeros counts as a text that says how long it is: hashing
    /// 5 GiB takes longer than a test may.
    pub(super) fn md5(&self) -> [u8; 16] {
        let mut hash = Md5::new();
        for run in self.runs() {
            match run {
                Run::Data(bytes) => hash.update(bytes),
                Run::Zeros(len) => hash.update(format!("{len} zeros")),
            }
        }
        hash.finalize().into()
    }

    /// Its bytes in pieces that are small enough to send.
    #[must_use]
    pub fn pieces(&self) -> Pieces {
        Pieces { body: self.clone(), run: 0, at: 0 }
    }
}

/// The pieces of a body, one after the other.
#[derive(Debug, Clone)]
pub struct Pieces {
    body: Body,
    run: usize,
    at: u64,
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        loop {
            let run = self.body.runs().get(self.run)?;
            if self.at == run.len() {
                (self.run, self.at) = (self.run + 1, 0);
                continue;
            }
            let piece = run.slice(self.at, PIECE_BYTES_MAX);
            self.at += piece.len();
            return Some(match piece {
                Run::Data(bytes) => bytes,
                Run::Zeros(len) => Bytes::from_static(&ZEROS[..to_usize(len)]),
            });
        }
    }
}

#[async_trait]
impl ByteStream for Pieces {
    async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        Iterator::next(self).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixed() -> Body {
        Body::join(
            [
                Body::from(Bytes::from_static(b"head")),
                Body::zeros(3),
                Body::zeros(2),
                Body::from(Bytes::from_static(b"tail")),
            ]
            .iter(),
        )
    }

    #[test]
    fn a_slice_is_what_the_whole_has_there() {
        let whole = mixed().to_bytes();
        assert_eq!(&whole[..], b"head\0\0\0\0\0tail");
        for first in 0..whole.len() {
            for last in first..whole.len() {
                assert_eq!(mixed().slice(first as u64, last as u64).unwrap().to_bytes(), whole.slice(first..=last));
            }
        }
    }

    #[test]
    fn a_slice_beyond_the_end_is_none() {
        assert!(mixed().slice(13, 13).is_none());
        assert!(mixed().slice(2, 1).is_none());
        assert!(Body::zeros(0).slice(0, 0).is_none());
    }

    #[test]
    fn bodies_of_one_size_with_other_ends_are_not_the_same() {
        let of = |end: &'static str| Body::zeros_before(1 << 40, &Bytes::from(end));
        assert_eq!((of("a").size(), of("b").size()), (1 << 40, 1 << 40));
        assert_ne!(of("a").md5(), of("b").md5());
    }

    #[test]
    fn zeros_take_no_memory_and_come_in_pieces() {
        let body = Body::zeros(1 << 42);
        assert_eq!(body.size(), 1 << 42);
        assert_eq!(body.pieces().take(1).map(|piece| piece.len() as u64).sum::<u64>(), PIECE_BYTES_MAX);
        assert_eq!(Body::zeros(PIECE_BYTES_MAX + 1).pieces().count(), 2);
    }

    #[test]
    fn the_same_content_has_the_same_md5_however_it_was_put_together() {
        let halves = Body::join([mixed().slice(0, 5).unwrap(), mixed().slice(6, 99).unwrap()].iter());
        assert_eq!(halves.md5(), mixed().md5());
        assert_eq!(hex::encode(Body::from(Bytes::from_static(b"abc")).md5()), "900150983cd24fb0d6963f7d28e17f72");
    }
}
