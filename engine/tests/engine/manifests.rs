//! Whole jobs over manifests as people and programs write them: what is read leniently, and
//! what fails the job, or the task, and is named.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::job::Change;
use brigade_model::options::{EmptyVersion, Header, KeyEncoding, Separator, SharedTargets};
use brigade_model::ports::object_store::{
    Answer, At, Call, CallError, CallKind, CancelToken, DeleteObject, DeleteResult, Deleted, Effect, NewObject,
    ObjectStore, PutObject, Verdict, send,
};
use brigade_model::ports::{Clock, JobStore};
use brigade_model::{Field, Job, JobSpec, ObjectKey, Operation, Status};
use brigade_s3::simulated::{SimulatedStore, Versioning};

use crate::account::{Row, report, text};
use crate::cluster::{TestCluster, at, bucket, bucket_ref, key};
use crate::life::{copy, tagging};

const VERSIONED: [Field; 3] = [Field::Bucket, Field::Key, Field::VersionId];

fn fields(fields: &[Field]) -> impl FnOnce(&mut JobSpec) {
    move |spec| spec.manifest.fields = fields.to_vec()
}

/// A cluster with the objects `a`, `b c` and `é`, and the end of a copy job over this manifest.
async fn copy_by(manifest: impl AsRef<[u8]>) -> (TestCluster, Job) {
    let cluster = TestCluster::new(1);
    for key in ["a", "b c", "é"] {
        cluster.put("source", key, key).await;
    }
    cluster.clock.sleep(Duration::from_secs(10)).await;
    let id = cluster.create_over(copy(), manifest, |_| {}).await;
    let job = cluster.run_to_end(id, None).await;
    (cluster, job)
}

#[tokio::test(start_paused = true)]
async fn a_manifest_may_be_written_in_many_ways_and_names_the_same_objects() {
    let ways = [
        ("plain", "source,a\nsource,b c\nsource,é\n"),
        ("no last newline", "source,a\nsource,b c\nsource,é"),
        ("CRLF", "source,a\r\nsource,b c\r\nsource,é\r\n"),
        ("a header row", "Bucket,Key\nsource,a\nsource,b c\nsource,é\n"),
        ("a header row in another spelling", "bucket , KEY\r\nsource,a\r\nsource,b c\r\nsource,é"),
        ("one blank after each comma", "source, a\nsource, b c\nsource, é\n"),
        ("quotes behind such blanks", "source, \"a\"\nsource, \"b c\"\nsource, é\n"),
        ("a byte-order mark", "\u{feff}source,a\nsource,b c\nsource,é\n"),
        ("a byte-order mark before a header", "\u{feff}Bucket,Key\nsource,a\nsource,b c\nsource,é\n"),
        ("quotes", "\"source\",\"a\"\n\"source\",\"b c\"\nsource,\"é\"\n"),
        ("blank rows", "\nsource,a\n\n  \nsource,b c\nsource,é\n\n"),
    ];
    for (what, manifest) in ways {
        let (cluster, job) = copy_by(manifest).await;
        assert_eq!((job.status, job.progress.succeeded, job.progress.total), (Status::Complete, 3, 3), "{what}");
        for key in ["a", "b c", "é"] {
            assert_eq!(text(&cluster, "target", key).await.as_deref(), Some(key), "{what}");
        }
    }
}

/// A cluster with these objects in `source`, whose texts are their keys.
async fn cluster_of(keys: &[&str]) -> TestCluster {
    let cluster = TestCluster::new(7);
    for key in keys {
        cluster.put("source", key, key).await;
    }
    cluster.clock.sleep(Duration::from_secs(10)).await;
    cluster
}

/// The end of a job over this manifest, and the keys that are left in `source`.
async fn end(
    cluster: &TestCluster,
    operation: Operation,
    manifest: &str,
    adjust: impl FnOnce(&mut JobSpec),
) -> (Job, Vec<String>) {
    let id = cluster.create_over(operation, manifest, adjust).await;
    let job = cluster.run_to_end(id, None).await;
    let left = cluster.bucket.keys(&bucket("source")).iter().map(|key| key.as_str().to_owned()).collect();
    (job, left)
}

/// A job that failed while it was prepared, without a change of any object: why.
fn refused(cluster: &TestCluster, job: &Job) -> String {
    assert_eq!((job.status, job.prepared.as_ref()), (Status::Failed, None), "{job:#?}");
    assert_eq!(job.failures[0].code, "InvalidManifestContent");
    for kind in [CallKind::DeleteObject, CallKind::DeleteObjects, CallKind::CopyObject, CallKind::PutObjectTagging] {
        assert_eq!(cluster.bucket.calls(kind), 0, "{kind:?}");
    }
    job.failures[0].reason.split_once(": ").unwrap().1.to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_blank_or_a_tab_at_the_end_of_a_row_belongs_to_its_key() {
    for blank in [" ", "\t"] {
        let with_blank = format!("sp/invoice.pdf{blank}");
        let cluster = cluster_of(&["sp/invoice.pdf", &with_blank]).await;
        let (job, left) = end(&cluster, Operation::Delete, &format!("source,{with_blank}\n"), |_| {}).await;
        assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 1), "{job:#?}");
        assert_eq!(left, ["sp/invoice.pdf"], "{blank:?}: another object");
    }
    // Before a key they do, too, unless all rows have one.
    let cluster = cluster_of(&["k", " k", "\tk", "l"]).await;
    let (job, left) = end(&cluster, Operation::Delete, "source, k\nsource,\tk\nsource,l\n", |_| {}).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 3), "{job:#?}");
    let heads = cluster.bucket.calls(CallKind::HeadObject);
    assert_eq!((left, heads), (vec!["k".to_owned()], 4), "of the manifest and, by the preflight, of each object");
}

const IN_TENCENTS_FORM: &str = "source, a\nsource, b c\nsource, gone\n";

#[tokio::test(start_paused = true)]
async fn the_form_of_tencents_sample_means_what_exists_and_is_refused_when_that_tells_nothing() {
    let without = cluster_of(&["a", "b c", "other"]).await;
    let (job, left) = end(&without, Operation::Delete, IN_TENCENTS_FORM, |_| {}).await;
    assert_eq!((job.status, job.progress.succeeded, left), (Status::Complete, 3, vec!["other".to_owned()]), "{job:#?}");
    assert_eq!(job.prepared.as_ref().unwrap().separator, Separator::CommaBlank);
    let keys: Vec<String> = report(&without, &job).await.into_iter().map(|row| row.key).collect();
    assert_eq!(keys, ["a", "b c", "gone"]);

    let with = cluster_of(&[" a", " b c", "other"]).await;
    let (job, left) = end(&with, Operation::Delete, IN_TENCENTS_FORM, |_| {}).await;
    assert_eq!((job.status, job.progress.succeeded, left), (Status::Complete, 3, vec!["other".to_owned()]), "{job:#?}");
    let keys: Vec<String> = report(&with, &job).await.into_iter().map(|row| row.key).collect();
    assert_eq!(keys, [" a", " b c", " gone"]);

    let told = "set the job option separator to comma or comma-blank: a blank stands behind each comma, and ";
    let both = cluster_of(&["a", " b c"]).await;
    let (job, _) = end(&both, Operation::Delete, IN_TENCENTS_FORM, |_| {}).await;
    assert_eq!(refused(&both, &job), format!("{told}objects exist with and without it"));

    let neither = cluster_of(&["other"]).await;
    let (job, _) = end(&neither, copy(), IN_TENCENTS_FORM, |_| {}).await;
    assert_eq!(refused(&neither, &job), format!("{told}no object exists with it or without"));

    let denied = cluster_of(&["a", "b c"]).await;
    denied.bucket.deny_key(&at("source", " gone"));
    let (job, _) = end(&denied, tagging(), IN_TENCENTS_FORM, |_| {}).await;
    let why = refused(&denied, &job);
    assert!(why.starts_with(&format!("{told}a look was refused: AccessDenied")), "{why}");
}

#[tokio::test(start_paused = true)]
async fn rows_of_that_form_that_name_versions_are_looked_at_in_their_version() {
    let cluster = TestCluster::new(9);
    cluster.bucket.create_bucket(&bucket("versioned"), Versioning::Enabled).unwrap();
    for state in ["first", "second"] {
        cluster.put("versioned", "k", state).await;
    }
    let delete = DeleteObject { at: at("versioned", "k"), version: None, if_match: None };
    let marker = send(&*cluster.bucket, &CancelToken::unbounded(), delete).await.unwrap().version.unwrap();
    cluster.clock.sleep(Duration::from_secs(10)).await;
    let versions = |cluster: &TestCluster| -> Vec<String> {
        cluster.bucket.versions(&at("versioned", "k")).iter().map(|(id, _)| id.to_string()).collect()
    };
    let before = versions(&cluster);
    // The latest version is a marker: only a read of a version finds anything.
    for (named, left) in [(marker.to_string(), &before[..2]), (before[0].clone(), &before[1..2])] {
        let id = cluster.create_over(Operation::Delete, format!("versioned, k, {named}\n"), fields(&VERSIONED)).await;
        let job = cluster.run_to_end(id, None).await;
        assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 1), "{job:#?}");
        assert_eq!(versions(&cluster), left);
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_with_a_blank_around_it_is_refused_for_no_store_makes_such_ones() {
    let cluster = cluster_of(&["k"]).await;
    let (job, left) = end(&cluster, Operation::Delete, "source,k,v1 \n", fields(&VERSIONED)).await;
    assert_eq!(refused(&cluster, &job), "row 1: a blank begins or ends the column VersionId");
    assert_eq!(left, ["k"]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_names_its_separator_is_read_so_without_a_look() {
    for (separator, gone) in [(Separator::Comma, [" a", " b c"]), (Separator::CommaBlank, ["a", "b c"])] {
        let cluster = cluster_of(&["a", " a", "b c", " b c"]).await;
        let option = |spec: &mut JobSpec| spec.options.separator = Some(separator);
        let (job, left) = end(&cluster, Operation::Delete, IN_TENCENTS_FORM, option).await;
        assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 3), "{job:#?}");
        assert!(left.len() == 2 && gone.iter().all(|key| !left.contains(&(*key).to_owned())), "{left:?}");
        assert_eq!(cluster.bucket.calls(CallKind::HeadObject), 4, "of the manifest, and of each row in one reading");
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_far_behind_that_has_no_blank_after_its_comma_makes_the_blanks_before_it_parts_of_keys() {
    // The first slices are recorded long before that row is read.
    let cluster = cluster_of(&["k7", " k7", "end"]).await;
    let rows: String = (0..20_000).map(|n| format!("source, k{n}\n")).collect();
    let (job, left) = end(&cluster, Operation::Delete, &(rows + "source,end\n"), |_| {}).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 20_001), "{job:#?}");
    assert_eq!(left, ["k7"]);
}

#[tokio::test(start_paused = true)]
async fn a_sample_of_a_large_manifest_is_looked_at_and_not_its_beginning_only() {
    const ROWS: usize = 5000;
    let cluster = TestCluster::new(8);
    for n in 20..ROWS {
        cluster.put("source", &format!("k{n}"), "x").await;
    }
    cluster.clock.sleep(Duration::from_secs(10)).await;
    let rows: String = (0..ROWS).map(|n| format!("source, k{n}\n")).collect();
    let (job, _) = end(&cluster, copy(), &rows, |_| {}).await;
    assert_eq!((job.status, job.progress.failed), (Status::Complete, 20), "{job:#?}");
    let heads = cluster.bucket.calls(CallKind::HeadObject);
    assert_eq!(heads, 301, "the manifest, 100 rows in two readings, and by the preflight once more in the right one");
}

/// The bucket, whose first reads of objects of `source` find it away.
struct AwayForLooks(Arc<SimulatedStore>, AtomicU64);

#[async_trait]
impl ObjectStore for AwayForLooks {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let is_look = matches!(&call, Call::HeadObject(head) if head.at.bucket == bucket("source"));
        if is_look && self.1.fetch_add(1, Ordering::SeqCst) < 40 {
            return Err(CallError::new(Verdict::Unavailable, Effect::None, "ConnectFailed", "away"));
        }
        self.0.call(cancel, call).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_when_rows_are_looked_at_is_waited_for() {
    let mut cluster = cluster_of(&["a", "b c"]).await;
    cluster.store = Arc::new(AwayForLooks(cluster.bucket.clone(), AtomicU64::new(0)));
    let id = cluster.create_over(Operation::Delete, IN_TENCENTS_FORM, |_| {}).await;
    let process = cluster.start(None);
    let waits = |job: &Job| job.status_update_reason.contains("the objects of the manifest cannot be looked at");
    cluster.wait(id, waits).await;
    process.engine.shut_down().await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 3), "{job:#?}");
    assert!(cluster.bucket.keys(&bucket("source")).is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_retry_of_a_job_reads_keys_behind_blanks_as_that_job_did() {
    let cluster = cluster_of(&["a"]).await;
    let id = cluster.create_over(copy(), IN_TENCENTS_FORM, |_| {}).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 1), "{job:#?}");
    for key in ["b c", " b c", "gone"] {
        cluster.put("source", key, key).await;
    }
    cluster.clock.sleep(Duration::from_secs(10)).await;
    let retry = cluster.retry(id, |_| {}).await;
    let job = cluster.run_to_end(retry, None).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 2), "{job:#?}");
    let again: Vec<String> = cluster.bucket.keys(&bucket("target")).iter().map(ToString::to_string).collect();
    assert_eq!(again, ["a", "b c", "gone"]);
}

#[tokio::test(start_paused = true)]
async fn a_percent_encoded_manifest_that_names_only_decoded_objects_is_refused() {
    let manifest = "source,plain\nsource,a%20b\nsource,%C3%A9\n";
    let told = |value: &str| {
        format!(
            "set the job option key-encoding to {value}, or to raw: of the keys that look percent-encoded none exists as \
             it stands, and some do when decoded"
        )
    };
    let cluster = cluster_of(&["plain", "a b", "é"]).await;
    let (job, left) = end(&cluster, Operation::Delete, manifest, |_| {}).await;
    assert_eq!((refused(&cluster, &job), left.len()), (told("url"), 3));
    let form = cluster_of(&["a b é"]).await;
    let (job, _) = end(&form, Operation::Delete, "source,a+b+%C3%A9\n", |_| {}).await;
    assert_eq!(refused(&form, &job), told("form"));

    let url = |spec: &mut JobSpec| spec.options.key_encoding = Some(KeyEncoding::Url);
    let (job, left) = end(&cluster, Operation::Delete, manifest, url).await;
    assert_eq!((job.status, job.progress.succeeded, left.len()), (Status::Complete, 3, 0), "{job:#?}");
}

#[tokio::test(start_paused = true)]
async fn keys_that_look_percent_encoded_are_raw_where_such_objects_exist_or_nothing_speaks_against_it() {
    for (keys, left) in [
        (&["a%20b", "a b"][..], &["a b"][..]),
        (&["a%20b"], &[]),
        (&["other"], &["other"]),
        // Not encoded: no hexadecimal digits, or no UTF-8 when decoded.
        (&["100%", "%zz", "%FF"], &[]),
    ] {
        let cluster = cluster_of(keys).await;
        let manifest = "source,a%20b\nsource,100%\nsource,%zz\nsource,%FF\n";
        let (job, is_left) = end(&cluster, Operation::Delete, manifest, |_| {}).await;
        assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 4), "{keys:?}: {job:#?}");
        assert_eq!(is_left, left, "{keys:?}");
    }
    let cluster = cluster_of(&["a b"]).await;
    let raw = |spec: &mut JobSpec| spec.options.key_encoding = Some(KeyEncoding::Raw);
    let (job, left) = end(&cluster, Operation::Delete, "source,a%20b\n", raw).await;
    assert_eq!((job.status, left), (Status::Complete, vec!["a b".to_owned()]), "whoever says so gets bytes");
}

const STRANGE_HEADER: &str = "bucket_name,key\nsource,a\nsource,b\n";

#[tokio::test(start_paused = true)]
async fn a_header_with_other_names_is_refused_and_shown_unless_the_job_says_what_it_is() {
    let told = "set the job option header to yes, or to no: row 1 (bucket_name,key) names no bucket within the role's \
                reach, and the next row may";
    let cluster = cluster_of(&["a", "b"]).await;
    for header in [None, Some(Header::Auto)] {
        let (job, _) = end(&cluster, Operation::Delete, STRANGE_HEADER, |spec| spec.options.header = header).await;
        assert_eq!(refused(&cluster, &job), told);
    }
    // A bucket that is none of the role's is not asked for.
    let own = cluster_of(&["a", "b"]).await;
    own.rules.lock().unwrap().allowed = vec!["source".into(), "aside".into()];
    let (job, _) = end(&own, Operation::Delete, STRANGE_HEADER, |_| {}).await;
    assert_eq!(refused(&own, &job), told);

    // A role that may delete there and not list.
    own.bucket.deny_bucket(&bucket("source"));
    let (job, _) = end(&own, Operation::Delete, STRANGE_HEADER, |_| {}).await;
    assert_eq!(refused(&own, &job), told);

    let no = |spec: &mut JobSpec| spec.options.header = Some(Header::No);
    let (job, left) = end(&cluster, Operation::Delete, STRANGE_HEADER, no).await;
    assert_eq!((job.status, job.progress.failed, left.len()), (Status::Complete, 3, 2), "{job:#?}");
    let yes = |spec: &mut JobSpec| spec.options.header = Some(Header::Yes);
    let (job, left) = end(&cluster, Operation::Delete, STRANGE_HEADER, yes).await;
    assert_eq!((job.status, job.progress.succeeded, left.len()), (Status::Complete, 2, 0), "{job:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_first_row_is_a_task_where_its_bucket_exists_or_the_next_rows_does_not() {
    let cluster = cluster_of(&["b"]).await;
    let (job, _) = end(&cluster, tagging(), "target,a\nsource,b\n", |_| {}).await;
    assert_eq!((job.status, job.progress.total), (Status::Complete, 2), "{job:#?}");
    let (job, _) = end(&cluster, tagging(), "nowhere,a\nneither,b\n", |_| {}).await;
    assert_eq!(job.failures[0].code, "BucketNotFound", "the first task's bucket is the job's: {job:#?}");
}

fn copy_under(from: &str, to: &str, into: &str) -> Operation {
    let Operation::Copy(mut copy) = copy() else { unreachable!() };
    (copy.prefix_replace, copy.target) = (Some(true), bucket_ref(into));
    (copy.resources_prefix, copy.target_prefix) = (Some(from.to_owned()), Some(to.to_owned()));
    Operation::Copy(copy)
}

#[tokio::test(start_paused = true)]
async fn rows_that_would_be_copied_to_one_key_are_refused_and_those_that_may_be_are_told() {
    let cluster = cluster_of(&["old/a", "new/a"]).await;
    let (job, _) = end(&cluster, copy_under("old/", "new/", "target"), "source,old/a\nsource,new/a\n", |_| {}).await;
    let told = "set the job option shared-targets to allow, or leave one out: two rows would be copied to one key, \
                \"new/a\", with the prefix replaced and with a key like that";
    assert_eq!(refused(&cluster, &job), told);
    let allow = |spec: &mut JobSpec| spec.options.shared_targets = Some(SharedTargets::Allow);
    let (job, _) = end(&cluster, copy_under("old/", "new/", "target"), "source,old/a\nsource,new/a\n", allow).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 2), "whoever says so gets one of them");

    let note = "1 rows have keys that begin with \"new/\" already: other rows may be copied over them";
    let cluster = cluster_of(&["old/a", "new/b"]).await;
    let confirmed = |spec: &mut JobSpec| spec.confirmation_required = Some(true);
    let manifest = "source,old/a\nsource,new/b\n";
    let id = cluster.create_over(copy_under("old/", "new/", "target"), manifest, confirmed).await;
    let process = cluster.start(None);
    let job = cluster.wait(id, |job| job.status == Status::Suspended).await;
    assert_eq!(job.status_update_reason, note, "before anybody confirms it");
    cluster.change(id, Change::Confirmed("go".into())).await;
    process.engine.shut_down().await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 2), "{job:#?}");
    let manifest = text(&cluster, "aside", &format!("reports/job-{id}/manifest.json")).await.unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["Notes"], serde_json::json!([note]));

    let cluster = cluster_of(&["a", "new/a"]).await;
    let (job, _) = end(&cluster, copy_under("", "new/", "source"), "source,a\nsource,new/a\n", |_| {}).await;
    assert_eq!(job.prepared.unwrap().notes, [note], "the copy of one is the source of the other");
}

#[tokio::test(start_paused = true)]
async fn a_job_of_nothing_and_a_job_of_one_task_complete() {
    for manifest in ["", "\n", "\u{feff}", "Bucket,Key\r\n"] {
        let (_, job) = copy_by(manifest).await;
        assert_eq!((job.status, job.progress.total), (Status::Complete, 0), "{manifest:?}");
    }
    let (cluster, job) = copy_by("source,a").await;
    assert_eq!((job.status, job.progress.succeeded, job.progress.total), (Status::Complete, 1, 1));
    assert_eq!(text(&cluster, "target", "a").await.as_deref(), Some("a"));
}

#[tokio::test(start_paused = true)]
async fn a_row_that_names_no_object_fails_the_job_before_anything_runs_and_is_named() {
    let long = format!("source,a\nsource,{}\n", "k".repeat(1025));
    let cases: [(&[u8], &str); 8] = [
        (b"source,a\nsource\n", "row 2: has 1 columns, the fields name 2"),
        (b"source,a\n\nsource,b,c\n", "row 3: has 3 columns, the fields name 2"),
        (b"source,a\nsource,\n", "row 2: object key must not be empty"),
        (b"source,a\nsource,\"b", "row 2: a quoted cell has no closing quote"),
        (b"source,a\nsource,\"b\" ,c\n", "row 2: text stands behind the closing quote of a cell"),
        (b"source,a\nsource,\"b\"c\n", "row 2: text stands behind the closing quote of a cell"),
        (b"source,a\nsource,\xFF\n", "row 2: the column Key is not UTF-8"),
        (long.as_bytes(), "row 2: object key must not be longer than 1024 bytes"),
    ];
    for (manifest, told) in cases {
        let (cluster, job) = copy_by(manifest).await;
        assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "InvalidManifestContent"), "{told}");
        let reason = &job.failures[0].reason;
        assert!(reason.starts_with("manifest aside/manifest-") && reason.ends_with(told), "{reason:?}: {told}");
        assert_eq!(cluster.bucket.calls(CallKind::CopyObject), 0, "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_is_not_there_fails_the_job() {
    let cluster = TestCluster::new(2);
    let id = cluster.create_over(copy(), "source,a\n", |spec| {
        spec.manifest.location.object.key = ObjectKey::new("other.csv").unwrap();
    });
    let job = cluster.run_to_end(id.await, None).await;
    assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "ManifestNotFound"));
    let manifest = text(&cluster, "aside", &format!("reports/job-{}/manifest.json", job.id)).await.expect("a report");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["FailureReasons"][0]["FailureCode"], "ManifestNotFound");
    assert_eq!((&manifest["Results"], &manifest["JobStatus"]), (&serde_json::json!([]), &"Failed".into()));
    assert_eq!(job.failures[0].reason, "manifest aside/other.csv: does not exist");
}

/// The bucket, in which another writer overwrites the manifest once its first range was read.
struct Overwriting {
    inner: Arc<SimulatedStore>,
    is_done: AtomicBool,
}

#[async_trait]
impl ObjectStore for Overwriting {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let read = match &call {
            Call::GetObject(get) if !self.is_done.swap(true, Ordering::SeqCst) => Some(get.at.clone()),
            _ => None,
        };
        let answer = self.inner.call(cancel, call).await;
        if let Some(at) = read {
            let put = PutObject::new(at, "source,a\n", NewObject::default());
            send(&*self.inner, cancel, put).await?;
        }
        answer
    }
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_changes_while_it_is_read_fails_the_job() {
    let mut cluster = TestCluster::new(3);
    cluster.store = Arc::new(Overwriting { inner: cluster.bucket.clone(), is_done: AtomicBool::new(false) });
    let range = brigade_engine::manifest::source::RANGE_BYTES;
    let padding = "k".repeat(1000);
    let manifest: String = (0..range / 1000 + 1).map(|n| format!("source,{n}{padding}\n")).collect();
    let id = cluster.create_over(copy(), manifest, |_| {}).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "ManifestETagMismatch"), "{job:#?}");
    assert_eq!(cluster.bucket.calls(CallKind::CopyObject), 0);
}

#[tokio::test(start_paused = true)]
async fn rows_of_another_bucket_than_the_first_fail_one_by_one_and_touch_nothing() {
    let (cluster, job) = copy_by("source,a\ntarget,a\nsource,b c\naside,x\n").await;
    assert_eq!((job.status, job.progress.succeeded, job.progress.failed), (Status::Complete, 2, 2));
    let failed: Vec<Row> = report(&cluster, &job).await.into_iter().filter(|row| row.status == "failed").collect();
    assert_eq!(failed.iter().map(|row| row.bucket.as_str()).collect::<Vec<_>>(), ["target", "aside"]);
    assert!(failed.iter().all(|row| row.code == "InvalidRequest" && row.message.contains("another bucket")));
    assert_eq!(cluster.bucket.calls(CallKind::CopyObject), 2);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_stands_twice_is_two_tasks_with_a_report_row_each() {
    for operation in [copy(), tagging(), Operation::Delete] {
        let cluster = TestCluster::new(4);
        cluster.fill(2).await;
        let manifest = [key(0), key(1), key(0), key(0)].map(|key| format!("source,{key}\n")).concat();
        let id = cluster.create_over(operation, manifest, |_| {}).await;
        let job = cluster.run_to_end(id, None).await;
        assert_eq!((job.status, job.progress.succeeded, job.progress.total), (Status::Complete, 4, 4), "{job:#?}");
        let keys: Vec<String> = report(&cluster, &job).await.into_iter().map(|row| row.key).collect();
        assert_eq!(keys, [key(0), key(1), key(0), key(0)]);
    }
}

/// Two versions of `k`, and one of `l`; tags the rows and gives their statuses with what is
/// tagged in the end.
async fn tag_versions(
    option: Option<EmptyVersion>,
    dialect: Option<EmptyVersion>,
) -> (Vec<(String, String)>, Vec<bool>) {
    let cluster = TestCluster::new(5);
    cluster.bucket.create_bucket(&bucket("versioned"), Versioning::Enabled).unwrap();
    for key in ["k", "k", "l"] {
        cluster.put("versioned", key, "x").await;
    }
    let at = |key: &str| At { bucket: bucket("versioned"), key: ObjectKey::new(key).unwrap() };
    let old = cluster.bucket.versions(&at("k"))[0].0.clone();
    let manifest = format!("versioned,l,\nversioned,k,{old}\n");
    let id = cluster.create_over(tagging(), manifest, |spec| {
        spec.options.empty_version = option;
        spec.manifest.rows.empty_version = dialect;
        fields(&VERSIONED)(spec);
    });
    let job = cluster.run_to_end(id.await, None).await;
    assert_eq!(job.status, Status::Complete, "{job:#?}");
    let mut rows = report(&cluster, &job).await;
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    let told = rows.into_iter().map(|row| (row.key, row.status + " " + &row.code)).collect();
    let versions = ["k", "l"].into_iter().flat_map(|key| cluster.bucket.versions(&at(key)));
    (told, versions.map(|(_, object)| !object.unwrap().tags.is_empty()).collect())
}

#[tokio::test(start_paused = true)]
async fn where_some_rows_name_a_version_a_row_without_one_fails_unless_the_job_or_its_dialect_says_what_it_means() {
    let row = |key: &str, status: &str| (key.to_owned(), status.to_owned());
    let doubtful = (vec![row("k", "succeeded "), row("l", "failed InvalidRequest")], vec![true, false, false]);
    assert_eq!(tag_versions(None, None).await, doubtful);
    assert_eq!(tag_versions(Some(EmptyVersion::Fail), None).await, doubtful);
    let latest = (vec![row("k", "succeeded "), row("l", "succeeded ")], vec![true, false, true]);
    assert_eq!(tag_versions(Some(EmptyVersion::Latest), None).await, latest);
    let (null, _) = tag_versions(Some(EmptyVersion::Null), None).await;
    assert_eq!(null[1].1, "failed NoSuchVersion", "this object has no version null");

    assert_eq!(tag_versions(None, Some(EmptyVersion::Latest)).await, latest, "as its dialect says");
    let both = tag_versions(Some(EmptyVersion::Fail), Some(EmptyVersion::Latest)).await;
    assert_eq!(both, doubtful, "the job's own option counts");
}

/// A store whose deletes succeed, and cost nothing.
struct Light(Arc<SimulatedStore>);

#[async_trait]
impl ObjectStore for Light {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        match call {
            Call::DeleteObjects(delete) => {
                let deleted = vec![DeleteResult::Deleted(Deleted::default()); delete.objects.len()];
                Ok(Answer::DeleteObjects(deleted))
            }
            call => self.0.call(cancel, call).await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_million_tasks_are_accounted_for_one_by_one() {
    const TASKS: u64 = 1_000_000;
    let mut cluster = TestCluster::new(6);
    cluster.store = Arc::new(Light(cluster.bucket.clone()));
    let mut manifest = Vec::new();
    for n in 0..TASKS {
        manifest.extend_from_slice(format!("source,k/{n}\n").as_bytes());
    }
    let id = cluster.create_over(Operation::Delete, manifest, |_| {}).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.succeeded, job.progress.total), (Status::Complete, TASKS, TASKS));
    let files = cluster.jobs.report_files(id).await.unwrap();
    assert_eq!(files.len(), 1);
    let file = text(&cluster, "aside", files[0].key.as_str()).await.unwrap();
    let mut rows = file.lines();
    for n in 0..TASKS {
        let row =
            rows.next().and_then(|row| row.strip_prefix("source,k/")?.strip_suffix(",,succeeded,,200,Successful"));
        assert_eq!(row.and_then(|row| row.parse().ok()), Some(n));
    }
    assert_eq!(rows.next(), None);
}
