//! Inflates one part piece by piece, and verifies it at its end.
//!
//! A part is gzip with any number of members. Its MD5 is that of the compressed bytes. It holds the
//! bytes that it was given and at most 64 KiB of text, however much they inflate to.

use std::collections::VecDeque;
use std::io::Write;

use brigade_model::Task;
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use md5::{Digest, Md5};

use crate::manifest::ManifestProblem;
use crate::manifest::inventory::Part;
use crate::manifest::inventory::parts::Range;
use crate::manifest::inventory::rows::InventoryRows;

/// What reading on led to.
pub(super) enum Step {
    /// The next task, and how many bytes of text were read for it.
    Task(Task, usize),
    /// So many bytes of text were read, and some more inflated.
    Inflated(usize),
    /// Every byte is used, and the part has more.
    More,
    /// The part is read to its end and is the one that the inventory names.
    Over,
}

/// A part that is being read.
pub(super) struct ReadPart {
    pub(super) part: Part,
    bytes: VecDeque<Bytes>,
    /// No more bytes are to come.
    has_all: bool,
    is_ended: bool,
    is_empty: bool,
    md5: Md5,
    decoder: MultiGzDecoder<Vec<u8>>,
    /// How much of the inflated text is read.
    read: usize,
}

impl ReadPart {
    /// A part that begins with this range.
    pub(super) fn begin(range: Range) -> Self {
        Self {
            part: range.part,
            bytes: range.bytes.into(),
            has_all: range.is_last,
            is_ended: false,
            is_empty: true,
            md5: Md5::new(),
            decoder: MultiGzDecoder::new(Vec::new()),
            read: 0,
        }
    }

    /// The range behind those before.
    pub(super) fn add(&mut self, range: Range) {
        self.bytes.extend(range.bytes);
        self.has_all = range.is_last;
    }

    /// Reads on until a task is complete, or some text was read that has none.
    pub(super) fn step(&mut self, rows: &mut InventoryRows) -> Result<Step, ManifestProblem> {
        let text = self.decoder.get_ref();
        let mut unread = &text[self.read..];
        let task = rows.next(&mut unread)?;
        let read = text.len() - unread.len() - self.read;
        self.read += read;
        if let Some(task) = task {
            return Ok(Step::Task(task, read));
        }
        self.decoder.get_mut().clear();
        self.read = 0;
        match self.bytes.pop_front() {
            Some(bytes) => self.inflate(bytes)?,
            None if !self.has_all => return Ok(Step::More),
            None if !self.is_ended => self.end()?,
            None => return Ok(rows.end_part()?.map_or(Step::Over, |task| Step::Task(task, read))),
        }
        Ok(Step::Inflated(read))
    }

    /// Inflates some of these bytes and puts the others back.
    fn inflate(&mut self, mut bytes: Bytes) -> Result<(), ManifestProblem> {
        let used = self.decoder.write(&bytes).map_err(|error| ManifestProblem::Gzip(error.to_string()))?;
        self.md5.update(bytes.split_to(used));
        self.is_empty &= used == 0;
        if !bytes.is_empty() {
            self.bytes.push_front(bytes);
        }
        Ok(())
    }

    /// Every byte is used: what remains is the last text. The bytes must be whole, and those
    /// that the inventory was made of.
    fn end(&mut self) -> Result<(), ManifestProblem> {
        self.is_ended = true;
        let found: [u8; 16] = self.md5.finalize_reset().into();
        if let Some(wanted) = self.part.md5.filter(|wanted| *wanted != found) {
            return Err(ManifestProblem::OtherMd5 { wanted: hex::encode(wanted), found: hex::encode(found) });
        }
        let cut = |_| ManifestProblem::Gzip("it ends too early".to_owned());
        if self.is_empty {
            Err(ManifestProblem::Gzip("it is empty".to_owned()))
        } else {
            self.decoder.try_finish().map_err(cut)
        }
    }
}
