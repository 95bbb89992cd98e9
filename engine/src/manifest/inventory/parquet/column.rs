//! One column of a group of rows: reads its pages one after the other, and gives its cells.

use bytes::{Buf, BytesMut};

use super::footer::{Chunk, Kind, Leaf};
use super::page::{Cell, DataPage, Dictionary, Header, Page};
use super::{HELD_BYTES_MAX, ParquetError, PartBytes};
use crate::manifest::ManifestProblem;
use crate::pace::aside;

/// The longest header of a page: four keys of statistics are 4 KiB. ours
const HEADER_BYTES_MAX: u64 = 64 * 1024;

/// A column that is being read. Holds its dictionary, one page, and what is read ahead of the next one.
pub(super) struct Column {
    kind: Kind,
    is_nullable: bool,
    chunk: Chunk,
    /// What is read and not used.
    ahead: BytesMut,
    dictionary: Option<Dictionary>,
    page: Option<DataPage>,
}

impl Column {
    pub(super) fn new(kind: Kind, leaf: Leaf, chunk: Chunk) -> Self {
        let (ahead, is_nullable) = (BytesMut::new(), leaf.is_nullable);
        Self { kind, is_nullable, chunk, ahead, dictionary: None, page: None }
    }

    /// Whether a page must be read before the next cell.
    pub(super) fn needs_page(&self) -> bool {
        self.page.as_ref().is_none_or(|page| page.left == 0)
    }

    /// What its dictionary and its page take in memory.
    pub(super) fn held(&self) -> u64 {
        self.page.as_ref().map_or(0, DataPage::held) + self.dictionary.as_ref().map_or(0, Dictionary::held)
    }

    /// The bytes that are read and not used.
    #[cfg(test)]
    pub(super) fn ahead(&self) -> u64 {
        self.ahead.len() as u64
    }

    /// The next cell; only while no page is needed.
    pub(super) fn cell(&mut self) -> Result<Cell, ParquetError> {
        let page = self.page.as_mut().ok_or(ParquetError::Damaged("a column has no page"))?;
        page.next(self.kind, self.dictionary.as_ref())
    }

    /// Reads its next page, while its other columns hold so much; gives the bytes that it inflated to,
    /// and nothing at its end.
    pub(super) async fn read_page(
        &mut self,
        part: &impl PartBytes,
        held_beside: u64,
    ) -> Result<Option<usize>, ManifestProblem> {
        self.page = None;
        let to_come = self.chunk.to - self.chunk.from + self.ahead.len() as u64;
        if to_come == 0 {
            return Ok(None);
        }
        self.fill(part, to_come.min(HEADER_BYTES_MAX)).await?;
        let known = self.ahead.len().min(usize::try_from(HEADER_BYTES_MAX).unwrap_or(usize::MAX));
        let mut rest = &self.ahead[..known];
        let header = Header::read(&mut rest)?;
        let used = known - rest.len();
        let (stored, inflated) = (header.stored, header.inflated);
        if stored as u64 > to_come - used as u64 {
            return Err(ParquetError::Damaged("a page is longer than its column").into());
        }
        let held = held_beside + self.held() + stored as u64 + inflated as u64 + header.values_bytes();
        if held > HELD_BYTES_MAX {
            return Err(ParquetError::TooMuch(held).into());
        }
        self.ahead.advance(used);
        self.fill(part, stored as u64).await?;
        let bytes = &self.ahead[..stored];
        match aside(inflated, || header.open(bytes, self.chunk.codec, self.kind, self.is_nullable))? {
            Page::Data(page) => self.page = Some(page),
            Page::Dictionary(dictionary) if self.dictionary.is_none() => self.dictionary = Some(dictionary),
            Page::Dictionary(_) => return Err(ParquetError::Damaged("a column has two dictionaries").into()),
            Page::Other => {}
        }
        self.ahead.advance(stored);
        Ok(Some(inflated))
    }

    /// Reads on until so many bytes are there; the caller knows that they are to come.
    async fn fill(&mut self, part: &impl PartBytes, wanted: u64) -> Result<(), ManifestProblem> {
        let missing = wanted.saturating_sub(self.ahead.len() as u64);
        if missing > 0 {
            let from = self.chunk.from;
            self.chunk.from = from.saturating_add(missing.max(part.range_bytes())).min(self.chunk.to);
            part.read(from, self.chunk.from, &mut self.ahead).await?;
        }
        Ok(())
    }
}
