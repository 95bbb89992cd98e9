//! Two nodes on one store share the work; when one dies or freezes the other takes over, and what
//! the frozen one writes when it wakes is refused.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use brigade_model::job::Change;
use brigade_model::limits::LEASE_TTL_BODY;
use brigade_model::ports::object_store::Call;
use brigade_model::ports::spawn::{Spawn, Spawned, Work};
use brigade_model::ports::{Clock, Monotonic};
use brigade_model::{JobSpec, Operation, Status};
use brigade_runtime::Node;

use crate::account::{check, text};
use crate::cluster::{Process, TestCluster, key};
use crate::failures::put_retries_around;
use crate::life::{copy, tagging};
use crate::spoil::Spoil;

/// Starts work that can be frozen, as a stopped process is: nothing of it is polled.
#[derive(Clone, Default)]
struct Freezer {
    node: Node,
    frozen: Arc<Mutex<(bool, Vec<Waker>)>>,
}

struct Freezable {
    work: Work,
    frozen: Arc<Mutex<(bool, Vec<Waker>)>>,
}

impl Future for Freezable {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        {
            let mut frozen = self.frozen.lock().unwrap();
            if frozen.0 {
                frozen.1.push(context.waker().clone());
                return Poll::Pending;
            }
        }
        self.work.as_mut().poll(context)
    }
}

impl Spawn for Freezer {
    fn spawn(&self, name: &'static str, work: Work) -> Box<dyn Spawned> {
        self.node.spawn(name, Box::pin(Freezable { work, frozen: self.frozen.clone() }))
    }
}

impl Freezer {
    fn freeze(&self) {
        self.frozen.lock().unwrap().0 = true;
    }

    fn thaw(&self) {
        let mut frozen = self.frozen.lock().unwrap();
        frozen.0 = false;
        frozen.1.drain(..).for_each(Waker::wake);
    }
}

fn keys(n: usize) -> Vec<String> {
    (0..n).map(key).collect()
}

fn paced(tasks: u32) -> impl Fn(&mut JobSpec) + Copy {
    move |spec| spec.options.requests_per_second_max = Some(tasks)
}

fn freezable(cluster: &TestCluster) -> (Freezer, Process) {
    let freezer = Freezer::default();
    let process = cluster.start_with(freezer.node.clone(), None, Arc::new(freezer.clone()));
    (freezer, process)
}

#[tokio::test(start_paused = true)]
async fn a_node_that_dies_at_any_moment_is_replaced_by_the_other() {
    for (n, tenths) in [0, 1, 5, 9, 13, 25, 40, 60, 90].into_iter().enumerate() {
        let mut cluster = TestCluster::new(200 + n as u64);
        put_retries_around(&mut cluster);
        cluster.fill(1500).await;
        let operation = if n % 2 == 0 { copy() } else { tagging() };
        let (one, two) = (cluster.start_beside(None), cluster.start_beside(None));
        let id = cluster.create_with(operation, keys(1500), paced(100)).await;
        one.engine.notify();
        cluster.clock.sleep(Duration::from_millis(100 * tenths)).await;
        one.node.crash();
        let job = cluster.wait(id, |job| job.status == Status::Complete).await;
        let rows = check(&cluster, &job, &keys(1500)).await;
        assert!(rows.values().all(|row| row.status == "succeeded"), "{tenths}: {rows:#?}");
        two.engine.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_freezes_beyond_its_leases_and_wakes_changes_nothing() {
    for (n, tenths) in [1, 5, 13, 25, 40, 60].into_iter().enumerate() {
        let mut cluster = TestCluster::new(300 + n as u64);
        put_retries_around(&mut cluster);
        cluster.fill(1500).await;
        let operation = [copy(), tagging(), Operation::Delete][n % 3].clone();
        let (freezer, frozen) = freezable(&cluster);
        let id = cluster.create_with(operation, keys(1500), paced(100)).await;
        frozen.engine.notify();
        cluster.clock.sleep(Duration::from_millis(100 * tenths)).await;
        freezer.freeze();
        let other = cluster.start_beside(None);
        // It wakes while the other works, or when all is over.
        let (sleeps, seconds) = if n % 2 == 0 { (1, 1220) } else { (1, 75) };
        for _ in 0..sleeps {
            cluster.clock.sleep(Duration::from_secs(seconds)).await;
        }
        freezer.thaw();
        let job = cluster.wait(id, |job| job.status == Status::Complete).await;
        let rows = check(&cluster, &job, &keys(1500)).await;
        assert!(rows.values().all(|row| row.status == "succeeded"), "{tenths}: {rows:#?}");
        cluster.clock.sleep(Duration::from_secs(5)).await;
        assert_eq!(cluster.job(id).await, job, "an ended job does not change");
        frozen.engine.shut_down().await;
        other.engine.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_another_node_stored_starts_no_task_a_second_later() {
    let mut cluster = TestCluster::new(41);
    put_retries_around(&mut cluster);
    cluster.fill(4000).await;
    let (one, two) = (cluster.start_beside(None), cluster.start_beside(None));
    let id = cluster.create_with(copy(), keys(4000), paced(200)).await;
    one.engine.notify();
    cluster.wait(id, |job| job.progress.succeeded > 500).await;
    cluster.change(id, Change::CancelRequested("enough".into())).await;
    cluster.clock.sleep(Duration::from_millis(1001)).await;
    let kind = brigade_model::ports::object_store::CallKind::CopyObject;
    let copies = cluster.bucket.calls(kind);
    let job = cluster.wait(id, |job| job.status == Status::Cancelled).await;
    assert_eq!(cluster.bucket.calls(kind), copies, "no copy later than a second after the cancel");
    assert_eq!(job.progress.succeeded, copies);
    check(&cluster, &job, &keys(4000)).await;
    one.engine.shut_down().await;
    two.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_does_not_reach_the_job_store_starts_no_task_a_second_after_a_cancel() {
    let mut cluster = TestCluster::new(43);
    put_retries_around(&mut cluster);
    cluster.fill(4000).await;
    let id = cluster.create_with(copy(), keys(4000), paced(200)).await;
    let cut_off = cluster.start_beside(None);
    cluster.wait(id, |job| job.progress.succeeded > 100).await;
    let its_store = std::mem::take(&mut cluster.counted);
    let other = cluster.start_beside(None);
    its_store.go_away(&cluster.clock, Duration::from_secs(120));
    cluster.change(id, Change::CancelRequested("enough".into())).await;
    cluster.clock.sleep(Duration::from_millis(1001)).await;
    let kind = brigade_model::ports::object_store::CallKind::CopyObject;
    let copies = cluster.bucket.calls(kind);
    assert!(copies > 100);
    let job = cluster.wait(id, |job| job.status == Status::Cancelled).await;
    assert_eq!(cluster.bucket.calls(kind), copies, "no copy later than a second after the cancel");
    assert_eq!(job.progress.succeeded, copies, "what it had begun is recorded when it is back");
    check(&cluster, &job, &keys(4000)).await;
    cut_off.engine.shut_down().await;
    other.engine.shut_down().await;
}

/// When copies began, and when the first of them was given up.
#[derive(Clone, Default)]
struct Copies {
    began: Arc<Mutex<Vec<Monotonic>>>,
    ended: Arc<Mutex<Option<Monotonic>>>,
}

/// A cluster whose first copy is never answered.
fn cluster_that_hangs(seed: u64) -> (TestCluster, Copies) {
    let mut cluster = TestCluster::new(seed);
    let copies = Copies::default();
    let (clock, Copies { began, ended }) = (cluster.clock.clone(), copies.clone());
    cluster.spoil(move |call| {
        if !matches!(call, Call::CopyObject(_)) {
            return Spoil::Nothing;
        }
        let mut began = began.lock().unwrap();
        began.push(clock.monotonic());
        if began.len() == 1 { Spoil::Hangs(ended.clone()) } else { Spoil::Nothing }
    });
    cluster.put_chain_around();
    (cluster, copies)
}

async fn until_it_hangs(cluster: &TestCluster, copies: &Copies) {
    while copies.began.lock().unwrap().is_empty() {
        cluster.clock.sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_goes_on_while_its_lease_is_renewed_and_ends_before_another_node_may_take_its_slice() {
    let (mut cluster, copies) = cluster_that_hangs(45);
    cluster.fill(1).await;
    let id = cluster.create(copy(), keys(1)).await;
    let cut_off = cluster.start_beside(None);
    until_it_hangs(&cluster, &copies).await;
    // Far beyond the lease that it began under.
    cluster.clock.sleep(3 * LEASE_TTL_BODY).await;
    assert_eq!(*copies.ended.lock().unwrap(), None);
    let its_store = std::mem::take(&mut cluster.counted);
    its_store.go_away(&cluster.clock, 3 * LEASE_TTL_BODY);
    let since = cluster.clock.monotonic();
    let other = cluster.start_beside(None);
    let job = cluster.wait(id, |job| job.status == Status::Complete).await;
    let (given_up, taken_up) = (copies.ended.lock().unwrap().unwrap(), copies.began.lock().unwrap()[1]);
    assert!(given_up.since(since) <= LEASE_TTL_BODY, "{given_up:?}");
    assert!(taken_up.since(given_up) >= cluster.config.lease_grace, "{given_up:?} {taken_up:?}");
    check(&cluster, &job, &keys(1)).await;
    cut_off.node.crash();
    other.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_an_attempt_that_is_never_answered_no_longer_than_its_patience() {
    let (cluster, copies) = cluster_that_hangs(46);
    cluster.fill(1).await;
    let id = cluster.create(copy(), keys(1)).await;
    let process = cluster.start_beside(None);
    until_it_hangs(&cluster, &copies).await;
    let since = cluster.clock.monotonic();
    process.engine.shut_down().await;
    assert!(cluster.clock.monotonic().since(since) <= cluster.config.stop_patience + Duration::from_secs(1));
    assert!(copies.ended.lock().unwrap().is_some());
    // The next worker checks first.
    let job = cluster.run_to_end(id, None).await;
    let rows = check(&cluster, &job, &keys(1)).await;
    assert!(rows.values().all(|row| row.status == "succeeded"), "{rows:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_cancelled_while_a_node_is_frozen_says_unconfirmed_once_and_is_not_changed_when_it_wakes() {
    let mut cluster = TestCluster::new(42);
    put_retries_around(&mut cluster);
    cluster.fill(2000).await;
    let (freezer, frozen) = freezable(&cluster);
    let id = cluster.create_with(copy(), keys(2000), paced(100)).await;
    frozen.engine.notify();
    cluster.wait(id, |job| job.progress.succeeded > 300).await;
    freezer.freeze();
    let other = cluster.start_beside(None);
    cluster.change(id, Change::CancelRequested("enough".into())).await;
    let job = cluster.wait(id, |job| job.status == Status::Cancelled).await;
    let rows = check(&cluster, &job, &keys(2000)).await;
    assert!(rows.values().any(|row| row.code == "Unconfirmed"));
    let kind = brigade_model::ports::object_store::CallKind::CopyObject;
    let copies = cluster.bucket.calls(kind);
    freezer.thaw();
    cluster.clock.sleep(Duration::from_secs(60)).await;
    assert_eq!(cluster.job(id).await, job);
    assert_eq!(cluster.bucket.calls(kind), copies, "the one that wakes starts nothing");
    for key in keys(2000) {
        let is_copied = text(&cluster, "target", &key).await.is_some();
        assert!(!is_copied || rows.contains_key(&key), "{key} was copied, and the report does not say so");
    }
    frozen.engine.shut_down().await;
    other.engine.shut_down().await;
}
