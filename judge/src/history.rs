//! What happened to the object of a task, in order.

use brigade_model::ports::object_store::{CallKind, Effect};
use brigade_model::{BucketName, ETag, Outcome};

/// A moment: the number of an entry in the history of a run. Of two at one time, the earlier is less.
pub type Moment = usize;

/// Everything about a task; `O` is what the test knows of its object.
#[derive(Debug)]
pub struct TaskHistory<O> {
    /// Its place in the manifest.
    pub number: u64,
    /// For people.
    pub name: String,
    /// Its object, as the report names it.
    pub key: String,
    /// Whether its object was missing from the beginning.
    pub is_missing: bool,
    /// What was recorded.
    pub outcome: Option<Outcome>,
    /// Calls on its object, in the order in which they were sent.
    pub calls: Vec<CallHistory>,
    /// Writes by another writer to the object or to its copy.
    pub foreign: Vec<Foreign>,
    /// Its object.
    pub object: O,
}

/// A call on the object of a task.
#[derive(Debug, Clone)]
pub struct CallHistory {
    /// Which call; `None`: an invocation of a function, of whose effects nothing is known but that it came.
    pub kind: Option<CallKind>,
    /// The bucket that it names.
    pub bucket: BucketName,
    /// The process that sent it.
    pub sender: u32,
    /// When.
    pub sent: Moment,
    /// What it found and did, if it arrived.
    pub done: Option<Done>,
    /// When its sender learned what of its end: nothing of a success, its effect of a failure.
    pub returned: Option<(Moment, Option<Effect>)>,
}

/// What a call found and did where it was carried out.
#[derive(Debug, Clone)]
pub struct Done {
    /// When.
    pub moment: Moment,
    /// It was refused, and did nothing.
    pub is_refused: bool,
    /// The object that it found.
    pub before: Option<ETag>,
    /// The object that it left.
    pub after: Option<ETag>,
    /// Whether an object is another after it.
    pub has_effect: bool,
}

/// A write by another writer.
#[derive(Debug, Clone)]
pub struct Foreign {
    /// When.
    pub moment: Moment,
    /// Where.
    pub bucket: BucketName,
    /// What was written; `None`: it was a delete.
    pub etag: Option<ETag>,
}

impl CallHistory {
    /// Whether such a call may change an object.
    #[must_use]
    pub fn is_act(&self) -> bool {
        self.kind.is_none_or(CallKind::changes_objects)
    }

    /// Whether it aborts an upload: a frozen worker does so when it wakes, since no other worker knows the upload.
    pub(crate) fn is_abort(&self) -> bool {
        self.kind == Some(CallKind::AbortMultipartUpload)
    }

    /// Whether its sender had to think, at that moment, that it may have had an effect.
    #[must_use]
    pub fn may_have_acted(&self, moment: Moment) -> bool {
        let knew = self.returned.as_ref().filter(|(returned, _)| *returned < moment);
        self.sent < moment && knew.is_none_or(|(_, failed)| *failed != Some(Effect::None))
    }

    /// Whether an object is another after it.
    #[must_use]
    pub fn has_effect(&self) -> bool {
        self.done.as_ref().is_some_and(|done| done.has_effect)
    }
}

impl<O> TaskHistory<O> {
    /// Calls that may change the object.
    pub fn acts(&self) -> impl Iterator<Item = &CallHistory> {
        self.calls.iter().filter(|call| call.is_act())
    }

    /// Whether a call of the task changed the object.
    #[must_use]
    pub fn has_effect(&self) -> bool {
        self.acts().any(CallHistory::has_effect)
    }

    /// Whether the sender of a call that may change the object never learned what it did.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        let unknown = |call: &CallHistory| !matches!(call.returned, Some((_, None | Some(Effect::None))));
        self.acts().any(unknown)
    }

    /// Whether no other writer wrote the object or its copy.
    #[must_use]
    pub fn is_ours_alone(&self) -> bool {
        self.foreign.is_empty()
    }

    /// Whether it succeeded.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.outcome.as_ref().is_some_and(Outcome::is_success)
    }

    /// The code of its failure, if it failed.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        match &self.outcome {
            Some(Outcome::Failed(failure)) => Some(&failure.code),
            _ => None,
        }
    }
}
