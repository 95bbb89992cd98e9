//! The calls, their requests and their answers, and the table of what holds of each.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Acl, At, ByteStream, ChecksumAlgorithm, Metadata, ObjectHead, Shared, TagSet};
use crate::Timestamp;
use crate::names::{BucketName, ETag, ObjectKey, VersionId};
use crate::operation::{KeyService, NewLock, Retention};

/// A request type with its answer's type.
pub trait Request: Send {
    /// What a success holds.
    type Answer: Send;
    /// The request as a value of the one call type.
    fn into_call(self) -> Call;
    /// The answer out of the one answer type; `None` when it belongs to another call.
    fn from_answer(answer: Answer) -> Option<Self::Answer>;
}

/// What an answer holds: a large one lies in a box, since every answer has room for it.
macro_rules! held {
    (whole, $answer:ty) => { $answer };
    (boxed, $answer:ty) => { Box<$answer> };
}

macro_rules! unheld {
    (whole, $answer:ident) => {
        $answer
    };
    (boxed, $answer:ident) => {
        *$answer
    };
}

macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident => $answer:ty as $held:ident, $repeatable:ident, $class:ident, $changes:ident;)*) => {
        /// A call.
        #[derive(Debug, Clone)]
        pub enum Call {
            $($(#[$doc])* $name($name),)*
        }

        /// The answer of a call that succeeded.
        pub enum Answer {
            $($(#[$doc])* $name(held!($held, $answer)),)*
        }

        impl fmt::Debug for Answer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Answer::$name(_) => stringify!($name),)* })
            }
        }

        /// A call without its parameters, for tables and metrics.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum CallKind {
            $($(#[$doc])* $name,)*
        }

        impl CallKind {
            /// Every kind.
            pub const ALL: &'static [CallKind] = &[$(CallKind::$name,)*];

            /// The name of the S3 API.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(CallKind::$name => stringify!($name),)* }
            }

            /// Which adaptive limit it counts against.
            #[must_use]
            pub fn class(self) -> CallClass {
                match self { $(CallKind::$name => CallClass::$class,)* }
            }

            /// Whether it changes what readers of the bucket see. Parts of an upload do not, and the
            /// upload itself is recorded elsewhere.
            #[must_use]
            pub fn changes_objects(self) -> bool {
                match self { $(CallKind::$name => $changes,)* }
            }
        }

        impl Call {
            /// The call without its parameters.
            #[must_use]
            pub fn kind(&self) -> CallKind {
                match self { $(Call::$name(_) => CallKind::$name,)* }
            }

            /// Whether doing it twice ends like doing it once, whatever else happens in
            /// between: reads, and writes that only this service makes.
            #[must_use]
            pub fn is_repeatable(&self) -> bool {
                match self { $(Call::$name(request) => $repeatable(request),)* }
            }
        }

        $(impl Request for $name {
            type Answer = $answer;
            fn into_call(self) -> Call { Call::$name(self) }
            fn from_answer(answer: Answer) -> Option<$answer> {
                match answer { Answer::$name(answer) => Some(unheld!($held, answer)), _ => None }
            }
        })*
    };
}

/// The last column of the table of calls: what readers of the bucket see is not the same after it.
const CHANGES: bool = true;
/// It is the same.
const KEEPS: bool = false;

calls! {
    /// Size, ETag, time, metadata of an object.
    HeadObject => ObjectHead as boxed, always, Read, KEEPS;
    /// Bytes of an object.
    GetObject => GotObject as boxed, always, Read, KEEPS;
    /// A new object from bytes, over whatever is there: repeatable only where the key is ours.
    PutObject => PutDone as whole, is_to_ours, Write, CHANGES;
    /// Copies an object inside the store.
    CopyObject => CopyDone as whole, never, Write, CHANGES;
    /// Deletes one object or version.
    DeleteObject => Deleted as whole, never, Write, CHANGES;
    /// Deletes up to 1,000 objects or versions.
    DeleteObjects => Vec<DeleteResult> as whole, never, MultiDelete, CHANGES;
    /// Reads tags.
    GetObjectTagging => TagSet as whole, always, Read, KEEPS;
    /// Replaces all tags.
    PutObjectTagging => () as whole, always, Write, CHANGES;
    /// Removes all tags.
    DeleteObjectTagging => () as whole, always, Write, CHANGES;
    /// Reads the ACL.
    GetObjectAcl => Acl as whole, always, Read, KEEPS;
    /// Replaces the ACL.
    PutObjectAcl => () as whole, always, Write, CHANGES;
    /// Asks for a temporary copy of an archived object.
    RestoreObject => RestoreDone as whole, never, Write, CHANGES;
    /// One page of a listing.
    ListObjectsV2 => ListPage as whole, always, Read, KEEPS;
    /// Begins a multipart upload.
    CreateMultipartUpload => String as whole, always, Write, KEEPS;
    /// One part from bytes.
    UploadPart => PartDone as whole, always, Write, KEEPS;
    /// One part from a range of another object; its answer is the part's ETag.
    UploadPartCopy => ETag as whole, always, Write, KEEPS;
    /// Makes the object of its parts.
    CompleteMultipartUpload => CopyDone as whole, never, Write, CHANGES;
    /// The parts of an open upload, on one page: enough to know whether the upload is there.
    ListParts => Vec<ListedPart> as whole, always, Read, KEEPS;
    /// Throws a multipart upload away.
    AbortMultipartUpload => () as whole, always, Write, KEEPS;
    /// One page of the versions and delete markers under a prefix.
    ListObjectVersions => VersionPage as whole, always, Read, KEEPS;
    /// The first open multipart uploads under a prefix. It has no next page: the caller removes what it
    /// names, and lists again.
    ListMultipartUploads => Vec<ListedUpload> as whole, always, Read, KEEPS;
    /// Puts a version under legal hold, or takes it from there.
    PutObjectLegalHold => () as whole, always, Write, CHANGES;
    /// Keeps a version until a time, or lifts that.
    PutObjectRetention => () as whole, always, Write, CHANGES;
    /// Changes the key of an object's encryption; everything else of it stays.
    UpdateObjectEncryption => () as whole, always, Write, CHANGES;
    /// The checksum that an object was put with.
    GetObjectAttributes => ObjectAttributes as whole, always, Read, KEEPS;
    /// The size of one part of an object: HeadObject with a part's number.
    HeadPart => PartHead as whole, always, Read, KEEPS;
    /// Who owns the objects of a bucket, by S3's word; `None` where the answer does not say.
    GetBucketOwnershipControls => Option<String> as whole, always, Read, KEEPS;
    /// Who pays for the requests to a bucket, by S3's word; `None` where the answer does not say.
    GetBucketRequestPayment => Option<String> as whole, always, Read, KEEPS;
}

fn always<R>(_: &R) -> bool {
    true
}

fn never<R>(_: &R) -> bool {
    false
}

fn is_to_ours(put: &PutObject) -> bool {
    put.is_ours
}

/// Calls that share an adaptive limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallClass {
    /// Reads.
    Read,
    /// Writes.
    Write,
    /// Deletes of many objects in one call: a few of these ask for as much as hundreds of others.
    MultiDelete,
}

impl CallClass {
    /// Every class.
    pub const ALL: [CallClass; 3] = [CallClass::Read, CallClass::Write, CallClass::MultiDelete];

    /// Its name in metrics and tables.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            CallClass::Read => "read",
            CallClass::Write => "write",
            CallClass::MultiDelete => "multi-delete",
        }
    }
}

/// See [`Call::HeadObject`].
#[derive(Debug, Clone)]
pub struct HeadObject {
    /// Which object.
    pub at: At,
    /// Which version.
    pub version: Option<VersionId>,
}

/// See [`Call::GetObject`].
#[derive(Debug, Clone)]
pub struct GetObject {
    /// Which object.
    pub at: At,
    /// Which version.
    pub version: Option<VersionId>,
    /// First and last byte, both included.
    pub range: Option<(u64, u64)>,
    /// Only if it still has this ETag; otherwise a 412.
    pub if_match: Option<ETag>,
}

/// An object's head and its bytes. The stream ends with an error when fewer bytes come than
/// the head promised.
pub struct GotObject {
    /// What the answer's headers say; `size` counts the bytes of this answer.
    pub head: ObjectHead,
    /// The bytes.
    pub body: Box<dyn ByteStream>,
}

/// See [`Call::PutObject`].
#[derive(Debug, Clone)]
pub struct PutObject {
    /// Where to.
    pub at: At,
    /// The bytes.
    pub body: Bytes,
    /// Everything besides the bytes. Boxed, since every call has room for it.
    pub with: Box<NewObject>,
    /// Only over an object with this ETag; otherwise a 412.
    pub if_match: Option<ETag>,
    /// Only where no object is; otherwise a 412.
    pub if_none_match: bool,
    /// This service alone writes to this key (a report, a probe's object), so that to put it once
    /// more destroys nothing.
    pub is_ours: bool,
}

impl PutObject {
    /// A put over whatever is there.
    #[must_use]
    pub fn new(at: At, body: impl Into<Bytes>, with: NewObject) -> Self {
        Self { at, body: body.into(), with: Box::new(with), if_match: None, if_none_match: false, is_ours: false }
    }

    /// A put to a key to which this service alone writes.
    #[must_use]
    pub fn ours(at: At, body: impl Into<Bytes>, with: NewObject) -> Self {
        Self { is_ours: true, ..Self::new(at, body, with) }
    }
}

/// What a new object gets besides its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewObject {
    /// Metadata.
    pub metadata: Metadata,
    /// Tags.
    pub tags: TagSet,
    /// A canned ACL, by its S3 name.
    pub canned_acl: Option<String>,
    /// Storage class, by its S3 name.
    pub storage_class: Option<String>,
    /// How the store encrypts it; `None` as the bucket has it.
    pub sse: Option<Encryption>,
    /// What keeps it from being removed. Boxed, since every call has room for it.
    pub lock: Option<Box<NewLock>>,
    /// Where a website sends its readers instead.
    pub redirect: Option<String>,
    /// The SHA-256 of the bytes in base64, which the store checks and keeps. Only for objects
    /// that are put in one piece.
    pub checksum_sha256: Option<String>,
}

/// How a store encrypts an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// With a key of its own.
    OwnKey,
    /// With a key of a key service. Boxed, since every call has room for it.
    KeyService(Box<KeyService>),
}

impl Encryption {
    /// The value of `x-amz-server-side-encryption`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Encryption::OwnKey => "AES256",
            Encryption::KeyService(_) => "aws:kms",
        }
    }

    /// The key of a key service that was asked for.
    #[must_use]
    pub fn key_service(&self) -> Option<&KeyService> {
        match self {
            Encryption::OwnKey => None,
            Encryption::KeyService(key) => Some(key),
        }
    }
}

/// A written object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutDone {
    /// Its ETag.
    pub etag: ETag,
    /// Its version.
    pub version: Option<VersionId>,
    /// `x-amz-server-side-encryption`: under a key service the ETag is no digest.
    pub sse: Option<String>,
}

/// See [`Call::CopyObject`].
#[derive(Debug, Clone)]
pub struct CopyObject {
    /// Where from.
    pub source: At,
    /// Which version.
    pub source_version: Option<VersionId>,
    /// Where to.
    pub target: At,
    /// New metadata; `None` keeps the source's. Boxed, since every call has room for it.
    pub metadata: Option<Box<Metadata>>,
    /// New tags; `None` keeps the source's.
    pub tags: Option<TagSet>,
    /// A canned ACL, by its S3 name.
    pub canned_acl: Option<String>,
    /// Storage class, by its S3 name.
    pub storage_class: Option<String>,
    /// How the store encrypts it; `None` as the bucket has it.
    pub sse: Option<Encryption>,
    /// What few copies get. Boxed, since every call has room for it.
    pub extras: Option<Box<CopyExtras>>,
    /// The checksum that the store computes of the target and keeps; `None` as it does by itself.
    pub checksum: Option<ChecksumAlgorithm>,
    /// Only if the source has this ETag.
    pub source_if_match: Option<ETag>,
    /// Only over a target with this ETag; otherwise a 412.
    pub if_match: Option<ETag>,
    /// Only where no target is; otherwise a 412.
    pub if_none_match: bool,
    /// Size in bytes, when known: the time-out grows with it.
    pub size: Option<u64>,
}

impl CopyObject {
    /// A copy of the latest version that keeps everything.
    #[must_use]
    pub fn plain(source: At, target: At) -> Self {
        Self {
            source,
            source_version: None,
            target,
            metadata: None,
            tags: None,
            canned_acl: None,
            storage_class: None,
            sse: None,
            extras: None,
            checksum: None,
            source_if_match: None,
            if_match: None,
            if_none_match: false,
            size: None,
        }
    }
}

/// What few copies get besides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyExtras {
    /// What keeps the target from being removed.
    pub lock: Option<NewLock>,
    /// Where a website sends readers of the target instead.
    pub redirect: Option<String>,
}

impl CopyExtras {
    /// These, if there are any.
    #[must_use]
    pub fn of(lock: Option<NewLock>, redirect: Option<String>) -> Option<Box<Self>> {
        (lock.is_some() || redirect.is_some()).then(|| Box::new(Self { lock, redirect }))
    }
}

/// A copied or assembled object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyDone {
    /// Its ETag.
    pub etag: ETag,
    /// When it was written, when the answer says.
    pub modified: Option<Timestamp>,
    /// Its version.
    pub version: Option<VersionId>,
}

/// See [`Call::DeleteObject`].
#[derive(Debug, Clone)]
pub struct DeleteObject {
    /// Which object.
    pub at: At,
    /// Which version.
    pub version: Option<VersionId>,
    /// Only if it still has this ETag; otherwise a 412.
    pub if_match: Option<ETag>,
}

/// A deleted object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Whether a delete marker was made or removed.
    pub is_delete_marker: bool,
    /// The version that was removed, or the marker's.
    pub version: Option<VersionId>,
}

/// See [`Call::DeleteObjects`].
#[derive(Debug, Clone)]
pub struct DeleteObjects {
    /// Where.
    pub bucket: BucketName,
    /// What: at most 1,000, no pair twice.
    pub objects: Vec<(ObjectKey, Option<VersionId>)>,
}

/// What became of one object of a multi-object delete; the results stand in the request's
/// order, one for each object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeleteResult {
    /// The answer names it as deleted.
    Deleted(Deleted),
    /// The answer names an error for it.
    Failed {
        /// The store's code.
        code: String,
        /// The store's message.
        message: String,
        /// Whether the code says that the store did nothing to it yet, and takes it later.
        is_throttled: bool,
        /// What fails, if more does than this object, and until a person changes something there.
        lasting: Option<Shared>,
    },
    /// The answer does not name it, so its fate is unknown.
    Unnamed,
}

impl DeleteResult {
    /// Whether the store told this object to come later.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        matches!(self, DeleteResult::Failed { is_throttled: true, .. })
    }
}

/// See [`Call::GetObjectTagging`].
#[derive(Debug, Clone)]
pub struct GetObjectTagging {
    /// Which object.
    pub at: At,
    /// Which version.
    pub version: Option<VersionId>,
}

/// See [`Call::PutObjectTagging`].
#[derive(Debug, Clone)]
pub struct PutObjectTagging {
    /// Which object.
    pub at: At,
    /// Which version.
    pub version: Option<VersionId>,
    /// The tags it has afterwards.
    pub tags: TagSet,
}

/// See [`Call::DeleteObjectTagging`].
#[derive(Debug, Clone)]
pub struct DeleteObjectTagging {
    /// Which object.
    pub at: At,
    /// Which version.
    pub version: Option<VersionId>,
}

/// See [`Call::GetObjectAcl`].
#[derive(Debug, Clone)]
pub struct GetObjectAcl {
    /// Which object.
    pub at: At,
    /// Which version.
    pub version: Option<VersionId>,
}

/// See [`Call::PutObjectAcl`].
#[derive(Debug, Clone)]
pub struct PutObjectAcl {
    /// Which object.
    pub at: At,
    /// Which version.
    pub version: Option<VersionId>,
    /// The ACL it has afterwards.
    pub acl: NewAcl,
}

/// An ACL to set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewAcl {
    /// By its S3 name.
    Canned(String),
    /// Owner and grants.
    Grants(Acl),
}

/// See [`Call::RestoreObject`].
#[derive(Debug, Clone)]
pub struct RestoreObject {
    /// Which object.
    pub at: At,
    /// Which version.
    pub version: Option<VersionId>,
    /// How long the copy stays.
    pub days: u32,
    /// `Bulk` or `Standard`.
    pub tier: String,
}

/// A restore that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreDone {
    /// The object was restored already, and its copy now stays as long as asked (200 rather
    /// than 202).
    pub was_restored: bool,
}

/// See [`Call::ListObjectsV2`].
#[derive(Debug, Clone)]
pub struct ListObjectsV2 {
    /// Where.
    pub bucket: BucketName,
    /// Keys that begin with this.
    pub prefix: String,
    /// From the page before.
    pub continuation_token: Option<String>,
    /// How many at most, up to 1,000.
    pub max_keys: u32,
}

/// One page of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListPage {
    /// The objects, in the store's order.
    pub objects: Vec<ListedObject>,
    /// Names the next page; `None` on the last.
    pub next: Option<String>,
}

/// An object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// Its key.
    pub key: ObjectKey,
    /// Its size in bytes.
    pub size: u64,
    /// Its ETag.
    pub etag: Option<ETag>,
    /// When it was written.
    pub modified: Option<Timestamp>,
    /// Its storage class by the S3 name.
    pub storage_class: Option<String>,
}

/// See [`Call::CreateMultipartUpload`].
#[derive(Debug, Clone)]
pub struct CreateMultipartUpload {
    /// Where to.
    pub at: At,
    /// Everything besides the bytes. Boxed, since every call has room for it.
    pub with: Box<NewObject>,
}

/// See [`Call::UploadPart`].
#[derive(Debug, Clone)]
pub struct UploadPart {
    /// Where to.
    pub at: At,
    /// Which upload.
    pub upload_id: String,
    /// From 1.
    pub part: u32,
    /// The bytes.
    pub body: Bytes,
}

/// An uploaded part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartDone {
    /// Its ETag.
    pub etag: ETag,
    /// `x-amz-server-side-encryption`: under a key service the ETag is no digest.
    pub sse: Option<String>,
}

/// See [`Call::UploadPartCopy`].
#[derive(Debug, Clone)]
pub struct UploadPartCopy {
    /// Where from.
    pub source: At,
    /// Which version.
    pub source_version: Option<VersionId>,
    /// First and last byte, both included.
    pub range: (u64, u64),
    /// Only if the source has this ETag.
    pub source_if_match: Option<ETag>,
    /// Where to.
    pub target: At,
    /// Which upload.
    pub upload_id: String,
    /// From 1.
    pub part: u32,
}

/// See [`Call::CompleteMultipartUpload`].
#[derive(Debug, Clone)]
pub struct CompleteMultipartUpload {
    /// Where to.
    pub at: At,
    /// Which upload.
    pub upload_id: String,
    /// Part numbers and ETags, in order.
    pub parts: Vec<(u32, ETag)>,
    /// Only over an object with this ETag; otherwise a 412.
    pub if_match: Option<ETag>,
    /// Only where no object is; otherwise a 412.
    pub if_none_match: bool,
}

impl CompleteMultipartUpload {
    /// A completion over whatever is there.
    #[must_use]
    pub fn new(at: At, upload_id: String, parts: Vec<(u32, ETag)>) -> Self {
        Self { at, upload_id, parts, if_match: None, if_none_match: false }
    }
}

/// See [`Call::ListParts`].
#[derive(Debug, Clone)]
pub struct ListParts {
    /// Where its object would be.
    pub at: At,
    /// Which upload.
    pub upload_id: String,
}

/// A part of an open upload. An upload has up to 10,000 and a page up to 1,000: parts beyond the
/// first page are not listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPart {
    /// From 1.
    pub part: u32,
    /// Its ETag.
    pub etag: ETag,
    /// Its size in bytes.
    pub size: u64,
}

/// See [`Call::AbortMultipartUpload`].
#[derive(Debug, Clone)]
pub struct AbortMultipartUpload {
    /// Where to.
    pub at: At,
    /// Which upload.
    pub upload_id: String,
}

/// See [`Call::ListObjectVersions`].
#[derive(Debug, Clone)]
pub struct ListObjectVersions {
    /// Where.
    pub bucket: BucketName,
    /// Keys that begin with this.
    pub prefix: String,
    /// What stands behind it; from the beginning without it.
    pub after: Option<VersionMarker>,
}

/// Where a page of versions ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionMarker {
    /// The last key.
    pub key: String,
    /// Its last version, where the page ended inside the key.
    pub version: Option<String>,
}

/// One page of a listing of versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionPage {
    /// The versions and delete markers.
    pub versions: Vec<ListedVersion>,
    /// Names the next page; `None` on the last.
    pub next: Option<VersionMarker>,
}

/// A version or a delete marker of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedVersion {
    /// Its key.
    pub key: ObjectKey,
    /// Which version; `null` in a bucket without versions.
    pub version: VersionId,
    /// Whether it is a delete marker.
    pub is_delete_marker: bool,
    /// Whether a request that names no version means this one.
    pub is_latest: bool,
    /// Its size in bytes; a delete marker has none.
    pub size: Option<u64>,
    /// When it was written.
    pub modified: Option<Timestamp>,
    /// Its storage class by the store's name; not told of a delete marker.
    pub storage_class: Option<String>,
}

/// See [`Call::ListMultipartUploads`].
#[derive(Debug, Clone)]
pub struct ListMultipartUploads {
    /// Where.
    pub bucket: BucketName,
    /// Keys that begin with this.
    pub prefix: String,
}

/// An open upload of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUpload {
    /// Where its object would be.
    pub key: ObjectKey,
    /// The store's name for the upload.
    pub upload_id: String,
}

/// See [`Call::PutObjectLegalHold`].
#[derive(Debug, Clone)]
pub struct PutObjectLegalHold {
    /// Which object.
    pub at: At,
    /// Which version.
    pub version: Option<VersionId>,
    /// Whether it is held from now on: held, it cannot be removed.
    pub is_held: bool,
}

/// See [`Call::PutObjectRetention`].
#[derive(Debug, Clone)]
pub struct PutObjectRetention {
    /// Which object.
    pub at: At,
    /// Which version.
    pub version: Option<VersionId>,
    /// How long it is kept from now on; `None` lifts what keeps it.
    pub retention: Option<Retention>,
    /// Whether a retention in governance mode may be shortened or lifted.
    pub bypass_governance: bool,
}

/// See [`Call::UpdateObjectEncryption`].
#[derive(Debug, Clone)]
pub struct UpdateObjectEncryption {
    /// Which object.
    pub at: At,
    /// Which version.
    pub version: Option<VersionId>,
    /// The key of a key service, by its ARN.
    pub key: String,
    /// Whether a key of the bucket stands between.
    pub bucket_key: bool,
}

/// See [`Call::GetObjectAttributes`].
#[derive(Debug, Clone)]
pub struct GetObjectAttributes {
    /// Which object.
    pub at: At,
    /// Which version.
    pub version: Option<VersionId>,
}

/// See [`Call::HeadPart`].
#[derive(Debug, Clone)]
pub struct HeadPart {
    /// Which object.
    pub at: At,
    /// Which version.
    pub version: Option<VersionId>,
    /// The number of the part, from 1.
    pub part: u32,
}

/// What a store tells of one part. Without a number of parts the size is that of the whole object: it was put
/// in one piece, or the store does not tell its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartHead {
    /// Bytes.
    pub size: u64,
    /// How many parts the object has.
    pub parts: Option<u32>,
}

/// See [`Call::GetBucketOwnershipControls`].
#[derive(Debug, Clone)]
pub struct GetBucketOwnershipControls {
    /// Which bucket.
    pub bucket: BucketName,
}

/// The ownership under which the objects of a bucket have no ACLs.
pub const BUCKET_OWNER_ENFORCED: &str = "BucketOwnerEnforced";

/// See [`Call::GetBucketRequestPayment`].
#[derive(Debug, Clone)]
pub struct GetBucketRequestPayment {
    /// Which bucket.
    pub bucket: BucketName,
}

/// The payer who is not the owner of the bucket.
pub const REQUESTER: &str = "Requester";

/// What a store keeps of an object beside what HEAD says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectAttributes {
    /// The SHA-256 that it was put with, in base64.
    pub checksum_sha256: Option<String>,
}

impl Call {
    /// The bucket that the request goes to.
    #[must_use]
    pub fn bucket(&self) -> &BucketName {
        match self {
            Call::HeadObject(r) => &r.at.bucket,
            Call::GetObject(r) => &r.at.bucket,
            Call::PutObject(r) => &r.at.bucket,
            Call::CopyObject(r) => &r.target.bucket,
            Call::DeleteObject(r) => &r.at.bucket,
            Call::DeleteObjects(r) => &r.bucket,
            Call::GetObjectTagging(r) => &r.at.bucket,
            Call::PutObjectTagging(r) => &r.at.bucket,
            Call::DeleteObjectTagging(r) => &r.at.bucket,
            Call::GetObjectAcl(r) => &r.at.bucket,
            Call::PutObjectAcl(r) => &r.at.bucket,
            Call::RestoreObject(r) => &r.at.bucket,
            Call::ListObjectsV2(r) => &r.bucket,
            Call::CreateMultipartUpload(r) => &r.at.bucket,
            Call::UploadPart(r) => &r.at.bucket,
            Call::UploadPartCopy(r) => &r.target.bucket,
            Call::CompleteMultipartUpload(r) => &r.at.bucket,
            Call::ListParts(r) => &r.at.bucket,
            Call::AbortMultipartUpload(r) => &r.at.bucket,
            Call::ListObjectVersions(r) => &r.bucket,
            Call::ListMultipartUploads(r) => &r.bucket,
            Call::PutObjectLegalHold(r) => &r.at.bucket,
            Call::PutObjectRetention(r) => &r.at.bucket,
            Call::UpdateObjectEncryption(r) => &r.at.bucket,
            Call::GetObjectAttributes(r) => &r.at.bucket,
            Call::HeadPart(r) => &r.at.bucket,
            Call::GetBucketOwnershipControls(r) => &r.bucket,
            Call::GetBucketRequestPayment(r) => &r.bucket,
        }
    }

    /// Objects that the call is about.
    #[must_use]
    pub fn objects(&self) -> u32 {
        match self {
            Call::DeleteObjects(r) => u32::try_from(r.objects.len()).unwrap_or(u32::MAX),
            _ => 1,
        }
    }

    /// Bytes that pass between us and the store, by the request alone: its body, or the range that
    /// it asks for.
    #[must_use]
    pub fn bytes_on_wire(&self) -> u64 {
        match self {
            Call::PutObject(r) => r.body.len() as u64,
            Call::UploadPart(r) => r.body.len() as u64,
            Call::GetObject(GetObject { range: Some((first, last)), .. }) => last.saturating_sub(*first) + 1,
            _ => 0,
        }
    }

    /// Bytes that the store moves to carry the call out, by the request alone; the time-out grows
    /// with them.
    #[must_use]
    pub fn bytes_moved(&self) -> u64 {
        match self {
            Call::CopyObject(r) => r.size.unwrap_or(0),
            Call::UploadPartCopy(r) => r.range.1.saturating_sub(r.range.0) + 1,
            other => other.bytes_on_wire(),
        }
    }

    /// How large the document of an answer may be. What is larger than any honest answer proves
    /// nothing, and is not read to its end.
    #[must_use]
    pub fn answer_bounds(&self) -> AnswerBounds {
        match self {
            Call::HeadObject(_)
            | Call::HeadPart(_)
            | Call::GetObject(_)
            | Call::PutObject(_)
            | Call::CopyObject(_)
            | Call::DeleteObject(_)
            | Call::PutObjectTagging(_)
            | Call::DeleteObjectTagging(_)
            | Call::PutObjectAcl(_)
            | Call::RestoreObject(_)
            | Call::CreateMultipartUpload(_)
            | Call::UploadPart(_)
            | Call::UploadPartCopy(_)
            | Call::CompleteMultipartUpload(_)
            | Call::AbortMultipartUpload(_)
            | Call::PutObjectLegalHold(_)
            | Call::PutObjectRetention(_)
            | Call::UpdateObjectEncryption(_) => AnswerBounds::RESULT,
            // 50 tags where a server is generous, of 128 and 256 characters; 100 grants.
            Call::GetObjectTagging(_) | Call::GetObjectAcl(_) => AnswerBounds::of_entries(100, 2 * 1024),
            // Parts, also where only a checksum was asked for.
            Call::ListParts(_) | Call::GetObjectAttributes(_) => AnswerBounds::of_entries(LISTED_MAX, 1024),
            // A key three-fold encoded, its version or token, an owner, and some hundred bytes. Not
            // every server heeds the number that it is asked for.
            Call::ListObjectsV2(request) => AnswerBounds {
                bytes: AnswerBounds::of_entries(request.max_keys as usize + 100, 8 * 1024).bytes,
                ..AnswerBounds::of_entries(LISTED_MAX, 0)
            },
            // A store that does not know of ownership or payers lists the bucket.
            Call::ListObjectVersions(_)
            | Call::ListMultipartUploads(_)
            | Call::GetBucketOwnershipControls(_)
            | Call::GetBucketRequestPayment(_) => AnswerBounds::of_entries(LISTED_MAX, 8 * 1024),
            Call::DeleteObjects(request) => request.answer_bounds(),
        }
    }
}

/// Entries on a page of any listing. Source: S3 API, MaxKeys, MaxParts, MaxUploads.
const LISTED_MAX: usize = 1000;

/// How large the document of an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerBounds {
    /// Bytes.
    pub bytes: usize,
    /// Elements.
    pub elements: usize,
}

impl AnswerBounds {
    /// A result, an error, or nothing: some hundred bytes; and blanks that keep a connection alive
    /// meanwhile, one a second for 18 hours.
    pub const RESULT: Self = Self { bytes: 64 * 1024, elements: 256 };

    /// So many entries of so many bytes. The entry of a listing has some 15 elements.
    fn of_entries(entries: usize, bytes: usize) -> Self {
        let Self { bytes: around, elements } = Self::RESULT;
        Self { bytes: around + entries * bytes, elements: elements + entries * 24 }
    }
}

impl DeleteObjects {
    /// Each object named once, its key and version escaped at their longest, with a code and a
    /// message.
    #[must_use]
    pub fn answer_bounds(&self) -> AnswerBounds {
        let named = |(key, version): &(ObjectKey, Option<VersionId>)| {
            6 * (key.as_str().len() + version.as_ref().map_or(0, |version| version.as_str().len()))
        };
        let names: usize = self.objects.iter().map(named).sum();
        let bounds = AnswerBounds::of_entries(self.objects.len(), 1024);
        AnswerBounds { bytes: bounds.bytes + names, ..bounds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_changes_an_object_is_a_write_and_uploads_change_none_until_they_are_completed() {
        for kind in CallKind::ALL {
            assert!(!kind.changes_objects() || kind.class() != CallClass::Read, "{kind:?}");
        }
        let quiet = CallKind::ALL.iter().filter(|kind| kind.class() == CallClass::Write && !kind.changes_objects());
        assert_eq!(
            quiet.copied().collect::<Vec<_>>(),
            [
                CallKind::CreateMultipartUpload,
                CallKind::UploadPart,
                CallKind::UploadPartCopy,
                CallKind::AbortMultipartUpload
            ]
        );
    }
}
