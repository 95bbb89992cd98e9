//! Habits: what real stores do that S3 does not promise, as a table. A simulated store can have any of
//! them; each row says where it takes effect.
//!
//! A row names what it changes in a [`Conduct`]. The store asks its conduct before it carries a call
//! out, where it keeps the effect, and when it answers. Facts known only from discussion threads name
//! the thread as their source; they are their authors' statements.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use brigade_model::capabilities::Capabilities;
use brigade_model::capability::Capability;
use brigade_model::names::{BucketName, ObjectKey};
use brigade_model::ports::object_store::CallKind;

mod calls;
mod conduct;
pub(super) use conduct::{Conduct, Way, lost, unproven};
use conduct::{Occasion, PartsEtag};

#[cfg(test)]
mod tests;

macro_rules! habits {
    ($($name:ident = $word:literal, $what:literal, $who:literal, [$($lacks:ident),*], $act:expr;)*) => {
        /// Something that a store does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Habit {
            $(#[doc = $what] $name,)*
        }

        impl Habit {
            /// Every habit.
            pub const ALL: &'static [Habit] = &[$(Habit::$name,)*];

            /// Its name on the command line.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Habit::$name => $word,)* }
            }

            /// What the store does.
            #[must_use]
            pub fn what(self) -> &'static str {
                match self { $(Habit::$name => $what,)* }
            }

            /// Who does so, or where it was seen.
            #[must_use]
            pub fn who(self) -> &'static str {
                match self { $(Habit::$name => $who,)* }
            }

            /// What a probe finds that the store lacks.
            #[must_use]
            pub fn lacks(self) -> &'static [Capability] {
                match self { $(Habit::$name => &[$(Capability::$lacks),*],)* }
            }

            /// Gives the store the habit.
            fn apply(self, conduct: &mut Conduct) {
                let act: fn(&mut Conduct) = match self { $(Habit::$name => $act,)* };
                act(conduct);
            }
        }
    };
}

/// The calls that answer a success before they are done, and tell a failure in its body.
const SLOW: &[CallKind] = &[CallKind::CopyObject, CallKind::CompleteMultipartUpload];
/// The calls whose answers come late.
const LATE: &[CallKind] = &[
    CallKind::PutObject,
    CallKind::CopyObject,
    CallKind::DeleteObject,
    CallKind::DeleteObjects,
    CallKind::CompleteMultipartUpload,
];

habits! {
    LosesAnswerOfPut = "loses-answer-of-put",
        "The first PutObject of each object is carried out, and its answer is lost",
        "any network", [], |c| c.lose(&[CallKind::PutObject]);
    LosesAnswerOfCopy = "loses-answer-of-copy",
        "The first CopyObject to each object is carried out, and its answer is lost",
        "any network", [], |c| c.lose(&[CallKind::CopyObject]);
    LosesAnswerOfDelete = "loses-answer-of-delete",
        "The first DeleteObject of each object is carried out, and its answer is lost",
        "any network", [], |c| c.lose(&[CallKind::DeleteObject]);
    LosesAnswerOfDeletes = "loses-answer-of-deletes",
        "The first DeleteObjects that begins with an object is carried out, and its answer is lost",
        "any network", [], |c| c.lose(&[CallKind::DeleteObjects]);
    LosesAnswerOfTagging = "loses-answer-of-tagging",
        "The first PutObjectTagging of each object is carried out, and its answer is lost",
        "any network", [], |c| c.lose(&[CallKind::PutObjectTagging]);
    LosesAnswerOfUntagging = "loses-answer-of-untagging",
        "The first DeleteObjectTagging of each object is carried out, and its answer is lost",
        "any network", [], |c| c.lose(&[CallKind::DeleteObjectTagging]);
    LosesAnswerOfLegalHold = "loses-answer-of-legal-hold",
        "The first PutObjectLegalHold of each object is carried out, and its answer is lost",
        "any network", [], |c| c.lose(&[CallKind::PutObjectLegalHold]);
    LosesAnswerOfRetention = "loses-answer-of-retention",
        "The first PutObjectRetention of each object is carried out, and its answer is lost",
        "any network", [], |c| c.lose(&[CallKind::PutObjectRetention]);
    LosesAnswerOfAcl = "loses-answer-of-acl",
        "The first PutObjectAcl of each object is carried out, and its answer is lost",
        "any network", [], |c| c.lose(&[CallKind::PutObjectAcl]);
    LosesAnswerOfRestore = "loses-answer-of-restore",
        "The first RestoreObject of each object is carried out, and its answer is lost",
        "any network", [], |c| c.lose(&[CallKind::RestoreObject]);
    LosesAnswerOfEncryption = "loses-answer-of-encryption",
        "The first UpdateObjectEncryption of each object is carried out, and its answer is lost",
        "any network", [], |c| c.lose(&[CallKind::UpdateObjectEncryption]);
    LosesAnswerOfCreate = "loses-answer-of-create",
        "The first CreateMultipartUpload of each object is carried out, and its answer is lost",
        "any network", [], |c| c.lose(&[CallKind::CreateMultipartUpload]);
    LosesAnswerOfPart = "loses-answer-of-part",
        "The first part of each object is carried out, and its answer is lost",
        "any network", [], |c| c.lose(&[CallKind::UploadPart, CallKind::UploadPartCopy]);
    LosesAnswerOfComplete = "loses-answer-of-complete",
        "The first CompleteMultipartUpload of each object is carried out, and its answer is lost",
        "any network", [], |c| c.lose(&[CallKind::CompleteMultipartUpload]);
    LosesAnswerOfAbort = "loses-answer-of-abort",
        "The first AbortMultipartUpload of each object is carried out, and its answer is lost",
        "any network", [], |c| c.lose(&[CallKind::AbortMultipartUpload]);
    AnswersLate = "answers-late",
        "The first write of each object is answered long after it was carried out",
        "any store under load", [], |c| c.way(Way::Late, LATE, Occasion::FirstOfObject);
    CopyAnswersEmpty = "copy-answers-empty",
        "A copy is carried out and answered with 200 and an empty body",
        "several (s3cmd#499)", [], |c| c.way(Way::Empty, &[CallKind::CopyObject], Occasion::Always);
    CopyFailsThoughDone = "copy-fails-though-done",
        "The first copy to each object is carried out and answered with 200 and an Error inside",
        "AWS (minio-go#2305)", [], |c| c.way(Way::ErrorThoughDone, SLOW, Occasion::FirstOfObject);
    CopyFailsInside = "copy-fails-inside",
        "The first copy to each object is not carried out and answered with 200 and an Error inside",
        "AWS (minio-go#2305, opendal#7293)", [], |c| c.way(Way::ErrorNotDone, SLOW, Occasion::FirstOfObject);
    DeletesNameSome = "deletes-name-some",
        "DeleteObjects deletes every object and names every other one only",
        "gateways", [], |c| c.names_half_of_deletes = true;
    DeletesFailThoughDone = "deletes-fail-though-done",
        "DeleteObjects deletes every object and says InternalError of every other one",
        "AWS at scale (boto3#3052)", [], |c| c.fails_half_of_deletes = true;
    IgnoresVersions = "ignores-versions",
        "A version id is not minded: the current object is read, copied or deleted",
        "Garage", [Versions], |c| c.hears.push(calls::without_versions);
    IgnoresSourceConditions = "ignores-source-conditions",
        "Conditions on the source of a copy are not minded",
        "Ceph", [CopySourceConditions], |c| c.hears.push(calls::without_source_conditions);
    IgnoresTargetConditions = "ignores-target-conditions",
        "Conditions on what a write would replace are not minded",
        "Ceph, Garage, AWS before 2025",
        [IfMatchOnPut, IfNoneMatchOnPut, IfMatchOnCopy, IfNoneMatchOnCopy, IfMatchOnComplete, IfNoneMatchOnComplete],
        |c| c.hears.push(calls::without_target_conditions);
    IgnoresDeleteCondition = "ignores-delete-condition",
        "If-Match on a delete is not minded",
        "Ceph, COS, MinIO, Garage", [IfMatchOnDelete], |c| c.hears.push(calls::without_delete_condition);
    DropsTagsOfCopies = "drops-tags-of-copies",
        "A copy that replaces tags or metadata has no tags",
        "Ceph", [TaggingOnCopy], |c| c.hears.push(calls::without_tags_of_copies);
    IgnoresMetadataOfCopies = "ignores-metadata-of-copies",
        "A copy keeps the metadata of its source, whatever it is told",
        "gateways", [MetadataOnCopy], |c| {
            c.hears.push(calls::without_metadata_of_copies);
            c.copies_onto_itself = true;
        };
    EncodesMetadata = "encodes-metadata",
        "User metadata beyond ASCII is given back as RFC 2047 has it; what comes as bytes is taken for Latin-1",
        "AWS (its user guide; s3s#372)", [MetadataUtf8], |c| c.hears.push(calls::with_encoded_metadata);
    IgnoresAcls = "ignores-acls",
        "An ACL is answered with 200 and not kept",
        "MinIO; AWS on buckets without ACLs (flysystem#1904)", [CannedAcl, AclGrants], |c| {
            c.hears.push(calls::without_canned_acl);
            c.poses.push(calls::pose_as_putting_an_acl);
        };
    IgnoresClasses = "ignores-classes",
        "A storage class is not kept",
        "Garage", [StorageClasses], |c| c.hears.push(calls::without_class);
    HasNoPartCopies = "has-no-part-copies",
        "UploadPartCopy is not implemented; CopyObject carries objects of any size",
        "GCS, Storj, Mega (rclone)", [MultipartCopy, CopySourceConditions], |c| {
            c.refuses.push(calls::refuse_part_copies);
            c.copies_any_size = true;
        };
    FoldsKeys = "folds-keys",
        "Slashes at the beginning of a key and doubled ones are dropped: /x, //x and x are one object",
        "RustFS (rustfs#4228), MinIO, gateways (nginx-s3-gateway#585)", [DistinctKeys], |c| c.hears.push(calls::with_folded_keys);
    WritesDropUploads = "writes-drop-uploads",
        "A write of an object drops the uploads to its key that are open",
        "Garage", [], |c| c.writes_drop_uploads = true;
    UploadsExpire = "uploads-expire",
        "An upload that is open for long is dropped",
        "MinIO after 24 h (minio/docs#1216); lifecycle rules", [], |c| c.uploads_expire = true;
    ListsCompletedUploads = "lists-completed-uploads",
        "An upload is listed for a while after its Complete",
        "Swift's S3 face", [], |c| c.lists_completed_uploads = true;
    RepeatsComplete = "repeats-complete",
        "A repeated Complete succeeds again, and changes nothing",
        "AWS (minio#13318)", [], |c| c.repeats_complete = true;
    EtagOfHexText = "etag-of-hex-text",
        "The ETag of an object made of parts is the MD5 of its parts' MD5s in hexadecimal text",
        "Garage", [], |c| c.parts_etag = PartsEtag::HexText;
    EtagIsRandom = "etag-is-random",
        "The ETag of an object made of parts is random",
        "R2 (rclone)", [], |c| c.parts_etag = PartsEtag::Random;
    DatesByUpload = "dates-by-upload",
        "Last-Modified of an object made of parts is when its upload began",
        "AWS, as far as is known", [], |c| c.dates_by_upload = true;
    ClockIsAhead = "clock-is-ahead",
        "The store's clock is ahead",
        "any machine", [], |c| c.clock_ahead = 1;
    ClockIsBehind = "clock-is-behind",
        "The store's clock is behind",
        "any machine", [], |c| c.clock_ahead = -1;
    ClockDrifts = "clock-drifts",
        "The store's clock goes too fast",
        "any machine without NTP", [], |c| c.clock_drifts = true;
    HeadHasNoCode = "head-has-no-code",
        "A refused HEAD has a status and no code: a missing bucket and a missing object look alike",
        "every store on the wire", [], |c| c.excuses.push(calls::without_code_of_head);
    ListsUnordered = "lists-unordered",
        "A listing is in no order of its keys",
        "NooBaa (noobaa-core#8218), LeoFS, Storj", [ListingInOrder], |c| c.lists_unordered = true;
    ListsForEver = "lists-for-ever",
        "The continuation of a listing leads to the page that it came with",
        "several (runpod-python#505); Huawei OBS PFS", [ListingInOrder, ListingDecodes], |c| c.lists_for_ever = true;
    ListsEncoded = "lists-encoded",
        "A listing names keys encoded as in a query, and does not say so",
        "19 providers (rclone#7836)", [ListingInOrder, ListingDecodes], |c| c.lists_encoded = true;
    DeniesWhatIsAbsent = "denies-what-is-absent",
        "An object that is not there is AccessDenied, as for a role that may not list",
        "AWS without s3:ListBucket", [], |c| {
            c.refuses.push(calls::refuse_listings);
            c.excuses.push(calls::denied_when_absent);
        };
    KeyServiceIsBusy = "key-service-is-busy",
        "The first put or copy to each object is not carried out: its key service is asked too often",
        "AWS under SSE-KMS (KMS.ThrottlingException, a 400)", [], |c| {
            c.way(Way::KeyServiceBusy, &[CallKind::PutObject, CallKind::CopyObject], Occasion::FirstOfObject);
        };
    SendsZeros = "sends-zeros",
        "A GET sends zeros of the right length",
        "a damaged disk below a gateway", [], |c| c.reads.push(calls::zeros);
    Decompresses = "decompresses",
        "A GET sends the decompressed bytes of what HEAD says is gzip",
        "GCS, R2, HCP (rclone#2658)", [], |c| c.reads.push(calls::decompressed);
    OneKeyIsUnreadable = "one-key-is-unreadable",
        "One key in sixteen, by its hash, is answered with 503 for ever",
        "MinIO without a read quorum (SlowDownRead)", [], |c| c.refuses.push(calls::refuse_unreadable_keys);
}

/// A text that names no habit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no store has the habit {0:?}; there are {list}", list = list())]
pub struct UnknownHabit(String);

fn list() -> String {
    Habit::ALL.iter().map(|habit| habit.name()).collect::<Vec<_>>().join(", ")
}

impl FromStr for Habit {
    type Err = UnknownHabit;
    fn from_str(text: &str) -> Result<Self, UnknownHabit> {
        let found = Habit::ALL.iter().find(|habit| habit.name() == text);
        found.copied().ok_or_else(|| UnknownHabit(text.to_owned()))
    }
}

/// The habits of a store, and how strong they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Habits {
    /// Which.
    pub set: BTreeSet<Habit>,
    /// In which buckets; `None` for all. A clock is the whole store's.
    pub buckets: Option<BTreeSet<BucketName>>,
    /// How far a clock is ahead or behind.
    pub skew: Duration,
    /// How much too fast a clock goes, in parts per million.
    pub drift_ppm: u32,
    /// How late an answer is.
    pub late_by: Duration,
    /// How long an upload is open before it is dropped.
    pub upload_life: Duration,
    /// How long an upload is listed after its Complete.
    pub listed_for: Duration,
}

impl Default for Habits {
    /// None.
    fn default() -> Self {
        Self {
            set: BTreeSet::new(),
            buckets: None,
            skew: Duration::from_secs(3),
            drift_ppm: 50_000,
            late_by: Duration::from_secs(1),
            upload_life: Duration::from_secs(24 * 3600),
            listed_for: Duration::from_secs(30),
        }
    }
}

impl FromIterator<Habit> for Habits {
    fn from_iter<I: IntoIterator<Item = Habit>>(habits: I) -> Self {
        Self { set: habits.into_iter().collect(), ..Self::default() }
    }
}

impl Habits {
    /// Whether the store has it.
    #[must_use]
    pub fn has(&self, habit: Habit) -> bool {
        self.set.contains(&habit)
    }

    /// Whether the store never reads that key again.
    #[must_use]
    pub fn is_unreadable(&self, key: &ObjectKey) -> bool {
        self.has(Habit::OneKeyIsUnreadable) && calls::is_unreadable(key)
    }

    /// What a probe of such a store proves.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        let lacks = |capability: &Capability| self.set.iter().any(|habit| habit.lacks().contains(capability));
        Capabilities::proved(Capability::ALL.into_iter().filter(|capability| !lacks(capability)))
    }
}
