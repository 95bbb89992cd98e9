//! Jobs over inventories: what a crash while one is prepared must not change, and what its
//! report says.

use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::Duration;

use brigade_model::options::KeyEncoding;
use brigade_model::ports::object_store::{At, CallKind};
use brigade_model::ports::{Clock, JobStore};
use brigade_model::{DoneBytes, JobId, JobSpec, ManifestFormat, ObjectKey, Operation, Status, Task};
use brigade_s3::simulated::{Body, Versioning};
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};

use crate::account::{check, report, text};
use crate::cluster::{TestCluster, bucket, key};
use crate::crashing::{Mishap, What};
use crate::life::{copy, tagging};

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A job over an inventory whose parts hold these texts.
async fn create(
    cluster: &TestCluster,
    operation: Operation,
    schema: &str,
    parts: &[String],
    adjust: impl FnOnce(&mut JobSpec),
) -> JobId {
    let mut files = Vec::new();
    for (n, part) in parts.iter().enumerate() {
        let (key, bytes) = (format!("inventory/data/{n}.csv.gz"), gzip(part));
        let md5 = hex::encode(Md5::digest(&bytes));
        files.push(format!(r#"{{"key":"{key}","size":{},"MD5checksum":"{md5}"}}"#, bytes.len()));
        cluster.put("aside", &key, bytes).await;
    }
    let files = files.join(",");
    // As AWS writes it.
    let document = format!(
        r#"{{"sourceBucket":"source","destinationBucket":"arn:aws:s3:::aside","version":"2016-11-30",
        "fileFormat":"CSV","fileSchema":"{schema}","files":[{files}]}}"#
    );
    let adjust = |spec: &mut JobSpec| {
        spec.manifest.format = ManifestFormat::Inventory;
        spec.manifest.fields = Vec::new();
        adjust(spec);
    };
    cluster.create_over(operation, document, adjust).await
}

/// 14,000 tasks make 17 slices of copies: 16 are recorded at once, one at the end.
const TASKS: u64 = 14_000;

/// Prepares a job over an inventory of three parts, whatever dies meanwhile, and checks every
/// task of its slices; gives the number of writes.
fn prepare(mishap: Option<Mishap>) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let cluster = TestCluster::new(1);
        let row = |n: u64| format!("source,k/{n},{n},{}\n", n % 1000 == 7);
        let parts = [0..5000, 5000..5001, 5001..TASKS].map(|range| range.map(row).collect::<String>());
        let schema = "Bucket, Key, Size, IsDeleteMarker";
        let id = create(&cluster, copy(), schema, &parts, |spec| spec.confirmation_required = Some(true)).await;
        let mut process = cluster.start(mishap);
        while cluster.job(id).await.status != Status::Suspended {
            assert!(!cluster.job(id).await.status.is_terminal(), "{mishap:?}: {:#?}", cluster.job(id).await);
            if process.node.is_crashed() {
                process = cluster.start(None);
            }
            cluster.clock.sleep(Duration::from_millis(100)).await;
        }
        let writes = cluster.counted.writes.load(Ordering::SeqCst);
        let job = cluster.job(id).await;
        let prepared = job.prepared.clone().unwrap();
        assert_eq!((prepared.tasks, prepared.slices), (TASKS - 14, 17), "{mishap:?}");
        assert_eq!(prepared.left_out, [("delete marker".to_owned(), 14)], "{mishap:?}");
        let mut tasks: Vec<Task> = Vec::new();
        for slice in cluster.jobs.slices(id, 0, usize::MAX).await.unwrap() {
            let rows = brigade_engine::slice::open(&*cluster.spool, &job, &slice).await.unwrap();
            tasks.extend(rows.map(Result::unwrap));
        }
        let expected = (0..TASKS).filter(|n| n % 1000 != 7);
        assert!(
            tasks.iter().zip(0..).zip(expected).all(|((task, number), n)| {
                (task.number, task.key.as_str(), task.size) == (number, format!("k/{n}").as_str(), Some(n))
            }),
            "{mishap:?}"
        );
        assert_eq!(tasks.len() as u64, prepared.tasks, "{mishap:?}");
        writes
    })
}

#[test]
fn a_crash_at_any_store_write_while_an_inventory_is_prepared_makes_the_same_slices() {
    let writes = prepare(None);
    for write in 1..=writes {
        for what in [What::DiesBefore, What::DiesAfter] {
            prepare(Some(Mishap { write, what }));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_inventory_job_acts_on_each_object_and_reports_what_was_left_out() {
    let cluster = TestCluster::new(2);
    cluster.fill(300).await;
    let row = |i: usize| format!("\"source\",\"{}\",\"6\",\"false\"\n", key(i));
    let markers = "source,gone/1,,true\nsource,gone/2,,true\n";
    let parts = [(0..100).map(row).collect::<String>() + markers, (100..300).map(row).collect()];
    let id = create(&cluster, copy(), "Bucket, Key, Size, IsDeleteMarker", &parts, |_| {}).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!(job.status, Status::Complete, "{job:#?}");
    let keys: Vec<String> = (0..300).map(key).collect();
    let rows = check(&cluster, &job, &keys).await;
    assert!(rows.values().all(|row| row.status == "succeeded"));
    assert_eq!(text(&cluster, "target", &key(299)).await.as_deref(), Some("body 299"));
    let manifest = text(&cluster, "aside", &format!("reports/job-{id}/manifest.json")).await.unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["LeftOutRows"], serde_json::json!([{ "Reason": "delete marker", "Rows": 2 }]));
    assert_eq!(manifest["Tasks"]["Total"], 300);
}

#[tokio::test(start_paused = true)]
async fn the_bytes_of_a_copy_are_summed_where_the_inventory_tells_sizes_and_a_failed_row_adds_none() {
    let cluster = TestCluster::new(8);
    cluster.fill(10).await;
    let row = |i: usize| format!("source,{},6\n", key(i));
    let parts = [(0..10).map(row).collect::<String>() + "source,missing,1000\n"];
    let id = create(&cluster, copy(), "Bucket, Key, Size", &parts, |_| {}).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.progress.succeeded, job.progress.failed), (10, 1), "{job:#?}");
    assert_eq!(job.done_bytes, DoneBytes { bytes: 60, tasks_of_unknown_size: 0 });
}

#[tokio::test(start_paused = true)]
async fn an_inventory_of_aws_is_read_and_its_plus_is_a_blank() {
    let cluster = TestCluster::new(6);
    for key in ["a b", "a+b", "c+d"] {
        cluster.put("source", key, key).await;
    }
    cluster.clock.sleep(Duration::from_secs(10)).await;
    let part = "\"source\",\"a+b\",\"3\"\n\"source\",\"c%2Bd\",\"3\"\n".to_owned();
    let id = create(&cluster, Operation::Delete, "Bucket, Key, Size", &[part], |_| {}).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 2), "{job:#?}");
    let left: Vec<String> = cluster.bucket.keys(&bucket("source")).iter().map(ToString::to_string).collect();
    assert_eq!(left, ["a+b"], "another object");
}

#[tokio::test(start_paused = true)]
async fn an_inventory_of_an_unknown_writer_is_refused_unless_the_job_says_how_keys_are_encoded() {
    let cluster = TestCluster::new(7);
    cluster.put("source", "a+b", "x").await;
    cluster.put("aside", "inventory/1.csv.gz", gzip("source,a+b\n")).await;
    cluster.clock.sleep(Duration::from_secs(10)).await;
    let document = r#"{"sourceBucket":"source","destinationBucket":"aside","fileSchema":"Bucket,Key",
        "files":[{"key":"inventory/1.csv.gz"}]}"#;
    let create = |encoding| {
        cluster.create_over(Operation::Delete, document, move |spec| {
            spec.manifest.format = ManifestFormat::Inventory;
            spec.options.key_encoding = encoding;
        })
    };
    let job = cluster.run_to_end(create(None).await, None).await;
    assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "InvalidManifestContent"));
    let reason = &job.failures[0].reason;
    assert!(reason.ends_with("set the job option key-encoding"), "{reason}");
    let job = cluster.run_to_end(create(Some(KeyEncoding::Url)).await, None).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 1), "{job:#?}");
    assert!(cluster.bucket.keys(&bucket("source")).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_delete_by_an_inventory_of_all_versions_removes_markers_and_null_versions() {
    let cluster = TestCluster::new(3);
    let at = |key: &str| At { bucket: bucket("versioned"), key: ObjectKey::new(key).unwrap() };
    cluster.bucket.create_bucket(&bucket("versioned"), Versioning::Enabled).unwrap();
    for _ in 0..2 {
        cluster.put("versioned", "k", "x").await;
    }
    let versions: Vec<String> =
        cluster.bucket.versions(&at("k")).iter().map(|(id, _)| id.as_str().to_owned()).collect();
    let part = format!("versioned,k,{},true,false\nversioned,k,,false,true\n", versions[1]);
    let schema = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker";
    cluster.clock.sleep(Duration::from_secs(10)).await;
    let id = create(&cluster, Operation::Delete, schema, &[part], |_| {}).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.total), (Status::Complete, 2), "{job:#?}");
    let asked: Vec<String> = report(&cluster, &job).await.into_iter().map(|row| row.version).collect();
    assert_eq!(asked, [versions[1].as_str(), "null"]);
    let left: Vec<String> = cluster.bucket.versions(&at("k")).iter().map(|(id, _)| id.as_str().to_owned()).collect();
    assert_eq!(left, [versions[0].clone()], "no other version is touched, and no marker is made");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_the_inventory_knows_to_be_large_is_copied_in_parts_at_once() {
    const SIZE: u64 = 6 << 30;
    let cluster = TestCluster::new(4);
    let at = At { bucket: bucket("source"), key: ObjectKey::new("large").unwrap() };
    cluster.bucket.put(&at, Body::zeros(SIZE)).unwrap();
    cluster.clock.sleep(Duration::from_secs(10)).await;
    let id = create(&cluster, copy(), "Bucket, Key, Size", &[format!("source,large,{SIZE}\n")], |_| {}).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 1), "{job:#?}");
    assert_eq!(cluster.bucket.calls(CallKind::CopyObject), 0, "nobody tried what cannot work");
    let copied = cluster.bucket.object(&At { bucket: bucket("target"), ..at }).unwrap();
    assert_eq!(copied.head.size, SIZE);
}

#[tokio::test(start_paused = true)]
async fn an_inventory_with_a_missing_part_fails_the_job_and_names_it() {
    let cluster = TestCluster::new(5);
    let document = r#"{"sourceAppid":"","fileSchema":"Bucket,Key","files":[{"key":"inventory/7.csv.gz","size":"9"}]}"#;
    let id = cluster.create_over(tagging(), document, |spec| spec.manifest.format = ManifestFormat::Inventory);
    let job = cluster.run_to_end(id.await, None).await;
    assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "ManifestNotFound"));
    assert_eq!(job.failures[0].reason, "inventory part aside/inventory/7.csv.gz: does not exist");
}
