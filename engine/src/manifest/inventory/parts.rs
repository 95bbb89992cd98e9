//! Reads an inventory's parts ahead, several ranges at a time, in order.
//!
//! One request reads one range. A fixed number of ranges are in flight or wait for the reader,
//! however many parts there are and however large: small parts are read together, and several
//! requests read a large one.

use brigade_model::ports::object_store::CancelToken;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use crate::manifest::inventory::Part;
use crate::manifest::source::{Pin, PinnedObject};
use crate::manifest::{ManifestProblem, ReadManifestError};
use crate::places::Place;

/// Bytes of one range: compressed, some 200,000 rows.
pub const RANGE_BYTES: u64 = 2 * 1024 * 1024;

/// Ranges under way or waiting: with [`RANGE_BYTES`] 16 MiB, whatever the inventory. ours
pub const RANGES_AHEAD: usize = 8;

/// One range of a part.
pub(super) struct Range {
    /// Which part.
    pub(super) part: Part,
    /// Its bytes, as they came.
    pub(super) bytes: Vec<Bytes>,
    /// Whether the part ends here.
    pub(super) is_last: bool,
}

/// The ranges of these parts, in order; an empty part has one range too.
pub(super) fn read_ahead<'a>(
    place: &'a Place,
    cancel: &'a CancelToken,
    parts: Vec<Part>,
) -> BoxStream<'a, Result<Range, ReadManifestError>> {
    let opened = stream::iter(parts).map(move |part| open_part(place, cancel, part)).buffered(RANGES_AHEAD);
    let ranges = opened.map_ok(|(part, object)| stream::iter(cut(part, object).map(Ok))).try_flatten();
    ranges.map_ok(PendingRange::fetch).try_buffered(RANGES_AHEAD).boxed()
}

/// Looks at a part: it must be there and be as long as the inventory says.
pub(super) async fn open_part<'a>(
    place: &'a Place,
    cancel: &'a CancelToken,
    part: Part,
) -> Result<(Part, PinnedObject<'a>), ReadManifestError> {
    let object = PinnedObject::open(place, cancel, part.located.clone(), Pin { version: None, etag: None }).await?;
    if let Some(wanted) = part.size.filter(|wanted| *wanted != object.size) {
        return Err(part.located.error(ManifestProblem::OtherSize { wanted, found: object.size }));
    }
    Ok((part, object))
}

/// A range that is not read yet.
struct PendingRange<'a> {
    part: Part,
    object: PinnedObject<'a>,
    from: u64,
    to: u64,
}

fn cut(part: Part, object: PinnedObject<'_>) -> impl Iterator<Item = PendingRange<'_>> {
    let ranges = object.size.div_ceil(RANGE_BYTES).max(1);
    (0..ranges).map(move |n| {
        let (from, to) = (n * RANGE_BYTES, ((n + 1) * RANGE_BYTES).min(object.size));
        PendingRange { part: part.clone(), object: object.clone(), from, to }
    })
}

impl PendingRange<'_> {
    async fn fetch(self) -> Result<Range, ReadManifestError> {
        let is_last = self.to == self.object.size;
        let mut source = self.object.read(self.from, self.to);
        let mut bytes = Vec::new();
        while let Some(piece) = source.next().await? {
            bytes.push(piece);
        }
        Ok(Range { part: self.part, bytes, is_last })
    }
}
