//! A manifest of any length that takes no memory: each row is computed from its number.

use async_trait::async_trait;
use brigade_model::ports::object_store::{ByteStream, CallError};
use bytes::Bytes;

/// What a network answer brings at once.
const PIECE_BYTES: u64 = 64 * 1024;

/// What the keys of a manifest are like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Each differs from the last in a number: next to nothing remains of a slice.
    Numbered,
    /// Behind the number stand 16 digits that nothing foretells: they are what remains.
    Hashed,
}

impl Keys {
    fn row(self) -> &'static [u8] {
        match self {
            Self::Numbered => b"source,photos/2026/0000/object-000000000000.jpg\n",
            Self::Hashed => b"source,photos/2026/0000/object-000000000000-0123456789abcdef.jpg\n",
        }
    }

    /// Every row has this many bytes.
    pub(crate) fn row_bytes(self) -> u64 {
        self.row().len() as u64
    }

    /// Puts the row of that number.
    pub(crate) fn put_row(self, into: &mut Vec<u8>, number: u64) {
        const NUMBER: std::ops::Range<usize> = 31..43;
        const HASH: std::ops::Range<usize> = 44..60;
        let start = into.len();
        into.extend_from_slice(self.row());
        let row = &mut into[start..];
        put_digits(&mut row[NUMBER], number, 10);
        if self == Self::Hashed {
            put_digits(&mut row[HASH], hash(number), 16);
        }
    }
}

fn put_digits(into: &mut [u8], number: u64, base: u64) {
    let mut rest = number;
    for digit in into.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(rest % base) as usize];
        rest /= base;
    }
}

/// How splitmix64 mixes a number.
fn hash(number: u64) -> u64 {
    let number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// The bytes from `at` to before `end` of the manifest.
pub(crate) struct Rows {
    pub(crate) keys: Keys,
    pub(crate) at: u64,
    pub(crate) end: u64,
}

impl Rows {
    fn piece(&mut self) -> Option<Bytes> {
        let end = self.end.min(self.at + PIECE_BYTES);
        if self.at >= end {
            return None;
        }
        let row_bytes = self.keys.row_bytes();
        let (first, last) = (self.at / row_bytes, (end - 1) / row_bytes);
        let mut piece = Vec::with_capacity((PIECE_BYTES + 2 * row_bytes) as usize);
        (first..=last).for_each(|number| self.keys.put_row(&mut piece, number));
        let start = self.at - first * row_bytes;
        let length = end - self.at;
        self.at = end;
        Some(Bytes::from(piece).slice(start as usize..(start + length) as usize))
    }
}

#[async_trait]
impl ByteStream for Rows {
    async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        self.piece().map(Ok)
    }
}
