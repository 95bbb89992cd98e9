//! What only the simulated store has: zeros, filling, denials, counts, delays, its directory.
//! `conformance` tests what it has in common with every object store.

use std::sync::Arc;
use std::time::Duration;

use brigade_model::Timestamp;
use brigade_model::names::{BucketName, ObjectKey, VersionId};
use brigade_model::operation::{Retention, RetentionMode, Tag};
use brigade_model::ports::object_store::{
    At, CallError, CallKind, CancelToken, CompleteMultipartUpload, CopyObject, CreateMultipartUpload, DeleteObject,
    DeleteObjects, DeleteResult, GetObject, HeadObject, NewObject, PutObject, PutObjectRetention, PutObjectTagging,
    Request, RestoreObject, UploadPart, UploadPartCopy, Verdict, send,
};
use brigade_model::ports::{Clock, Monotonic};
use brigade_runtime::{SeededEntropy, SimulatedClock};
use bytes::Bytes;

use super::*;

fn store_with(config: SimulatedConfig) -> (SimulatedStore, Arc<SimulatedClock>) {
    let clock = Arc::new(SimulatedClock::new());
    (SimulatedStore::new(config, clock.clone(), Arc::new(SeededEntropy::new(1))), clock)
}

fn store_with_bucket(versioning: Versioning) -> (SimulatedStore, Arc<SimulatedClock>) {
    let (store, clock) = store_with(SimulatedConfig::default());
    store.create_bucket(&bucket(), versioning).unwrap();
    (store, clock)
}

fn bucket() -> BucketName {
    BucketName::new("photos").unwrap()
}

fn at(key: &str) -> At {
    At { bucket: bucket(), key: ObjectKey::new(key).unwrap() }
}

async fn call<R: Request>(store: &SimulatedStore, request: R) -> Result<R::Answer, CallError> {
    send(store, &CancelToken::unbounded(), request).await
}

async fn put(store: &SimulatedStore, key: &str, bytes: &'static [u8]) {
    let body = Bytes::from_static(bytes);
    call(store, PutObject::new(at(key), body, NewObject::default())).await.unwrap();
}

fn copy(source: &str, target: &str) -> CopyObject {
    CopyObject::plain(at(source), at(target))
}

#[tokio::test(start_paused = true)]
async fn an_object_above_five_gibibytes_is_not_copied_at_once_but_in_parts() {
    let (store, _) = store_with_bucket(Versioning::Off);
    let gib = 1 << 30;
    store.put(&at("big"), Body::zeros(6 * gib)).unwrap();
    let refused = call(&store, copy("big", "copy")).await.unwrap_err();
    assert_eq!((refused.code.as_str(), refused.http_status), ("InvalidRequest", Some(400)));
    assert!(refused.message.contains("larger than the maximum allowable size for a copy source: 5368709120"));

    let upload_id = call(&store, CreateMultipartUpload { at: at("copy"), with: Box::default() }).await.unwrap();
    let mut parts = Vec::new();
    for (part, range) in [(1, (0, 5 * gib - 1)), (2, (5 * gib, 6 * gib - 1))] {
        let request = UploadPartCopy {
            source: at("big"),
            source_version: None,
            range,
            source_if_match: None,
            target: at("copy"),
            upload_id: upload_id.clone(),
            part,
        };
        parts.push((part, call(&store, request).await.unwrap()));
    }
    call(&store, CompleteMultipartUpload::new(at("copy"), upload_id, parts)).await.unwrap();
    let copied = store.object(&at("copy")).unwrap();
    assert_eq!(copied.head.size, 6 * gib);
    assert!(copied.head.etag.unwrap().unquoted().ends_with("-2"));
}

#[tokio::test(start_paused = true)]
async fn a_restore_takes_its_time_and_its_copy_goes_again() {
    let (store, clock) = store_with_bucket(Versioning::Off);
    let with = NewObject { storage_class: Some("DEEP_ARCHIVE".to_owned()), ..NewObject::default() };
    call(&store, PutObject::new(at("a"), "x", with)).await.unwrap();
    let get = || GetObject { at: at("a"), version: None, range: None, if_match: None };
    let restore = || RestoreObject { at: at("a"), version: None, days: 2, tier: "Bulk".to_owned() };
    let restore_header = || store.object(&at("a")).unwrap().head.restore;

    assert_eq!(call(&store, get()).await.err().map(|e| e.code), Some("InvalidObjectState".to_owned()));
    assert_eq!(restore_header(), None);
    assert!(!call(&store, restore()).await.unwrap().was_restored);
    assert_eq!(call(&store, restore()).await.unwrap_err().code, "RestoreAlreadyInProgress");
    assert_eq!(restore_header().unwrap(), "ongoing-request=\"true\"");
    assert!(call(&store, get()).await.is_err());
    assert!(call(&store, copy("a", "b")).await.is_err());

    clock.sleep(Duration::from_secs(4 * 3600)).await;
    assert!(call(&store, get()).await.is_ok());
    assert!(call(&store, copy("a", "b")).await.is_ok());
    assert_eq!(restore_header().unwrap(), "ongoing-request=\"false\", expiry-date=\"Sun, 04 Jan 2026 00:00:00 GMT\"");
    assert!(call(&store, restore()).await.unwrap().was_restored);

    clock.sleep(Duration::from_secs(3 * 24 * 3600)).await;
    assert_eq!(restore_header(), None);
    assert!(call(&store, get()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_filled_bucket_shares_its_bytes_and_lists_every_key() {
    let (store, _) = store_with_bucket(Versioning::Off);
    let key_of = |n: u64| ObjectKey::new(format!("k/{n:06}")).unwrap();
    store.fill(&bucket(), 2500, key_of, &Bytes::from_static(b"tiny")).unwrap();
    assert_eq!(store.keys(&bucket()).len(), 2500);
    assert_eq!(store.object(&at("k/002499")).unwrap().body.to_bytes(), "tiny");
    assert!(store.effects().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_denied_is_denied_in_every_call_and_nothing_else_is() {
    let (store, _) = store_with_bucket(Versioning::Off);
    put(&store, "mine", b"1").await;
    put(&store, "theirs", b"2").await;
    store.deny_key(&at("theirs"));
    let head = |key| HeadObject { at: at(key), version: None };
    let denied = call(&store, head("theirs")).await.unwrap_err();
    assert_eq!((denied.verdict, denied.http_status), (Verdict::Denied, Some(403)));
    assert_eq!(call(&store, copy("theirs", "mine")).await.unwrap_err().verdict, Verdict::Denied);
    assert_eq!(call(&store, copy("mine", "theirs")).await.unwrap_err().verdict, Verdict::Denied);
    let objects = ["theirs", "mine"].map(|key| (at(key).key, None)).to_vec();
    let results = call(&store, DeleteObjects { bucket: bucket(), objects }).await.unwrap();
    assert!(matches!(&results[0], DeleteResult::Failed { code, .. } if code == "AccessDenied"));
    assert!(matches!(&results[1], DeleteResult::Deleted(_)));
    assert_eq!(store.keys(&bucket()), [at("theirs").key]);

    store.deny_bucket(&bucket());
    assert_eq!(call(&store, head("mine")).await.unwrap_err().code, "AccessDenied");
    store.allow_all();
    assert_eq!(call(&store, head("mine")).await.unwrap_err().code, "NoSuchKey");
}

#[tokio::test(start_paused = true)]
async fn effects_are_logged_once_each_and_refusals_are_counted_but_not_logged() {
    let (store, _) = store_with_bucket(Versioning::Enabled);
    put(&store, "a", b"1").await;
    call(&store, copy("a", "b")).await.unwrap();
    call(&store, copy("gone", "b")).await.unwrap_err();
    let tags = vec![Tag { key: "k".to_owned(), value: "v".to_owned() }];
    call(&store, PutObjectTagging { at: at("b"), version: None, tags }).await.unwrap();
    call(&store, DeleteObject { at: at("a"), version: None, if_match: None }).await.unwrap();
    let effects: Vec<_> = store.effects().into_iter().map(|effect| (effect.call, effect.at)).collect();
    let expected = [
        (CallKind::PutObject, at("a")),
        (CallKind::CopyObject, at("b")),
        (CallKind::PutObjectTagging, at("b")),
        (CallKind::DeleteObject, at("a")),
    ];
    assert_eq!(effects, expected);
    assert_eq!(store.calls(CallKind::CopyObject), 2);
}

#[tokio::test(start_paused = true)]
async fn an_open_upload_is_seen_until_it_is_completed_or_aborted() {
    let (store, _) = store_with_bucket(Versioning::Off);
    let upload_id = call(&store, CreateMultipartUpload { at: at("a"), with: Box::default() }).await.unwrap();
    let body = Bytes::from_static(b"part");
    call(&store, UploadPart { at: at("a"), upload_id: upload_id.clone(), part: 7, body }).await.unwrap();
    let open = store.open_uploads();
    assert_eq!((open.len(), &open[0].id, open[0].parts[0].number, open[0].parts[0].size), (1, &upload_id, 7, 4));
    let abort = brigade_model::ports::object_store::AbortMultipartUpload { at: at("a"), upload_id };
    call(&store, abort.clone()).await.unwrap();
    assert!(store.open_uploads().is_empty());
    assert_eq!(call(&store, abort).await.unwrap_err().code, "NoSuchUpload");
}

/// A clock outside tokio, for stores that are opened twice.
struct Still;

impl Clock for Still {
    fn now(&self) -> brigade_model::Timestamp {
        brigade_model::Timestamp::constant(1_800_000_000, 0)
    }
    fn monotonic(&self) -> Monotonic {
        Monotonic::default()
    }
    fn sleep(&self, _duration: Duration) -> brigade_model::ports::clock::Sleep {
        Box::pin(std::future::pending())
    }
}

fn open(directory: &Path, seed: u64) -> Result<SimulatedStore, OpenError> {
    SimulatedStore::open(directory, SimulatedConfig::default(), Arc::new(Still), Arc::new(SeededEntropy::new(seed)))
}

/// Everything that a bucket holds, for comparison.
fn contents(store: &SimulatedStore) -> Vec<String> {
    let (versions, _) = store.list_versions(&bucket(), "", None, usize::MAX).unwrap();
    let describe = |listed: &ListedVersion| {
        let at = At { bucket: bucket(), key: listed.key.clone() };
        let object = store.object_version(&at, &listed.version);
        let parts = object.map(|object| (object.head, object.tags, object.acl, object.body.to_bytes()));
        format!("{listed:?} {parts:?}")
    };
    versions.iter().map(describe).collect()
}

#[tokio::test]
async fn a_store_in_a_directory_is_the_same_after_a_restart_and_after_a_second_one() {
    let directory = tempfile::tempdir().unwrap();
    let before = {
        let store = open(directory.path(), 1).unwrap();
        store.create_bucket(&bucket(), Versioning::Off).unwrap();
        put(&store, "first", b"one").await;
        store.set_versioning(&bucket(), Versioning::Enabled).unwrap();
        put(&store, "first", b"two").await;
        put(&store, "deleted", b"three").await;
        call(&store, DeleteObject { at: at("deleted"), version: None, if_match: None }).await.unwrap();
        let null = VersionId::new("null").unwrap();
        call(&store, DeleteObject { at: at("first"), version: Some(null), if_match: None }).await.unwrap();
        let tags = vec![Tag { key: "k".to_owned(), value: "v".to_owned() }];
        call(&store, PutObjectTagging { at: at("first"), version: None, tags }).await.unwrap();
        store.put(&at("zeros"), Body::zeros(1 << 20)).unwrap();
        contents(&store)
    };
    assert_eq!(before.len(), 4);
    for seed in [2, 3] {
        let store = open(directory.path(), seed).unwrap();
        assert_eq!(contents(&store), before);
        assert_eq!(store.versioning(&bucket()).unwrap(), Versioning::Enabled);
    }
}

#[tokio::test]
async fn a_cut_off_journal_opens_with_what_was_whole() {
    let directory = tempfile::tempdir().unwrap();
    {
        let store = open(directory.path(), 1).unwrap();
        store.create_bucket(&bucket(), Versioning::Off).unwrap();
        put(&store, "a", b"1").await;
        put(&store, "b", b"2").await;
    }
    let path = directory.path().join("journal");
    let whole = std::fs::read(&path).unwrap();
    let mut seen = Vec::new();
    for len in (0..=whole.len()).rev().step_by(13) {
        std::fs::write(&path, &whole[..len]).unwrap();
        let store = open(directory.path(), 1).unwrap();
        seen.push(store.keys(&bucket()).len());
        let _ = store.create_bucket(&bucket(), Versioning::Off);
        put(&store, "after", b"3").await;
        drop(store);
        assert!(open(directory.path(), 1).unwrap().object(&at("after")).is_some());
    }
    seen.dedup();
    assert_eq!(seen, [2, 1, 0]);
}

#[tokio::test]
async fn a_damaged_journal_stops_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 1).unwrap();
    store.create_bucket(&bucket(), Versioning::Off).unwrap();
    drop(store);
    let path = directory.path().join("journal");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(open(directory.path(), 1), Err(OpenError::Io { .. })));
}

#[tokio::test]
async fn a_directory_has_one_process_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 1).unwrap();
    assert!(matches!(open(directory.path(), 1), Err(OpenError::InUse(_))));
    drop(store);
    assert!(open(directory.path(), 1).is_ok());
}

/// The versions of `a`, oldest first: their bytes, or `-` for a delete marker; `null` marked.
fn versions(store: &SimulatedStore) -> Vec<String> {
    let versions = store.versions(&at("a")).into_iter();
    let text = versions.map(|(id, object)| {
        let bytes = object.map(|object| String::from_utf8(object.body.to_bytes().to_vec()).unwrap());
        let null = if id.as_str() == "null" { " null" } else { "" };
        format!("{}{null}", bytes.unwrap_or_else(|| "-".to_owned()))
    });
    text.collect()
}

/// COS Batch, COSDeleteObject: the table of versioning and VersionId.
#[tokio::test(start_paused = true)]
async fn what_a_delete_does_follows_the_versioning_of_its_bucket() {
    let delete = |version: Option<VersionId>| DeleteObject { at: at("a"), version, if_match: None };
    let (store, _) = store_with_bucket(Versioning::Off);
    put(&store, "a", b"1").await;
    put(&store, "a", b"2").await;
    assert_eq!(versions(&store), ["2 null"]);
    call(&store, delete(None)).await.unwrap();
    assert!(versions(&store).is_empty(), "never enabled: a permanent delete");
    put(&store, "a", b"3").await;
    call(&store, delete(Some(VersionId::new("null").unwrap()))).await.unwrap();
    assert!(versions(&store).is_empty(), "never enabled, with VersionId: a permanent delete");

    put(&store, "a", b"old").await;
    store.set_versioning(&bucket(), Versioning::Enabled).unwrap();
    put(&store, "a", b"new").await;
    call(&store, delete(None)).await.unwrap();
    assert_eq!(versions(&store), ["old null", "new", "-"], "enabled: a delete marker is added");
    let newest = store.versions(&at("a"))[1].0.clone();
    call(&store, delete(Some(newest))).await.unwrap();
    assert_eq!(versions(&store), ["old null", "-"], "enabled, with VersionId: that version is removed for good");

    store.set_versioning(&bucket(), Versioning::Suspended).unwrap();
    let deleted = call(&store, delete(None)).await.unwrap();
    assert_eq!((deleted.is_delete_marker, deleted.version.unwrap().as_str()), (true, "null"));
    assert_eq!(versions(&store), ["-", "- null"], "suspended: a null marker, and the null version is lost");
    put(&store, "a", b"again").await;
    assert_eq!(versions(&store), ["-", "again null"], "suspended: a write replaces the null version");
    let marker = store.versions(&at("a"))[0].0.clone();
    call(&store, delete(Some(marker))).await.unwrap();
    assert_eq!(versions(&store), ["again null"], "suspended, with VersionId: that version is removed for good");
}

#[tokio::test(start_paused = true)]
async fn a_listing_with_a_delimiter_has_each_folder_once_over_all_pages() {
    let (store, _) = store_with_bucket(Versioning::Off);
    for key in ["a", "b/1", "b/2", "b/c/3", "d/4", "e"] {
        put(&store, key, b"x").await;
    }
    for max_keys in 1..=5 {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let delimiter = Some("/".to_owned());
            let query = ListQuery { prefix: String::new(), delimiter, after: after.take(), max_keys };
            let page = store.list(&bucket(), &query).unwrap();
            assert!(page.objects.len() + page.common_prefixes.len() <= max_keys as usize);
            seen.extend(page.objects.into_iter().map(|object| object.key.as_str().to_owned()));
            seen.extend(page.common_prefixes);
            match page.last {
                Some(last) => after = Some(last),
                None => break,
            }
        }
        seen.sort();
        assert_eq!(seen, ["a", "b/", "d/", "e"], "pages of {max_keys}");
    }
    let inside = ListQuery { prefix: "b/".to_owned(), delimiter: Some("/".to_owned()), after: None, max_keys: 10 };
    let page = store.list(&bucket(), &inside).unwrap();
    assert_eq!((page.objects.len(), page.common_prefixes), (2, vec!["b/c/".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_locked_version_is_not_removed_before_its_time_and_a_delete_hides_it() {
    let (store, clock) = store_with_bucket(Versioning::Off);
    let no_versions = store.set_lock(&bucket(), ObjectLock::default()).unwrap_err();
    assert_eq!(no_versions.code, "InvalidBucketState");
    store.set_versioning(&bucket(), Versioning::Enabled).unwrap();
    store.set_lock(&bucket(), ObjectLock { retention_days: Some(1) }).unwrap();
    put(&store, "kept", b"x").await;
    let version = store.versions(&at("kept"))[0].0.clone();
    let remove = || DeleteObject { at: at("kept"), version: Some(version.clone()), if_match: None };
    let refused = call(&store, remove()).await.unwrap_err();
    assert_eq!((refused.code.as_str(), refused.verdict), ("AccessDenied", Verdict::Denied));
    assert!(refused.message.contains("object lock"), "{refused}");
    let objects = vec![(at("kept").key, Some(version.clone()))];
    let group = call(&store, DeleteObjects { bucket: bucket(), objects }).await.unwrap();
    assert!(matches!(&group[0], DeleteResult::Failed { code, .. } if code == "AccessDenied"));
    call(&store, DeleteObject { at: at("kept"), version: None, if_match: None }).await.unwrap();
    assert!(store.object(&at("kept")).is_none() && store.object_version(&at("kept"), &version).is_some());

    let keep = |mode, until: Option<Timestamp>, bypass_governance| {
        let (at, version) = (at("kept"), Some(version.clone()));
        let retention = until.map(|until| Retention { mode, until });
        store.retain(&PutObjectRetention { at, version, retention, bypass_governance })
    };
    for (mode, until) in [
        (RetentionMode::Compliance, Some(clock.now())),
        (RetentionMode::Governance, None),
        (RetentionMode::Compliance, None),
    ] {
        keep(mode, until, true).expect_err("what compliance keeps is kept no shorter");
    }
    clock.sleep(Duration::from_secs(25 * 3600)).await;
    store.hold(&at("kept"), Some(&version), true).unwrap();
    assert_eq!(call(&store, remove()).await.unwrap_err().code, "AccessDenied", "its time is over, but it is on hold");
    store.hold(&at("kept"), Some(&version), false).unwrap();
    let tomorrow = || Some(Timestamp::from_second(clock.now().as_second() + 86_400).unwrap());
    keep(RetentionMode::Governance, tomorrow(), false).unwrap();
    keep(RetentionMode::Governance, None, false).expect_err("governance is lifted by those alone who bypass it");
    keep(RetentionMode::Governance, None, true).unwrap();
    call(&store, remove()).await.unwrap();
    assert!(store.object_version(&at("kept"), &version).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_bucket_whose_requester_pays_denies_every_call_that_does_not_say_so() {
    let (store, _) = store_with_bucket(Versioning::Off);
    put(&store, "a", b"x").await;
    store.create_bucket(&BucketName::new("own").unwrap(), Versioning::Off).unwrap();
    store.set_requester_pays(&bucket(), true).unwrap();
    let head = || HeadObject { at: at("a"), version: None };
    let mut out = copy("a", "b");
    out.target.bucket = BucketName::new("own").unwrap();
    for refused in [call(&store, head()).await.map(|_| ()), call(&store, out.clone()).await.map(|_| ())] {
        assert_eq!(refused.unwrap_err().verdict, Verdict::Denied);
    }
    let paying = Paying(store.clone());
    send(&paying, &CancelToken::unbounded(), head()).await.unwrap();
    send(&paying, &CancelToken::unbounded(), out).await.unwrap();
    store.set_requester_pays(&bucket(), false).unwrap();
    call(&store, head()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_object_under_a_customers_key_is_read_with_that_key_only() {
    let (store, _) = store_with_bucket(Versioning::Off);
    put(&store, "secret", b"x").await;
    store.put_under_customer_key(&at("secret"), None, "md5-of-key").unwrap();
    let head = call(&store, HeadObject { at: at("secret"), version: None }).await.unwrap_err();
    assert_eq!((head.code.as_str(), head.http_status), ("InvalidRequest", Some(400)));
    let copied = call(&store, copy("secret", "copy")).await.unwrap_err();
    assert!(copied.message.contains("Server Side Encryption"), "{copied}");
    assert_eq!(store.head(&at("secret"), None, Some("md5-of-key")).unwrap().size, 1);
    assert!(store.read(&at("secret"), None, None, Some("md5-of-key")).is_ok());
    assert_eq!(store.read(&at("secret"), None, None, Some("another")).unwrap_err().code, "AccessDenied");
    // What belongs to it can be changed without the key.
    call(&store, PutObjectTagging { at: at("secret"), version: None, tags: Vec::new() }).await.unwrap();
    call(&store, DeleteObject { at: at("secret"), version: None, if_match: None }).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_holds_of_a_bucket_is_kept_in_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        let clock = Arc::new(SimulatedClock::new());
        let entropy = Arc::new(SeededEntropy::new(1));
        SimulatedStore::open(directory.path(), SimulatedConfig::default(), clock, entropy).unwrap()
    };
    let store = open();
    store.create_bucket(&bucket(), Versioning::Enabled).unwrap();
    store.set_lock(&bucket(), ObjectLock { retention_days: Some(7) }).unwrap();
    store.set_requester_pays(&bucket(), true).unwrap();
    drop(store);
    let store = open();
    assert_eq!(store.lock(&bucket()).unwrap(), Some(ObjectLock { retention_days: Some(7) }));
    assert!(store.requester_pays(&bucket()).unwrap());
}
