//! A store shows a habit if and only if it has it; and a probe finds that the capabilities which the
//! table says a habit takes away are missing.

use std::io::Write;
use std::sync::Arc;

use brigade_model::names::{ObjectKey, VersionId};
use brigade_model::operation::{Retention, RetentionMode, Tag};
use brigade_model::ports::Clock;
use brigade_model::ports::object_store::{
    AbortMultipartUpload, At, CancelToken, CompleteMultipartUpload, CopyObject, CreateMultipartUpload, DeleteObject,
    DeleteObjectTagging, DeleteObjects, DeleteResult, Effect, Encryption, GetObject, HeadObject, ListMultipartUploads,
    ListObjectsV2, ListPage, Metadata, NewAcl, NewObject, PutObject, PutObjectAcl, PutObjectLegalHold,
    PutObjectRetention, PutObjectTagging, Request, RestoreObject, TextForm, UpdateObjectEncryption, UploadPart,
    UploadPartCopy, send,
};
use brigade_model::probe::Proof;
use brigade_model::{ETag, Timestamp};
use brigade_runtime::{SeededEntropy, SimulatedClock};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest as _, Md5};

use super::*;
use crate::simulated::{ObjectLock, SimulatedConfig, SimulatedStore, Versioning};
use brigade_model::ports::object_store::CallError;

const BUCKET: &str = "photos";
const VERSIONED: &str = "versioned";

struct TestBucket {
    store: SimulatedStore,
    clock: Arc<SimulatedClock>,
}

fn at(key: &str) -> At {
    At { bucket: BUCKET.parse().unwrap(), key: key.parse().unwrap() }
}

fn head(key: &str) -> HeadObject {
    HeadObject { at: at(key), version: None }
}

fn get(key: &str) -> GetObject {
    GetObject { at: at(key), version: None, range: None, if_match: None }
}

fn delete(key: &str) -> DeleteObject {
    DeleteObject { at: at(key), version: None, if_match: None }
}

fn copy() -> CopyObject {
    CopyObject::plain(at("a"), at("copy"))
}

fn other() -> ETag {
    ETag::new("\"another\"").unwrap()
}

fn list(token: Option<String>) -> ListObjectsV2 {
    ListObjectsV2 { bucket: BUCKET.parse().unwrap(), prefix: String::new(), continuation_token: token, max_keys: 3 }
}

impl TestBucket {
    /// An object that can be locked.
    fn lockable(&self) -> At {
        let at = At { bucket: VERSIONED.parse().unwrap(), ..at("a") };
        self.store.set_lock(&at.bucket, ObjectLock::default()).unwrap();
        self.store.put(&at, Bytes::from("a").into()).unwrap();
        at
    }

    /// A store without habits that holds `a`, of the bytes `a`, in both buckets; then it gets these.
    fn of(habits: Habits) -> Self {
        Self::with(SimulatedConfig { part_bytes_min: 1, copy_bytes_max: 8, ..SimulatedConfig::default() }, habits)
    }

    fn with(config: SimulatedConfig, habits: Habits) -> Self {
        let clock = Arc::new(SimulatedClock::new());
        let entropy = Arc::new(SeededEntropy::new(1));
        let store = SimulatedStore::new(config, clock.clone(), entropy);
        for (name, versioning) in [(BUCKET, Versioning::Off), (VERSIONED, Versioning::Enabled)] {
            store.create_bucket(&name.parse().unwrap(), versioning).unwrap();
        }
        store.put(&at("a"), Bytes::from("a").into()).unwrap();
        store.set_habits(habits);
        Self { store, clock }
    }

    async fn call<R: Request>(&self, request: R) -> Result<R::Answer, CallError> {
        send(&self.store, &CancelToken::unbounded(), request).await
    }

    async fn put(&self, key: &str, bytes: &'static str, with: NewObject) -> Result<(), CallError> {
        self.call(PutObject::new(at(key), bytes, with)).await.map(|_| ())
    }

    fn body(&self, key: &str) -> Option<Bytes> {
        self.store.object(&at(key)).map(|object| object.body.to_bytes())
    }

    async fn create(&self, key: &str) -> Result<String, CallError> {
        self.call(CreateMultipartUpload { at: at(key), with: Box::default() }).await
    }

    async fn part(&self, key: &str, upload_id: &str) -> Result<ETag, CallError> {
        let upload_id = upload_id.to_owned();
        self.call(UploadPart { at: at(key), upload_id, part: 1, body: Bytes::from("part") }).await.map(|part| part.etag)
    }

    /// An upload with one part, and what completes it.
    async fn upload(&self, key: &str) -> CompleteMultipartUpload {
        let id = self.create(key).await.unwrap();
        let etag = self.part(key, &id).await.unwrap();
        CompleteMultipartUpload::new(at(key), id, vec![(1, etag)])
    }

    async fn listed(&self) -> usize {
        let request = ListMultipartUploads { bucket: BUCKET.parse().unwrap(), prefix: String::new() };
        self.call(request).await.unwrap().len()
    }

    async fn page(&self, token: Option<String>) -> ListPage {
        self.call(list(token)).await.unwrap()
    }

    fn second(&self) -> i64 {
        self.store.object(&at("a")).unwrap().head.modified.unwrap().as_second()
    }
}

fn is_lost<T>(result: &Result<T, CallError>) -> bool {
    matches!(result, Err(error) if error.effect == Effect::Unknown && error.http_status.is_none())
}

/// Not a success, by a 200.
fn is_odd<T>(result: &Result<T, CallError>, code: &str) -> bool {
    let is_it = |error: &CallError| (error.http_status, error.code.as_str()) == (Some(200), code);
    matches!(result, Err(error) if error.effect == Effect::Unknown && is_it(error))
}

fn tag() -> Vec<Tag> {
    vec![Tag { key: "k".into(), value: "v".into() }]
}

/// The keys of the store, one of them unreadable.
fn unreadable() -> ObjectKey {
    let keys = (0..).map(|n| ObjectKey::new(format!("k{n}")).unwrap());
    keys.into_iter().find(calls::is_unreadable).unwrap()
}

/// Whether such a store shows the habit.
#[allow(clippy::too_many_lines)]
async fn shows(tested: &TestBucket, habit: Habit) -> bool {
    match habit {
        Habit::LosesAnswerOfPut => {
            let lost = is_lost(&tested.put("new", "x", NewObject::default()).await);
            assert!(tested.body("new").is_some() && tested.put("new", "y", NewObject::default()).await.is_ok());
            lost
        }
        Habit::LosesAnswerOfCopy => {
            let lost = is_lost(&tested.call(copy()).await);
            assert!(tested.body("copy").is_some() && tested.call(copy()).await.is_ok());
            lost
        }
        Habit::LosesAnswerOfDelete => {
            let lost = is_lost(&tested.call(delete("a")).await);
            assert!(tested.body("a").is_none());
            lost
        }
        Habit::LosesAnswerOfDeletes => {
            let objects = vec![("a".parse().unwrap(), None)];
            let lost = is_lost(&tested.call(DeleteObjects { bucket: BUCKET.parse().unwrap(), objects }).await);
            assert!(tested.body("a").is_none());
            lost
        }
        Habit::LosesAnswerOfTagging => {
            let lost = is_lost(&tested.call(PutObjectTagging { at: at("a"), version: None, tags: tag() }).await);
            assert_eq!(tested.store.object(&at("a")).unwrap().tags, tag());
            lost
        }
        Habit::LosesAnswerOfUntagging => {
            tested.call(PutObjectTagging { at: at("a"), version: None, tags: tag() }).await.unwrap();
            let lost = is_lost(&tested.call(DeleteObjectTagging { at: at("a"), version: None }).await);
            assert_eq!(tested.store.object(&at("a")).unwrap().tags, vec![]);
            lost
        }
        Habit::LosesAnswerOfLegalHold => {
            let at = tested.lockable();
            let hold = PutObjectLegalHold { at: at.clone(), version: None, is_held: true };
            let lost = is_lost(&tested.call(hold).await);
            assert_eq!(tested.store.object(&at).unwrap().head.lock.is_held, Some(true));
            lost
        }
        Habit::LosesAnswerOfRetention => {
            let at = tested.lockable();
            let retention = Some(Retention { mode: RetentionMode::Governance, until: Timestamp::MAX });
            let retain = PutObjectRetention { at: at.clone(), version: None, retention, bypass_governance: false };
            let lost = is_lost(&tested.call(retain).await);
            assert!(tested.store.object(&at).unwrap().head.lock.retention.is_some());
            lost
        }
        Habit::LosesAnswerOfAcl => {
            let acl = NewAcl::Canned("public-read".into());
            is_lost(&tested.call(PutObjectAcl { at: at("a"), version: None, acl }).await)
        }
        Habit::LosesAnswerOfEncryption => {
            let encrypted = NewObject { sse: Some(Encryption::OwnKey), ..NewObject::default() };
            tested.put("encrypted", "x", encrypted).await.unwrap();
            let (at, key) = (at("encrypted"), "arn:aws:kms:r:1:key/k".to_owned());
            let update = UpdateObjectEncryption { at: at.clone(), version: None, key: key.clone(), bucket_key: false };
            let lost = is_lost(&tested.call(update).await);
            assert_eq!(tested.store.object(&at).unwrap().head.sse_key, Some(key));
            lost
        }
        Habit::LosesAnswerOfRestore => {
            let with = NewObject { storage_class: Some("GLACIER".into()), ..NewObject::default() };
            tested.put("cold", "x", with).await.unwrap();
            let restore = RestoreObject { at: at("cold"), version: None, days: 1, tier: "Bulk".into() };
            is_lost(&tested.call(restore).await)
        }
        Habit::LosesAnswerOfCreate => {
            let lost = is_lost(&tested.create("large").await);
            assert_eq!(tested.store.open_uploads().len(), 1);
            lost
        }
        Habit::LosesAnswerOfPart => {
            let id = tested.create("large").await.unwrap();
            let lost = is_lost(&tested.part("large", &id).await);
            assert_eq!(tested.store.open_uploads()[0].parts.len(), 1);
            lost
        }
        Habit::LosesAnswerOfComplete => {
            let complete = tested.upload("large").await;
            let lost = is_lost(&tested.call(complete).await);
            assert!(tested.body("large").is_some());
            lost
        }
        Habit::LosesAnswerOfAbort => {
            let upload_id = tested.create("large").await.unwrap();
            let lost = is_lost(&tested.call(AbortMultipartUpload { at: at("large"), upload_id }).await);
            assert!(tested.store.open_uploads().is_empty());
            lost
        }
        Habit::AnswersLate => {
            let before = tested.clock.monotonic();
            tested.call(copy()).await.unwrap();
            before < tested.clock.monotonic()
        }
        Habit::CopyAnswersEmpty => {
            let odd = is_odd(&tested.call(copy()).await, "EmptyAnswer");
            assert!(tested.body("copy").is_some());
            odd
        }
        Habit::CopyFailsThoughDone => {
            let odd = is_odd(&tested.call(copy()).await, "InternalError");
            odd && tested.body("copy").is_some()
        }
        Habit::CopyFailsInside => {
            let odd = is_odd(&tested.call(copy()).await, "InternalError");
            odd && tested.body("copy").is_none() && tested.call(copy()).await.is_ok()
        }
        Habit::KeyServiceIsBusy => {
            let busy = tested.call(copy()).await.is_err_and(|error| error.code == "KMS.ThrottlingException");
            busy && tested.body("copy").is_none() && tested.call(copy()).await.is_ok()
        }
        Habit::DeletesNameSome | Habit::DeletesFailThoughDone => {
            let objects = ["a", "b", "c"].map(|key| (key.parse().unwrap(), None)).to_vec();
            let told = tested.call(DeleteObjects { bucket: BUCKET.parse().unwrap(), objects }).await.unwrap();
            assert!(tested.body("a").is_none() && matches!(told[0], DeleteResult::Deleted(_)));
            match &told[1] {
                DeleteResult::Unnamed => habit == Habit::DeletesNameSome,
                DeleteResult::Failed { code, .. } => habit == Habit::DeletesFailThoughDone && code == "InternalError",
                DeleteResult::Deleted(_) => false,
            }
        }
        Habit::IgnoresVersions => {
            let version = VersionId::new("00000000000000aa").unwrap();
            tested.call(DeleteObject { version: Some(version), ..delete("a") }).await.unwrap();
            tested.body("a").is_none()
        }
        Habit::IgnoresSourceConditions => {
            tested.call(CopyObject { source_if_match: Some(other()), ..copy() }).await.is_ok()
        }
        Habit::IgnoresTargetConditions => {
            let put = PutObject { if_none_match: true, ..PutObject::new(at("a"), "new", NewObject::default()) };
            let copied = tested.call(CopyObject { if_match: Some(other()), ..copy() }).await.is_ok();
            let mut complete = tested.upload("a").await;
            complete.if_none_match = true;
            tested.call(put).await.is_ok() && copied && tested.call(complete).await.is_ok()
        }
        Habit::IgnoresDeleteCondition => {
            tested.call(DeleteObject { if_match: Some(other()), ..delete("a") }).await.is_ok()
        }
        Habit::DropsTagsOfCopies => {
            tested.call(CopyObject { tags: Some(tag()), ..copy() }).await.unwrap();
            tested.store.object(&at("copy")).unwrap().tags.is_empty()
        }
        Habit::IgnoresMetadataOfCopies => {
            let metadata = Metadata { content_type: Some("text/x".into()), ..Metadata::default() };
            let copy = CopyObject::plain(at("a"), at("a"));
            tested.call(CopyObject { metadata: Some(Box::new(metadata)), ..copy }).await.unwrap();
            tested.store.object(&at("a")).unwrap().head.metadata.content_type.is_none()
        }
        Habit::EncodesMetadata => {
            let told = async |form| {
                let user = vec![("a".into(), "é".into())];
                let metadata = Metadata { user, form: Some(form), ..Metadata::default() };
                tested.put("described", "x", NewObject { metadata, ..NewObject::default() }).await.unwrap();
                tested.store.object(&at("described")).unwrap().head.metadata
            };
            let encoded = told(TextForm::EncodedWords).await;
            assert_eq!((encoded.user[0].1.as_str(), encoded.form), ("é", Some(TextForm::EncodedWords)));
            told(TextForm::Utf8).await.user[0].1 == "Ã©"
        }
        Habit::IgnoresAcls => {
            let acl = NewAcl::Canned("public-read".into());
            tested.call(PutObjectAcl { at: at("a"), version: None, acl: acl.clone() }).await.unwrap();
            let missing = tested.call(PutObjectAcl { at: at("none"), version: None, acl }).await;
            assert_eq!(missing.unwrap_err().code, "NoSuchKey");
            let canned_acl = Some("public-read".to_owned());
            tested.call(CopyObject { canned_acl, ..copy() }).await.unwrap();
            ["a", "copy"].iter().all(|key| tested.store.object(&at(key)).unwrap().acl.grants.len() == 1)
        }
        Habit::IgnoresClasses => {
            let with = NewObject { storage_class: Some("GLACIER".into()), ..NewObject::default() };
            tested.put("cold", "x", with).await.unwrap();
            tested.store.object(&at("cold")).unwrap().head.storage_class.is_none()
        }
        Habit::HasNoPartCopies => {
            let (upload_id, range) = (tested.create("large").await.unwrap(), (0, 0));
            let (source, target) = (at("a"), at("large"));
            let (source_version, source_if_match) = (None, None);
            let part = UploadPartCopy { source, source_version, range, source_if_match, target, upload_id, part: 1 };
            let refused = tested.call(part).await.is_err_and(|error| error.http_status == Some(501));
            tested.put("large", "more than eight", NewObject::default()).await.unwrap();
            refused && tested.call(CopyObject { source: at("large"), ..copy() }).await.is_ok()
        }
        Habit::FoldsKeys => {
            tested.call(delete("//a")).await.unwrap();
            tested.body("a").is_none()
        }
        Habit::WritesDropUploads => {
            let complete = tested.upload("large").await;
            tested.put("other", "x", NewObject::default()).await.unwrap();
            assert_eq!(tested.store.open_uploads().len(), 1);
            tested.put("large", "x", NewObject::default()).await.unwrap();
            tested.call(complete).await.is_err_and(|error| error.code == "NoSuchUpload")
        }
        Habit::UploadsExpire => {
            let complete = tested.upload("large").await;
            tested.clock.sleep(Duration::from_secs(24 * 3600 + 1)).await;
            tested.call(complete).await.is_err_and(|error| error.code == "NoSuchUpload")
        }
        Habit::ListsCompletedUploads => {
            let complete = tested.upload("large").await;
            tested.call(complete).await.unwrap();
            let listed = tested.listed().await;
            assert!(tested.store.open_uploads().is_empty());
            assert_eq!(tested.store.listed_uploads(&BUCKET.parse().unwrap()).len(), listed);
            tested.clock.sleep(Duration::from_secs(31)).await;
            assert_eq!(tested.listed().await, 0);
            listed == 1
        }
        Habit::RepeatsComplete => {
            let complete = tested.upload("large").await;
            let done = tested.call(complete.clone()).await.unwrap();
            tested.put("large", "another writer's", NewObject::default()).await.unwrap();
            let again = tested.call(complete).await;
            assert_eq!(tested.body("large").unwrap(), "another writer's");
            again.is_ok_and(|again| again == done)
        }
        Habit::EtagOfHexText | Habit::EtagIsRandom => {
            let complete = tested.upload("large").await;
            let told = tested.call(complete).await.unwrap().etag;
            assert_eq!(tested.store.object(&at("large")).unwrap().head.etag, Some(told.clone()));
            let part: [u8; 16] = Md5::digest("part").into();
            let of = |bytes: &[u8]| format!("{}-1", hex::encode(Md5::digest(bytes)));
            let (binary, text) = (of(&part), of(hex::encode(part).as_bytes()));
            let told = told.unquoted();
            if habit == Habit::EtagOfHexText { told == text } else { told != text && told != binary }
        }
        Habit::DatesByUpload => {
            let complete = tested.upload("large").await;
            tested.clock.sleep(Duration::from_secs(60)).await;
            tested.call(complete).await.unwrap();
            let modified = tested.store.object(&at("large")).unwrap().head.modified.unwrap();
            tested.clock.now().as_second() - modified.as_second() >= 60
        }
        Habit::ClockIsAhead | Habit::ClockIsBehind | Habit::ClockDrifts => {
            tested.put("a", "now", NewObject::default()).await.unwrap();
            let first = tested.second() - tested.clock.now().as_second();
            tested.clock.sleep(Duration::from_secs(60)).await;
            tested.put("a", "later", NewObject::default()).await.unwrap();
            let then = tested.second() - tested.clock.now().as_second();
            match habit {
                Habit::ClockIsAhead => (first, then) == (3, 3),
                Habit::ClockIsBehind => (first, then) == (-3, -3),
                _ => (first, then) == (0, 3),
            }
        }
        Habit::HeadHasNoCode => {
            let bucket = BUCKET.parse().unwrap();
            let missing = tested.call(head("none")).await.unwrap_err().code;
            tested.store.hide_bucket(&bucket, true);
            let hidden = tested.call(head("a")).await.unwrap_err().code;
            assert_eq!(tested.call(get("a")).await.err().unwrap().code, "NoSuchBucket");
            tested.store.hide_bucket(&bucket, false);
            missing == "NotFound" && hidden == "NotFound"
        }
        Habit::ListsUnordered => {
            for key in ["b", "c", "d", "e", "f", "g"] {
                tested.put(key, "x", NewObject::default()).await.unwrap();
            }
            let (mut keys, mut token) = (Vec::new(), None);
            loop {
                let page = tested.page(token).await;
                keys.extend(page.objects.into_iter().map(|object| object.key.to_string()));
                token = page.next;
                if token.is_none() {
                    break;
                }
            }
            let is_ordered = keys.is_sorted();
            keys.sort();
            assert_eq!(keys, ["a", "b", "c", "d", "e", "f", "g"], "each once");
            !is_ordered
        }
        Habit::ListsForEver => {
            for key in ["b", "c", "d"] {
                tested.put(key, "x", NewObject::default()).await.unwrap();
            }
            let first = tested.page(None).await;
            tested.page(first.next.clone()).await == first
        }
        Habit::ListsEncoded => {
            tested.put("b c", "x", NewObject::default()).await.unwrap();
            tested.page(None).await.objects[1].key.as_str() == "b%20c"
        }
        Habit::DeniesWhatIsAbsent => {
            let denied = |error: CallError| error.code == "AccessDenied";
            let copied = tested.call(CopyObject { source: at("none"), ..copy() }).await;
            let [read, copied] = [tested.call(head("none")).await.map(|_| ()), copied.map(|_| ())];
            assert!(tested.call(head("a")).await.is_ok() && tested.call(delete("none")).await.is_ok());
            read.is_err_and(denied) && copied.is_err_and(denied) && tested.call(list(None)).await.is_err_and(denied)
        }
        Habit::SendsZeros => {
            let (head, body) = tested.store.read(&at("a"), None, None, None).unwrap();
            assert_eq!(head.etag, tested.call(super::tests::head("a")).await.unwrap().etag);
            assert_eq!(body.size(), 1);
            body.to_bytes() == [0][..]
        }
        Habit::Decompresses => {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
            gzip.write_all(b"plain").unwrap();
            let metadata = Metadata { content_encoding: Some("gzip".into()), ..Metadata::default() };
            let with = NewObject { metadata, ..NewObject::default() };
            tested.call(PutObject::new(at("z"), gzip.finish().unwrap(), with)).await.unwrap();
            let told = tested.call(head("z")).await.unwrap();
            let got = tested.call(get("z")).await.unwrap().head;
            assert_eq!(told.metadata.content_encoding.as_deref(), Some("gzip"));
            got.metadata.content_encoding.is_none() && got.size == 5 && told.size > 5
        }
        Habit::OneKeyIsUnreadable => {
            let key = unreadable().to_string();
            tested.store.put(&at(&key), Bytes::from("x").into()).unwrap();
            assert!(tested.call(head("a")).await.is_ok());
            tested.call(head(&key)).await.is_err_and(|error| error.code == "SlowDownRead")
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_habit_is_seen_of_a_store_that_has_it_and_of_no_other() {
    for habit in Habit::ALL.iter().copied() {
        assert!(shows(&TestBucket::of(Habits::from_iter([habit])), habit).await, "{}", habit.name());
        assert!(!shows(&TestBucket::of(Habits::default()), habit).await, "{} of a store without it", habit.name());
    }
}

#[tokio::test(start_paused = true)]
async fn a_habit_is_read_by_its_name_and_a_wrong_name_lists_all() {
    for habit in Habit::ALL {
        assert_eq!(habit.name().parse(), Ok(*habit));
    }
    let message = "folds".parse::<Habit>().unwrap_err().to_string();
    assert!(message.contains("folds-keys, writes-drop-uploads"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn habits_of_one_bucket_are_not_those_of_another_and_a_clock_is_everywhere() {
    let here = Some([VERSIONED.parse().unwrap()].into());
    let habits = Habits { buckets: here, ..Habits::from_iter([Habit::FoldsKeys, Habit::ClockIsAhead]) };
    assert!(!shows(&TestBucket::of(habits.clone()), Habit::FoldsKeys).await);
    assert!(shows(&TestBucket::of(habits), Habit::ClockIsAhead).await);
}

#[tokio::test(start_paused = true)]
async fn whoever_acts_beside_the_way_gets_an_answer_to_what_the_store_makes_of_it() {
    let tested = TestBucket::of(Habits::from_iter([Habit::LosesAnswerOfDelete, Habit::FoldsKeys]));
    tested.store.act(delete("/a").into_call()).unwrap();
    assert!(tested.body("a").is_none());
    assert!(is_lost(&tested.call(delete("a")).await), "the first on its way is still to come");
}

#[tokio::test(start_paused = true)]
async fn a_probe_finds_out_what_the_table_says_that_a_habit_takes_away() {
    for habit in Habit::ALL.iter().copied().filter(|habit| !hinders_a_probe(*habit)) {
        let tested = TestBucket::with(SimulatedConfig::default(), Habits::default());
        let bucket = VERSIONED.parse().unwrap();
        tested.store.set_lock(&bucket, ObjectLock::default()).unwrap();
        tested.store.set_habits(Habits::from_iter([habit]));
        let found = crate::probe::probe(&tested.store, &CancelToken::unbounded(), &bucket, "1").await.unwrap();
        let lacking = found.iter().filter(|finding| finding.proof == Proof::Lacking);
        let lacking: BTreeSet<Capability> = lacking.map(|finding| finding.capability).collect();
        let expected: BTreeSet<Capability> = habit.lacks().iter().copied().collect();
        assert_eq!(lacking, expected, "{}", habit.name());
    }
}

/// A probe gives up, or finds nothing, where calls fail that it cannot do without. A store that minds
/// no versions cannot be swept where they are kept, and an upload that is listed after its end looks
/// as if it were left behind. Of zeros in the place of bytes a probe can make nothing.
fn hinders_a_probe(habit: Habit) -> bool {
    let name = habit.name();
    let others = [
        Habit::DeniesWhatIsAbsent,
        Habit::IgnoresVersions,
        Habit::KeyServiceIsBusy,
        Habit::ListsCompletedUploads,
        Habit::OneKeyIsUnreadable,
        Habit::SendsZeros,
    ];
    name.starts_with("loses-") || name.starts_with("copy-") || others.contains(&habit)
}
