//! Dry runs report everything and change nothing.

use std::collections::BTreeMap;

use brigade_model::job::Change;
use brigade_model::operation::{Directive, Restore, RestoreTier, Tag, Tagging};
use brigade_model::ports::JobStore;
use brigade_model::ports::object_store::CallKind;
use brigade_model::{DryRun, Job, JobSpec, Operation, Status};

use crate::account::{report, text};
use crate::cluster::{TestCluster, bucket, key};
use crate::crashing::{Mishap, What};
use crate::life::copy;

fn keys(n: usize) -> Vec<String> {
    (0..n).map(key).collect()
}

fn add_tags() -> Operation {
    let tags = vec![Tag { key: "a".into(), value: "b".into() }];
    Operation::Tagging(Tagging { directive: Some(Directive::Add), tags })
}

fn dry(spec: &mut JobSpec) {
    spec.options.dry_run = Some(true);
}

/// How often the bucket was called by each kind of request that changes something.
fn writes(cluster: &TestCluster) -> BTreeMap<CallKind, u64> {
    let reads = [
        CallKind::HeadObject,
        CallKind::GetObject,
        CallKind::GetObjectTagging,
        CallKind::GetObjectAcl,
        CallKind::ListObjectsV2,
        CallKind::ListMultipartUploads,
    ];
    let writes = CallKind::ALL.iter().filter(|kind| !reads.contains(kind));
    writes.map(|kind| (*kind, cluster.bucket.calls(*kind))).collect()
}

/// The only writes of a dry run: the trial of the report's place, its two files of rows at
/// most, and its manifest with its MD5.
fn assert_only_a_report(before: &BTreeMap<CallKind, u64>, after: &BTreeMap<CallKind, u64>, files: u64) {
    let mut expected = before.clone();
    *expected.get_mut(&CallKind::CreateMultipartUpload).unwrap() += 1;
    *expected.get_mut(&CallKind::AbortMultipartUpload).unwrap() += 1;
    *expected.get_mut(&CallKind::PutObject).unwrap() += files + 2;
    assert_eq!(*after, expected);
}

async fn found(cluster: &TestCluster, job: &Job) -> DryRun {
    let found = job.dry_run.clone().expect("a sum");
    let manifest = text(cluster, "aside", &format!("reports/job-{}/manifest.json", job.id)).await.unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let requests: serde_json::Map<_, _> =
        found.requests.iter().map(|(kind, count)| (kind.clone(), (*count).into())).collect();
    let expected = serde_json::json!({
        "Requests": requests,
        "Bytes": found.bytes,
        "TasksOfUnknownSize": found.tasks_of_unknown_size,
        "EstimatedSeconds": found.seconds,
    });
    assert_eq!(manifest["DryRun"], expected, "the report says what the job says");
    found
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_sends_nothing_but_reads_and_its_report_and_says_what_it_would_send() {
    let restore = Operation::Restore(Restore { days: 7, tier: RestoreTier::Bulk });
    let named = |requests: &[(&str, u64)]| -> Vec<(String, u64)> {
        requests.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect()
    };
    for (operation, failed, requests) in [
        (copy(), 0, named(&[("CopyObject", 300)])),
        (restore, 0, named(&[("RestoreObject", 300)])),
        (add_tags(), 20, named(&[("GetObjectTagging", 580), ("PutObjectTagging", 280)])),
    ] {
        let cluster = TestCluster::new(70);
        cluster.fill(280).await;
        let id = cluster.create_with(operation, keys(300), dry).await;
        let before = writes(&cluster);
        let heads = cluster.bucket.calls(CallKind::HeadObject);
        let job = cluster.run_to_end(id, None).await;
        assert_eq!((job.status, job.progress.failed), (Status::Complete, failed), "{job:#?}");
        assert_only_a_report(&before, &writes(&cluster), if failed > 0 { 2 } else { 1 });
        // The manifest's and the preflight's sample; the tasks read no head.
        assert!(cluster.bucket.calls(CallKind::HeadObject) <= heads + 1 + 100);
        let found = found(&cluster, &job).await;
        assert_eq!(found.requests, requests);
        assert_eq!((found.bytes, found.tasks_of_unknown_size), (0, 300 - failed));
        let said =
            format!("Dry run, nothing was changed: {} tasks would be attempted, {failed} would fail", 300 - failed);
        assert!(job.status_update_reason.starts_with(&said), "{}", job.status_update_reason);
        assert_eq!(cluster.bucket.keys(&bucket("target")), []);

        let rows = report(&cluster, &job).await;
        assert_eq!(rows.len(), 300);
        for row in rows {
            assert_eq!(row.status, if row.code.is_empty() { "dry-run" } else { "failed" }, "{row:?}");
            assert!(row.message.starts_with("dry run: would send "), "{row:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_into_a_bucket_that_does_not_exist_fails_and_says_nothing_of_its_tasks() {
    let cluster = TestCluster::new(79);
    cluster.fill(50).await;
    cluster.bucket.delete_bucket(&bucket("target")).unwrap();
    let id = cluster.create_with(copy(), keys(50), dry).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.dry_run.as_ref()), (Status::Failed, None), "{job:#?}");
    assert_eq!(job.failures[0].code, "BucketNotFound");
    assert!(
        job.status_update_reason.starts_with("BucketNotFound: there is no bucket target at endpoint e"),
        "{job:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_of_deletes_counts_groups_and_deletes_nothing() {
    let cluster = TestCluster::new(71);
    cluster.fill(2500).await;
    let id = cluster.create_with(Operation::Delete, keys(2500), dry).await;
    let before = writes(&cluster);
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 2500));
    assert_only_a_report(&before, &writes(&cluster), 1);
    assert_eq!(cluster.bucket.keys(&bucket("source")).len(), 2500);
    let found = found(&cluster, &job).await;
    let [(kind, groups)] = &found.requests[..] else { panic!("{found:?}") };
    assert!(kind == "DeleteObjects" && (3..40).contains(groups), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn the_estimate_follows_the_limits_of_the_job() {
    let cluster = TestCluster::new(72);
    for (per_second, seconds) in [(None, 1), (Some(10), 30)] {
        let limit = |spec: &mut JobSpec| {
            dry(spec);
            spec.options.requests_per_second_max = per_second;
        };
        let id = cluster.create_with(copy(), keys(300), limit).await;
        let job = cluster.run_to_end(id, None).await;
        assert_eq!(found(&cluster, &job).await.seconds, seconds, "300 requests at {per_second:?} a second");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_dry_run_has_nothing_unconfirmed_and_says_what_it_saw() {
    let cluster = TestCluster::new(73);
    cluster.fill(3000).await;
    let slow = |spec: &mut JobSpec| {
        dry(spec);
        // Reads count against the budget; what is only said does not.
        spec.options.requests_per_second_max = Some(500);
    };
    let id = cluster.create_with(add_tags(), keys(3000), slow).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded > 100).await;
    process.node.crash();
    cluster.change(id, Change::CancelRequested("enough".into())).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.failed), (Status::Cancelled, 0), "{job:#?}");
    assert_eq!(job.status_update_reason, "enough");
    let done = job.progress.succeeded;
    let found = found(&cluster, &job).await;
    assert_eq!(found.requests, [("GetObjectTagging".to_owned(), 2 * done), ("PutObjectTagging".to_owned(), done)]);
    assert_eq!(cluster.bucket.calls(CallKind::PutObjectTagging), 0);
}

/// Runs a dry run with that mishap; gives the number of writes to the job store.
fn run(mishap: Option<Mishap>) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let cluster = TestCluster::new(74);
        cluster.fill(90).await;
        let id = cluster.create_with(add_tags(), keys(100), dry).await;
        let job = cluster.run_to_end(id, mishap).await;
        assert_eq!(job.status, Status::Complete, "{mishap:?}");
        assert_eq!((job.progress.succeeded, job.progress.failed), (90, 10), "{mishap:?}");
        let found = found(&cluster, &job).await;
        let expected = [("GetObjectTagging".to_owned(), 190), ("PutObjectTagging".to_owned(), 90)];
        assert_eq!(found.requests, expected, "{mishap:?}");
        assert_eq!(cluster.bucket.calls(CallKind::PutObjectTagging), 0, "{mishap:?}");
        assert_eq!(report(&cluster, &job).await.len(), 100, "{mishap:?}");
        assert_eq!(cluster.jobs.count_leased(id).await.unwrap(), 0);
        cluster.counted.now().0
    })
}

#[test]
fn a_crash_or_a_failure_at_any_store_write_of_a_dry_run_counts_nothing_twice() {
    let writes = run(None);
    for write in 1..=writes {
        for what in [What::DiesBefore, What::DiesAfter, What::FailsBefore, What::FailsAfter] {
            run(Some(Mishap { write, what }));
        }
    }
}
