//! The history of the service and its buckets, in order: the invariants judge by it.

use std::fmt;

use brigade_model::ports::object_store::{At, CallKind};
use brigade_model::{ETag, Status, VersionId};
use rustix::process::Signal;

/// An object that a call names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) at: At,
    pub(crate) version: Option<VersionId>,
}

/// Something that happened, in the life of which process of the service.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) life: u32,
    pub(crate) event: Event,
}

#[derive(Debug, Clone)]
pub(crate) enum Event {
    Started,
    Killed {
        why: String,
    },
    Signalled {
        signal: Signal,
    },
    /// A call is there; of no kind, an invocation of the function.
    Arrived {
        call: u64,
        kind: Option<CallKind>,
        objects: Vec<Object>,
    },
    /// It is carried out on one of its objects.
    CarriedOut {
        call: u64,
        object: Object,
        done: Done,
    },
    /// Its answer is sent to a process that lives.
    Answered {
        call: u64,
    },
    /// Another writer wrote an object, or deleted it.
    Foreign {
        at: At,
        etag: Option<ETag>,
    },
    /// The service tells a user that the job is cancelled. `is_full`: the recorder held as many calls back
    /// as the job may have, so that none was in flight.
    CancelTold {
        is_full: bool,
    },
    /// A user is told that the job has ended.
    EndTold {
        status: Status,
    },
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}: ", self.life)?;
        match &self.event {
            Event::Killed { why } => write!(f, "killed {why}"),
            Event::Signalled { signal } => write!(f, "gets {signal:?}"),
            event => write!(f, "{event:?}"),
        }
    }
}

/// What a call found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) is_refused: bool,
    pub(crate) before: Option<ETag>,
    pub(crate) after: Option<ETag>,
}
