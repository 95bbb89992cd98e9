//! Reads a file's footer: where the columns that we need lie in each group of rows.
//!
//! What it keeps is no longer than the footer itself, whatever that claims: of each group of rows six
//! places, for which the footer has spent more bytes.

use super::thrift::Thrift;
use super::{Codec, ParquetError};

/// Columns within columns: an inventory has none.
const NESTING_MAX: usize = 32;

/// What the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// UTF-8.
    Text,
    /// True or false.
    Flag,
    /// An integer of 64 bits.
    Number,
}

impl Kind {
    /// The number and the name of the physical type that such cells have.
    fn physical(self) -> (u32, &'static str) {
        match self {
            Kind::Text => (6, "BYTE_ARRAY"),
            Kind::Flag => (0, "BOOLEAN"),
            Kind::Number => (2, "INT64"),
        }
    }
}

/// A column that we read where a file has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Needed {
    /// Its name, without case and underscores.
    pub(super) name: &'static str,
    /// What it is called in errors.
    pub(super) shown: &'static str,
    /// What its cells are.
    pub(super) kind: Kind,
    /// No row means anything without it.
    pub(super) is_required: bool,
}

/// Every column that we read.
pub(super) const NEEDED: [Needed; 6] = [
    Needed { name: "bucket", shown: "bucket", kind: Kind::Text, is_required: true },
    Needed { name: "key", shown: "key", kind: Kind::Text, is_required: true },
    Needed { name: "appid", shown: "appid", kind: Kind::Text, is_required: false },
    Needed { name: "versionid", shown: "version_id", kind: Kind::Text, is_required: false },
    Needed { name: "isdeletemarker", shown: "is_delete_marker", kind: Kind::Flag, is_required: false },
    Needed { name: "size", shown: "size", kind: Kind::Number, is_required: false },
];

/// The places in [`NEEDED`].
pub(super) const BUCKET: usize = 0;
pub(super) const KEY: usize = 1;
pub(super) const APPID: usize = 2;
pub(super) const VERSION: usize = 3;
pub(super) const IS_DELETE_MARKER: usize = 4;
pub(super) const SIZE: usize = 5;

/// One for each of [`NEEDED`], where the file has it.
pub(super) type OfNeeded<T> = [Option<T>; NEEDED.len()];

/// A column of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaf {
    /// Which one, among all that hold values.
    pub(super) ordinal: usize,
    /// Its cells may be null.
    pub(super) is_nullable: bool,
}

/// Where the cells of a column lie, of one group of rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk {
    /// The first byte.
    pub(super) from: u64,
    /// The byte behind the last one.
    pub(super) to: u64,
    /// How its pages are compressed.
    pub(super) codec: Codec,
}

/// Rows whose cells lie together.
#[derive(Debug)]
pub(super) struct Group {
    /// How many.
    pub(super) rows: u64,
    /// Their columns.
    pub(super) chunks: OfNeeded<Chunk>,
}

/// What a footer says.
#[derive(Debug)]
pub(super) struct Footer {
    /// The columns.
    pub(super) leaves: OfNeeded<Leaf>,
    /// The rows.
    pub(super) groups: Vec<Group>,
}

impl Footer {
    /// Reads the footer of a file whose data end before `data_end`.
    pub(super) fn read(bytes: &[u8], data_end: u64) -> Result<Self, ParquetError> {
        let (mut leaves, mut groups) = (None, Vec::new());
        Thrift(bytes).fields(|thrift, number, kind| match (number, &leaves) {
            (2, None) => {
                leaves = Some(read_schema(thrift, kind)?);
                Ok(())
            }
            (4, Some(leaves)) => thrift.structures(kind, |thrift| {
                groups.push(read_group(thrift, leaves, data_end)?);
                Ok(())
            }),
            (4, None) => Err(ParquetError::Damaged("its footer has no schema")),
            _ => thrift.skip(kind),
        })?;
        let leaves = leaves.ok_or(ParquetError::Damaged("its footer has no schema"))?;
        Ok(Self { leaves, groups })
    }
}

/// Which of the needed columns the file has: those of that name at the top.
fn read_schema(thrift: &mut Thrift<'_>, kind: u8) -> Result<OfNeeded<Leaf>, ParquetError> {
    let mut leaves: OfNeeded<Leaf> = [None; NEEDED.len()];
    // Of each group of columns that is open, how many are to come.
    let mut open: Vec<u32> = Vec::new();
    let mut ordinal = 0;
    thrift.structures(kind, |thrift| {
        let element = read_element(thrift)?;
        let is_top = open.len() == 1;
        match open.last_mut() {
            Some(to_come) => *to_come -= 1,
            None if ordinal == 0 && element.children > 0 => {}
            None => return Err(ParquetError::Damaged("its schema is no tree")),
        }
        if element.children > 0 {
            open.push(element.children);
            if open.len() > NESTING_MAX {
                return Err(ParquetError::Damaged("its schema is nested too deeply"));
            }
        } else {
            if is_top {
                note_leaf(&mut leaves, &element, ordinal)?;
            }
            ordinal += 1;
        }
        while open.last() == Some(&0) {
            open.pop();
        }
        Ok(())
    })?;
    if !open.is_empty() {
        return Err(ParquetError::Damaged("its schema is no tree"));
    }
    let is_lacking = |place: &usize| leaves[*place].is_none() && NEEDED[*place].is_required;
    match (0..NEEDED.len()).find(is_lacking) {
        Some(place) => Err(ParquetError::Column(NEEDED[place].shown)),
        None => Ok(leaves),
    }
}

/// One element of the schema.
struct Element<'a> {
    name: &'a [u8],
    physical: Option<u32>,
    /// 0 required, 1 optional, 2 repeated.
    repetition: u32,
    children: u32,
}

fn read_element<'a>(thrift: &mut Thrift<'a>) -> Result<Element<'a>, ParquetError> {
    let mut element = Element { name: b"", physical: None, repetition: 0, children: 0 };
    thrift.fields(|thrift, number, kind| {
        match number {
            1 => element.physical = Some(thrift.count(kind)?),
            3 => element.repetition = thrift.count(kind)?,
            4 => element.name = thrift.binary(kind)?,
            5 => element.children = thrift.count(kind)?,
            _ => thrift.skip(kind)?,
        }
        Ok(())
    })?;
    Ok(element)
}

fn note_leaf(leaves: &mut OfNeeded<Leaf>, element: &Element<'_>, ordinal: usize) -> Result<(), ParquetError> {
    let letters = element.name.iter().filter(|byte| **byte != b'_').map(u8::to_ascii_lowercase);
    let is_named = |needed: &Needed| letters.clone().eq(needed.name.bytes());
    let Some(place) = NEEDED.iter().position(is_named) else { return Ok(()) };
    let (shown, (physical, wanted)) = (NEEDED[place].shown, NEEDED[place].kind.physical());
    if leaves[place].is_some() {
        return Err(ParquetError::Column(shown));
    }
    if element.physical != Some(physical) || element.repetition > 1 {
        return Err(ParquetError::Type { column: shown, wanted });
    }
    leaves[place] = Some(Leaf { ordinal, is_nullable: element.repetition == 1 });
    Ok(())
}

fn read_group(thrift: &mut Thrift<'_>, leaves: &OfNeeded<Leaf>, data_end: u64) -> Result<Group, ParquetError> {
    let mut group = Group { rows: 0, chunks: [None; NEEDED.len()] };
    let mut rows = None;
    thrift.fields(|thrift, number, kind| {
        match number {
            1 => {
                let mut ordinal = 0;
                thrift.structures(kind, |thrift| {
                    let place = leaves.iter().position(|leaf| leaf.is_some_and(|leaf| leaf.ordinal == ordinal));
                    ordinal += 1;
                    match place {
                        Some(place) => group.chunks[place] = Some(read_chunk(thrift, data_end)?),
                        None => thrift.fields(|thrift, _, kind| thrift.skip(kind))?,
                    }
                    Ok(())
                })?;
            }
            3 => rows = u64::try_from(thrift.integer(kind)?).ok(),
            _ => thrift.skip(kind)?,
        }
        Ok(())
    })?;
    let has_all = leaves.iter().zip(&group.chunks).all(|(leaf, chunk)| leaf.is_some() == chunk.is_some());
    group.rows = rows.filter(|_| has_all).ok_or(ParquetError::Damaged("a group of rows lacks its columns"))?;
    Ok(group)
}

fn read_chunk(thrift: &mut Thrift<'_>, data_end: u64) -> Result<Chunk, ParquetError> {
    let (mut codec, mut length, mut data, mut dictionary) = (None, None, None, None);
    let (mut is_elsewhere, mut is_encrypted) = (false, false);
    thrift.fields(|thrift, number, kind| {
        match number {
            1 => is_elsewhere = !thrift.binary(kind)?.is_empty(),
            3 => thrift.structure(kind, |thrift, number, kind| {
                match number {
                    4 => codec = Some(thrift.count(kind)?),
                    7 => length = Some(thrift.integer(kind)?),
                    9 => data = Some(thrift.integer(kind)?),
                    11 => dictionary = Some(thrift.integer(kind)?),
                    _ => thrift.skip(kind)?,
                }
                Ok(())
            })?,
            8 | 9 => {
                is_encrypted = true;
                thrift.skip(kind)?;
            }
            _ => thrift.skip(kind)?,
        }
        Ok(())
    })?;
    if is_encrypted {
        return Err(ParquetError::Encrypted);
    }
    let damaged = || ParquetError::Damaged("a column lies outside of the file");
    // Old writers say 0 where there is no dictionary.
    let first = dictionary.filter(|at| *at > 0).or(data);
    let from = first.and_then(|at| u64::try_from(at).ok()).filter(|_| !is_elsewhere).ok_or_else(damaged)?;
    let length = length.and_then(|length| u64::try_from(length).ok()).ok_or_else(damaged)?;
    let to = from.checked_add(length).filter(|to| *to <= data_end).ok_or_else(damaged)?;
    Ok(Chunk { from, to, codec: Codec::of(codec.ok_or_else(damaged)?)? })
}
