//! One page of a column: its header, its bytes inflated, its cells one after the other.
//!
//! A header's sizes are checked by the caller before anything is allocated by them.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use super::footer::Kind;
use super::hybrid::Hybrid;
use super::thrift::{FALSE, Thrift};
use super::{Codec, ParquetError};

/// Numbers of encodings (`Encoding` of parquet.thrift).
const PLAIN: u32 = 0;
const PLAIN_DICTIONARY: u32 = 2;
const RLE: u32 = 3;
const RLE_DICTIONARY: u32 = 8;

/// What stands before a page.
#[derive(Debug)]
pub(super) struct Header {
    what: What,
    /// The bytes that follow.
    pub(super) stored: usize,
    /// How many they are once inflated.
    pub(super) inflated: usize,
}

#[derive(Debug)]
enum What {
    Data {
        values: u32,
        encoding: u32,
        level_encoding: u32,
    },
    Dictionary {
        values: u32,
        encoding: u32,
    },
    DataV2 {
        values: u32,
        encoding: u32,
        levels: u32,
        repetitions: u32,
        is_compressed: bool,
    },
    /// A kind that holds no cells.
    Other,
}

/// What a page is.
#[derive(Debug)]
pub(super) enum Page {
    /// The dictionary of those that follow.
    Dictionary(Dictionary),
    /// Cells.
    Data(DataPage),
    /// Nothing of ours.
    Other,
}

impl Header {
    /// Reads a header, and takes it off the front.
    pub(super) fn read(bytes: &mut &[u8]) -> Result<Self, ParquetError> {
        let (mut kind_of_page, mut stored, mut inflated) = (None, None, None);
        let (mut data, mut dictionary, mut data_v2) = (None, None, None);
        let mut thrift = Thrift(bytes);
        thrift.fields(|thrift, number, kind| {
            match number {
                1 => kind_of_page = Some(thrift.count(kind)?),
                2 => inflated = Some(thrift.count(kind)?),
                3 => stored = Some(thrift.count(kind)?),
                5 => data = Some(read_data(thrift, kind)?),
                7 => dictionary = Some(read_dictionary(thrift, kind)?),
                8 => data_v2 = Some(read_data_v2(thrift, kind)?),
                _ => thrift.skip(kind)?,
            }
            Ok(())
        })?;
        *bytes = thrift.0;
        let what = match kind_of_page {
            Some(0) => data,
            Some(2) => dictionary,
            Some(3) => data_v2,
            Some(_) => Some(What::Other),
            None => None,
        };
        let incomplete = || ParquetError::Damaged("the header of a page is incomplete");
        let (stored, inflated) = stored.zip(inflated).ok_or_else(incomplete)?;
        Ok(Self { what: what.ok_or_else(incomplete)?, stored: stored as usize, inflated: inflated as usize })
    }

    /// What the page takes in memory besides its bytes.
    pub(super) fn values_bytes(&self) -> u64 {
        match self.what {
            What::Dictionary { values, .. } => u64::from(values) * PLACE_BYTES,
            What::Data { .. } | What::DataV2 { .. } | What::Other => 0,
        }
    }

    /// The page of these bytes.
    pub(super) fn open(self, stored: &[u8], codec: Codec, kind: Kind, is_nullable: bool) -> Result<Page, ParquetError> {
        match self.what {
            What::Other => Ok(Page::Other),
            What::Dictionary { values, encoding: PLAIN | PLAIN_DICTIONARY } => {
                let bytes = inflate(stored, codec, self.inflated)?;
                Ok(Page::Dictionary(Dictionary::new(bytes, kind, values)?))
            }
            What::Dictionary { encoding, .. } => Err(unread(encoding)),
            What::Data { values, encoding, level_encoding } => {
                let mut bytes = inflate(stored, codec, self.inflated)?;
                let levels = match (is_nullable, level_encoding) {
                    (false, _) => None,
                    (true, RLE) => Some(Hybrid::new(take_prefixed(&mut bytes)?, 1)?),
                    (true, other) => return Err(unread(other)),
                };
                Ok(Page::Data(DataPage { left: values, levels, values: Values::new(bytes, kind, encoding)? }))
            }
            What::DataV2 { values, encoding, levels, repetitions, is_compressed } => {
                let before = (levels as usize).checked_add(repetitions as usize);
                let split = before.and_then(|before| Some((stored.split_at_checked(before)?, before)));
                let ((before, stored), before_bytes) = split.ok_or_else(ended)?;
                let inflated = self.inflated.checked_sub(before_bytes).ok_or_else(ended)?;
                let codec = if is_compressed { codec } else { Codec::None };
                let bytes = inflate(stored, codec, inflated)?;
                let levels = Bytes::copy_from_slice(&before[repetitions as usize..]);
                let levels = if is_nullable { Some(Hybrid::new(levels, 1)?) } else { None };
                Ok(Page::Data(DataPage { left: values, levels, values: Values::new(bytes, kind, encoding)? }))
            }
        }
    }
}

fn read_data(thrift: &mut Thrift<'_>, kind: u8) -> Result<What, ParquetError> {
    let (mut values, mut encoding, mut level_encoding) = (0, PLAIN, RLE);
    thrift.structure(kind, |thrift, number, kind| {
        match number {
            1 => values = thrift.count(kind)?,
            2 => encoding = thrift.count(kind)?,
            3 => level_encoding = thrift.count(kind)?,
            _ => thrift.skip(kind)?,
        }
        Ok(())
    })?;
    Ok(What::Data { values, encoding, level_encoding })
}

fn read_dictionary(thrift: &mut Thrift<'_>, kind: u8) -> Result<What, ParquetError> {
    let (mut values, mut encoding) = (0, PLAIN);
    thrift.structure(kind, |thrift, number, kind| {
        match number {
            1 => values = thrift.count(kind)?,
            2 => encoding = thrift.count(kind)?,
            _ => thrift.skip(kind)?,
        }
        Ok(())
    })?;
    Ok(What::Dictionary { values, encoding })
}

fn read_data_v2(thrift: &mut Thrift<'_>, kind: u8) -> Result<What, ParquetError> {
    let (mut values, mut encoding, mut levels, mut repetitions, mut is_compressed) = (0, PLAIN, 0, 0, true);
    thrift.structure(kind, |thrift, number, kind| {
        match number {
            1 => values = thrift.count(kind)?,
            4 => encoding = thrift.count(kind)?,
            5 => levels = thrift.count(kind)?,
            6 => repetitions = thrift.count(kind)?,
            7 => is_compressed = kind != FALSE,
            _ => thrift.skip(kind)?,
        }
        Ok(())
    })?;
    Ok(What::DataV2 { values, encoding, levels, repetitions, is_compressed })
}

/// Inflates bytes to exactly so many, and never to more.
fn inflate(stored: &[u8], codec: Codec, inflated: usize) -> Result<Bytes, ParquetError> {
    let bytes = match codec {
        _ if inflated == 0 => Some(Vec::new()),
        Codec::None => Some(stored.to_vec()),
        Codec::Snappy if snap::raw::decompress_len(stored).ok() != Some(inflated) => None,
        Codec::Snappy => snap::raw::Decoder::new().decompress_vec(stored).ok(),
        Codec::Gzip => {
            let mut bytes = Vec::with_capacity(inflated);
            let read = MultiGzDecoder::new(stored).take(inflated as u64 + 1).read_to_end(&mut bytes);
            read.ok().map(|_| bytes)
        }
        Codec::Zstd => zstd::bulk::decompress(stored, inflated).ok(),
    };
    let wrong = ParquetError::Damaged("a page does not inflate to what its header says");
    bytes.filter(|bytes| bytes.len() == inflated).map(Bytes::from).ok_or(wrong)
}

/// Takes bytes off the front whose number stands before them.
fn take_prefixed(bytes: &mut Bytes) -> Result<Bytes, ParquetError> {
    let length = length_at(bytes, 0).filter(|length| bytes.len() - 4 >= *length).ok_or_else(ended)?;
    drop(bytes.split_to(4));
    Ok(bytes.split_to(length))
}

/// The four bytes at this place as a length.
fn length_at(bytes: &[u8], at: usize) -> Option<usize> {
    let length = bytes.get(at..at.checked_add(4)?)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*length)).ok()
}

fn ended() -> ParquetError {
    ParquetError::Damaged("a page is shorter than it says")
}

fn unread(encoding: u32) -> ParquetError {
    ParquetError::Encoding(encoding)
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    /// Nothing.
    Null,
    /// Text, which may be no UTF-8.
    Text(Bytes),
    /// A truth value.
    Flag(bool),
    /// A number.
    Number(i64),
}

/// Where a value of a dictionary begins and ends.
type PlaceOf = (u32, u32);
const PLACE_BYTES: u64 = size_of::<PlaceOf>() as u64;

/// The values that a column's cells name by their place.
#[derive(Debug)]
pub(super) struct Dictionary {
    bytes: Bytes,
    places: Vec<PlaceOf>,
}

impl Dictionary {
    fn new(bytes: Bytes, kind: Kind, values: u32) -> Result<Self, ParquetError> {
        // So many were counted before.
        let mut places = Vec::with_capacity(values as usize);
        let mut plain = Plain { bytes: bytes.clone(), at: 0 };
        for _ in 0..values {
            let std::ops::Range { start, end } = plain.pass(kind)?;
            places.push(u32::try_from(start).ok().zip(u32::try_from(end).ok()).ok_or_else(ended)?);
        }
        Ok(Self { bytes, places })
    }

    /// What it takes in memory.
    pub(super) fn held(&self) -> u64 {
        self.bytes.len() as u64 + self.places.len() as u64 * PLACE_BYTES
    }

    fn cell(&self, place: u32, kind: Kind) -> Result<Cell, ParquetError> {
        let place = self.places.get(place as usize);
        let (start, end) = *place.ok_or(ParquetError::Damaged("a cell names no value of its dictionary"))?;
        Ok(cell_of(self.bytes.slice(start as usize..end as usize), kind))
    }
}

/// The cell that these bytes are: of a number all eight.
fn cell_of(bytes: Bytes, kind: Kind) -> Cell {
    match (kind, bytes.first_chunk()) {
        (Kind::Number, Some(number)) => Cell::Number(i64::from_le_bytes(*number)),
        (Kind::Flag, _) => Cell::Flag(bytes.first().is_some_and(|byte| *byte != 0)),
        _ => Cell::Text(bytes),
    }
}

/// Values one after the other.
#[derive(Debug)]
struct Plain {
    bytes: Bytes,
    at: usize,
}

impl Plain {
    /// Passes over a value of bytes: where it stands.
    fn pass(&mut self, kind: Kind) -> Result<std::ops::Range<usize>, ParquetError> {
        let (start, length) = match kind {
            Kind::Text => (self.at.saturating_add(4), length_at(&self.bytes, self.at).ok_or_else(ended)?),
            Kind::Number => (self.at, size_of::<i64>()),
            Kind::Flag => return Err(ParquetError::Damaged("truth values have a dictionary")),
        };
        let end = start.checked_add(length).filter(|end| *end <= self.bytes.len()).ok_or_else(ended)?;
        self.at = end;
        Ok(start..end)
    }
}

/// The values of a page, as they are written.
#[derive(Debug)]
enum Values {
    Plain(Plain),
    /// Truth values, one a bit.
    Bits {
        bytes: Bytes,
        at: usize,
    },
    /// Truth values in runs.
    Runs(Hybrid),
    /// Places in the dictionary.
    Places(Hybrid),
}

impl Values {
    fn new(mut bytes: Bytes, kind: Kind, encoding: u32) -> Result<Self, ParquetError> {
        match (encoding, kind) {
            (PLAIN, Kind::Flag) => Ok(Values::Bits { bytes, at: 0 }),
            (PLAIN, Kind::Text | Kind::Number) => Ok(Values::Plain(Plain { bytes, at: 0 })),
            (RLE, Kind::Flag) => Ok(Values::Runs(Hybrid::new(take_prefixed(&mut bytes)?, 1)?)),
            (PLAIN_DICTIONARY | RLE_DICTIONARY, Kind::Text | Kind::Number) => {
                // Where every cell is null nothing may stand here.
                let bits = if bytes.is_empty() { 0 } else { bytes.split_to(1)[0] };
                Ok(Values::Places(Hybrid::new(bytes, bits)?))
            }
            (other, _) => Err(unread(other)),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Values::Plain(plain) => plain.bytes.len(),
            Values::Bits { bytes, .. } => bytes.len(),
            Values::Runs(hybrid) | Values::Places(hybrid) => hybrid.bytes(),
        }
    }
}

/// Cells of a column.
#[derive(Debug)]
pub(super) struct DataPage {
    /// How many are to come.
    pub(super) left: u32,
    /// Whether each cell has a value, where it may have none.
    levels: Option<Hybrid>,
    values: Values,
}

impl DataPage {
    /// What it takes in memory.
    pub(super) fn held(&self) -> u64 {
        (self.values.bytes() + self.levels.as_ref().map_or(0, Hybrid::bytes)) as u64
    }

    /// The next cell; only while some are left.
    pub(super) fn next(&mut self, kind: Kind, dictionary: Option<&Dictionary>) -> Result<Cell, ParquetError> {
        self.left = self.left.saturating_sub(1);
        if let Some(levels) = &mut self.levels
            && levels.next()? == 0
        {
            return Ok(Cell::Null);
        }
        match &mut self.values {
            Values::Plain(plain) => {
                let place = plain.pass(kind)?;
                Ok(cell_of(plain.bytes.slice(place), kind))
            }
            Values::Bits { bytes, at } => {
                let byte = bytes.get(*at / 8).ok_or_else(ended)?;
                let is_set = byte >> (*at % 8) & 1 == 1;
                *at += 1;
                Ok(Cell::Flag(is_set))
            }
            Values::Runs(runs) => Ok(Cell::Flag(runs.next()? == 1)),
            Values::Places(places) => {
                let dictionary = dictionary.ok_or(ParquetError::Damaged("a column has no dictionary"))?;
                dictionary.cell(places.next()?, kind)
            }
        }
    }
}
