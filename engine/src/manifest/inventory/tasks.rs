//! The tasks of an inventory, part after part.

use brigade_model::ports::object_store::CancelToken;
use brigade_model::{Job, Task};
use futures::stream::{BoxStream, TryStreamExt};

use crate::byte_budget::{ByteBudget, Room};
use crate::manifest::inventory::listed::ListedRows;
use crate::manifest::inventory::parquet;
use crate::manifest::inventory::parquet_parts::ParquetParts;
use crate::manifest::inventory::part::{ReadPart, Step};
use crate::manifest::inventory::parts::{RANGE_BYTES, RANGES_AHEAD, Range, read_ahead};
use crate::manifest::inventory::rows::InventoryRows;
use crate::manifest::inventory::{DOCUMENT_BYTES_MAX, FileFormat, Inventory, InventoryError, PARTS_MAX};
use crate::manifest::source::PinnedObject;
use crate::manifest::{ManifestProblem, ReadManifestError};
use crate::pace::{Pace, ROW_BYTES, aside};
use crate::places::Place;

/// What is read ahead of parts in CSV, and the two ranges that are being read.
const READ_AHEAD_BYTES: u64 = RANGE_BYTES * (RANGES_AHEAD as u64 + 2);
/// What a part takes in memory: its name, size and MD5. While they are read there are two of each.
const PART_BYTES: u64 = 256;
/// The shortest entry of a part: `{"key":"a"},`.
const PART_ENTRY_BYTES: u64 = 12;
/// What inflating a piece costs besides the bytes that come of it: a piece may be a whole member of
/// gzip with nothing in it.
const INFLATED_BYTES: usize = 4 * 1024;

/// Reads the tasks of an inventory. Holds what is read ahead of its parts.
pub struct InventoryTasks<'a> {
    parts: Parts<'a>,
    is_pinned: bool,
    /// For the names of the parts and what is read ahead of them.
    _room: Room,
}

enum Parts<'a> {
    Csv(Box<CsvParts<'a>>),
    Parquet(Box<ParquetParts<'a>>),
}

impl<'a> InventoryTasks<'a> {
    /// Reads manifest.json; the parts follow as tasks are asked for.
    ///
    /// # Errors
    /// [`ReadManifestError`].
    pub async fn open(
        job: &Job,
        place: &'a Place,
        cancel: &'a CancelToken,
        bytes: &ByteBudget,
        manifest: PinnedObject<'a>,
    ) -> Result<Self, ReadManifestError> {
        let (spec, located) = (&job.spec, manifest.located().clone());
        if manifest.size > DOCUMENT_BYTES_MAX {
            return Err(located.error(InventoryError::TooLong(manifest.size)));
        }
        let parts_at_most = (manifest.size / PART_ENTRY_BYTES).min(PARTS_MAX as u64);
        // Enough for either format, since more must not be asked for once some is held.
        let wanted = manifest.size + 2 * parts_at_most * PART_BYTES + READ_AHEAD_BYTES.max(parquet::READ_BYTES);
        let room = bytes.take(job.id, wanted, cancel).await;
        let mut room = room.ok_or_else(|| located.error(ManifestProblem::Stopped))?;
        let json = read_document(manifest).await?;
        let inventory = aside(json.len(), || Inventory::read(&json, &spec.manifest.location, &place.buckets));
        let inventory = inventory.map_err(|error| located.error(error))?;
        drop(json);
        let rules = match inventory.format {
            FileFormat::Csv(_) => spec.row_rules(),
            FileFormat::Parquet => spec.parquet_rules(),
        };
        let listed = inventory.listed_rows(spec.operation.kind(), rules).map_err(|error| located.error(error))?;
        let is_pinned = inventory.parts.iter().all(|part| part.md5.is_some());
        let names_bytes = inventory.parts.len() as u64 * PART_BYTES;
        let (parts, read_bytes) = match inventory.format {
            FileFormat::Csv(columns) => {
                let size: Option<u64> = inventory.parts.iter().map(|part| part.size).sum();
                let rows = InventoryRows::new(columns, listed, rules);
                let csv = CsvParts::new(rows, read_ahead(place, cancel, inventory.parts), cancel);
                (Parts::Csv(Box::new(csv)), size.unwrap_or(READ_AHEAD_BYTES).min(READ_AHEAD_BYTES))
            }
            FileFormat::Parquet => {
                let parquet = ParquetParts::new(listed, place, cancel, inventory.parts);
                (Parts::Parquet(Box::new(parquet)), parquet::READ_BYTES)
            }
        };
        room.shrink_to(names_bytes + read_bytes);
        Ok(Self { parts, is_pinned, _room: room })
    }

    /// The next task; `None` once every part is read to its end.
    ///
    /// # Errors
    /// [`ReadManifestError`] of the part that is read or of one that is read ahead.
    pub async fn next(&mut self) -> Result<Option<Task>, ReadManifestError> {
        match &mut self.parts {
            Parts::Csv(parts) => parts.next().await,
            Parts::Parquet(parts) => parts.next().await,
        }
    }

    /// Whether manifest.json states the MD5 of every part.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.is_pinned
    }

    /// What was made of the rows so far.
    #[must_use]
    pub fn listed(&self) -> &ListedRows {
        match &self.parts {
            Parts::Csv(parts) => parts.rows.listed(),
            Parts::Parquet(parts) => parts.listed(),
        }
    }
}

/// The parts of an inventory in CSV.
struct CsvParts<'a> {
    rows: InventoryRows,
    ranges: BoxStream<'a, Result<Range, ReadManifestError>>,
    part: Option<ReadPart>,
    cancel: &'a CancelToken,
    pace: Pace,
}

impl<'a> CsvParts<'a> {
    fn new(
        rows: InventoryRows,
        ranges: BoxStream<'a, Result<Range, ReadManifestError>>,
        cancel: &'a CancelToken,
    ) -> Self {
        Self { rows, ranges, part: None, cancel, pace: Pace::default() }
    }

    async fn next(&mut self) -> Result<Option<Task>, ReadManifestError> {
        loop {
            let step = match &mut self.part {
                Some(part) => part.step(&mut self.rows).map_err(|problem| part.part.located.error(problem))?,
                None => Step::More,
            };
            match step {
                Step::Task(task, read) => {
                    self.pace.work(read + ROW_BYTES).await;
                    return Ok(Some(task));
                }
                Step::Inflated(read) => {
                    self.pace.work(read + INFLATED_BYTES).await;
                    // No row may come for long, and the caller checks the cancel token between rows
                    // only.
                    if let Some(part) = self.part.as_ref().filter(|_| self.cancel.is_stopped()) {
                        return Err(part.part.located.error(ManifestProblem::Stopped));
                    }
                }
                Step::Over => self.part = None,
                Step::More => match (self.ranges.try_next().await?, &mut self.part) {
                    (None, _) => return Ok(None),
                    (Some(range), Some(part)) => part.add(range),
                    (Some(range), None) => self.part = Some(ReadPart::begin(range)),
                },
            }
        }
    }
}

async fn read_document(manifest: PinnedObject<'_>) -> Result<Vec<u8>, ReadManifestError> {
    let mut json = Vec::with_capacity(usize::try_from(manifest.size).unwrap_or(0));
    let mut source = manifest.read_all();
    while let Some(piece) = source.next().await? {
        json.extend_from_slice(&piece);
    }
    Ok(json)
}

#[cfg(test)]
mod tests;
