//! The tasks of an inventory in Parquet, part after part.
//!
//! A part's columns are read in ranges, of which each has the ETag that was found first. That those are the
//! bytes that were listed is proved beforehand: the MD5 of manifest.json is the ETag, or else that of
//! all bytes, which are then read once more. Without an MD5 nothing pins them from one preparation to the
//! next, and the slices are compared.

use brigade_model::Task;
use brigade_model::ports::object_store::CancelToken;
use bytes::BytesMut;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use md5::{Digest, Md5};

use crate::manifest::inventory::Part;
use crate::manifest::inventory::listed::ListedRows;
use crate::manifest::inventory::parquet::{ParquetError, ParquetPart, ParquetRow, PartBytes};
use crate::manifest::inventory::parts::open_part;
use crate::manifest::source::PinnedObject;
use crate::manifest::{Located, ManifestProblem, ReadManifestError};
use crate::pace::{Pace, ROW_BYTES};
use crate::places::Place;

/// Parts that are looked at ahead: the checks of one and the rows of another take turns. ours
const PARTS_AHEAD: usize = 2;

type Opened<'a> = (Located, ParquetPart<PinnedObject<'a>>);

/// Reads the tasks of parts in Parquet.
pub(super) struct ParquetParts<'a> {
    listed: ListedRows,
    /// Whether the parts so far have a column of versions.
    has_versions: Option<bool>,
    opened: BoxStream<'a, Result<Opened<'a>, ReadManifestError>>,
    part: Option<Opened<'a>>,
    cancel: &'a CancelToken,
    pace: Pace,
}

impl<'a> ParquetParts<'a> {
    /// Reads these parts.
    pub(super) fn new(listed: ListedRows, place: &'a Place, cancel: &'a CancelToken, parts: Vec<Part>) -> Self {
        let opened = stream::iter(parts).map(move |part| open(place, cancel, part)).buffered(PARTS_AHEAD).boxed();
        Self { listed, has_versions: None, opened, part: None, cancel, pace: Pace::default() }
    }

    /// What was made of the rows so far.
    pub(super) fn listed(&self) -> &ListedRows {
        &self.listed
    }

    /// The next task; `None` once every part is read to its end.
    pub(super) async fn next(&mut self) -> Result<Option<Task>, ReadManifestError> {
        loop {
            let Some((located, part)) = &mut self.part else {
                let Some(opened) = self.opened.try_next().await? else { return Ok(None) };
                self.begin(opened)?;
                continue;
            };
            match part.next(&mut self.listed).await.map_err(|problem| located.error(problem))? {
                Some(ParquetRow::Task(task)) => {
                    self.pace.work(task.key.as_str().len() + ROW_BYTES).await;
                    return Ok(Some(task));
                }
                Some(ParquetRow::LeftOut) => {
                    self.pace.work(ROW_BYTES).await;
                    // The caller checks the cancel token between tasks only.
                    if self.cancel.is_stopped() {
                        return Err(located.error(ManifestProblem::Stopped));
                    }
                }
                None => self.part = None,
            }
        }
    }

    fn begin(&mut self, (located, part): Opened<'a>) -> Result<(), ReadManifestError> {
        let has_versions = part.has_versions();
        if *self.has_versions.get_or_insert(has_versions) != has_versions {
            return Err(located.error(ParquetError::OtherColumns));
        }
        self.listed.set_has_versions(has_versions);
        self.part = Some((located, part));
        Ok(())
    }
}

/// Looks at a part, proves that it is the one that was listed, and reads its footer.
async fn open<'a>(place: &'a Place, cancel: &'a CancelToken, part: Part) -> Result<Opened<'a>, ReadManifestError> {
    let (part, object) = open_part(place, cancel, part).await?;
    if let Some(wanted) =
        part.md5.map(hex::encode).filter(|wanted| !object.etag().unquoted().eq_ignore_ascii_case(wanted))
    {
        check_md5(object.clone(), wanted).await?;
    }
    let opened = ParquetPart::open(object).await.map_err(|problem| part.located.error(problem))?;
    Ok((part.located, opened))
}

/// Reads all bytes: they must have the MD5.
async fn check_md5(object: PinnedObject<'_>, wanted: String) -> Result<(), ReadManifestError> {
    let located = object.located().clone();
    let (mut md5, mut pace, mut source) = (Md5::new(), Pace::default(), object.read_all());
    while let Some(piece) = source.next().await? {
        md5.update(&piece);
        pace.work(piece.len()).await;
    }
    let found = hex::encode(md5.finalize());
    if found == wanted { Ok(()) } else { Err(located.error(ManifestProblem::OtherMd5 { wanted, found })) }
}

impl PartBytes for PinnedObject<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    async fn read(&self, from: u64, to: u64, into: &mut BytesMut) -> Result<(), ManifestProblem> {
        let mut source = self.clone().read(from, to);
        while let Some(piece) = source.next().await.map_err(|error| error.problem)? {
            into.extend_from_slice(&piece);
        }
        Ok(())
    }
}
