//! What rows of every format have in common: their errors, the encodings of keys, and the
//! bucket that the first row names for all.

use brigade_model::limits::CHECKSUM_TEXT_BYTES_MAX;
use brigade_model::options::{KeyEncoding, Separator};
use brigade_model::task::Defect;
use brigade_model::{BucketName, NameError, ObjectKey, Task, VersionId};
use percent_encoding::percent_decode;

use crate::manifest::cells::{CellError, CellReader};

/// What a row became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The task.
    pub task: Task,
    /// One blank stands before the key, and whether it belongs to it is decided when all rows are
    /// read; the task's key is without it.
    pub is_behind_blank: bool,
}

impl From<Task> for Row {
    fn from(task: Task) -> Self {
        Self { task, is_behind_blank: false }
    }
}

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
    /// A version id with blanks around it: no store makes such ones, and a delete of one that does
    /// not exist would succeed.
    #[error("row {row}: a blank begins or ends the column VersionId")]
    VersionBlank {
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
pub(super) fn text<'a>(
    cells: &'a CellReader,
    separator: Separator,
    place: usize,
    field: &'static str,
) -> Result<&'a str, RowError> {
    let cell = cells.cell(place, separator).unwrap_or_default();
    std::str::from_utf8(cell).map_err(|_| RowError::NotUtf8 { row: cells.row(), field })
}

/// The key that a cell names.
pub(crate) fn key(row: u64, text: &str, encoding: KeyEncoding) -> Result<ObjectKey, RowError> {
    let name = |text: &str| ObjectKey::new(text).map_err(|problem| RowError::Name { row, problem });
    match encoding {
        KeyEncoding::Raw => name(text),
        KeyEncoding::Form if text.contains('+') => name(&decode(row, &text.replace('+', " "))?),
        KeyEncoding::Url | KeyEncoding::Form if text.contains('%') => name(&decode(row, text)?),
        KeyEncoding::Url | KeyEncoding::Form => name(text),
    }
}

/// Whether the text holds a `%` with two hexadecimal digits behind it.
pub(crate) fn has_escapes(text: &str) -> bool {
    text.match_indices('%').any(|(at, _)| is_escape(&text[at + 1..]))
}

fn is_escape(after: &str) -> bool {
    after.len() >= 2 && after.bytes().take(2).all(|b| b.is_ascii_hexdigit())
}

/// A key out of its percent-encoding. A stray `%` is an error: to guess that it is meant as it
/// stands would hit another object when it is not.
fn decode(row: u64, text: &str) -> Result<String, RowError> {
    if !text.match_indices('%').all(|(at, _)| is_escape(&text[at + 1..])) {
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
    if text.trim_matches([' ', '\t']) != text {
        return Err(RowError::VersionBlank { row });
    }
    VersionId::new(text).map(Some).map_err(|problem| RowError::Name { row, problem })
}

/// The checksum that a cell has, as it is written. One that is none fails its own row, when it is compared.
pub(super) fn checksum(row: u64, text: &str) -> Result<String, RowError> {
    let text = text.trim();
    if text.len() > CHECKSUM_TEXT_BYTES_MAX {
        return Err(RowError::Value { row, field: "checksum", wanted: "a checksum in hexadecimal or base64" });
    }
    Ok(text.to_owned())
}

/// The bucket of the first row, which is the job's: rows of another one are tasks with a defect.
#[derive(Debug, Default)]
pub(super) struct FirstBucket(Option<BucketName>);

impl FirstBucket {
    /// The bucket of that name.
    pub(super) fn name(&self, row: u64, text: &str) -> Result<BucketName, RowError> {
        match &self.0 {
            Some(first) if first.as_str() == text => Ok(first.clone()),
            _ => BucketName::new(text).map_err(|problem| RowError::Name { row, problem }),
        }
    }

    /// What is wrong with a row that names this bucket.
    pub(super) fn judge(&mut self, bucket: &BucketName) -> Option<Defect> {
        let first = self.0.get_or_insert_with(|| bucket.clone());
        (first != bucket).then_some(Defect::OtherBucket)
    }
}
