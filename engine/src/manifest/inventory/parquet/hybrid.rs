//! Reads Parquet's hybrid of runs and packed bits: levels, places in a dictionary, truth values.

use bytes::Bytes;

use super::ParquetError;
use super::thrift::Thrift;

/// Numbers of a few bits each, in runs.
#[derive(Debug)]
pub(super) struct Hybrid {
    bytes: Bytes,
    /// Where the next run begins.
    next: usize,
    bits: usize,
    run: Run,
}

#[derive(Debug)]
enum Run {
    /// The same number so many times.
    Repeated { number: u32, left: u64 },
    /// So many numbers, the next of which begins at this bit.
    Packed { bit: usize, left: u64 },
}

impl Hybrid {
    /// The numbers of so many bits that these bytes hold.
    pub(super) fn new(bytes: Bytes, bits: u8) -> Result<Self, ParquetError> {
        if bits > 32 {
            return Err(ParquetError::Damaged("numbers have more than 32 bits"));
        }
        Ok(Self { bytes, next: 0, bits: usize::from(bits), run: Run::Repeated { number: 0, left: 0 } })
    }

    /// How many bytes it holds.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The next number.
    pub(super) fn next(&mut self) -> Result<u32, ParquetError> {
        loop {
            match &mut self.run {
                Run::Repeated { number, left } if *left > 0 => {
                    *left -= 1;
                    return Ok(*number);
                }
                Run::Packed { bit, left } if *left > 0 => {
                    let first = *bit;
                    *left -= 1;
                    *bit += self.bits;
                    return unpack(&self.bytes, first, self.bits).ok_or_else(too_few);
                }
                Run::Repeated { .. } | Run::Packed { .. } => self.begin_run()?,
            }
        }
    }

    fn begin_run(&mut self) -> Result<(), ParquetError> {
        let rest = self.bytes.get(self.next..).filter(|rest| !rest.is_empty()).ok_or_else(too_few)?;
        let mut thrift = Thrift(rest);
        let head = thrift.varint()?;
        let start = self.bytes.len() - thrift.0.len();
        if head & 1 == 1 {
            let bytes = usize::try_from(head >> 1).ok().and_then(|groups| groups.checked_mul(self.bits));
            // A writer may cut the last group off behind its last number.
            self.next = bytes.and_then(|bytes| start.checked_add(bytes)).unwrap_or(usize::MAX).min(self.bytes.len());
            let bit = start.checked_mul(8).ok_or_else(too_few)?;
            self.run = Run::Packed { bit, left: (head >> 1).saturating_mul(8) };
        } else {
            let whole = self.bits.div_ceil(8);
            let number = self.bytes.get(start..start + whole).ok_or_else(too_few)?;
            let number = number.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte));
            self.next = start + whole;
            self.run = Run::Repeated { number, left: head >> 1 };
        }
        Ok(())
    }
}

/// The number of so many bits that begins at this bit, the lowest bit first.
fn unpack(bytes: &[u8], first: usize, bits: usize) -> Option<u32> {
    let end = first.checked_add(bits)?.div_ceil(8);
    let held = bytes.get(first / 8..end)?;
    let number = held.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let mask = (1_u64 << bits) - 1;
    u32::try_from(number >> (first % 8) & mask).ok()
}

fn too_few() -> ParquetError {
    ParquetError::Damaged("a page has fewer values than it says")
}
