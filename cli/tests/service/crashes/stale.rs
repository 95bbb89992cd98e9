//! A worker that writes under a lost lease, and one that repeats a write that is recorded already.
//!
//! A killed process writes nothing more, and an embedded store loses no answers, so a kill alone shows
//! neither. Here the test changes the rows of the job store beside the running service: as another node
//! does when it takes a slice over, and as a commit leaves them whose answer was lost.

use std::sync::Arc;
use std::time::Duration;

use brigade_engine::outcomes::PartBuilder;
use brigade_model::{JobId, JobOptions, Outcome, Status};
use brigade_runtime::SystemClock;
use rusqlite::Connection;

use super::recorder::CallRecorder;
use crate::forged::Raw;
use crate::test_service::{TestService, make_buckets, request};

/// Calls of the job at once.
const IN_FLIGHT: u32 = 8;
/// Fewer than the first slice can have.
const TASKS: u64 = 60;

/// A service that tags objects of one slice, and whose first calls wait for their answers.
async fn begin() -> (TestService, CallRecorder, JobId) {
    let clock = Arc::new(SystemClock::new());
    let bucket = make_buckets(&clock);
    let recorder = CallRecorder::new(bucket.clone(), clock.clone(), 1, Duration::ZERO);
    let url = recorder.listen().await;
    let service = TestService::open(clock, bucket, &url, "[engine]\npoll = \"100ms\"", None);
    service.fill(TASKS);
    let rows: String = (0..TASKS).map(|n| format!("photos,k{n}\n")).collect();
    let etag = service.put_manifest(&rows);
    recorder.hold(true);
    let options = JobOptions { in_flight_max: Some(IN_FLIGHT), ..JobOptions::default() };
    let job = service.client().create_job(request("t", &etag).into(), &options).await.unwrap().value;
    service.until("as many calls as can be wait", async || recorder.held() == IN_FLIGHT).await;
    (service, recorder, job)
}

fn job_store(service: &TestService) -> Connection {
    Connection::open(service.data().join("brigade.db")).unwrap()
}

/// Epoch, owner, next number of a part, and outcomes of the slice; and how many parts there are.
fn slice(store: &Connection) -> (i64, Option<Vec<u8>>, i64, i64, i64) {
    let columns = "epoch, owner, next_seq, succeeded + failed, (SELECT count(*) FROM part)";
    store
        .query_row(&format!("SELECT {columns} FROM slice"), (), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outcomes_of_a_slice_that_another_worker_took_over_count_not_at_all() {
    let (service, recorder, job) = begin().await;
    let store = job_store(&service);
    let taken = "UPDATE slice SET epoch = epoch + 1, token = ?1, owner = ?1, expires = ?2";
    store.execute(taken, (&[7_u8; 16][..], i64::MAX)).unwrap();
    let before = slice(&store);
    recorder.hold(false);
    // It is told so, or it has written.
    let is_over = async || service.said().contains("slice lease lost or given up") || slice(&store) != before;
    service.until("it gives the slice up", is_over).await;
    assert_eq!(slice(&store), before, "who lost the slice neither records nor gives back");

    let lost = "UPDATE slice SET epoch = epoch + 1, owner = NULL, expires = NULL, must_look = 1,
        unsettled_since = leased_at";
    store.execute(lost, ()).unwrap();
    let ended = service.end(job).await;
    assert_eq!((ended.status, ended.progress.succeeded), (Status::Complete, TASKS), "{ended:#?}");
    assert_eq!(service.report_rows(job) as u64, TASKS);
    assert!(slice(&store).0 > before.0 + 1, "it was leased anew");
}

/// How many tasks the service believes to be recorded.
async fn believed(service: &TestService) -> u64 {
    let page = Raw::new(service, "GET", "/metrics").send_to(&service.metrics).await.1;
    let line = page.lines().find(|line| line.starts_with("brigade_tasks_total") && line.contains("succeeded"));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_was_recorded_though_its_answer_was_lost_counts_once() {
    let (service, recorder, job) = begin().await;
    let store = job_store(&service);
    // What the worker is about to record, when these are answered and the next ones are not.
    let mut part = PartBuilder::default();
    let mut offsets: Vec<u32> = recorder.lost().iter().map(|at| at.key.as_str()[1..].parse().unwrap()).collect();
    offsets.sort_unstable();
    offsets.iter().for_each(|offset| _ = part.add(*offset, Outcome::Succeeded));
    let recorded = "INSERT INTO part (job, slice, seq, epoch, token, bytes)
        SELECT job, number, 0, epoch, token, ?1 FROM slice";
    let transaction = store.unchecked_transaction().unwrap();
    transaction.execute(recorded, (&part.finish().bytes[..],)).unwrap();
    transaction.execute("UPDATE slice SET next_seq = 1, succeeded = ?1", (IN_FLIGHT,)).unwrap();
    transaction.commit().unwrap();
    recorder.let_go();
    service.until("its part is taken for recorded", async || believed(&service).await > 0).await;
    assert_eq!(believed(&service).await, u64::from(IN_FLIGHT));
    recorder.hold(false);
    let ended = service.end(job).await;
    assert_eq!((ended.status, ended.progress.succeeded), (Status::Complete, TASKS), "{ended:#?}");
    assert_eq!(service.report_rows(job) as u64, TASKS);
}
