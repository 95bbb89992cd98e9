//! Reads one part of an inventory in Parquet: of each group of rows the columns that we need, page by
//! page.
//!
//! The `parquet` crate reads none of this (docs/adr/0015): a part is bytes of others, which must be able to
//! say neither how much memory the service takes nor that it panics. What is held of a part, whatever it says
//! and however large it is:
//!
//! | what | bytes |
//! |---|---|
//! | the footer, while it is read, and what is kept of it | 2 × [`FOOTER_BYTES_MAX`], and as much of two parts ahead |
//! | of every column the dictionary and one page, and a page that is inflated | [`HELD_BYTES_MAX`] |
//! | of each of six columns what is read ahead of its next page | a range and a header, or a page |
//!
//! Not read, and refused by name: encrypted files; the codecs LZO, BROTLI, LZ4; the delta encodings, which
//! writers use when they are asked for.

mod column;
mod footer;
mod hybrid;
mod page;
mod thrift;

use std::fmt;

use brigade_model::Task;
use bytes::{Bytes, BytesMut};

use self::column::Column;
use self::footer::{APPID, BUCKET, Footer, Group, IS_DELETE_MARKER, KEY, Leaf, NEEDED, OfNeeded, SIZE, VERSION};
use self::page::Cell;
use crate::manifest::ManifestProblem;
use crate::manifest::inventory::listed::ListedRows;
use crate::manifest::row::{self, RowError};
use crate::pace::Pace;

/// The longest footer. That of AWS has some 4 KiB for a group of rows, which is 128 MiB of a part: so much
/// is enough for a part of 64 GiB. ours
pub const FOOTER_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// What dictionaries and pages take in memory. A page of AWS and of Arrow has 1 MiB, a dictionary too; of
/// writers that make one page of 120,000 keys it is 8 MiB. ours
pub const HELD_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Bytes of a column that one request reads: compressed, some 50,000 keys.
pub const RANGE_BYTES: u64 = 1024 * 1024;

/// What is held at most while a part is read and two more are looked at.
pub(super) const READ_BYTES: u64 = HELD_BYTES_MAX + NEEDED.len() as u64 * 2 * RANGE_BYTES + 3 * 2 * FOOTER_BYTES_MAX;

/// At the end of a file: the length of the footer, and [`MAGIC`].
const TAIL_BYTES: u64 = 8;
const MAGIC: &[u8] = b"PAR1";
const MAGIC_OF_ENCRYPTED: &[u8] = b"PARE";
/// The footer is mostly within so many bytes of the end, and then read with one request.
const TAIL_GUESS_BYTES: u64 = 64 * 1024;

/// Why a part is not read as Parquet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParquetError {
    /// It does not end as such files do.
    #[error("it does not end with PAR1")]
    NotParquet,
    /// It, or a column, is encrypted.
    #[error("it is encrypted")]
    Encrypted,
    /// Its footer is longer than [`FOOTER_BYTES_MAX`].
    #[error("its footer has {0} bytes; at most {FOOTER_BYTES_MAX} are read")]
    FooterTooLong(u64),
    /// What it says of itself cannot be.
    #[error("{0}")]
    Damaged(&'static str),
    /// A column that rows need, or a second one of a name.
    #[error("it must have the column {0} once")]
    Column(&'static str),
    /// A column holds something else.
    #[error("its column {column} must hold {wanted}, once in each row")]
    Type {
        /// Which column.
        column: &'static str,
        /// What it should hold.
        wanted: &'static str,
    },
    /// The parts of an inventory differ.
    #[error("it has a column version_id and another part has none, or the other way around")]
    OtherColumns,
    /// Its pages are compressed in a way that is not read.
    #[error("its codec is {}; read are SNAPPY, GZIP, ZSTD and none", name_of(CODECS, *.0))]
    Codec(u32),
    /// Its cells are encoded in a way that is not read.
    #[error("its encoding is {}; read are PLAIN, RLE and RLE_DICTIONARY", name_of(ENCODINGS, *.0))]
    Encoding(u32),
    /// It would take more than [`HELD_BYTES_MAX`].
    #[error("its pages take {0} bytes at once; at most {HELD_BYTES_MAX} are held")]
    TooMuch(u64),
    /// A column ends too early or too late.
    #[error("its column {0} has other rows than its footer says")]
    Rows(&'static str),
}

const CODECS: &[&str] = &["none", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"];
const ENCODINGS: &[&str] = &[
    "PLAIN",
    "GROUP_VAR_INT",
    "PLAIN_DICTIONARY",
    "RLE",
    "BIT_PACKED",
    "DELTA_BINARY_PACKED",
    "DELTA_LENGTH_BYTE_ARRAY",
    "DELTA_BYTE_ARRAY",
    "RLE_DICTIONARY",
    "BYTE_STREAM_SPLIT",
];

/// What the format calls that number.
fn name_of(names: &[&str], number: u32) -> String {
    names.get(number as usize).map_or_else(|| number.to_string(), |name| (*name).to_owned())
}

/// How pages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    None,
    Snappy,
    Gzip,
    Zstd,
}

impl Codec {
    fn of(number: u32) -> Result<Self, ParquetError> {
        match number {
            0 => Ok(Codec::None),
            1 => Ok(Codec::Snappy),
            2 => Ok(Codec::Gzip),
            6 => Ok(Codec::Zstd),
            other => Err(ParquetError::Codec(other)),
        }
    }
}

/// The bytes of a part, wherever they lie.
pub trait PartBytes: Sync {
    /// How many they are.
    fn size(&self) -> u64;

    /// How many of a column are read at once.
    fn range_bytes(&self) -> u64 {
        RANGE_BYTES
    }

    /// Appends the bytes from `from` on, `to` not included, all of which there are.
    fn read(&self, from: u64, to: u64, into: &mut BytesMut)
    -> impl Future<Output = Result<(), ManifestProblem>> + Send;
}

/// A part that is being read.
pub struct ParquetPart<B> {
    bytes: B,
    leaves: OfNeeded<Leaf>,
    groups: std::vec::IntoIter<Group>,
    /// Those of the group of rows that is read.
    columns: OfNeeded<Column>,
    /// Rows of the group that are to come.
    left: u64,
    /// The row that was read last, from 1.
    row: u64,
    pace: Pace,
}

impl<B> fmt::Debug for ParquetPart<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetPart").field("row", &self.row).finish_non_exhaustive()
    }
}

/// What a row became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParquetRow {
    /// A task.
    Task(Task),
    /// It is left out on purpose, and counted.
    LeftOut,
}

impl<B: PartBytes> ParquetPart<B> {
    /// Reads the footer of a part.
    ///
    /// # Errors
    /// What the store says, and [`ParquetError`].
    pub async fn open(bytes: B) -> Result<Self, ManifestProblem> {
        let footer = read_footer(&bytes).await?;
        let (leaves, groups, columns) = (footer.leaves, footer.groups.into_iter(), Default::default());
        Ok(Self { bytes, leaves, groups, columns, left: 0, row: 0, pace: Pace::default() })
    }

    /// Whether its rows name versions.
    #[must_use]
    pub fn has_versions(&self) -> bool {
        self.leaves[VERSION].is_some()
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// What the store says, and [`ParquetError`] or [`RowError`].
    pub async fn next(&mut self, rows: &mut ListedRows) -> Result<Option<ParquetRow>, ManifestProblem> {
        while self.left == 0 {
            self.end_group().await?;
            let Some(group) = self.groups.next() else { return Ok(None) };
            self.left = group.rows;
            for ((needed, column), (leaf, chunk)) in
                NEEDED.iter().zip(&mut self.columns).zip(self.leaves.iter().zip(group.chunks))
            {
                *column = leaf.zip(chunk).map(|(leaf, chunk)| Column::new(needed.kind, leaf, chunk));
            }
        }
        for place in 0..NEEDED.len() {
            self.provide(place).await?;
        }
        self.left -= 1;
        self.row += 1;
        let mut cells: OfNeeded<Cell> = Default::default();
        for (cell, column) in cells.iter_mut().zip(&mut self.columns) {
            *cell = column.as_mut().map(Column::cell).transpose()?;
        }
        Ok(Some(take_row(self.row, &cells, rows)?))
    }

    /// Reads a column's pages until one has a cell.
    async fn provide(&mut self, place: usize) -> Result<(), ManifestProblem> {
        while self.columns[place].as_ref().is_some_and(Column::needs_page) {
            if !self.read_page(place).await? {
                return Err(ParquetError::Rows(NEEDED[place].shown).into());
            }
        }
        Ok(())
    }

    /// Reads a column's next page, if it has one.
    async fn read_page(&mut self, place: usize) -> Result<bool, ManifestProblem> {
        let beside = |(other, column): (usize, &Option<Column>)| match column {
            Some(column) if other != place => column.held(),
            _ => 0,
        };
        let held_beside = self.columns.iter().enumerate().map(beside).sum();
        let Some(column) = &mut self.columns[place] else { return Ok(false) };
        let Some(inflated) = column.read_page(&self.bytes, held_beside).await? else { return Ok(false) };
        self.pace.work(inflated + PAGE_COST_BYTES).await;
        Ok(true)
    }

    /// The rows of a group are read: no column may have another cell.
    async fn end_group(&mut self) -> Result<(), ManifestProblem> {
        for (place, needed) in NEEDED.iter().enumerate() {
            while self.columns[place].as_ref().is_some_and(Column::needs_page) && self.read_page(place).await? {}
            if self.columns[place].take().is_some_and(|column| !column.needs_page()) {
                return Err(ParquetError::Rows(needed.shown).into());
            }
        }
        Ok(())
    }
}

/// What reading a page costs besides the bytes that come of it.
const PAGE_COST_BYTES: usize = 4 * 1024;

/// Reads the end of a file, and the footer that it tells of.
async fn read_footer(bytes: &impl PartBytes) -> Result<Footer, ManifestProblem> {
    let size = bytes.size();
    // Before it stands the magic number of the beginning.
    let tail_at = size.checked_sub(TAIL_BYTES).filter(|at| *at >= MAGIC.len() as u64);
    let tail_at = tail_at.ok_or(ParquetError::NotParquet)?;
    let from = size.saturating_sub(TAIL_GUESS_BYTES);
    let mut end = BytesMut::new();
    bytes.read(from, size, &mut end).await?;
    let tail = end.split_off(usize::try_from(tail_at - from).unwrap_or(usize::MAX).min(end.len()));
    let (length, magic) = tail.split_first_chunk::<4>().ok_or(ParquetError::NotParquet)?;
    match magic {
        MAGIC => {}
        MAGIC_OF_ENCRYPTED => return Err(ParquetError::Encrypted.into()),
        _ => return Err(ParquetError::NotParquet.into()),
    }
    let length = u64::from(u32::from_le_bytes(*length));
    if length > FOOTER_BYTES_MAX {
        return Err(ParquetError::FooterTooLong(length).into());
    }
    let at = tail_at.checked_sub(length).ok_or(ParquetError::Damaged("its footer is longer than the file"))?;
    let footer = if at >= from {
        end.split_off(usize::try_from(at - from).unwrap_or(usize::MAX).min(end.len()))
    } else {
        let mut footer = BytesMut::new();
        bytes.read(at, from, &mut footer).await?;
        footer.extend_from_slice(&end);
        footer
    };
    Ok(crate::pace::aside(footer.len(), || Footer::read(&footer, at))?)
}

/// What the cells of a row mean.
fn take_row(row: u64, cells: &OfNeeded<Cell>, rows: &mut ListedRows) -> Result<ParquetRow, RowError> {
    let version = row::version(row, text(row, cells, VERSION)?)?;
    let is_delete_marker = cells[IS_DELETE_MARKER] == Some(Cell::Flag(true));
    if rows.leaves_out(version.is_some(), is_delete_marker) {
        return Ok(ParquetRow::LeftOut);
    }
    for place in [BUCKET, KEY] {
        if cells[place] == Some(Cell::Null) {
            return Err(RowError::Value { row, field: NEEDED[place].shown, wanted: "a name" });
        }
    }
    let size = match cells[SIZE] {
        Some(Cell::Number(size)) => {
            let wanted = "a number of bytes";
            Some(u64::try_from(size).map_err(|_| RowError::Value { row, field: NEEDED[SIZE].shown, wanted })?)
        }
        _ => None,
    };
    let (bucket, appid, key) = (text(row, cells, BUCKET)?, text(row, cells, APPID)?, text(row, cells, KEY)?);
    rows.task(row, (bucket, appid), key, version, size).map(ParquetRow::Task)
}

/// The text of a cell; none where there is no cell.
fn text(row: u64, cells: &OfNeeded<Cell>, place: usize) -> Result<&str, RowError> {
    let bytes: &[u8] = match &cells[place] {
        Some(Cell::Text(bytes)) => bytes,
        _ => b"",
    };
    std::str::from_utf8(bytes).map_err(|_| RowError::NotUtf8 { row, field: NEEDED[place].shown })
}

/// A part in memory.
impl PartBytes for Bytes {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    async fn read(&self, from: u64, to: u64, into: &mut BytesMut) -> Result<(), ManifestProblem> {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(self.len());
        into.extend_from_slice(&self[place(from)..place(to)]);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
