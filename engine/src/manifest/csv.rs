//! Gives the cells of a CSV manifest their meaning: rows become tasks.
//!
//! What the job says of rows (`RowRules`: its options, else its dialect) is obeyed. Where it says nothing:
//! - the job's fields name the columns; a row has as many cells as fields, since an unquoted comma
//!   in a key would otherwise cut the key and hit another object;
//! - the first row is a header, and skipped, when its cells name the fields (case and blanks
//!   aside; whatever stands above an ignored column), or as the rules for rows say. One
//!   whose bucket is not that of the second row may be a header with other names:
//!   [`RowReader::take_strange_first_row`];
//! - cells are separated as the rules for rows say. If they say nothing, commas do it as
//!   soon as something stands behind one without a blank; while no row shows that,
//!   [`RowReader::separator`] is not known, and a row tells whether a blank stands before its key;
//! - keys are as they stand unless the rules for rows say otherwise; nothing is
//!   guessed, with one exception: a row shaped like a row of our own reports (seven columns,
//!   the fourth `succeeded`, `failed` or `dry-run`, fields Bucket, Key, VersionId and four
//!   ignored) as the first row says that keys are percent-encoded, as we wrote them;
//! - the first row's bucket is the job's, in every dialect; rows of another bucket are tasks with a defect;
//! - whether a row without a version is in doubt is known at the end only:
//!   [`RowReader::some_rows_have_versions`].

use brigade_model::options::{Header, KeyEncoding, Separator};
use brigade_model::{BucketName, Field, JobOptions, ManifestSpec, ObjectKey, Task, VersionId};

use crate::manifest::cells::{CellReader, Step};
use crate::manifest::row::{self, FirstBucket, Row, RowError};

/// A first row is shown this long, bytes: a failure's reason has 256 in all.
const SHOWN_ROW_BYTES: usize = 40;

/// Makes tasks of the bytes of a CSV manifest, piece by piece. Holds one row.
#[derive(Debug)]
pub struct RowReader {
    cells: CellReader,
    columns: Columns,
    /// What the job says; `None` until the first row when the job says nothing.
    encoding: Option<KeyEncoding>,
    header: Header,
    separating: Separating,
    bucket: FirstBucket,
    /// The first row, until the second one is read, and then what is strange about it.
    first_row: Option<StrangeFirstRow>,
    tasks: u64,
    is_first_row: bool,
    some_rows_have_versions: bool,
}

/// What is known of the separator.
#[derive(Debug, Default)]
struct Separating {
    /// `None` while no row tells.
    known: Option<Separator>,
    /// Why no comma can be it, once that is known: the first row that it makes no sense of.
    not_comma: Option<RowError>,
    /// The same for a comma and a blank.
    not_comma_blank: Option<RowError>,
}

/// A first row that names another bucket than the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrangeFirstRow {
    /// Its number in the file.
    pub row: u64,
    /// Its beginning, for people.
    pub shown: String,
    /// Its bucket.
    pub bucket: BucketName,
    /// The second row's.
    pub next_bucket: BucketName,
}

#[derive(Debug)]
struct Columns {
    fields: Vec<Field>,
    bucket: usize,
    key: usize,
    version: Option<usize>,
    checksum: Option<usize>,
}

/// What the cells of a row name.
struct NamedObject {
    bucket: BucketName,
    key: ObjectKey,
    version: Option<VersionId>,
    checksum: Option<String>,
}

impl Columns {
    fn of(fields: &[Field], checksum_column: Option<u32>) -> Result<Self, RowError> {
        let places = |field| fields.iter().enumerate().filter(move |(_, f)| **f == field).map(|(place, _)| place);
        let one = |field: Field| match places(field).collect::<Vec<_>>()[..] {
            [place] => Ok(place),
            _ => Err(RowError::Fields(field.name())),
        };
        let version = match places(Field::VersionId).count() {
            0 => None,
            _ => Some(one(Field::VersionId)?),
        };
        // Which column that is was checked when the job was created.
        let checksum = checksum_column.and_then(|column| usize::try_from(column).ok()?.checked_sub(1));
        Ok(Self { fields: fields.to_vec(), bucket: one(Field::Bucket)?, key: one(Field::Key)?, version, checksum })
    }
}

impl RowReader {
    /// A reader for the manifest of a job.
    ///
    /// # Errors
    /// [`RowError::Fields`] when the fields cannot describe rows.
    pub fn new(spec: &ManifestSpec, options: &JobOptions) -> Result<Self, RowError> {
        let rules = spec.rows.with(options);
        Ok(Self {
            cells: CellReader::new(rules.separator),
            columns: Columns::of(&spec.fields, options.checksum_column)?,
            encoding: rules.key_encoding,
            header: rules.header.unwrap_or_default(),
            separating: Separating { known: rules.separator, ..Separating::default() },
            bucket: FirstBucket::default(),
            first_row: None,
            tasks: 0,
            is_first_row: true,
            some_rows_have_versions: false,
        })
    }

    /// The next row that is a task; what was read is taken off the input's front. `None` when the
    /// input is used up.
    ///
    /// # Errors
    /// [`RowError`]; the reader is of no use afterwards.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Row>, RowError> {
        loop {
            let step = self.cells.read(input);
            match step.map_err(|problem| RowError::Cells { row: self.cells.row(), problem })? {
                Step::More => return Ok(None),
                Step::Row => {
                    if let Some(row) = self.take_row()? {
                        return Ok(Some(row));
                    }
                }
            }
        }
    }

    /// The input has ended: a last task, when its row had no line end.
    ///
    /// # Errors
    /// [`RowError`].
    pub fn finish(&mut self) -> Result<Option<Row>, RowError> {
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

    /// What separates the cells, if the rows so far show it.
    #[must_use]
    pub fn separator(&self) -> Option<Separator> {
        self.separating.known
    }

    /// With what every row so far makes sense.
    #[must_use]
    pub fn possible_separators(&self) -> Vec<Separator> {
        let Separating { known, not_comma, not_comma_blank } = &self.separating;
        let comma = not_comma.is_none().then_some(Separator::Comma);
        let comma_blank = not_comma_blank.is_none().then_some(Separator::CommaBlank);
        known.map_or_else(|| comma.into_iter().chain(comma_blank).collect(), |known| vec![known])
    }

    /// Whether keys are taken as they stand only because nothing says otherwise.
    #[must_use]
    pub fn is_encoding_assumed(&self) -> bool {
        self.encoding.is_none()
    }

    /// What may be a header with other names than the fields'; known when the second row was read,
    /// and told once.
    pub fn take_strange_first_row(&mut self) -> Option<StrangeFirstRow> {
        if self.tasks < 2 { None } else { self.first_row.take() }
    }

    /// The task of the complete row; `None` for a header.
    fn take_row(&mut self) -> Result<Option<Row>, RowError> {
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
        let (NamedObject { bucket, key, version, checksum }, is_behind_blank) = self.read()?;
        let defect = self.bucket.judge(&bucket);
        self.note_first_rows(&bucket);
        self.some_rows_have_versions |= version.is_some();
        let number = self.tasks;
        self.tasks += 1;
        let task = Task { number, bucket, key, version, size: None, defect, tried_since: None, checksum };
        Ok(Some(Row { task, is_behind_blank }))
    }

    /// What the complete row names, and whether a blank that stands before its key is in doubt.
    fn read(&mut self) -> Result<(NamedObject, bool), RowError> {
        if self.separating.known.is_none() && self.cells.check(Separator::CommaBlank).is_err() {
            // One comma without a blank is enough. What came before must make sense so, too.
            if let Some(error) = self.separating.not_comma.take() {
                return Err(error);
            }
            self.separating.known = Some(Separator::Comma);
        }
        match self.separating.known {
            Some(separator) => Ok((self.read_as(separator)?, false)),
            None => self.read_both_ways(),
        }
    }

    fn read_both_ways(&mut self) -> Result<(NamedObject, bool), RowError> {
        let (named, is_behind_blank) = match (self.read_as(Separator::Comma), self.read_as(Separator::CommaBlank)) {
            (Ok(exact), Ok(named)) => {
                let is_behind_blank = exact.key != named.key;
                (named, is_behind_blank)
            }
            (Err(why), Ok(named)) => {
                self.separating.not_comma.get_or_insert(why);
                (named, false)
            }
            (Ok(named), Err(why)) => {
                self.separating.not_comma_blank.get_or_insert(why);
                (named, false)
            }
            (Err(_), Err(why)) => return Err(why),
        };
        match &self.separating {
            Separating { not_comma: Some(_), not_comma_blank: Some(why), .. } => Err(why.clone()),
            _ => Ok((named, is_behind_blank)),
        }
    }

    fn read_as(&self, separator: Separator) -> Result<NamedObject, RowError> {
        let row = self.cells.row();
        self.cells.check(separator).map_err(|problem| RowError::Cells { row, problem })?;
        let text = |place, field| row::text(&self.cells, separator, place, field);
        let bucket = self.bucket.name(row, text(self.columns.bucket, "Bucket")?)?;
        let key = text(self.columns.key, "Key")?;
        let key = row::key(row, key, self.encoding.unwrap_or(KeyEncoding::Raw))?;
        let version = match self.columns.version {
            Some(place) => row::version(row, text(place, "VersionId")?)?,
            None => None,
        };
        let checksum = match self.columns.checksum {
            Some(place) => Some(row::checksum(row, text(place, "checksum")?)?),
            None => None,
        };
        Ok(NamedObject { bucket, key, version, checksum })
    }

    /// Compares the buckets of the first two rows.
    fn note_first_rows(&mut self, bucket: &BucketName) {
        if self.header != Header::Auto {
            return;
        }
        match (self.tasks, &mut self.first_row) {
            (0, first_row) => {
                let (row, shown) = (self.cells.row(), self.cells.shown(SHOWN_ROW_BYTES));
                let (bucket, next_bucket) = (bucket.clone(), bucket.clone());
                *first_row = Some(StrangeFirstRow { row, shown, bucket, next_bucket });
            }
            (1, Some(first)) if first.bucket != *bucket => first.next_bucket = bucket.clone(),
            (1, first_row) => *first_row = None,
            _ => {}
        }
    }

    fn is_header(&self) -> bool {
        let names_fields = self.columns.fields.iter().enumerate().all(|(place, field)| {
            let cell = self.cells.cell(place, Separator::Comma).unwrap_or_default().trim_ascii();
            *field == Field::Ignore || cell.eq_ignore_ascii_case(field.name().as_bytes())
        });
        match self.header {
            Header::Yes => true,
            Header::No => false,
            Header::Auto => names_fields,
        }
    }

    fn is_own_report(&self) -> bool {
        use Field::{Bucket, Ignore, Key, VersionId};
        let status = self.cells.cell(3, Separator::Comma).unwrap_or_default();
        self.columns.fields == [Bucket, Key, VersionId, Ignore, Ignore, Ignore, Ignore]
            && [&b"succeeded"[..], b"failed", b"dry-run"].contains(&status)
    }
}

#[cfg(test)]
mod tests;
