//! The rows of a manifest, read as the service reads them: how they are to be read, how many they are, and the buckets
//! that they name.

use std::collections::BTreeSet;

use brigade_config::Explained;
use brigade_engine::manifest::cells::{CellError, CellReader, Step};
use brigade_model::manifest::{Field, ManifestFormat};
use brigade_model::options::{Header, JobOptions, KeyEncoding, Separator};
use brigade_model::{BucketName, ObjectKey};

use super::columns::{FIELDS_OF_REPORT, Fields, FirstRow, decide_fields, names, read_first_row};
use super::shape::{EACH_ROW, Refusal, not_utf8, told};
use crate::progress::counted;

/// A refused row is shown this long, bytes.
const SHOWN_BYTES: usize = 60;

/// What the flags say of a manifest.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// Its columns.
    pub fields: Option<&'a Fields>,
    /// The bucket of keys that stand alone.
    pub bucket: Option<&'a BucketName>,
    /// How rows are written.
    pub options: &'a JobOptions,
}

/// How the rows of a manifest are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// How it is written.
    pub format: ManifestFormat,
    /// Its columns; an inventory says them itself.
    pub fields: Fields,
    /// What its bytes show of rows, beyond what the flags say.
    pub options: JobOptions,
    /// The buckets of its rows, as far as they were read.
    pub buckets: BucketsNamed,
}

/// The buckets that rows name: a few by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketsNamed {
    names: BTreeSet<BucketName>,
    are_more: bool,
}

impl BucketsNamed {
    /// More are not told one by one.
    const TOLD_MAX: usize = 4;

    /// A row names this bucket.
    pub fn note(&mut self, name: BucketName) {
        if self.names.len() < Self::TOLD_MAX {
            self.names.insert(name);
        } else {
            self.are_more |= !self.names.contains(&name);
        }
    }

    /// ` of bucket photos`, ` of the buckets logs, photos and others`; nothing where no row was read.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut names: Vec<&str> = self.names.iter().map(BucketName::as_str).collect();
        if self.are_more {
            names.push("others");
        }
        match names.split_last() {
            None => String::new(),
            Some((only, [])) => format!(" of bucket {only}"),
            Some((last, before)) => format!(" of the buckets {} and {last}", before.join(", ")),
        }
    }
}

impl Reading {
    pub(super) fn of_inventory() -> Self {
        Self {
            format: ManifestFormat::Inventory,
            fields: Vec::new(),
            options: JobOptions::default(),
            buckets: BucketsNamed::default(),
        }
    }

    /// The same of a CSV of our own: it has a header, and commas.
    pub(super) fn converted(self) -> Self {
        let options =
            JobOptions { header: Some(Header::Yes), separator: Some(Separator::Comma), ..JobOptions::default() };
        Self { options, ..self }
    }
}

/// The rows of a manifest, read as the service does.
pub(super) struct Rows<'a> {
    name: &'a str,
    said: Said<'a>,
    cells: CellReader,
    separator: Separator,
    fields: Option<Fields>,
    has_header: bool,
    is_own_report: bool,
    buckets: BucketsNamed,
    count: u64,
}

impl<'a> Rows<'a> {
    pub(super) fn new(name: &'a str, said: Said<'a>) -> Self {
        let options = said.options;
        Self {
            name,
            said,
            cells: CellReader::new(options.separator),
            separator: options.separator.unwrap_or_default(),
            fields: None,
            has_header: false,
            is_own_report: false,
            buckets: BucketsNamed::default(),
            count: 0,
        }
    }

    /// Reads a piece; an empty one is the end.
    pub(super) fn read(&mut self, mut piece: &[u8]) -> Result<(), Explained> {
        let is_end = piece.is_empty();
        loop {
            let step = if is_end { self.cells.finish() } else { self.cells.read(&mut piece) };
            match step.map_err(|problem| self.unreadable(problem))? {
                Step::More => return Ok(()),
                Step::Row => self.take_row()?,
            }
            if is_end {
                return Ok(());
            }
        }
    }

    fn unreadable(&self, problem: CellError) -> Explained {
        told(self.name, Refusal::new(format!("row {}: {problem}", self.cells.row()), ""))
    }

    fn take_row(&mut self) -> Result<(), Explained> {
        if self.fields.is_none() {
            self.take_first_row()?;
            if self.has_header {
                return Ok(());
            }
        }
        self.count += 1;
        self.check_row()
    }

    fn take_first_row(&mut self) -> Result<(), Explained> {
        let cells = (0..self.cells.count()).filter_map(|place| self.cells.cell(place, self.separator));
        let cells: Vec<_> = cells.map(String::from_utf8_lossy).collect();
        let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
        let first = read_first_row(&cells, self.said.options.header.unwrap_or_default());
        // As the service has it: keys of our own reports are percent-encoded.
        self.is_own_report = cells.len() == 7 && ["succeeded", "failed", "dry-run"].contains(&cells[3]);
        let of_report = Vec::from(FIELDS_OF_REPORT);
        let known = self.said.fields.or_else(|| self.is_own_report.then_some(&of_report));
        let fields = decide_fields(known, &first, &self.shown());
        let fields = fields.map_err(|refusal| told(self.name, refusal))?;
        self.has_header = !matches!(first, FirstRow::Row(_));
        self.fields = Some(fields);
        Ok(())
    }

    /// Refuses a row that the service could make no task of.
    fn check_row(&mut self) -> Result<(), Explained> {
        let fields = self.fields.as_deref().unwrap_or_default();
        let mut bucket = None;
        let refused = |why: &str, way_out: &str| {
            let what = format!("row {} is {}: {why}", self.cells.row(), self.shown());
            told(self.name, Refusal::new(what, way_out))
        };
        if self.cells.count() != fields.len() {
            let (found, expected) = (self.cells.count(), names(fields));
            let quotes = if found > fields.len() { "; a cell with a comma stands in quotes" } else { "" };
            return Err(refused(&counted(found as u64, "cell"), &format!("expected is {expected}{quotes}")));
        }
        for (place, field) in fields.iter().enumerate().filter(|(_, field)| **field != Field::Ignore) {
            let text = std::str::from_utf8(self.cells.cell(place, self.separator).unwrap_or_default());
            let text = text.map_err(|_| told(self.name, not_utf8(&format!("row {}", self.cells.row()))))?;
            let name = match field {
                Field::Bucket => BucketName::new(text.trim_start_matches(' ')).map(|name| bucket = Some(name)),
                // Encoded, a key may be longer than any key.
                Field::Key if self.are_keys_encoded() && !text.is_empty() => Ok(()),
                Field::Key => ObjectKey::new(text).map(drop),
                Field::VersionId | Field::Ignore => Ok(()),
            };
            name.map_err(|error| refused(&error.to_string(), ""))?;
        }
        if let Some(bucket) = bucket {
            self.buckets.note(bucket);
        }
        Ok(())
    }

    fn are_keys_encoded(&self) -> bool {
        let given = self.said.options.key_encoding;
        given.map_or(self.is_own_report, |encoding| encoding != KeyEncoding::Raw)
    }

    /// The complete row, for people.
    fn shown(&self) -> String {
        format!("\"{}\"", self.cells.shown(SHOWN_BYTES))
    }

    pub(super) fn finish(self) -> Result<(u64, Reading), Explained> {
        let reading = self.reading()?;
        if self.count == 0 {
            return Err(told(self.name, Refusal::new("has a header and no rows", EACH_ROW)));
        }
        Ok((self.count, reading))
    }

    pub(super) fn reading(&self) -> Result<Reading, Explained> {
        let empty = || told(self.name, Refusal::new("is empty", EACH_ROW));
        let fields = self.fields.clone().ok_or_else(empty)?;
        let key_encoding = self.is_own_report.then_some(KeyEncoding::Url);
        let options = JobOptions { key_encoding, ..JobOptions::default() };
        Ok(Reading { format: ManifestFormat::Csv, fields, options, buckets: self.buckets.clone() })
    }
}
