//! The file of a slice: its tasks as compact rows, one zstd frame with a checksum.
//!
//! Format 1, before compression, numbers in LEB128 unless stated:
//!
//! ```text
//! header   format (1 byte) | first task (8 bytes, little endian) | tasks (4 bytes, little endian)
//! row      marks (1 byte) | [bucket] | shared | key's rest | [version] | [size] | [tried] | [checksum]
//! marks    1 bucket named (else the row before's) | 2 version | 4 size | 8, 16 defects | 32 tried
//!          | 64 one blank stands before the key in the manifest, and the key is without it
//!          | 128 checksum
//! tried    the second since 1970 since which an earlier job may have carried the task out
//! text     length | bytes
//! ```
//!
//! Format 2 is a file that has the mark 64, which format 1 does not know, and format 3 one that has the mark 128,
//! which neither knows; any other is written in format 1. Whether that blank belongs to the key is decided once the whole manifest is read; the
//! caller passes it to the reader.
//!
//! `shared` counts the first bytes that the key has in common with the row before's: manifests
//! are mostly sorted, and what is not written need not be compressed. A reader first goes
//! through the file for its checksum, so a damaged or truncated file gives out no task at all,
//! and then decompresses as it goes: it holds a window and one row.

use std::io::{self, BufReader, Read, Write};

use brigade_model::limits::{CHECKSUM_TEXT_BYTES_MAX, KEY_BYTES_MAX, RESOURCE_NAME_BYTES_MAX};
use brigade_model::options::{EmptyVersion, Separator};
use brigade_model::ports::job_store::SliceRow;
use brigade_model::task::Defect;
use brigade_model::{BucketName, NameError, ObjectKey, Task, Timestamp, VersionId};
use bytes::buf::Reader;
use bytes::{Buf, Bytes};
use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

use crate::leb128::{put_number, put_text, take_byte, take_number, take_text};
use crate::pace::Pace;

const FORMAT: u8 = 1;
/// As format 1, and rows may be marked [`IS_BEHIND_BLANK`].
const FORMAT_WITH_BLANKS: u8 = 2;
/// As format 2, and rows may be marked [`HAS_CHECKSUM`].
const FORMAT_WITH_CHECKSUMS: u8 = 3;
const HEADER_BYTES: usize = 1 + 8 + 4;
/// Level 1 halves what level 3 costs and the rows, prefixes shared, have little left to find.
const LEVEL: i32 = 1;
/// Rows of more bytes than this are compressed so many at once.
const COMPRESSED_AT_ONCE: usize = 256 * 1024;
/// Decompressed bytes that a reader holds.
const READ_AHEAD_BYTES: usize = 32 * 1024;

const HAS_BUCKET: u8 = 1;
const HAS_VERSION: u8 = 2;
const HAS_SIZE: u8 = 4;
const OTHER_BUCKET: u8 = 8;
const NO_VERSION: u8 = 16;
const WAS_TRIED: u8 = 32;
const IS_BEHIND_BLANK: u8 = 64;
const HAS_CHECKSUM: u8 = 128;
const ALL_MARKS: u8 = HAS_BUCKET | HAS_VERSION | HAS_SIZE | OTHER_BUCKET | NO_VERSION | WAS_TRIED;

/// Writes the file of a slice, and then of the next.
pub struct SliceWriter {
    compressor: Compressor<'static>,
    rows: Vec<u8>,
    first_task: u64,
    tasks: u32,
    has_blanks: bool,
    has_checksums: bool,
    bucket: Option<BucketName>,
    key: Option<ObjectKey>,
}

impl SliceWriter {
    /// A writer at the beginning of its first slice.
    #[must_use]
    pub fn new() -> Self {
        let mut compressor = Compressor::new(LEVEL).expect("zstd has this level");
        compressor.set_parameter(CParameter::ChecksumFlag(true)).expect("zstd has this parameter");
        let rows = vec![0; HEADER_BYTES];
        let (has_blanks, has_checksums) = (false, false);
        Self { compressor, rows, first_task: 0, tasks: 0, has_blanks, has_checksums, bucket: None, key: None }
    }

    /// How many tasks the slice has by now.
    #[must_use]
    pub fn tasks(&self) -> u32 {
        self.tasks
    }

    /// The number of the slice's first task.
    #[must_use]
    pub fn first_task(&self) -> u64 {
        self.first_task
    }

    /// Adds the next task.
    pub fn add(&mut self, task: &Task) {
        self.put(task, 0);
    }

    /// Adds the next task, before whose key the manifest has one blank; its key is without it.
    pub fn add_behind_blank(&mut self, task: &Task) {
        self.has_blanks = true;
        self.put(task, IS_BEHIND_BLANK);
    }

    fn put(&mut self, task: &Task, mark: u8) {
        if self.tasks == 0 {
            self.first_task = task.number;
        }
        let names_bucket = self.bucket.as_ref() != Some(&task.bucket);
        let defect = match task.defect {
            None => 0,
            Some(Defect::OtherBucket) => OTHER_BUCKET,
            Some(Defect::NoVersion) => NO_VERSION,
        };
        self.rows.push(
            mark | defect
                | if names_bucket { HAS_BUCKET } else { 0 }
                | if task.version.is_some() { HAS_VERSION } else { 0 }
                | if task.size.is_some() { HAS_SIZE } else { 0 }
                | if task.tried_since.is_some() { WAS_TRIED } else { 0 }
                | if task.checksum.is_some() { HAS_CHECKSUM } else { 0 },
        );
        if names_bucket {
            put_text(&mut self.rows, task.bucket.as_str().as_bytes());
            self.bucket = Some(task.bucket.clone());
        }
        self.put_key(&task.key);
        if let Some(version) = &task.version {
            put_text(&mut self.rows, version.as_str().as_bytes());
        }
        if let Some(size) = task.size {
            put_number(&mut self.rows, size);
        }
        if let Some(since) = task.tried_since {
            // Before 1970 there were no attempts.
            put_number(&mut self.rows, u64::try_from(since.as_second()).unwrap_or(0));
        }
        if let Some(checksum) = &task.checksum {
            put_text(&mut self.rows, checksum.as_bytes());
            self.has_checksums = true;
        }
        self.tasks += 1;
    }

    /// The file of the slice, made step by step; the writer stands at the beginning of the next one.
    pub async fn finish_in_steps(&mut self) -> Bytes {
        if self.rows.len() <= COMPRESSED_AT_ONCE {
            return self.finish();
        }
        self.put_header();
        let file = self.compress_in_steps().await.expect("memory takes what is written");
        self.reset();
        file
    }

    async fn compress_in_steps(&self) -> io::Result<Bytes> {
        let mut file = zstd::Encoder::new(Vec::new(), LEVEL)?;
        file.include_checksum(true)?;
        file.set_pledged_src_size(Some(self.rows.len() as u64))?;
        for rows in self.rows.chunks(COMPRESSED_AT_ONCE) {
            file.write_all(rows)?;
            tokio::task::yield_now().await;
        }
        Ok(file.finish()?.into())
    }

    fn put_header(&mut self) {
        self.rows[0] = match (self.has_checksums, self.has_blanks) {
            (true, _) => FORMAT_WITH_CHECKSUMS,
            (false, true) => FORMAT_WITH_BLANKS,
            (false, false) => FORMAT,
        };
        self.rows[1..9].copy_from_slice(&self.first_task.to_le_bytes());
        self.rows[9..13].copy_from_slice(&self.tasks.to_le_bytes());
    }

    /// The file of the slice; the writer stands at the beginning of the next one.
    #[must_use]
    pub fn finish(&mut self) -> Bytes {
        self.put_header();
        let file = self.compressor.compress(&self.rows).expect("the buffer has the size that zstd asks for");
        self.reset();
        // The buffer is as large as incompressible rows would need; spools may keep the bytes.
        Bytes::copy_from_slice(&file)
    }

    /// Whether that file holds the tasks that the slice has by now.
    pub async fn matches(&mut self, file: &Bytes) -> bool {
        self.put_header();
        let mut expected = &self.rows[..];
        let is_next = |read: &[u8]| {
            let rest = expected.strip_prefix(read);
            expected = rest.unwrap_or_default();
            rest.is_some()
        };
        decompress(file, is_next).await.is_ok_and(|is_same| is_same) && expected.is_empty()
    }

    /// Forgets the slice; the writer stands at the beginning of the next one.
    pub fn reset(&mut self) {
        self.rows.truncate(HEADER_BYTES);
        self.tasks = 0;
        (self.has_blanks, self.has_checksums) = (false, false);
        self.bucket = None;
        self.key = None;
    }

    fn put_key(&mut self, key: &ObjectKey) {
        let bytes = key.as_str().as_bytes();
        let before = self.key.as_ref().map_or(&[][..], |key| key.as_str().as_bytes());
        let shared = before.iter().zip(bytes).take_while(|(a, b)| a == b).count();
        put_number(&mut self.rows, shared as u64);
        put_text(&mut self.rows, &bytes[shared..]);
        self.key = Some(key.clone());
    }
}

impl Default for SliceWriter {
    fn default() -> Self {
        Self::new()
    }
}

/// Why a slice cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadSliceError {
    /// Cut off, or not what was compressed.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// Written by another release.
    #[error("has format {0}, this release reads those up to {FORMAT_WITH_CHECKSUMS}")]
    Format(u8),
    /// A well-formed file, but of other tasks than its row says.
    #[error("holds {tasks} tasks from {first_task} on, which is not what its row says")]
    Other {
        /// The number of its first task.
        first_task: u64,
        /// How many it holds.
        tasks: u32,
    },
    /// A name in it breaks the rules of names.
    #[error("is damaged: {0}")]
    Name(#[from] NameError),
}

fn damaged(what: impl ToString) -> ReadSliceError {
    ReadSliceError::Damaged(what.to_string())
}

impl From<io::Error> for ReadSliceError {
    fn from(error: io::Error) -> Self {
        damaged(error)
    }
}

/// Goes through a file step by step, while `take` wants what it gives; whether it wanted all.
async fn decompress(file: &Bytes, mut take: impl FnMut(&[u8]) -> bool + Send) -> io::Result<bool> {
    let mut rows = zstd::Decoder::with_buffer(file.clone().reader())?;
    let (mut read, mut pace) = (vec![0; READ_AHEAD_BYTES], Pace::default());
    loop {
        let bytes = rows.read(&mut read)?;
        if bytes == 0 || !take(&read[..bytes]) {
            return Ok(bytes == 0);
        }
        pace.work(bytes).await;
    }
}

/// Compares a file's checksum, step by step. Nothing of it may be given out before: a wrong key would
/// be acted on.
pub(super) async fn verify(file: &Bytes) -> Result<(), ReadSliceError> {
    decompress(file, |_| true).await?;
    Ok(())
}

/// The task of a row, where a row without a version has this meaning.
pub(crate) fn read_empty_version(mut task: Task, meaning: EmptyVersion) -> Task {
    if task.version.is_none() {
        match meaning {
            EmptyVersion::Latest => {}
            EmptyVersion::Null => task.version = VersionId::new("null").ok(),
            EmptyVersion::Fail => task.defect = task.defect.or(Some(Defect::NoVersion)),
        }
    }
    task
}

/// What the whole manifest, or the job, says of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// What a row without a version means.
    pub empty_version: EmptyVersion,
    /// Whether the blank before a key is the separator's; else it is the key's.
    pub separator: Separator,
}

/// The tasks of a slice, in order. Ends after the first error.
pub struct SliceReader {
    rows: BufReader<zstd::Decoder<'static, Reader<Bytes>>>,
    next_task: u64,
    left: u32,
    marks: u8,
    meaning: Meaning,
    bucket: Option<BucketName>,
    key: Vec<u8>,
}

impl SliceReader {
    /// Opens the file of a slice whose rows have this meaning.
    ///
    /// # Errors
    /// [`ReadSliceError`].
    pub fn open(file: Bytes, slice: &SliceRow, meaning: Meaning) -> Result<Self, ReadSliceError> {
        io::copy(&mut zstd::Decoder::with_buffer(file.clone().reader())?, &mut io::sink())?;
        Self::open_verified(file, slice, meaning)
    }

    /// Opens a file whose checksum [`verify`] has compared.
    pub(super) fn open_verified(file: Bytes, slice: &SliceRow, meaning: Meaning) -> Result<Self, ReadSliceError> {
        let decoder = zstd::Decoder::with_buffer(file.reader())?;
        let mut rows = BufReader::with_capacity(READ_AHEAD_BYTES, decoder);
        let mut header = [0; HEADER_BYTES];
        rows.read_exact(&mut header)?;
        let [format, numbers @ ..] = header;
        let marks = match format {
            FORMAT => ALL_MARKS,
            FORMAT_WITH_BLANKS => ALL_MARKS | IS_BEHIND_BLANK,
            FORMAT_WITH_CHECKSUMS => ALL_MARKS | IS_BEHIND_BLANK | HAS_CHECKSUM,
            other => return Err(ReadSliceError::Format(other)),
        };
        let [a, b, c, d, e, f, g, h, i, j, k, l] = numbers;
        let first_task = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let tasks = u32::from_le_bytes([i, j, k, l]);
        if (first_task, tasks) != (slice.first_task, slice.tasks) {
            return Err(ReadSliceError::Other { first_task, tasks });
        }
        Ok(Self { rows, next_task: first_task, left: tasks, marks, meaning, bucket: None, key: Vec::new() })
    }

    fn take_task(&mut self) -> Result<Task, ReadSliceError> {
        let marks = take_byte(&mut self.rows)?;
        if marks & !self.marks != 0 {
            return Err(damaged("a row has unknown marks"));
        }
        if marks & HAS_BUCKET != 0 {
            self.bucket = Some(BucketName::new(take_text(&mut self.rows, RESOURCE_NAME_BYTES_MAX)?)?);
        }
        let bucket = self.bucket.clone().ok_or_else(|| damaged("the first row names no bucket"))?;
        let mut key = self.take_key()?;
        if marks & IS_BEHIND_BLANK != 0 && self.meaning.separator == Separator::Comma {
            key = ObjectKey::new(format!(" {key}"))?;
        }
        let version = match marks & HAS_VERSION {
            0 => None,
            _ => Some(VersionId::new(take_text(&mut self.rows, RESOURCE_NAME_BYTES_MAX)?)?),
        };
        let size = match marks & HAS_SIZE {
            0 => None,
            _ => Some(take_number(&mut self.rows)?),
        };
        let tried_since = match marks & WAS_TRIED {
            0 => None,
            _ => Some(Timestamp::from_second(take_number(&mut self.rows)?).map_err(damaged)?),
        };
        let defect = match marks & (OTHER_BUCKET | NO_VERSION) {
            0 => None,
            NO_VERSION => Some(Defect::NoVersion),
            _ => Some(Defect::OtherBucket),
        };
        let checksum = match marks & HAS_CHECKSUM {
            0 => None,
            _ => Some(take_text(&mut self.rows, CHECKSUM_TEXT_BYTES_MAX)?),
        };
        let task = Task { number: self.next_task, bucket, key, version, size, defect, tried_since, checksum };
        self.next_task += 1;
        self.left -= 1;
        if self.left == 0 {
            self.expect_end()?;
        }
        Ok(read_empty_version(task, self.meaning.empty_version))
    }

    fn expect_end(&mut self) -> Result<(), ReadSliceError> {
        match self.rows.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(damaged("bytes follow the last row")),
        }
    }

    fn take_key(&mut self) -> Result<ObjectKey, ReadSliceError> {
        let shared: usize = take_number(&mut self.rows)?;
        let rest: usize = take_number(&mut self.rows)?;
        if shared > self.key.len() || rest > KEY_BYTES_MAX {
            return Err(damaged("a key is longer than keys are"));
        }
        self.key.resize(shared + rest, 0);
        self.rows.read_exact(&mut self.key[shared..])?;
        let text = std::str::from_utf8(&self.key).map_err(damaged)?;
        Ok(ObjectKey::new(text)?)
    }
}

impl Iterator for SliceReader {
    type Item = Result<Task, ReadSliceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let task = self.take_task();
        if task.is_err() {
            self.left = 0;
        }
        Some(task)
    }
}

#[cfg(test)]
mod tests;
