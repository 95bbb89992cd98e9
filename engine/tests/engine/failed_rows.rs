//! What fails is known while it fails: codes with counts and an example, and the failed rows themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use brigade_engine::RowPosition;
use brigade_model::operation::Copy;
use brigade_model::ports::object_store::{CallKind, Verdict};
use brigade_model::{DoneBytes, Job, Operation, Status, Timestamp};

use crate::account::check;
use crate::cluster::{Process, TestCluster, bucket_ref, key};
use crate::life::{copy, tagging};
use crate::spoil::{Spoil, subject};

/// All failed rows, by pages of so many: key and code.
async fn failed_rows(process: &Process, job: &Job, max: usize) -> Vec<(String, String)> {
    let (mut rows, mut from) = (Vec::new(), RowPosition::default());
    loop {
        let page = process.engine.failed_rows(job, from, max).await.unwrap();
        assert!(page.rows.len() <= max && (page.next.is_none() || page.rows.len() == max));
        rows.extend(page.rows.into_iter().map(|(task, failure)| (task.key.to_string(), failure.code)));
        match page.next {
            Some(next) => from = next,
            None => return rows,
        }
    }
}

fn counts(job: &Job) -> BTreeMap<String, u64> {
    job.failure_counts.by_frequency().into_iter().map(|one| (one.code.clone(), one.count)).collect()
}

#[tokio::test(start_paused = true)]
async fn while_a_job_runs_its_error_codes_are_counted_and_its_failed_rows_can_be_read_page_by_page() {
    let mut cluster = TestCluster::new(970);
    cluster.fill(3000).await;
    cluster.spoil_slowly(Duration::from_millis(5), |call| {
        let (kind, key) = subject(call);
        match kind == CallKind::PutObjectTagging && key.ends_with('7') {
            true => Spoil::Refused(Verdict::Denied, 403, "AccessDenied"),
            false => Spoil::Nothing,
        }
    });
    cluster.put_chain_around();
    let all: Vec<String> = (0..3000).map(key).chain((0..40).map(|n| format!("missing/{n}"))).collect();
    let id = cluster.create_with(tagging(), all.clone(), |spec| spec.options.in_flight_max = Some(8)).await;
    let process = cluster.start(None);
    let running = cluster.wait(id, |job| job.progress.failed >= 50).await;
    assert_eq!(running.status, Status::Active);
    assert_eq!(running.failure_counts.sum(), running.progress.failed);
    let (so_far, now) = (failed_rows(&process, &running, 7).await, cluster.job(id).await);
    assert!(so_far.len() as u64 >= running.progress.failed && so_far.len() as u64 <= now.progress.failed);
    let job = cluster.wait(id, |job| job.status.is_terminal()).await;
    let rows = check(&cluster, &job, &all).await;
    let failed: BTreeMap<String, String> =
        rows.values().filter(|row| row.status == "failed").map(|row| (row.key.clone(), row.code.clone())).collect();
    for max in [1, 40, 1000] {
        assert_eq!(failed_rows(&process, &job, max).await.into_iter().collect::<BTreeMap<_, _>>(), failed, "{max}");
    }
    assert_eq!(counts(&job), [("AccessDenied".to_owned(), 304), ("NoSuchKey".to_owned(), 36)].into());
    for one in job.failure_counts.by_frequency() {
        let example = one.example.as_ref().expect("a key is known").to_string();
        assert_eq!(failed.get(&example), Some(&one.code), "the example failed by that code");
    }
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn bytes_that_a_copy_moved_are_counted_and_objects_of_unknown_size_are_counted_apart() {
    let cluster = TestCluster::new(971);
    cluster.fill(30).await;
    let id = cluster.create(copy(), (0..30).map(key)).await;
    let job = cluster.run_to_end(id, None).await;
    // A manifest of keys tells no sizes.
    assert_eq!(job.done_bytes, DoneBytes { bytes: 0, tasks_of_unknown_size: 30 });
    // One that depends on the source reads its head anyway: "body 0" to "body 29".
    let to = Copy::to(bucket_ref("target"));
    let copy = Copy { modified_since: Some(Timestamp::UNIX_EPOCH), ..to };
    let id = cluster.create(Operation::Copy(Box::new(copy)), (0..30).map(key)).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!(job.done_bytes, DoneBytes { bytes: 10 * 6 + 20 * 7, tasks_of_unknown_size: 0 });
    let id = cluster.create(tagging(), (0..30).map(key)).await;
    assert_eq!(cluster.run_to_end(id, None).await.done_bytes, DoneBytes::default(), "tags are no bytes of objects");
}
