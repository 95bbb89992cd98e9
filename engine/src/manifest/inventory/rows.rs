//! Gives the cells of an inventory's parts their meaning: rows become tasks.
//!
//! Rules:
//! - the schema names the columns, case and blanks aside, and a row has as many cells;
//! - the first row of a part is a header, and skipped, when it equals the schema, or as the
//!   job option `header` says;
//! - cells are taken byte for byte; a blank behind a comma is none of the cell's only where the
//!   job option `separator` says so;
//! - what the cells then mean, [`ListedRows`] says.

use brigade_model::options::{Header, Separator};
use brigade_model::{RowRules, Task};

use crate::manifest::cells::{CellReader, Step};
use crate::manifest::inventory::InventoryError;
use crate::manifest::inventory::listed::ListedRows;
use crate::manifest::row::{self, RowError};

/// Which columns mean what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    names: Vec<String>,
    bucket: usize,
    key: usize,
    appid: Option<usize>,
    version: Option<usize>,
    is_delete_marker: Option<usize>,
    size: Option<usize>,
}

impl Columns {
    /// The columns of a `fileSchema`: names, separated by commas.
    pub(super) fn of(schema: &str) -> Result<Self, InventoryError> {
        let names: Vec<String> = schema.split(',').map(|name| name.trim().to_owned()).collect();
        let find = |wanted: &'static str| {
            let mut places = names.iter().enumerate().filter(|(_, name)| name.eq_ignore_ascii_case(wanted));
            let first = places.next().map(|(place, _)| place);
            if places.next().is_some() { Err(InventoryError::Column(wanted)) } else { Ok(first) }
        };
        Ok(Self {
            bucket: find("Bucket")?.ok_or(InventoryError::Column("Bucket"))?,
            key: find("Key")?.ok_or(InventoryError::Column("Key"))?,
            appid: find("Appid")?,
            version: find("VersionId")?,
            is_delete_marker: find("IsDeleteMarker")?,
            size: find("Size")?,
            names,
        })
    }

    /// Whether rows name the appid of their bucket.
    pub(super) fn has_appids(&self) -> bool {
        self.appid.is_some()
    }
}

/// Makes tasks of the text of an inventory's parts, one part after the other, piece by piece.
/// Holds one row.
#[derive(Debug)]
pub struct InventoryRows {
    cells: CellReader,
    columns: Columns,
    separator: Separator,
    header: Header,
    is_first_row: bool,
    listed: ListedRows,
}

impl InventoryRows {
    /// A reader for parts of these columns.
    #[must_use]
    pub fn new(columns: Columns, mut listed: ListedRows, rules: RowRules) -> Self {
        listed.set_has_versions(columns.version.is_some());
        Self {
            cells: CellReader::new(rules.separator),
            columns,
            separator: rules.separator.unwrap_or_default(),
            header: rules.header.unwrap_or_default(),
            is_first_row: true,
            listed,
        }
    }

    /// The rows so far.
    #[must_use]
    pub fn listed(&self) -> &ListedRows {
        &self.listed
    }

    /// The next task; what was read is taken off the input's front. `None` when the input is
    /// used up.
    ///
    /// # Errors
    /// [`RowError`], with the row's number in its part; the reader is of no use afterwards.
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

    /// The part has ended: a last task, when its row had no line end. The next input is the
    /// beginning of another part.
    ///
    /// # Errors
    /// [`RowError`].
    pub fn end_part(&mut self) -> Result<Option<Task>, RowError> {
        let step = self.cells.finish();
        let task = match step.map_err(|problem| RowError::Cells { row: self.cells.row(), problem })? {
            Step::More => None,
            Step::Row => self.take_row()?,
        };
        self.cells = self.cells.fresh();
        self.is_first_row = true;
        Ok(task)
    }

    /// The task of the complete row; `None` for a header and for a row that is left out.
    fn take_row(&mut self) -> Result<Option<Task>, RowError> {
        let (row, wanted) = (self.cells.row(), self.columns.names.len());
        if self.cells.count() != wanted {
            return Err(RowError::Columns { row, found: self.cells.count(), wanted });
        }
        if std::mem::take(&mut self.is_first_row) && self.is_header() {
            return Ok(None);
        }
        self.cells.check(self.separator).map_err(|problem| RowError::Cells { row, problem })?;
        let version = match self.columns.version {
            Some(place) => row::version(row, self.text(place, "VersionId")?)?,
            None => None,
        };
        if self.listed.leaves_out(version.is_some(), self.is_delete_marker()?) {
            return Ok(None);
        }
        let size = self.take_size()?;
        let text = |place, field| row::text(&self.cells, self.separator, place, field);
        let bucket = text(self.columns.bucket, "Bucket")?;
        let appid = self.columns.appid.map_or(Ok(""), |place| text(place, "Appid"))?;
        let key = text(self.columns.key, "Key")?;
        self.listed.task(row, (bucket, appid), key, version, size).map(Some)
    }

    fn text(&self, place: usize, field: &'static str) -> Result<&str, RowError> {
        row::text(&self.cells, self.separator, place, field)
    }

    fn is_header(&self) -> bool {
        let names_columns = self.columns.names.iter().enumerate().all(|(place, name)| {
            let cell = self.cells.cell(place, Separator::Comma).unwrap_or_default().trim_ascii();
            cell.eq_ignore_ascii_case(name.as_bytes())
        });
        match self.header {
            Header::Yes => true,
            Header::No => false,
            Header::Auto => names_columns,
        }
    }

    fn is_delete_marker(&self) -> Result<bool, RowError> {
        let Some(place) = self.columns.is_delete_marker else { return Ok(false) };
        match self.cells.cell(place, self.separator).unwrap_or_default() {
            cell if cell.eq_ignore_ascii_case(b"true") => Ok(true),
            cell if cell.is_empty() || cell.eq_ignore_ascii_case(b"false") => Ok(false),
            _ => Err(self.wrong("IsDeleteMarker", "true or false")),
        }
    }

    fn take_size(&self) -> Result<Option<u64>, RowError> {
        let Some(place) = self.columns.size else { return Ok(None) };
        let text = self.text(place, "Size")?;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| self.wrong("Size", "a number of bytes"))
    }

    fn wrong(&self, field: &'static str, wanted: &'static str) -> RowError {
        RowError::Value { row: self.cells.row(), field, wanted }
    }
}

#[cfg(test)]
mod tests;
