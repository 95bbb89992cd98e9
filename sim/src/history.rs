//! The history of a run, as data for the invariants and for people.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use brigade_model::ports::object_store::{At, CallKind, Effect};
use brigade_model::{ETag, Status, Timestamp, VersionId};
use md5::{Digest, Md5};

/// An entry of the history.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When, from the beginning.
    pub(crate) at: Duration,
    /// The process that did it or that it happened to; `None` for the cluster.
    pub(crate) node: Option<u32>,
    pub(crate) event: Event,
}

/// An object as a call or a check finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) etag: Option<ETag>,
    pub(crate) version: Option<VersionId>,
}

/// Something that happened. Jobs are named by their number in the plan.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A fault of a node, a clock, a disk or the network begins, or ends.
    Mishap {
        what: &'static str,
        how: String,
    },
    /// A process starts; whether it is the only one, so that all leases were revoked.
    Started {
        is_alone: bool,
    },
    Crashed,
    /// A call of the job store that failed for its caller.
    StoreFailed {
        call: &'static str,
        how: &'static str,
    },
    Created {
        job: usize,
    },
    Moved {
        job: usize,
        from: Status,
        to: Status,
    },
    /// The service holds a job, or tries it, or need hold it no more.
    Hold {
        job: usize,
        what: &'static str,
    },
    /// Which jobs hold a slot and which wait for one after slots were granted and taken.
    Rescheduled {
        moves: String,
        slots: Vec<Slot>,
    },
    /// A slice was leased, while these jobs had unleased slices.
    Leased {
        job: usize,
        slice: u32,
        epoch: u64,
        closes: bool,
        /// What is newer, by the job store's clock, may have been written since an attempt.
        since: Timestamp,
        free: Vec<Slot>,
    },
    Released {
        job: usize,
        slice: u32,
        epoch: u64,
        must_check: bool,
    },
    Revoked {
        job: usize,
        slice: u32,
    },
    Recorded {
        job: usize,
        slice: u32,
        epoch: u64,
        seq: u64,
        succeeded: u32,
        failed: u32,
    },
    Fenced {
        call: &'static str,
        job: usize,
    },
    UploadRecorded {
        job: usize,
        id: String,
    },
    /// A user sends a request; and gets the answer.
    Asked {
        job: usize,
        change: String,
    },
    Answered {
        job: usize,
        change: String,
        status: Option<Status>,
    },
    /// A call is sent to the objects.
    Sent {
        call: u64,
        kind: CallKind,
        objects: Vec<(At, Option<VersionId>)>,
    },
    /// The function is invoked for an object.
    Invoked {
        call: u64,
        at: At,
    },
    /// It is carried out, or refused, on one object.
    CarriedOut {
        call: u64,
        at: At,
        before: Option<Seen>,
        after: Option<Seen>,
        has_effect: bool,
    },
    Refused {
        call: u64,
        at: At,
        code: String,
    },
    /// Its caller has the answer, or gave up waiting.
    Returned {
        call: u64,
        error: Option<(String, Effect)>,
    },
    /// Another writer wrote or deleted an object.
    Foreign {
        at: At,
        etag: Option<ETag>,
    },
}

/// A job that holds or wants a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) job: usize,
    pub(crate) account: u64,
    pub(crate) priority: i32,
    pub(crate) status: Status,
    pub(crate) is_held: bool,
}

/// The history of a run.
#[derive(Default)]
pub(crate) struct History(Mutex<Vec<Entry>>);

impl History {
    pub(crate) fn push(&self, at: Duration, node: Option<u32>, event: Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Entry { at, node, event });
    }

    pub(crate) fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A digest of all of it: equal for equal histories only.
pub(crate) fn digest(entries: &[Entry]) -> String {
    let mut hash = Md5::new();
    for entry in entries {
        hash.update(format!("{entry:?}\n"));
    }
    hex::encode(hash.finalize())
}

/// The history's words for what becomes of a hold.
pub(crate) const HELD: &str = "held by the service";
pub(crate) const TRIED: &str = "tried while held";
pub(crate) const LIFTED: &str = "no longer held";

/// The word for a job without a report that left uploads open.
pub(crate) const LEFT_OPEN: &str = "uploads left open without a report";

impl Event {
    /// What kind of thing it is, where the simulation must have some of each.
    pub(crate) fn kind(&self) -> Option<String> {
        match self {
            Event::Mishap { what, .. } => Some((*what).to_owned()),
            Event::Crashed => Some("crash".to_owned()),
            Event::StoreFailed { call, how } => Some(format!("{call}: {how}")),
            Event::Moved { from, to, .. } => Some(format!("{from} -> {to}")),
            Event::Hold { what, .. } => Some((*what).to_owned()),
            Event::Revoked { .. } => Some("revoked".to_owned()),
            Event::Fenced { call, .. } => Some(format!("{call}: fenced")),
            _ => None,
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.node.map_or("world".to_owned(), |node| format!("node {node}"));
        write!(f, "{:>12.6} {node:<8} {}", self.at.as_secs_f64(), self.event)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Mishap { what, how } => write!(f, "! {what}{how}"),
            Event::Started { is_alone } => {
                write!(f, "starts{}", if *is_alone { "; all leases are revoked" } else { "" })
            }
            Event::Crashed => write!(f, "! crashes"),
            Event::StoreFailed { call, how } => write!(f, "! {call}: {how}"),
            Event::Created { job } => write!(f, "job {job} is created"),
            Event::Moved { job, from, to } => write!(f, "job {job}: {from} -> {to}"),
            Event::Hold { job, what } => write!(f, "job {job}: {what}"),
            Event::Rescheduled { moves, .. } => write!(f, "slots: {moves}"),
            Event::Leased { job, slice, epoch, closes, .. } => {
                write!(f, "job {job} slice {slice} leased{}, epoch {epoch}", if *closes { " to close it" } else { "" })
            }
            Event::Released { job, slice, epoch, must_check } => {
                write!(
                    f,
                    "job {job} slice {slice} released, epoch {epoch}{}",
                    if *must_check { ", must look" } else { "" }
                )
            }
            Event::Revoked { job, slice } => write!(f, "job {job} slice {slice} revoked"),
            Event::Recorded { job, slice, epoch, seq, succeeded, failed } => {
                write!(f, "job {job} slice {slice} epoch {epoch} part {seq}: {succeeded} succeeded, {failed} failed")
            }
            Event::Fenced { call, job } => write!(f, "job {job}: {call} is fenced"),
            Event::UploadRecorded { job, id } => write!(f, "job {job}: upload {id} is recorded"),
            Event::Asked { job, change } => write!(f, "a user asks of job {job}: {change}"),
            Event::Answered { job, change, status: Some(status) } => {
                write!(f, "a user is told of job {job}: {change}, now {status}")
            }
            Event::Answered { job, change, status: None } => write!(f, "a user is refused of job {job}: {change}"),
            Event::Sent { call, kind, objects } => {
                write!(f, "call {call} {}", kind.name())?;
                match objects.as_slice() {
                    [] => Ok(()),
                    [(at, version)] => {
                        write!(f, " {}/{}", at.bucket, at.key)?;
                        version.as_ref().map_or(Ok(()), |version| write!(f, " version {version}"))
                    }
                    [(first, _), .., (last, _)] => {
                        write!(f, " {}/{} to {}, {} objects", first.bucket, first.key, last.key, objects.len())
                    }
                }
            }
            Event::Invoked { call, at } => write!(f, "call {call} invokes the function for {}/{}", at.bucket, at.key),
            Event::CarriedOut { call, at, before, after, has_effect } => {
                let text = |seen: &Option<Seen>| match seen.as_ref().and_then(|seen| seen.etag.as_ref()) {
                    Some(etag) => etag.unquoted().get(..8).unwrap_or_default().to_owned(),
                    None => "nothing".to_owned(),
                };
                let what = if *has_effect { format!("{} -> {}", text(before), text(after)) } else { text(after) };
                write!(f, "call {call} carried out on {}/{}: {what}", at.bucket, at.key)
            }
            Event::Refused { call, at, code } => write!(f, "call {call} refused on {}/{}: {code}", at.bucket, at.key),
            Event::Returned { call, error: None } => write!(f, "call {call} answered"),
            Event::Returned { call, error: Some((code, Effect::None)) } => write!(f, "call {call} failed: {code}"),
            Event::Returned { call, error: Some((code, Effect::Unknown)) } => {
                write!(f, "call {call} failed, with what effect is unknown: {code}")
            }
            Event::Foreign { at, etag: Some(etag) } => {
                write!(
                    f,
                    "another writer writes {}/{}: {}",
                    at.bucket,
                    at.key,
                    etag.unquoted().get(..8).unwrap_or_default()
                )
            }
            Event::Foreign { at, etag: None } => write!(f, "another writer deletes {}/{}", at.bucket, at.key),
        }
    }
}
