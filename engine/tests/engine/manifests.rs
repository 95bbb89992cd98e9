//! Whole jobs over manifests as people and programs write them: what is read leniently, and
//! what fails the job, or the task, and is named.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::options::EmptyVersion;
use brigade_model::ports::object_store::{
    Answer, At, Call, CallError, CallKind, DeleteResult, Deleted, Leash, NewObject, ObjectStore, PutObject, send,
};
use brigade_model::ports::{Clock, JobStore};
use brigade_model::{Field, Job, JobSpec, ObjectKey, Operation, Status};
use brigade_s3::simulated::{SimulatedStore, Versioning};

use crate::account::{Row, report, text};
use crate::life::{copy, tagging};
use crate::world::{World, bucket, key};

const VERSIONED: [Field; 3] = [Field::Bucket, Field::Key, Field::VersionId];

fn fields(fields: &[Field]) -> impl FnOnce(&mut JobSpec) {
    move |spec| spec.manifest.fields = fields.to_vec()
}

/// A world with the objects `a`, `b c` and `é`, and the end of a copy job over this manifest.
async fn copy_by(manifest: impl AsRef<[u8]>) -> (World, Job) {
    let world = World::new(1);
    for key in ["a", "b c", "é"] {
        world.put("source", key, key).await;
    }
    world.clock.sleep(Duration::from_secs(10)).await;
    let id = world.create_over(copy(), manifest, |_| {}).await;
    let job = world.run_to_end(id, None).await;
    (world, job)
}

#[tokio::test(start_paused = true)]
async fn a_manifest_may_be_written_in_many_ways_and_names_the_same_objects() {
    let ways = [
        ("plain", "source,a\nsource,b c\nsource,é\n"),
        ("no last newline", "source,a\nsource,b c\nsource,é"),
        ("CRLF", "source,a\r\nsource,b c\r\nsource,é\r\n"),
        ("a header row", "Bucket,Key\nsource,a\nsource,b c\nsource,é\n"),
        ("a header row in another spelling", "bucket , KEY\r\nsource,a\r\nsource,b c\r\nsource,é"),
        ("blanks after commas", "source, a\nsource,  b c \nsource,\té\n"),
        ("a byte-order mark", "\u{feff}source,a\nsource,b c\nsource,é\n"),
        ("a byte-order mark before a header", "\u{feff}Bucket,Key\nsource,a\nsource,b c\nsource,é\n"),
        ("quotes", "\"source\",\"a\"\n\"source\",\"b c\"\nsource,\"é\"\n"),
        ("blank rows", "\nsource,a\n\n  \nsource,b c\nsource,é\n\n"),
    ];
    for (what, manifest) in ways {
        let (world, job) = copy_by(manifest).await;
        assert_eq!((job.status, job.progress.succeeded, job.progress.total), (Status::Complete, 3, 3), "{what}");
        for key in ["a", "b c", "é"] {
            assert_eq!(text(&world, "target", key).await.as_deref(), Some(key), "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_of_nothing_and_a_job_of_one_task_complete() {
    for manifest in ["", "\n", "\u{feff}", "Bucket,Key\r\n"] {
        let (_, job) = copy_by(manifest).await;
        assert_eq!((job.status, job.progress.total), (Status::Complete, 0), "{manifest:?}");
    }
    let (world, job) = copy_by("source,a").await;
    assert_eq!((job.status, job.progress.succeeded, job.progress.total), (Status::Complete, 1, 1));
    assert_eq!(text(&world, "target", "a").await.as_deref(), Some("a"));
}

#[tokio::test(start_paused = true)]
async fn a_row_that_names_no_object_fails_the_job_before_anything_runs_and_is_named() {
    let long = format!("source,a\nsource,{}\n", "k".repeat(1025));
    let cases: [(&[u8], &str); 7] = [
        (b"source,a\nsource\n", "row 2: has 1 columns, the fields name 2"),
        (b"source,a\n\nsource,b,c\n", "row 3: has 3 columns, the fields name 2"),
        (b"source,a\nsource,\n", "row 2: object key must not be empty"),
        (b"source,a\nsource,\"b", "row 2: a quoted cell has no closing quote"),
        (b"source,a\nsource,\"b\"c\n", "row 2: text stands behind the closing quote of a cell"),
        (b"source,a\nsource,\xFF\n", "row 2: the column Key is not UTF-8"),
        (long.as_bytes(), "row 2: object key must not be longer than 1024 bytes"),
    ];
    for (manifest, told) in cases {
        let (world, job) = copy_by(manifest).await;
        assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "InvalidManifestContent"), "{told}");
        let reason = &job.failures[0].reason;
        assert!(reason.starts_with("manifest aside/manifest-") && reason.ends_with(told), "{reason:?}: {told}");
        assert_eq!(world.bucket.calls(CallKind::CopyObject), 0, "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_is_not_there_fails_the_job() {
    let world = World::new(2);
    let id = world.create_over(copy(), "source,a\n", |spec| {
        spec.manifest.location.object.key = ObjectKey::new("other.csv").unwrap();
    });
    let job = world.run_to_end(id.await, None).await;
    assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "ManifestNotFound"));
    assert_eq!(job.failures[0].reason, "manifest aside/other.csv: does not exist");
}

/// The bucket, in which somebody overwrites the manifest once its first range was read.
struct Overwriting {
    inner: Arc<SimulatedStore>,
    is_done: AtomicBool,
}

#[async_trait]
impl ObjectStore for Overwriting {
    async fn call(&self, leash: &Leash, call: Call) -> Result<Answer, CallError> {
        let read = match &call {
            Call::GetObject(get) if !self.is_done.swap(true, Ordering::SeqCst) => Some(get.at.clone()),
            _ => None,
        };
        let answer = self.inner.call(leash, call).await;
        if let Some(at) = read {
            let put = PutObject::new(at, "source,a\n", NewObject::default());
            send(&*self.inner, leash, put).await?;
        }
        answer
    }
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_changes_while_it_is_read_fails_the_job() {
    let mut world = World::new(3);
    world.store = Arc::new(Overwriting { inner: world.bucket.clone(), is_done: AtomicBool::new(false) });
    let range = brigade_engine::manifest::source::RANGE_BYTES;
    let padding = "k".repeat(1000);
    let manifest: String = (0..range / 1000 + 1).map(|n| format!("source,{n}{padding}\n")).collect();
    let id = world.create_over(copy(), manifest, |_| {}).await;
    let job = world.run_to_end(id, None).await;
    assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "ManifestETagMismatch"), "{job:#?}");
    assert_eq!(world.bucket.calls(CallKind::CopyObject), 0);
}

#[tokio::test(start_paused = true)]
async fn rows_of_another_bucket_than_the_first_fail_one_by_one_and_touch_nothing() {
    let (world, job) = copy_by("source,a\ntarget,a\nsource,b c\naside,x\n").await;
    assert_eq!((job.status, job.progress.succeeded, job.progress.failed), (Status::Complete, 2, 2));
    let failed: Vec<Row> = report(&world, &job).await.into_iter().filter(|row| row.status == "failed").collect();
    assert_eq!(failed.iter().map(|row| row.bucket.as_str()).collect::<Vec<_>>(), ["target", "aside"]);
    assert!(failed.iter().all(|row| row.code == "InvalidRequest" && row.message.contains("another bucket")));
    assert_eq!(world.bucket.calls(CallKind::CopyObject), 2);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_stands_twice_is_two_tasks_with_a_report_row_each() {
    for operation in [copy(), tagging(), Operation::Delete] {
        let world = World::new(4);
        world.fill(2).await;
        let manifest = [key(0), key(1), key(0), key(0)].map(|key| format!("source,{key}\n")).concat();
        let id = world.create_over(operation, manifest, |_| {}).await;
        let job = world.run_to_end(id, None).await;
        assert_eq!((job.status, job.progress.succeeded, job.progress.total), (Status::Complete, 4, 4), "{job:#?}");
        let keys: Vec<String> = report(&world, &job).await.into_iter().map(|row| row.key).collect();
        assert_eq!(keys, [key(0), key(1), key(0), key(0)]);
    }
}

/// Two versions of `k`, and one of `l`; tags the rows and gives their statuses with what is
/// tagged in the end.
async fn tag_versions(empty_version: Option<EmptyVersion>) -> (Vec<(String, String)>, Vec<bool>) {
    let world = World::new(5);
    world.bucket.create_bucket(&bucket("versioned"), Versioning::Enabled).unwrap();
    for key in ["k", "k", "l"] {
        world.put("versioned", key, "x").await;
    }
    let at = |key: &str| At { bucket: bucket("versioned"), key: ObjectKey::new(key).unwrap() };
    let old = world.bucket.versions(&at("k"))[0].0.clone();
    let manifest = format!("versioned,l,\nversioned,k,{old}\n");
    let id = world.create_over(tagging(), manifest, |spec| {
        spec.options.empty_version = empty_version;
        fields(&VERSIONED)(spec);
    });
    let job = world.run_to_end(id.await, None).await;
    assert_eq!(job.status, Status::Complete, "{job:#?}");
    let mut rows = report(&world, &job).await;
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    let told = rows.into_iter().map(|row| (row.key, row.status + " " + &row.code)).collect();
    let versions = ["k", "l"].into_iter().flat_map(|key| world.bucket.versions(&at(key)));
    (told, versions.map(|(_, object)| !object.unwrap().tags.is_empty()).collect())
}

#[tokio::test(start_paused = true)]
async fn where_some_rows_name_a_version_a_row_without_one_fails_unless_the_job_says_what_it_means() {
    let row = |key: &str, status: &str| (key.to_owned(), status.to_owned());
    let doubtful = (vec![row("k", "succeeded "), row("l", "failed InvalidRequest")], vec![true, false, false]);
    assert_eq!(tag_versions(None).await, doubtful);
    assert_eq!(tag_versions(Some(EmptyVersion::Fail)).await, doubtful);
    let latest = (vec![row("k", "succeeded "), row("l", "succeeded ")], vec![true, false, true]);
    assert_eq!(tag_versions(Some(EmptyVersion::Latest)).await, latest);
    let (null, _) = tag_versions(Some(EmptyVersion::Null)).await;
    assert_eq!(null[1].1, "failed NoSuchVersion", "this object has no version null");
}

/// A store whose deletes succeed, and cost nothing.
struct Light(Arc<SimulatedStore>);

#[async_trait]
impl ObjectStore for Light {
    async fn call(&self, leash: &Leash, call: Call) -> Result<Answer, CallError> {
        match call {
            Call::DeleteObjects(delete) => {
                let deleted = vec![DeleteResult::Deleted(Deleted::default()); delete.objects.len()];
                Ok(Answer::DeleteObjects(deleted))
            }
            call => self.0.call(leash, call).await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_million_tasks_are_accounted_for_one_by_one() {
    const TASKS: u64 = 1_000_000;
    let mut world = World::new(6);
    world.store = Arc::new(Light(world.bucket.clone()));
    let mut manifest = Vec::new();
    for n in 0..TASKS {
        manifest.extend_from_slice(format!("source,k/{n}\n").as_bytes());
    }
    let id = world.create_over(Operation::Delete, manifest, |_| {}).await;
    let job = world.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.succeeded, job.progress.total), (Status::Complete, TASKS, TASKS));
    let files = world.jobs.report_files(id).await.unwrap();
    assert_eq!(files.len(), 1);
    let file = text(&world, "aside", files[0].key.as_str()).await.unwrap();
    let mut rows = file.lines();
    for n in 0..TASKS {
        let row =
            rows.next().and_then(|row| row.strip_prefix("source,k/")?.strip_suffix(",,succeeded,,200,Successful"));
        assert_eq!(row.and_then(|row| row.parse().ok()), Some(n));
    }
    assert_eq!(rows.next(), None);
}
