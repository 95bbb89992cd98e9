//! A manifest of any length that takes no memory: each row is computed from its number.

use async_trait::async_trait;
use brigade_model::ports::object_store::{ByteStream, CallError};
use bytes::Bytes;

const ROW: &[u8] = b"source,photos/2026/0000/object-000000000000.jpg\n";
/// Every row has this many bytes.
pub(crate) const ROW_BYTES: u64 = ROW.len() as u64;
/// What a network answer brings at once.
const PIECE_BYTES: u64 = 64 * 1024;

/// The bytes from `at` to before `end` of the manifest.
pub(crate) struct Rows {
    pub(crate) at: u64,
    pub(crate) end: u64,
}

impl Rows {
    fn piece(&mut self) -> Option<Bytes> {
        let end = self.end.min(self.at + PIECE_BYTES);
        if self.at >= end {
            return None;
        }
        let (first, last) = (self.at / ROW_BYTES, (end - 1) / ROW_BYTES);
        let mut piece = Vec::with_capacity((PIECE_BYTES + 2 * ROW_BYTES) as usize);
        (first..=last).for_each(|number| put_row(&mut piece, number));
        let start = self.at - first * ROW_BYTES;
        let length = end - self.at;
        self.at = end;
        Some(Bytes::from(piece).slice(start as usize..(start + length) as usize))
    }
}

fn put_row(into: &mut Vec<u8>, number: u64) {
    into.extend_from_slice(ROW);
    let digits = into.len() - 5 - 12..into.len() - 5;
    let mut rest = number;
    for digit in into[digits].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

#[async_trait]
impl ByteStream for Rows {
    async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        self.piece().map(Ok)
    }
}
