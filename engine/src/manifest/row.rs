//! What rows of every format have in common: their errors, the encodings of keys, and the
//! bucket that the first row names for all.

use brigade_model::options::KeyEncoding;
use brigade_model::task::Defect;
use brigade_model::{BucketName, NameError, ObjectKey, VersionId};
use percent_encoding::percent_decode;

use crate::manifest::cells::{CellError, CellReader};

/// A row that makes no sense, or fields under which none can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The fields do not name exactly one column for this.
    #[error("the fields must name the column {0} once")]
    Fields(&'static str),
    /// The bytes are no CSV.
    #[error("row {row}: {problem}")]
    Cells {
        /// Which row, from 1, a header and blank rows counted.
        row: u64,
        /// What is wrong.
        problem: CellError,
    },
    /// Too few or too many columns.
    #[error("row {row}: has {found} columns, the fields name {wanted}")]
    Columns {
        /// Which row.
        row: u64,
        /// How many it has.
        found: usize,
        /// How many it should have.
        wanted: usize,
    },
    /// A cell that is no UTF-8, also not once decoded.
    #[error("row {row}: the column {field} is not UTF-8")]
    NotUtf8 {
        /// Which row.
        row: u64,
        /// Which column.
        field: &'static str,
    },
    /// A key with a `%` that no two hexadecimal digits follow.
    #[error("row {row}: the key is not percent-encoded")]
    NotEncoded {
        /// Which row.
        row: u64,
    },
    /// A cell that is no name.
    #[error("row {row}: {problem}")]
    Name {
        /// Which row.
        row: u64,
        /// What is wrong.
        problem: NameError,
    },
    /// A cell that is not what its column holds.
    #[error("row {row}: the column {field} must be {wanted}")]
    Value {
        /// Which row.
        row: u64,
        /// Which column.
        field: &'static str,
        /// What it holds.
        wanted: &'static str,
    },
}

/// A cell of the complete row, as text.
pub(super) fn text<'a>(cells: &'a CellReader, place: usize, field: &'static str) -> Result<&'a str, RowError> {
    let cell = cells.cell(place).unwrap_or_default();
    std::str::from_utf8(cell).map_err(|_| RowError::NotUtf8 { row: cells.row(), field })
}

/// The key that a cell names.
pub(super) fn key(row: u64, text: &str, encoding: KeyEncoding) -> Result<ObjectKey, RowError> {
    let name = |text: &str| ObjectKey::new(text).map_err(|problem| RowError::Name { row, problem });
    match encoding {
        KeyEncoding::Raw => name(text),
        KeyEncoding::Form if text.contains('+') => name(&decode(row, &text.replace('+', " "))?),
        KeyEncoding::Url | KeyEncoding::Form if text.contains('%') => name(&decode(row, text)?),
        KeyEncoding::Url | KeyEncoding::Form => name(text),
    }
}

/// A key out of its percent-encoding. A stray `%` is an error: to guess that it is meant as it
/// stands would hit another object when it is not.
fn decode(row: u64, text: &str) -> Result<String, RowError> {
    let is_pair = |after: &str| after.len() >= 2 && after.bytes().take(2).all(|b| b.is_ascii_hexdigit());
    if !text.match_indices('%').all(|(at, _)| is_pair(&text[at + 1..])) {
        return Err(RowError::NotEncoded { row });
    }
    let decoded = percent_decode(text.as_bytes()).decode_utf8();
    decoded.map(Into::into).map_err(|_| RowError::NotUtf8 { row, field: "Key" })
}

/// The version that a cell names, if any.
pub(super) fn version(row: u64, text: &str) -> Result<Option<VersionId>, RowError> {
    if text.is_empty() {
        return Ok(None);
    }
    VersionId::new(text).map(Some).map_err(|problem| RowError::Name { row, problem })
}

/// The bucket of the first row, which is the job's: rows of another one are tasks with a defect
/// (resolution U-28).
#[derive(Debug, Default)]
pub(super) struct FirstBucket(Option<BucketName>);

impl FirstBucket {
    /// The bucket of that name, and what is wrong with a row that names it.
    pub(super) fn judge(&mut self, row: u64, text: &str) -> Result<(BucketName, Option<Defect>), RowError> {
        if let Some(first) = self.0.as_ref().filter(|first| first.as_str() == text) {
            return Ok((first.clone(), None));
        }
        let bucket = BucketName::new(text).map_err(|problem| RowError::Name { row, problem })?;
        let defect = self.0.is_some().then_some(Defect::OtherBucket);
        self.0.get_or_insert_with(|| bucket.clone());
        Ok((bucket, defect))
    }
}
