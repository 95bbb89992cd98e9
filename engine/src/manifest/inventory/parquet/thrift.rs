//! Reads Thrift's compact protocol, in which Parquet writes footers and page headers.
//!
//! Values are looked at where they lie: what is claimed, such as the length of a list, is never
//! allocated, and a list that is longer than the bytes that are left is refused.

use super::ParquetError;

/// Structures, lists and maps within each other: a footer has six. Beyond it they are no footer, and a
/// stack that would overflow.
const NESTING_MAX: u32 = 32;

/// The types of the protocol.
pub(super) const TRUE: u8 = 1;
pub(super) const FALSE: u8 = 2;
const BYTE: u8 = 3;
const INT_16: u8 = 4;
const INT_32: u8 = 5;
const INT_64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;

/// Bytes that are no structure of the protocol, or end within one.
fn broken() -> ParquetError {
    ParquetError::Damaged("a structure of Thrift is broken or cut off")
}

/// The bytes that are not read yet.
pub(super) struct Thrift<'a>(pub(super) &'a [u8]);

impl<'a> Thrift<'a> {
    /// Reads a structure: gives each field by its number and type, which the caller reads or skips.
    pub(super) fn fields(
        &mut self,
        mut field: impl FnMut(&mut Self, i16, u8) -> Result<(), ParquetError>,
    ) -> Result<(), ParquetError> {
        let mut number = 0_i16;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            number = match i16::from(head >> 4) {
                0 => i16::try_from(self.zigzag()?).map_err(|_| broken())?,
                step => number.checked_add(step).ok_or_else(broken)?,
            };
            field(self, number, head & 0x0f)?;
        }
    }

    /// Reads a field that is a structure.
    pub(super) fn structure(
        &mut self,
        kind: u8,
        field: impl FnMut(&mut Self, i16, u8) -> Result<(), ParquetError>,
    ) -> Result<(), ParquetError> {
        if kind == STRUCT { self.fields(field) } else { Err(broken()) }
    }

    /// Reads a field that is a list of structures: calls `element` in front of each.
    pub(super) fn structures(
        &mut self,
        kind: u8,
        mut element: impl FnMut(&mut Self) -> Result<(), ParquetError>,
    ) -> Result<(), ParquetError> {
        match self.list(kind)? {
            (STRUCT, count) => (0..count).try_for_each(|_| element(self)),
            (_, 0) => Ok(()),
            _ => Err(broken()),
        }
    }

    /// Reads a field that is an integer.
    pub(super) fn integer(&mut self, kind: u8) -> Result<i64, ParquetError> {
        if matches!(kind, INT_16 | INT_32 | INT_64) { self.zigzag() } else { Err(broken()) }
    }

    /// Reads a field that is an integer of 32 bits and not negative.
    pub(super) fn count(&mut self, kind: u8) -> Result<u32, ParquetError> {
        u32::try_from(self.integer(kind)?).ok().filter(|count| i32::try_from(*count).is_ok()).ok_or_else(broken)
    }

    /// Reads a field that is bytes or text.
    pub(super) fn binary(&mut self, kind: u8) -> Result<&'a [u8], ParquetError> {
        if kind != BINARY {
            return Err(broken());
        }
        let length = usize::try_from(self.varint()?).map_err(|_| broken())?;
        self.take(length)
    }

    /// Passes over a field.
    pub(super) fn skip(&mut self, kind: u8) -> Result<(), ParquetError> {
        self.skip_within(kind, NESTING_MAX)
    }

    fn skip_within(&mut self, kind: u8, nesting: u32) -> Result<(), ParquetError> {
        let deeper = nesting.checked_sub(1).ok_or_else(broken)?;
        match kind {
            TRUE | FALSE => {}
            BYTE => drop(self.take(1)?),
            INT_16 | INT_32 | INT_64 => drop(self.varint()?),
            DOUBLE => drop(self.take(8)?),
            BINARY => drop(self.binary(kind)?),
            LIST | SET => {
                let (element, count) = self.list(kind)?;
                for _ in 0..count {
                    self.skip_element(element, deeper)?;
                }
            }
            MAP => {
                let count = self.varint()?;
                let kinds = if count == 0 { 0 } else { self.byte()? };
                for _ in 0..count {
                    self.skip_element(kinds >> 4, deeper)?;
                    self.skip_element(kinds & 0x0f, deeper)?;
                }
            }
            STRUCT => self.fields(|thrift, _, kind| thrift.skip_within(kind, deeper))?,
            _ => return Err(broken()),
        }
        Ok(())
    }

    /// In a list a truth value has a byte of its own.
    fn skip_element(&mut self, kind: u8, nesting: u32) -> Result<(), ParquetError> {
        let kind = if matches!(kind, TRUE | FALSE) { BYTE } else { kind };
        self.skip_within(kind, nesting)
    }

    /// The type and the number of a list's elements, each of which has a byte at least.
    fn list(&mut self, kind: u8) -> Result<(u8, u64), ParquetError> {
        if !matches!(kind, LIST | SET) {
            return Err(broken());
        }
        let head = self.byte()?;
        let count = if head >> 4 == 0x0f { self.varint()? } else { u64::from(head >> 4) };
        if count > self.0.len() as u64 {
            return Err(broken());
        }
        Ok((head & 0x0f, count))
    }

    fn zigzag(&mut self) -> Result<i64, ParquetError> {
        let coded = self.varint()?;
        Ok((coded >> 1).cast_signed() ^ -(coded & 1).cast_signed())
    }

    /// A number in groups of seven bits, the lowest first.
    pub(super) fn varint(&mut self) -> Result<u64, ParquetError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(broken())
    }

    fn byte(&mut self) -> Result<u8, ParquetError> {
        Ok(self.take(1)?[0])
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ParquetError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(broken)?;
        self.0 = rest;
        Ok(taken)
    }
}
