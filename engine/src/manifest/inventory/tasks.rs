//! The tasks of an inventory, part after part.

use brigade_model::ports::object_store::Leash;
use brigade_model::{Job, Task};
use futures::stream::{BoxStream, TryStreamExt};

use crate::manifest::inventory::part::{ReadPart, Step};
use crate::manifest::inventory::parts::{Range, read_ahead};
use crate::manifest::inventory::rows::InventoryRows;
use crate::manifest::inventory::{DOCUMENT_BYTES_MAX, Inventory, InventoryError};
use crate::manifest::source::PinnedObject;
use crate::manifest::{Located, ReadManifestError};
use crate::places::Place;

/// Reads the tasks of an inventory. Holds what is read ahead of its parts.
pub struct InventoryTasks<'a> {
    rows: InventoryRows,
    ranges: BoxStream<'a, Result<Range, ReadManifestError>>,
    part: Option<ReadPart>,
    is_pinned: bool,
}

impl<'a> InventoryTasks<'a> {
    /// Reads manifest.json; the parts follow as tasks are asked for.
    ///
    /// # Errors
    /// [`ReadManifestError`].
    pub async fn open(
        job: &Job,
        place: &'a Place,
        leash: &'a Leash,
        manifest: PinnedObject<'a>,
    ) -> Result<Self, ReadManifestError> {
        let (spec, located) = (&job.spec, manifest.located().clone());
        let json = read_document(manifest, &located).await?;
        let inventory = Inventory::read(&json, &spec.manifest.location, &place.buckets);
        let inventory = inventory.map_err(|error| located.error(error))?;
        let rows = InventoryRows::new(&inventory, spec.operation.kind(), &spec.options);
        let rows = rows.map_err(|error| located.error(error))?;
        let is_pinned = inventory.parts.iter().all(|part| part.md5.is_some());
        Ok(Self { rows, ranges: read_ahead(place, leash, inventory.parts), part: None, is_pinned })
    }

    /// The next task; `None` once every part is read to its end.
    ///
    /// # Errors
    /// [`ReadManifestError`] of the part that is read or of one that is read ahead.
    pub async fn next(&mut self) -> Result<Option<Task>, ReadManifestError> {
        loop {
            let step = match &mut self.part {
                Some(part) => part.step(&mut self.rows).map_err(|problem| part.part.located.error(problem))?,
                None => Step::More,
            };
            match step {
                Step::Task(task) => return Ok(Some(task)),
                Step::Over => self.part = None,
                Step::More => match (self.ranges.try_next().await?, &mut self.part) {
                    (None, _) => return Ok(None),
                    (Some(range), Some(part)) => part.add(range),
                    (Some(range), None) => self.part = Some(ReadPart::begin(range)),
                },
            }
        }
    }

    /// Whether manifest.json states the MD5 of every part.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.is_pinned
    }

    /// What was made of the rows so far.
    #[must_use]
    pub fn rows(&self) -> &InventoryRows {
        &self.rows
    }
}

async fn read_document(manifest: PinnedObject<'_>, located: &Located) -> Result<Vec<u8>, ReadManifestError> {
    if manifest.size > DOCUMENT_BYTES_MAX {
        return Err(located.error(InventoryError::TooLong(manifest.size)));
    }
    let mut json = Vec::new();
    let mut source = manifest.read_all();
    while let Some(piece) = source.next().await? {
        json.extend_from_slice(&piece);
    }
    Ok(json)
}

#[cfg(test)]
mod tests;
