//! Gives the cells of a CSV manifest their meaning: rows become tasks.
//!
//! Rules (COS Batch reference, section 4.2 and resolutions U-3, U-4, U-28):
//! - the job's fields name the columns; a row has as many cells as fields, since a key with a
//!   comma that nobody quoted would otherwise be cut and another object hit;
//! - the first row is a header, and skipped, when its cells name the fields (case and blanks
//!   aside; whatever stands above an ignored column);
//! - keys are as they stand unless the job option `key-encoding` says otherwise; nothing is
//!   guessed, with one exception: a row shaped like a row of our own reports (seven columns,
//!   the fourth `succeeded`, `failed` or `dry-run`, fields Bucket, Key, VersionId and four
//!   ignored) as the first row says that keys are percent-encoded, as we wrote them;
//! - the first row's bucket is the job's; rows of another bucket are tasks with a defect;
//! - whether a row without a version is in doubt is known at the end only:
//!   [`RowReader::some_rows_have_versions`].

use brigade_model::options::KeyEncoding;
use brigade_model::{Field, JobOptions, ManifestSpec, Task, VersionId};

use crate::manifest::cells::{CellReader, Step};
use crate::manifest::row::{self, FirstBucket, RowError};

/// Makes tasks of the bytes of a CSV manifest, piece by piece. Holds one row.
#[derive(Debug)]
pub struct RowReader {
    cells: CellReader,
    columns: Columns,
    /// What the job says; `None` until the first row when the job says nothing.
    encoding: Option<KeyEncoding>,
    bucket: FirstBucket,
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
            bucket: FirstBucket::default(),
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
        let (bucket, defect) = self.bucket.judge(row, row::text(&self.cells, self.columns.bucket, "Bucket")?)?;
        let key = row::text(&self.cells, self.columns.key, "Key")?;
        let key = row::key(row, key, self.encoding.unwrap_or(KeyEncoding::Raw))?;
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
            && [&b"succeeded"[..], b"failed", b"dry-run"].contains(&status)
    }

    fn take_version(&self) -> Result<Option<VersionId>, RowError> {
        let Some(place) = self.columns.version else { return Ok(None) };
        row::version(self.cells.row(), row::text(&self.cells, place, "VersionId")?)
    }
}

#[cfg(test)]
mod tests;
