//! Objects that a store will not give or take as they are: under a customer's key, in an archive,
//! locked, in a bucket whose requester pays. Each is its own task's failure, with the store's own
//! code, and the rest of the job goes on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use brigade_model::operation::{Copy, Restore, RestoreTier};
use brigade_model::ports::Clock;
use brigade_model::ports::object_store::{CancelToken, CopyObject, send};
use brigade_model::{Field, Job, JobSpec, Operation, Status};
use brigade_s3::simulated::{ObjectLock, Paying, Versioning};

use crate::account::{Row, check, report, text};
use crate::cluster::{TestCluster, at, bucket, key};
use crate::life::{copy, tagging};

fn keys(n: usize) -> Vec<String> {
    (0..n).map(key).collect()
}

async fn run(cluster: &TestCluster, operation: Operation, keys: &[String]) -> (Job, BTreeMap<String, Row>) {
    let id = cluster.create(operation, keys.to_vec()).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!(job.status, Status::Complete, "{job:#?}");
    let rows = check(cluster, &job, keys).await;
    (job, rows)
}

#[tokio::test(start_paused = true)]
async fn a_source_under_a_customers_key_fails_its_task_with_the_stores_code() {
    let cluster = TestCluster::new(600);
    cluster.fill(10).await;
    cluster.bucket.put_under_customer_key(&at("source", &key(4)), None, "md5-of-key").unwrap();
    let (job, rows) = run(&cluster, copy(), &keys(10)).await;
    assert_eq!((job.progress.succeeded, rows[&key(4)].code.as_str()), (9, "InvalidRequest"));
    assert!(rows[&key(4)].message.contains("form of Server Side Encryption"), "{rows:#?}");
    // Its tags can be set, and it can be deleted, without the key.
    assert_eq!(run(&cluster, tagging(), &keys(10)).await.0.progress.failed, 0);
    assert_eq!(run(&cluster, Operation::Delete, &keys(10)).await.0.progress.failed, 0);
}

#[tokio::test(start_paused = true)]
async fn a_locked_version_fails_its_own_delete_and_the_others_are_deleted() {
    let cluster = TestCluster::new(601);
    cluster.bucket.set_versioning(&bucket("source"), Versioning::Enabled).unwrap();
    cluster.bucket.set_lock(&bucket("source"), ObjectLock::default()).unwrap();
    cluster.fill(10).await;
    let version_of = |n: usize| cluster.bucket.versions(&at("source", &key(n)))[0].0.clone();
    let versions: Vec<_> = (0..10).map(version_of).collect();
    cluster.bucket.hold(&at("source", &key(3)), Some(&versions[3]), true).unwrap();
    let rows: Vec<String> = (0..10).map(|n| format!("{},{}", key(n), versions[n])).collect();
    let with_version = |spec: &mut JobSpec| spec.manifest.fields.push(Field::VersionId);
    let id = cluster.create_with(Operation::Delete, rows, with_version).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 9), "{job:#?}");
    let failed: Vec<Row> = report(&cluster, &job).await.into_iter().filter(|row| row.status == "failed").collect();
    assert_eq!((failed.len(), failed[0].key.as_str(), failed[0].code.as_str()), (1, key(3).as_str(), "AccessDenied"));
    assert!(failed[0].message.contains("protected by object lock"), "{failed:?}");
    for (n, version) in versions.iter().enumerate() {
        let left = cluster.bucket.object_version(&at("source", &key(n)), version);
        assert_eq!(left.is_some(), n == 3, "{n}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_whose_requester_pays_fails_the_tasks_unless_the_endpoint_or_the_job_says_that_we_pay() {
    for (is_paying, requester_pays) in [(false, false), (true, false), (false, true)] {
        let mut cluster = TestCluster::new(602);
        cluster.fill(10).await;
        cluster.bucket.set_requester_pays(&bucket("source"), true).unwrap();
        if is_paying {
            cluster.store = Arc::new(Paying((*cluster.bucket).clone()));
        }
        let Operation::Copy(copy) = copy() else { panic!("a copy") };
        let copy = Operation::Copy(Box::new(Copy { requester_pays, ..*copy }));
        let (job, rows) = run(&cluster, copy, &keys(10)).await;
        let expected = if is_paying || requester_pays { (10, "") } else { (0, "AccessDenied") };
        assert_eq!((job.progress.succeeded, rows[&key(0)].code.as_str()), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_archived_source_fails_its_task_with_the_stores_code() {
    let cluster = TestCluster::new(603);
    cluster.fill(10).await;
    let at = at("source", &key(5));
    let archive = CopyObject { storage_class: Some("GLACIER".into()), ..CopyObject::plain(at.clone(), at) };
    let cancel = CancelToken::unbounded();
    send(&*cluster.bucket, &cancel, archive).await.unwrap();
    let (job, rows) = run(&cluster, copy(), &keys(10)).await;
    assert_eq!((job.progress.succeeded, rows[&key(5)].code.as_str()), (9, "InvalidObjectState"));
}

#[tokio::test(start_paused = true)]
async fn restores_that_met_one_are_counted_apart_in_the_report() {
    let cluster = TestCluster::new(612);
    cluster.fill(30).await;
    for n in 0..30 {
        let at = at("source", &key(n));
        let archive = CopyObject { storage_class: Some("GLACIER".into()), ..CopyObject::plain(at.clone(), at) };
        send(&*cluster.bucket, &CancelToken::unbounded(), archive).await.unwrap();
    }
    let restore = || Operation::Restore(Restore { days: 3, tier: RestoreTier::Standard });
    let mut met = Vec::new();
    for count in [10, 30, 30] {
        let (job, _) = run(&cluster, restore(), &keys(count)).await;
        assert_eq!(job.progress.succeeded, count as u64);
        let manifest = text(&cluster, "aside", &format!("reports/job-{}/manifest.json", job.id)).await.unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        met.push(["AlreadyRestored", "AlreadyBeingRestored"].map(|what| manifest["RestoresMet"][what].as_u64()));
        if count == 30 {
            cluster.clock.sleep(Duration::from_secs(6 * 3600)).await;
        }
    }
    assert_eq!(met, [[Some(0), Some(0)], [Some(0), Some(10)], [Some(30), Some(0)]]);
    let (job, _) = run(&cluster, tagging(), &keys(3)).await;
    let manifest = text(&cluster, "aside", &format!("reports/job-{}/manifest.json", job.id)).await.unwrap();
    assert!(!manifest.contains("RestoresMet"), "{manifest}");
}
