//! A part: outcomes of some tasks of a slice, in few bytes, in the order of their offsets.
//!
//! Format 2, numbers and texts in LEB128 (`leb128`):
//!
//! ```text
//! part      format (1 byte) | packing (1 byte: 0 plain, 1 zstd with a checksum) | entries
//! entry     head | what the kind says
//! head      kind + 4 x tasks between the entry before and this one
//! kind 0    a run of plain successes: its length
//! kind 1    a success with a message: the message
//! kind 2    a failure without effect: code | HTTP status (0 for none) | message
//! kind 3    a failure whose effect is unknown: likewise
//! ```
//!
//! Format 1 did not have kind 3: its failures are read as of unknown effect, unless their code
//! says that the task was refused ([`REFUSALS`]).
//!
//! A thousand plain successes in a row cost three bytes; each failure says its code and message
//! again, which zstd takes out where there are many. Outcomes are added in any order.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::ops::Range;

use brigade_model::limits::{OUTCOME_MESSAGE_BYTES_MAX, PART_OUTCOME_BYTES_MAX, PART_OUTCOMES_MAX};
use brigade_model::outcome::{TaskFailure, cut};
use brigade_model::ports::object_store::Effect;
use brigade_model::{DoneBytes, FailureCounts, ObjectKey, Outcome};
use bytes::Bytes;
use zstd::zstd_safe::CParameter;

use crate::leb128::{put_number, put_text, take_byte, take_number, take_text};

const FORMAT: u8 = 2;
/// The format of releases that did not record the effect of failures.
const FORMAT_WITHOUT_EFFECT: u8 = 1;
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
/// Entries shorter than this are not worth a frame of their own.
const PACKED_FROM_BYTES: usize = 256;
const ZSTD_LEVEL: i32 = 1;

const RUN: u64 = 0;
const SUCCESS: u64 = 1;
const FAILURE: u64 = 2;
const FAILURE_OF_UNKNOWN_EFFECT: u64 = 3;

/// Codes that in parts of format 1 tell of no effect: those of requests that no store carries out
/// however often they are sent. Any other code of those releases may come from a task whose attempt
/// had its effect, such as `AccessDenied` of the check after a delete whose answer was lost.
const REFUSALS: &[&str] = &[
    "EntityTooLarge",
    "InvalidArgument",
    "InvalidObjectState",
    "InvalidRequest",
    "InvalidTag",
    "KeyTooLongError",
    "MetadataTooLarge",
    "MethodNotAllowed",
    "NotImplemented",
];

/// Codes of stores are below 50 bytes; a longer one is no code.
const CODE_BYTES_MAX: usize = 128;
/// What an entry takes beside its texts, at most: four numbers of at most five bytes.
const ENTRY_BYTES_MAX: usize = 20;
/// The longest entries that a part can have: closed by the first that reaches the limit.
const ENTRIES_BYTES_MAX: usize = PART_OUTCOME_BYTES_MAX + ENTRY_BYTES_MAX + CODE_BYTES_MAX + OUTCOME_MESSAGE_BYTES_MAX;

/// A part that is closed, ready for `JobStore::record_part`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedPart {
    /// The encoded outcomes.
    pub bytes: Bytes,
    /// Successes in it.
    pub succeeded: u32,
    /// Failures in it.
    pub failed: u32,
    /// What they are.
    pub failure_counts: FailureCounts,
    /// What the successes copied or restored.
    pub done_bytes: DoneBytes,
}

/// Collects outcomes of one slice until a part is full.
#[derive(Debug, Default)]
pub struct PartBuilder {
    outcomes: Vec<(u32, Outcome)>,
    bytes: usize,
    /// The keys of tasks that failed, as far as they are known.
    keys: BTreeMap<u32, ObjectKey>,
    done_bytes: DoneBytes,
}

impl PartBuilder {
    /// Adds the outcome of the task at `offset`, which has none so far; over-long texts are cut.
    /// Whether the part is full now.
    pub fn add(&mut self, offset: u32, outcome: Outcome) -> bool {
        let outcome = bounded(outcome);
        self.bytes += entry_bytes(&outcome);
        self.outcomes.push((offset, outcome));
        self.is_full()
    }

    /// The task at `offset`, which fails, is about that key.
    pub fn name(&mut self, offset: u32, key: ObjectKey) {
        self.keys.insert(offset, key);
    }

    /// Tasks that succeed copied or restored that.
    pub fn weigh(&mut self, done_bytes: DoneBytes) {
        self.done_bytes.merge(done_bytes);
    }

    /// Whether the part holds as much as a part may.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.outcomes.len() >= PART_OUTCOMES_MAX as usize || self.bytes >= PART_OUTCOME_BYTES_MAX
    }

    /// Whether nothing was added yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
    }

    /// Which offsets it covers, in the order in which they were added.
    pub fn offsets(&self) -> impl Iterator<Item = u32> {
        self.outcomes.iter().map(|(offset, _)| *offset)
    }

    /// Closes the part.
    #[must_use]
    pub fn finish(mut self) -> FinishedPart {
        self.outcomes.sort_by_key(|(offset, _)| *offset);
        // Recorded twice would be counted twice; the first stands.
        self.outcomes.dedup_by_key(|(offset, _)| *offset);
        let succeeded = self.outcomes.iter().filter(|(_, outcome)| outcome.is_success()).count();
        let failed = self.outcomes.len() - succeeded;
        let mut failure_counts = FailureCounts::default();
        for (offset, outcome) in &self.outcomes {
            if let Outcome::Failed(failure) = outcome {
                failure_counts.add(&failure.code, self.keys.get(offset));
            }
        }
        let count = |n| u32::try_from(n).expect("a part holds about a thousand outcomes");
        FinishedPart {
            bytes: pack(encode(&self.outcomes)),
            succeeded: count(succeeded),
            failed: count(failed),
            failure_counts,
            done_bytes: self.done_bytes,
        }
    }
}

fn bounded(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Succeeded => Outcome::Succeeded,
        Outcome::SucceededWith { message } => {
            Outcome::SucceededWith { message: cut(message, OUTCOME_MESSAGE_BYTES_MAX) }
        }
        Outcome::Failed(failure) => Outcome::Failed(TaskFailure {
            code: cut(failure.code, CODE_BYTES_MAX),
            message: cut(failure.message, OUTCOME_MESSAGE_BYTES_MAX),
            ..failure
        }),
    }
}

fn entry_bytes(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Succeeded => 0,
        Outcome::SucceededWith { message } => ENTRY_BYTES_MAX + message.len(),
        Outcome::Failed(failure) => ENTRY_BYTES_MAX + failure.code.len() + failure.message.len(),
    }
}

/// The entries of outcomes that are sorted by offset.
fn encode(outcomes: &[(u32, Outcome)]) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut next = 0;
    let mut rest = outcomes;
    while let Some((offset, outcome)) = rest.first() {
        let gap = u64::from(offset - next) << 2;
        let mut length = 1;
        match outcome {
            Outcome::Succeeded => {
                length = run_length(rest);
                put_number(&mut entries, gap | RUN);
                put_number(&mut entries, length as u64);
            }
            Outcome::SucceededWith { message } => {
                put_number(&mut entries, gap | SUCCESS);
                put_text(&mut entries, message.as_bytes());
            }
            Outcome::Failed(failure) => {
                let kind = match failure.effect {
                    Effect::None => FAILURE,
                    Effect::Unknown => FAILURE_OF_UNKNOWN_EFFECT,
                };
                put_number(&mut entries, gap | kind);
                put_text(&mut entries, failure.code.as_bytes());
                put_number(&mut entries, failure.http_status.map_or(0, u64::from));
                put_text(&mut entries, failure.message.as_bytes());
            }
        }
        next = rest[length - 1].0 + 1;
        rest = &rest[length..];
    }
    entries
}

/// How many plain successes stand at the front without a gap.
fn run_length(outcomes: &[(u32, Outcome)]) -> usize {
    let follows = |pair: &[(u32, Outcome)]| pair[1].0 == pair[0].0 + 1 && pair[1].1 == Outcome::Succeeded;
    1 + outcomes.windows(2).take_while(|pair| follows(pair)).count()
}

fn pack(entries: Vec<u8>) -> Bytes {
    let packing = if entries.len() < PACKED_FROM_BYTES { PLAIN } else { ZSTD };
    let mut part = vec![FORMAT, packing];
    if packing == PLAIN {
        part.extend_from_slice(&entries);
    } else {
        let mut compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL).expect("zstd has this level");
        compressor.set_parameter(CParameter::ChecksumFlag(true)).expect("zstd has this parameter");
        part.extend(compressor.compress(&entries).expect("the buffer has the size that zstd asks for"));
    }
    Bytes::from(part)
}

/// Why a part cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadPartError {
    /// Not what was encoded.
    #[error("an outcome part is damaged: {0}")]
    Damaged(String),
    /// Written by another release.
    #[error("an outcome part has format {0}.{1}, this release reads 1.0, 1.1, 2.0 and 2.1")]
    Format(u8, u8),
    /// A task has two outcomes.
    #[error("the task at offset {0} has two outcomes")]
    Twice(u32),
    /// A task that the slice does not have has an outcome.
    #[error("offset {offset} has an outcome in a slice of {tasks} tasks")]
    Beyond {
        /// Where.
        offset: u32,
        /// The slice's tasks.
        tasks: u32,
    },
}

impl From<io::Error> for ReadPartError {
    fn from(error: io::Error) -> Self {
        ReadPartError::Damaged(error.to_string())
    }
}

/// An outcome, with the tasks that have it: several only for plain successes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Which tasks, by offset.
    pub offsets: Range<u32>,
    /// Their outcome.
    pub outcome: Outcome,
}

/// The outcomes of a part, by offset. Ends after the first error.
#[derive(Debug)]
pub struct PartReader {
    state: Result<Entries, Option<ReadPartError>>,
    next: u32,
}

#[derive(Debug)]
struct Entries {
    format: u8,
    bytes: io::Cursor<Vec<u8>>,
}

impl PartReader {
    /// Opens a part; what is wrong with it is the first item.
    #[must_use]
    pub fn open(part: &[u8]) -> Self {
        Self { state: unpack(part).map_err(Some), next: 0 }
    }

    fn take(Entries { format, bytes: entries }: &mut Entries, next: &mut u32) -> Result<Recorded, ReadPartError> {
        let head: u64 = take_number(entries)?;
        let (start, length, outcome);
        start = u32::try_from(head >> 2).ok().and_then(|gap| next.checked_add(gap));
        (length, outcome) = match head & 3 {
            RUN => (take_number(entries)?, Outcome::Succeeded),
            SUCCESS => (1, Outcome::SucceededWith { message: take_text(entries, OUTCOME_MESSAGE_BYTES_MAX)? }),
            FAILURE if *format == FORMAT_WITHOUT_EFFECT => (1, with_effect_by_code(take_failure(entries)?)),
            FAILURE => (1, Outcome::Failed(take_failure(entries)?)),
            FAILURE_OF_UNKNOWN_EFFECT if *format == FORMAT => {
                (1, Outcome::Failed(take_failure(entries)?).of_unknown_effect())
            }
            _ => return Err(ReadPartError::Damaged("an entry has an unknown kind".to_owned())),
        };
        let offsets = start.and_then(|start| Some(start..start.checked_add(length)?)).filter(|range| !range.is_empty());
        let offsets = offsets.ok_or_else(|| ReadPartError::Damaged("an entry names no task".to_owned()))?;
        *next = offsets.end;
        Ok(Recorded { offsets, outcome })
    }
}

impl Iterator for PartReader {
    type Item = Result<Recorded, ReadPartError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.state {
            Err(error) => error.take().map(Err),
            Ok(Entries { bytes, .. }) if bytes.position() >= bytes.get_ref().len() as u64 => None,
            Ok(entries) => {
                let recorded = Self::take(entries, &mut self.next);
                if recorded.is_err() {
                    self.state = Err(None);
                }
                Some(recorded)
            }
        }
    }
}

fn take_failure(entries: &mut impl Read) -> Result<TaskFailure, ReadPartError> {
    Ok(TaskFailure {
        code: take_text(entries, CODE_BYTES_MAX)?,
        http_status: Some(take_number(entries)?).filter(|status| *status != 0),
        message: take_text(entries, OUTCOME_MESSAGE_BYTES_MAX)?,
        effect: Effect::None,
    })
}

/// A failure of format 1, which does not tell its effect.
fn with_effect_by_code(failure: TaskFailure) -> Outcome {
    let is_behind_the_copy = failure.message.starts_with("the object was copied");
    let is_refusal = REFUSALS.contains(&failure.code.as_str()) && !is_behind_the_copy;
    let outcome = Outcome::Failed(failure);
    if is_refusal { outcome } else { outcome.of_unknown_effect() }
}

fn unpack(mut part: &[u8]) -> Result<Entries, ReadPartError> {
    let (format, packing) = (take_byte(&mut part)?, take_byte(&mut part)?);
    let bytes = match (format, packing) {
        (FORMAT_WITHOUT_EFFECT | FORMAT, PLAIN) => part.to_vec(),
        (FORMAT_WITHOUT_EFFECT | FORMAT, ZSTD) => {
            let mut entries = Vec::new();
            let limit = ENTRIES_BYTES_MAX as u64 + 1;
            zstd::Decoder::with_buffer(part)?.take(limit).read_to_end(&mut entries)?;
            if entries.len() > ENTRIES_BYTES_MAX {
                return Err(ReadPartError::Damaged("it is larger than parts are".to_owned()));
            }
            entries
        }
        (format, packing) => return Err(ReadPartError::Format(format, packing)),
    };
    Ok(Entries { format, bytes: io::Cursor::new(bytes) })
}

#[cfg(test)]
mod tests;
