//! Gives the cells of a CSV manifest their meaning: rows become tasks.
//!
//! Rules (COS Batch reference, section 4.2 and resolutions U-3, U-4, U-28):
//! - the job's fields name the columns; a row has as many cells as fields, since a key with a
//!   comma that nobody quoted would otherwise be cut and another object hit;
//! - the first row is a header, and skipped, when its cells name the fields (case and blanks
//!   aside; whatever stands above an ignored column);
//! - keys are as they stand unless the job option `key-encoding` says otherwise; nothing is
//!   guessed, with one exception: a row shaped like a row of our own reports (seven columns,
//!   the fourth `succeeded` or `failed`, fields Bucket, Key, VersionId and four ignored) as
//!   the first row says that keys are percent-encoded, as we wrote them;
//! - the first row's bucket is the job's; rows of another bucket are tasks with a defect;
//! - whether a row without a version is in doubt is known at the end only:
//!   [`RowReader::some_rows_have_versions`].

use brigade_model::options::KeyEncoding;
use brigade_model::task::Defect;
use brigade_model::{BucketName, Field, JobOptions, ManifestSpec, NameError, ObjectKey, Task, VersionId};
use percent_encoding::percent_decode;

use crate::manifest::cells::{CellError, CellReader, Step};

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
}

/// Makes tasks of the bytes of a CSV manifest, piece by piece. Holds one row.
#[derive(Debug)]
pub struct RowReader {
    cells: CellReader,
    columns: Columns,
    /// What the job says; `None` until the first row when the job says nothing.
    encoding: Option<KeyEncoding>,
    bucket: Option<BucketName>,
    tasks: u64,
    is_first_row: bool,
    some_rows_have_versions: bool,
}

#[derive(Debug)]
struct Columns {
    fields: Vec<Field>,
    bucket: usize,
    key: usize,
    version: Option<usize>,
}

impl Columns {
    fn of(fields: &[Field]) -> Result<Self, RowError> {
        let places = |field| fields.iter().enumerate().filter(move |(_, f)| **f == field).map(|(place, _)| place);
        let one = |field: Field| match places(field).collect::<Vec<_>>()[..] {
            [place] => Ok(place),
            _ => Err(RowError::Fields(field.name())),
        };
        let version = match places(Field::VersionId).count() {
            0 => None,
            _ => Some(one(Field::VersionId)?),
        };
        Ok(Self { fields: fields.to_vec(), bucket: one(Field::Bucket)?, key: one(Field::Key)?, version })
    }
}

impl RowReader {
    /// A reader for the manifest of a job.
    ///
    /// # Errors
    /// [`RowError::Fields`] when the fields cannot describe rows.
    pub fn new(spec: &ManifestSpec, options: &JobOptions) -> Result<Self, RowError> {
        Ok(Self {
            cells: CellReader::default(),
            columns: Columns::of(&spec.fields)?,
            encoding: options.key_encoding,
            bucket: None,
            tasks: 0,
            is_first_row: true,
            some_rows_have_versions: false,
        })
    }

    /// The next task; what was read is taken off the input's front. `None` when the input is
    /// used up.
    ///
    /// # Errors
    /// [`RowError`]; the reader is of no use afterwards.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Task>, RowError> {
        loop {
            let step = self.cells.read(input);
            match step.map_err(|problem| RowError::Cells { row: self.cells.row(), problem })? {
                Step::More => return Ok(None),
                Step::Row => {
                    if let Some(task) = self.take_row()? {
                        return Ok(Some(task));
                    }
                }
            }
        }
    }

    /// The input has ended: a last task, when its row had no line end.
    ///
    /// # Errors
    /// [`RowError`].
    pub fn finish(&mut self) -> Result<Option<Task>, RowError> {
        let step = self.cells.finish();
        match step.map_err(|problem| RowError::Cells { row: self.cells.row(), problem })? {
            Step::More => Ok(None),
            Step::Row => self.take_row(),
        }
    }

    /// Whether any row so far named a version.
    #[must_use]
    pub fn some_rows_have_versions(&self) -> bool {
        self.some_rows_have_versions
    }

    /// The task of the complete row; `None` for a header.
    fn take_row(&mut self) -> Result<Option<Task>, RowError> {
        let (row, wanted) = (self.cells.row(), self.columns.fields.len());
        if self.cells.count() != wanted {
            return Err(RowError::Columns { row, found: self.cells.count(), wanted });
        }
        if std::mem::take(&mut self.is_first_row) {
            if self.is_header() {
                return Ok(None);
            }
            if self.encoding.is_none() && self.is_own_report() {
                self.encoding = Some(KeyEncoding::Url);
            }
        }
        let (bucket, defect) = self.take_bucket()?;
        let key = self.take_key()?;
        let version = self.take_version()?;
        self.some_rows_have_versions |= version.is_some();
        let number = self.tasks;
        self.tasks += 1;
        Ok(Some(Task { number, bucket, key, version, size: None, defect, tried_since: None }))
    }

    fn is_header(&self) -> bool {
        self.columns.fields.iter().enumerate().all(|(place, field)| {
            let cell = self.cells.cell(place).unwrap_or_default().trim_ascii();
            *field == Field::Ignore || cell.eq_ignore_ascii_case(field.name().as_bytes())
        })
    }

    fn is_own_report(&self) -> bool {
        use Field::{Bucket, Ignore, Key, VersionId};
        let status = self.cells.cell(3).unwrap_or_default();
        self.columns.fields == [Bucket, Key, VersionId, Ignore, Ignore, Ignore, Ignore]
            && (status == b"succeeded" || status == b"failed")
    }

    fn text(&self, place: usize, field: Field) -> Result<&str, RowError> {
        let cell = self.cells.cell(place).unwrap_or_default();
        std::str::from_utf8(cell).map_err(|_| RowError::NotUtf8 { row: self.cells.row(), field: field.name() })
    }

    fn take_bucket(&mut self) -> Result<(BucketName, Option<Defect>), RowError> {
        let text = self.text(self.columns.bucket, Field::Bucket)?;
        if let Some(first) = self.bucket.as_ref().filter(|first| first.as_str() == text) {
            return Ok((first.clone(), None));
        }
        let bucket = BucketName::new(text).map_err(|problem| RowError::Name { row: self.cells.row(), problem })?;
        let defect = self.bucket.is_some().then_some(Defect::OtherBucket);
        self.bucket.get_or_insert_with(|| bucket.clone());
        Ok((bucket, defect))
    }

    fn take_key(&self) -> Result<ObjectKey, RowError> {
        let row = self.cells.row();
        let name = |text: &str| ObjectKey::new(text).map_err(|problem| RowError::Name { row, problem });
        let text = self.text(self.columns.key, Field::Key)?;
        match self.encoding.unwrap_or(KeyEncoding::Raw) {
            KeyEncoding::Raw => name(text),
            KeyEncoding::Url => name(&decode(row, text)?),
            KeyEncoding::Form => name(&decode(row, &text.replace('+', " "))?),
        }
    }

    fn take_version(&self) -> Result<Option<VersionId>, RowError> {
        let Some(place) = self.columns.version else { return Ok(None) };
        let text = self.text(place, Field::VersionId)?;
        if text.is_empty() {
            return Ok(None);
        }
        VersionId::new(text).map(Some).map_err(|problem| RowError::Name { row: self.cells.row(), problem })
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
    decoded.map(Into::into).map_err(|_| RowError::NotUtf8 { row, field: Field::Key.name() })
}

#[cfg(test)]
mod tests;
