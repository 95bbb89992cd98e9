//! Keeps a simulated store in a directory: a journal of changes, which opening replays and compacts.
//!
//! A record is a header (the lengths of the two parts that follow, and the first 8 bytes of
//! their MD5), the change as JSON, and the bytes of the object that it stores. A record that a
//! crash cut off ends the journal; any other damage stops the start. Records are written without waiting for the disk: they
//! survive the end of the process, not the loss of power.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use brigade_model::names::{BucketName, ObjectKey};
use brigade_model::ports::object_store::At;
use bytes::Bytes;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use super::Body;
use super::body::Run;
use super::bucket::Settings;
use super::object::{Attributes, Digest, Object, Stored, VersionNumber};
use super::state::{Change, State};

const HEADER_BYTES: usize = 4 + 8 + 8;
/// A change without its bytes: a key, attributes within S3's limits, and runs of a body.
const HEAD_BYTES_MAX: u32 = 64 * 1024 * 1024;

/// Why a directory cannot hold a simulated store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{0} is in use by another process; give each sandbox its own directory")]
    InUse(PathBuf),
    /// It cannot be read or written.
    #[error("{path} cannot be used")]
    Io {
        /// Which file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    /// Held as long as the journal is: one process at a time.
    _lock: File,
    /// A record may be half written: nothing can follow it.
    is_broken: bool,
}

#[derive(Serialize, Deserialize)]
enum Record {
    Bucket {
        name: BucketName,
        #[serde(flatten)]
        settings: Settings,
    },
    BucketGone {
        name: BucketName,
    },
    Stored {
        bucket: BucketName,
        key: ObjectKey,
        version: VersionNumber,
        modified_s: i64,
        object: Option<ObjectRecord>,
    },
    Changed {
        bucket: BucketName,
        key: ObjectKey,
        version: VersionNumber,
        attributes: Attributes,
    },
    Removed {
        bucket: BucketName,
        key: ObjectKey,
        version: VersionNumber,
    },
}

#[derive(Serialize, Deserialize)]
struct ObjectRecord {
    digest: Digest,
    attributes: Attributes,
    runs: Vec<RunRecord>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    part_sizes: Vec<u64>,
}

/// How many bytes, and whether they follow or are zeros.
#[derive(Serialize, Deserialize)]
enum RunRecord {
    Data(u64),
    Zeros(u64),
}

impl Journal {
    /// Opens or makes the directory, and gives what its journal says.
    pub(super) fn open(directory: &Path) -> Result<(Journal, State), OpenError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Io { path, source }
        };
        std::fs::create_dir_all(directory).map_err(failed(directory))?;
        let lock = lock(&directory.join("lock"))?;
        let path = directory.join("journal");
        let (state, records) = replay(&path).map_err(failed(&path))?;
        let whole = changes_of(&state);
        if records.is_none_or(|records| records > whole.len() as u64) {
            rewrite(&path, &whole).map_err(failed(&path))?;
        }
        let file = OpenOptions::new().append(true).open(&path).map_err(failed(&path))?;
        Ok((Journal { file, _lock: lock, is_broken: false }, state))
    }

    pub(super) fn append(&mut self, change: &Change) -> io::Result<()> {
        if self.is_broken {
            return Err(io::Error::other("an earlier record of the journal could not be written"));
        }
        let mut frame = Vec::new();
        encode(change, &mut frame)?;
        self.is_broken = true;
        self.file.write_all(&frame)?;
        self.is_broken = false;
        Ok(())
    }
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let failed = |source| OpenError::Io { path: path.to_owned(), source };
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.parent().unwrap_or(path).to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// The state that the journal leads to, and how many records it took; `None` when it must be
/// written anew, because it is not there or its end is cut off.
fn replay(path: &Path) -> io::Result<(State, Option<u64>)> {
    let mut state = State::default();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok((state, None)),
        Err(why) => return Err(why),
    };
    let mut left = file.metadata()?.len();
    let (mut reader, mut records) = (BufReader::new(file), 0);
    while left > 0 {
        let Some(change) = decode(&mut reader, &mut left)? else { return Ok((state, None)) };
        state.apply(change);
        records += 1;
    }
    Ok((state, Some(records)))
}

/// Replaces the journal by one that leads to the same state at once.
fn rewrite(path: &Path, changes: &[Change]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut writer = BufWriter::new(File::create(&new)?);
    let mut frame = Vec::new();
    for change in changes {
        frame.clear();
        encode(change, &mut frame)?;
        writer.write_all(&frame)?;
    }
    writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    std::fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

/// The fewest changes that lead to the state.
fn changes_of(state: &State) -> Vec<Change> {
    let mut changes = Vec::new();
    for (name, bucket) in &state.buckets {
        changes.push(Change::Bucket { name: name.clone(), settings: bucket.settings });
        for (key, versions) in &bucket.keys {
            let at = At { bucket: name.clone(), key: key.clone() };
            changes.extend(versions.iter().map(|stored| Change::Stored { at: at.clone(), stored: stored.clone() }));
        }
    }
    changes
}

fn encode(change: &Change, frame: &mut Vec<u8>) -> io::Result<()> {
    frame.resize(HEADER_BYTES, 0);
    serde_json::to_writer(&mut *frame, &record_of(change))?;
    let head_len = frame.len() - HEADER_BYTES;
    if let Change::Stored { stored: Stored { object: Some(object), .. }, .. } = change {
        for run in object.body.runs() {
            if let Run::Data(bytes) = run {
                frame.extend_from_slice(bytes);
            }
        }
    }
    let body_len = (frame.len() - HEADER_BYTES - head_len) as u64;
    let head_len = u32::try_from(head_len).ok().filter(|len| *len <= HEAD_BYTES_MAX);
    let head_len = head_len.ok_or(io::ErrorKind::InvalidInput)?;
    let check = check_of(&frame[HEADER_BYTES..]);
    frame[..4].copy_from_slice(&head_len.to_le_bytes());
    frame[4..12].copy_from_slice(&body_len.to_le_bytes());
    frame[12..HEADER_BYTES].copy_from_slice(&check);
    Ok(())
}

/// The next change; `None` when the record is cut off.
fn decode(reader: &mut impl Read, left: &mut u64) -> io::Result<Option<Change>> {
    let mut header = [0; HEADER_BYTES];
    if *left < HEADER_BYTES as u64 {
        return Ok(None);
    }
    reader.read_exact(&mut header)?;
    let (head_len, rest) = header.split_at(4);
    let (body_len, check) = rest.split_at(8);
    let head_len = u64::from(u32::from_le_bytes(head_len.try_into().expect("split at 4")));
    let body_len = u64::from_le_bytes(body_len.try_into().expect("split at 8"));
    let frame_len = head_len.saturating_add(body_len);
    *left -= HEADER_BYTES as u64;
    if frame_len > *left {
        return Ok(None);
    }
    *left -= frame_len;
    let mut frame = vec![0; usize::try_from(frame_len).map_err(io::Error::other)?];
    reader.read_exact(&mut frame)?;
    if check_of(&frame) != check {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a record of the journal is damaged"));
    }
    let body = Bytes::from(frame.split_off(usize::try_from(head_len).map_err(io::Error::other)?));
    change_of(serde_json::from_slice(&frame)?, body).map(Some)
}

fn check_of(frame: &[u8]) -> [u8; 8] {
    let md5: [u8; 16] = Md5::digest(frame).into();
    md5[..8].try_into().expect("8 of 16 bytes")
}

fn record_of(change: &Change) -> Record {
    match change.clone() {
        Change::Bucket { name, settings } => Record::Bucket { name, settings },
        Change::BucketGone { name } => Record::BucketGone { name },
        Change::Stored { at: At { bucket, key }, stored: Stored { version, modified_s, object } } => {
            let object = object.map(object_record);
            Record::Stored { bucket, key, version, modified_s, object }
        }
        Change::Changed { at: At { bucket, key }, version, attributes } => {
            Record::Changed { bucket, key, version, attributes: attributes.as_ref().clone() }
        }
        Change::Removed { at: At { bucket, key }, version } => Record::Removed { bucket, key, version },
    }
}

fn object_record(object: Object) -> ObjectRecord {
    let runs = object.body.runs().iter().map(|run| match run {
        Run::Data(bytes) => RunRecord::Data(bytes.len() as u64),
        Run::Zeros(len) => RunRecord::Zeros(*len),
    });
    ObjectRecord {
        digest: object.digest,
        runs: runs.collect(),
        attributes: object.attributes.as_ref().clone(),
        part_sizes: object.part_sizes.to_vec(),
    }
}

fn change_of(record: Record, body: Bytes) -> io::Result<Change> {
    Ok(match record {
        Record::Bucket { name, settings } => Change::Bucket { name, settings },
        Record::BucketGone { name } => Change::BucketGone { name },
        Record::Stored { bucket, key, version, modified_s, object } => {
            let object = object.map(|object| object_of(object, body)).transpose()?;
            Change::Stored { at: At { bucket, key }, stored: Stored { version, modified_s, object } }
        }
        Record::Changed { bucket, key, version, attributes } => {
            Change::Changed { at: At { bucket, key }, version, attributes: Arc::new(attributes) }
        }
        Record::Removed { bucket, key, version } => Change::Removed { at: At { bucket, key }, version },
    })
}

fn object_of(record: ObjectRecord, mut bytes: Bytes) -> io::Result<Object> {
    let mut runs = Vec::with_capacity(record.runs.len());
    for run in record.runs {
        runs.push(match run {
            RunRecord::Zeros(len) => Run::Zeros(len),
            RunRecord::Data(len) => {
                let len = usize::try_from(len).ok().filter(|len| *len <= bytes.len());
                Run::Data(bytes.split_to(len.ok_or(io::ErrorKind::InvalidData)?))
            }
        });
    }
    Ok(Object {
        body: Body::of(runs),
        digest: record.digest,
        attributes: Arc::new(record.attributes),
        part_sizes: record.part_sizes.into(),
    })
}
