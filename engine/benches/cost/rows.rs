//! A manifest of any length that takes no memory: each row is computed from its number.

use async_trait::async_trait;
use brigade_model::ports::object_store::{ByteStream, CallError};
use bytes::Bytes;

use crate::cpu;

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

/// Microseconds to make a row and do nothing with it.
pub(crate) fn made(rows: u64) -> f64 {
    let before = cpu::used_us();
    let mut bytes = 0;
    let mut source = Rows { at: 0, end: rows * ROW_BYTES };
    while let Some(piece) = source.piece() {
        bytes += std::hint::black_box(piece).len() as u64;
    }
    assert_eq!(bytes, rows * ROW_BYTES);
    (cpu::used_us() - before) / rows as f64
}

/// Microseconds to make a row, to read it with the csv crate and do nothing with it.
pub(crate) fn read_by_csv(rows: u64) -> f64 {
    let before = cpu::used_us();
    let source = Pieces { rows: Rows { at: 0, end: rows * ROW_BYTES }, piece: Bytes::new() };
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(source);
    let mut record = csv::ByteRecord::new();
    let mut read = 0;
    while reader.read_byte_record(&mut record).unwrap() {
        read += 1;
        std::hint::black_box(&record);
    }
    assert_eq!(read, rows);
    (cpu::used_us() - before) / rows as f64
}

struct Pieces {
    rows: Rows,
    piece: Bytes,
}

impl std::io::Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.piece.is_empty() {
            self.piece = self.rows.piece().unwrap_or_default();
        }
        let length = buffer.len().min(self.piece.len());
        buffer[..length].copy_from_slice(&self.piece.split_to(length));
        Ok(length)
    }
}
