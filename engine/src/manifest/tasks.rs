//! The tasks of a job's manifest, one after the other, whatever its format.

use brigade_model::options::Separator;
use brigade_model::ports::object_store::CancelToken;
use brigade_model::{Job, ManifestFormat};
use bytes::{Buf, Bytes};

use crate::byte_budget::ByteBudget;
use crate::manifest::csv::{RowReader, StrangeFirstRow};
use crate::manifest::inventory::listed::DELETE_MARKER;
use crate::manifest::inventory::tasks::InventoryTasks;
use crate::manifest::row::Row;
use crate::manifest::source::{Pin, PinnedObject, Source};
use crate::manifest::{Located, ReadManifestError};
use crate::pace::{PACE_BYTES, Pace, ROW_BYTES};
use crate::places::Place;

/// Reads the tasks of a manifest.
pub struct TaskReader<'a>(Format<'a>);

enum Format<'a> {
    Csv(Box<CsvTasks<'a>>),
    Inventory(Box<InventoryTasks<'a>>),
}

impl<'a> TaskReader<'a> {
    /// Looks at the manifest of a job: it must be there, be allowed, and have the ETag.
    ///
    /// # Errors
    /// [`ReadManifestError`].
    pub async fn open(
        job: &Job,
        place: &'a Place,
        cancel: &'a CancelToken,
        bytes: &ByteBudget,
    ) -> Result<Self, ReadManifestError> {
        let spec = &job.spec.manifest;
        let object = pin(job, place, cancel).await?;
        Ok(Self(match spec.format {
            ManifestFormat::Csv => Format::Csv(Box::new(CsvTasks::open(job, object)?)),
            ManifestFormat::Inventory => {
                Format::Inventory(Box::new(InventoryTasks::open(job, place, cancel, bytes, object).await?))
            }
        }))
    }

    /// The next task; `None` once the manifest is read to its end.
    ///
    /// # Errors
    /// [`ReadManifestError`].
    pub async fn next(&mut self) -> Result<Option<Row>, ReadManifestError> {
        match &mut self.0 {
            Format::Csv(tasks) => tasks.next().await,
            Format::Inventory(tasks) => Ok(tasks.next().await?.map(Row::from)),
        }
    }

    /// What separates the cells, if the rows so far show it.
    #[must_use]
    pub fn separator(&self) -> Option<Separator> {
        match &self.0 {
            Format::Csv(tasks) => tasks.rows.separator(),
            Format::Inventory(_) => Some(Separator::Comma),
        }
    }

    /// With what every row so far makes sense.
    #[must_use]
    pub fn possible_separators(&self) -> Vec<Separator> {
        match &self.0 {
            Format::Csv(tasks) => tasks.rows.possible_separators(),
            Format::Inventory(_) => vec![Separator::Comma],
        }
    }

    /// Whether keys are taken as they stand only because nothing says otherwise.
    #[must_use]
    pub fn is_encoding_assumed(&self) -> bool {
        matches!(&self.0, Format::Csv(tasks) if tasks.rows.is_encoding_assumed())
    }

    /// A first row that may be a header ([`RowReader::take_strange_first_row`]).
    pub fn take_strange_first_row(&mut self) -> Option<StrangeFirstRow> {
        match &mut self.0 {
            Format::Csv(tasks) => tasks.rows.take_strange_first_row(),
            Format::Inventory(_) => None,
        }
    }

    /// Whether the job names every byte that is read: by an ETag, or by the MD5 of a part.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        match &self.0 {
            Format::Csv(_) => true,
            Format::Inventory(tasks) => tasks.is_pinned(),
        }
    }

    /// Rows that were left out on purpose, by reason; whole once the last task was read.
    #[must_use]
    pub fn left_out(&self) -> Vec<(String, u64)> {
        match &self.0 {
            Format::Inventory(tasks) if tasks.listed().left_out() > 0 => {
                vec![(DELETE_MARKER.to_owned(), tasks.listed().left_out())]
            }
            _ => Vec::new(),
        }
    }

    /// Whether rows name versions (`Prepared::some_rows_have_versions`); known once the last
    /// task was read.
    #[must_use]
    pub fn some_rows_have_versions(&self) -> bool {
        match &self.0 {
            Format::Csv(tasks) => tasks.rows.some_rows_have_versions(),
            Format::Inventory(tasks) => tasks.listed().has_versions(),
        }
    }
}

async fn pin<'a>(job: &Job, place: &'a Place, cancel: &'a CancelToken) -> Result<PinnedObject<'a>, ReadManifestError> {
    let location = &job.spec.manifest.location;
    let pin = Pin { version: location.version.clone(), etag: Some(location.etag.clone()) };
    PinnedObject::open(place, cancel, Located::manifest_of(job), pin).await
}

/// The tasks of a CSV manifest. Holds a piece of a range.
struct CsvTasks<'a> {
    source: Source<'a>,
    piece: Bytes,
    rows: RowReader,
    pace: Pace,
}

impl<'a> CsvTasks<'a> {
    fn open(job: &Job, object: PinnedObject<'a>) -> Result<Self, ReadManifestError> {
        let rows = RowReader::new(&job.spec.manifest, &job.spec.options);
        let rows = rows.map_err(|error| object.located().error(error))?;
        Ok(Self { source: object.read_all(), piece: Bytes::new(), rows, pace: Pace::default() })
    }

    async fn next(&mut self) -> Result<Option<Row>, ReadManifestError> {
        loop {
            // Not all of it at once: no row may be in it.
            let given = self.piece.len().min(PACE_BYTES);
            let mut unread = &self.piece[..given];
            let row = self.rows.next(&mut unread).map_err(|error| self.source.located().error(error))?;
            let read = given - unread.len();
            self.piece.advance(read);
            self.pace.work(read + ROW_BYTES).await;
            if row.is_some() {
                return Ok(row);
            }
            if !self.piece.is_empty() {
                continue;
            }
            match self.source.next().await? {
                Some(piece) => self.piece = piece,
                None => return self.rows.finish().map_err(|error| self.source.located().error(error)),
            }
        }
    }
}
