//! A scenario, decided before its job runs: the operation, the store's habits, and when another writer
//! writes.

use std::time::Duration;

use brigade_model::operation::OperationKind;
use brigade_s3::simulated::{Habit, Habits};
use http::Method;

/// What the job does, to which rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Delete,
    /// A single row, which goes by a call of its own.
    DeleteOne,
    /// Of versions that the bucket never kept.
    DeleteVersion,
    /// Of a key that is another's with a slash before it.
    DeleteStray,
    Copy,
    /// Over objects that are there.
    CopyOver,
    CopyStray,
    /// Of what is not there.
    CopyMissing,
    /// Of what a store may never read again.
    CopyUnreadable,
    /// With tags, metadata, an ACL and a class of its own.
    CopyDressed,
    /// With metadata on top of the source's.
    CopyMerged,
    /// The same, of a source whose metadata is text beyond ASCII.
    CopyText,
    /// Of objects that one CopyObject does not carry.
    CopyLarge,
    /// To another endpoint, through the service.
    CopyAcross,
    CopyGzipAcross,
    Tag,
    AddTags,
    /// Of one tag, beside which another stays.
    RemoveTags,
    Untag,
    Acl,
    LegalHold,
    Retention,
    Checksum,
    /// Of bytes that are gzip, and said to be.
    ChecksumGzip,
    /// Of the parts that the objects were uploaded in.
    ChecksumOfParts,
    Restore,
    /// Of an object whose restore has ended, and of one that is missing.
    WaitForRestore,
    Encryption,
    /// Of a function that knows a task by its id.
    Invoke,
    /// A manifest is made by listing, and no job.
    List,
}

impl Act {
    /// The operation of its job, if it has one.
    pub(crate) fn operation(self) -> Option<OperationKind> {
        Some(match self {
            Act::Delete | Act::DeleteOne | Act::DeleteVersion | Act::DeleteStray => OperationKind::Delete,
            Act::Tag | Act::AddTags => OperationKind::Tagging,
            Act::RemoveTags | Act::Untag => OperationKind::Untagging,
            Act::Acl => OperationKind::Acl,
            Act::LegalHold => OperationKind::LegalHold,
            Act::Retention => OperationKind::Retention,
            Act::Checksum | Act::ChecksumGzip | Act::ChecksumOfParts => OperationKind::Checksum,
            Act::Restore => OperationKind::Restore,
            Act::WaitForRestore => OperationKind::WaitForRestore,
            Act::Encryption => OperationKind::Encryption,
            Act::Invoke => OperationKind::Invoke,
            Act::List => return None,
            _ => OperationKind::Copy,
        })
    }
}

/// After which call another writer writes, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// To the source of the row, which they write anew.
    SourceIsLookedAt,
    SourceIsDeleted,
    /// To the target, which they write over with as many bytes.
    TargetIsWritten,
    PartIsCopied,
    UploadIsCompleted,
}

/// Everything about a run.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) act: Act,
    pub(crate) habits: Vec<Habit>,
    pub(crate) when: Option<When>,
    /// So many answers to invocations of each task are lost, though the function did what it was asked.
    pub(crate) lost_answers: usize,
}

impl Scenario {
    pub(crate) fn of(act: Act, habits: &[Habit]) -> Self {
        Self { act, habits: habits.to_vec(), when: None, lost_answers: 0 }
    }

    /// A job that invokes a function, of which so many answers for each task are lost.
    pub(crate) fn of_function(lost_answers: usize) -> Self {
        Self { lost_answers, ..Self::of(Act::Invoke, &[]) }
    }

    pub(crate) fn with(self, when: When) -> Self {
        Self { when: Some(when), ..self }
    }

    /// In the buckets of objects: manifests and reports lie elsewhere.
    pub(crate) fn habits(&self) -> Habits {
        let buckets = ["photos", "backup"].map(|name| name.parse().unwrap());
        let upload_life = Duration::ZERO;
        Habits { buckets: Some(buckets.into()), upload_life, ..self.habits.iter().copied().collect() }
    }
}

impl When {
    /// Whether it is the call on that key, or on many.
    pub(crate) fn is_it(self, key: &str, method: &Method, path: &str, query: &str) -> bool {
        let is_many = query.starts_with("delete");
        let is_on =
            |bucket: &str| path == format!("/{bucket}/{key}") || (is_many && path.starts_with(&format!("/{bucket}")));
        let (source, target) = (is_on("photos"), is_on("backup"));
        match self {
            When::SourceIsLookedAt => source && method == Method::HEAD,
            When::SourceIsDeleted => source && (method == Method::DELETE || is_many),
            When::TargetIsWritten => target && method == Method::PUT && query.is_empty(),
            When::PartIsCopied => target && method == Method::PUT && query.contains("partNumber"),
            When::UploadIsCompleted => target && method == Method::POST && query.contains("uploadId"),
        }
    }

    /// In which bucket they write.
    pub(crate) fn bucket(self) -> &'static str {
        match self {
            When::SourceIsLookedAt | When::SourceIsDeleted => "photos",
            // A part of a source that changes is thrown away.
            When::PartIsCopied => "photos",
            When::TargetIsWritten | When::UploadIsCompleted => "backup",
        }
    }
}
