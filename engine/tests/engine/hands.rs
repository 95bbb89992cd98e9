//! A user acts on a job in any status: whatever the action, the job can end, and its counters stay
//! right.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::job::Change;
use brigade_model::ports::job_store::{Apply, ApplyError, ChangeId};
use brigade_model::ports::object_store::{Answer, Call, CallError, CallKind, CancelToken, ObjectStore};
use brigade_model::ports::{Clock, JobStore};
use brigade_model::{Job, JobId, LoadLimits, Status};
use tokio::sync::watch;

use crate::account::check;
use crate::cluster::{Process, TestCluster, key};
use crate::life::copy;

const TASKS: usize = 100;

/// A store that is slow with calls of some kinds, until it is told not to be.
pub(crate) struct Slow {
    pub(crate) inner: Arc<dyn ObjectStore>,
    pub(crate) kinds: watch::Sender<Vec<CallKind>>,
}

#[async_trait]
impl ObjectStore for Slow {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let kind = call.kind();
        let _ = self.kinds.subscribe().wait_for(|kinds| !kinds.contains(&kind)).await;
        self.inner.call(cancel, call).await
    }
}

/// A cluster whose store is slow, with a process and a job.
struct Scenario {
    cluster: TestCluster,
    slow: Arc<Slow>,
    id: JobId,
    process: Process,
}

impl Scenario {
    /// A scenario whose job stands in this status, and stays there.
    async fn at(status: Status) -> Self {
        let mut cluster = TestCluster::new(100 + status as u64);
        cluster.config.confirmation_patience = Duration::from_secs(60);
        cluster.config.tasks = 8;
        cluster.fill(TASKS).await;
        let slow = Arc::new(Slow { inner: cluster.bucket.clone(), kinds: watch::Sender::new(slow_calls(status)) });
        cluster.store = slow.clone();
        let waits = matches!(status, Status::Suspended | Status::Failing | Status::Failed);
        let id = cluster.create_with(copy(), keys(), |spec| spec.confirmation_required = Some(waits)).await;
        if status == Status::Ready {
            cluster.change(id, Change::Held).await;
        }
        let process = match status {
            Status::New => cluster.start_idle(),
            _ => cluster.start(None),
        };
        let scenario = Self { cluster, slow, id, process };
        scenario.go_to(status).await;
        scenario
    }

    async fn go_to(&self, status: Status) {
        let by_hand = match status {
            Status::Pausing | Status::Paused => Some(Change::Held),
            Status::Cancelling | Status::Cancelled => Some(Change::CancelRequested("enough".into())),
            _ => None,
        };
        if let Some(change) = by_hand {
            self.wait_for(Status::Active).await;
            // Some tasks are in flight.
            self.cluster.clock.sleep(Duration::from_millis(10)).await;
            self.change(change).await.unwrap();
        }
        if status == Status::Paused || status == Status::Cancelled {
            // The engine knows of the stop by now: it starts no task when the store is quick again.
            self.cluster.clock.sleep(Duration::from_secs(1)).await;
            self.slow.kinds.send_replace(Vec::new());
        }
        self.wait_for(status).await;
    }

    async fn wait_for(&self, status: Status) {
        for _ in 0..10_000 {
            if self.cluster.job(self.id).await.status == status {
                return;
            }
            self.cluster.clock.sleep(Duration::from_millis(10)).await;
        }
        panic!("it never is {status}: {:#?}", self.cluster.job(self.id).await);
    }

    /// What the service does for a user: applies the change, and stops what must stop.
    async fn change(&self, change: Change) -> Result<Job, ApplyError> {
        let job = self.cluster.job(self.id).await;
        let id = ChangeId(uuid::Uuid::from_u128(u128::from(job.revision) << 64 | 1));
        let apply = Apply { job: self.id, revision: job.revision, id, change, stage_fence: None };
        let changed = self.cluster.jobs.apply(apply).await;
        if changed.as_ref().is_ok_and(|job| job.status == Status::Cancelling || job.status == Status::Cancelled) {
            self.process.engine.stop_job(self.id);
        }
        self.process.engine.notify();
        changed
    }

    /// Lets the job go on, and waits for its end; `None` when it is purged by then.
    async fn end(&mut self) -> Option<Job> {
        self.slow.kinds.send_replace(Vec::new());
        if self.process.node.is_crashed() {
            self.process = self.cluster.start(None);
        }
        for _ in 0..10_000 {
            let job = self.cluster.jobs.job(self.id).await.unwrap()?;
            if job.status.is_terminal() && !job.is_deleted {
                return Some(job);
            }
            if job.held_by_user && !job.status.is_terminal() {
                let _ = self.change(Change::Released).await;
            }
            if job.status == Status::Suspended {
                let _ = self.change(Change::Confirmed("go".into())).await;
            }
            self.cluster.clock.sleep(Duration::from_millis(100)).await;
        }
        panic!("it does not end: {:#?}", self.cluster.job(self.id).await);
    }
}

/// What must be slow for a job to stay in this status.
fn slow_calls(status: Status) -> Vec<CallKind> {
    match status {
        Status::Preparing => vec![CallKind::GetObject],
        Status::Active | Status::Pausing | Status::Paused | Status::Cancelling | Status::Cancelled => {
            vec![CallKind::CopyObject]
        }
        Status::Completing | Status::Failing => vec![CallKind::PutObject],
        _ => Vec::new(),
    }
}

fn keys() -> Vec<String> {
    (0..TASKS).map(key).collect()
}

#[tokio::test(start_paused = true)]
async fn whatever_a_user_does_to_a_job_in_any_status_it_ends_and_its_accounting_holds() {
    for status in Status::ALL {
        for change in [
            Change::Confirmed("go".into()),
            Change::CancelRequested("enough".into()),
            Change::PrioritySet(9),
            Change::Held,
            Change::Released,
            Change::LimitsSet(LoadLimits { requests_per_second: Some(20), ..LoadLimits::default() }),
            Change::DeleteRequested,
        ] {
            let mut scenario = Scenario::at(status).await;
            let name = format!("{status}, {change:?}");
            let before = scenario.cluster.job(scenario.id).await;
            let mut expected = before.clone();
            let is_legal = expected.change(&change, scenario.cluster.clock.now(), before.since).is_ok();
            let changed = scenario.change(change.clone()).await;
            assert_eq!(changed.is_ok(), is_legal, "{name}: {changed:?}");
            // Long enough for everything to notice, not for a confirmation to be late.
            scenario.cluster.clock.sleep(Duration::from_secs(3)).await;
            let Some(job) = scenario.end().await else {
                assert_eq!(change, Change::DeleteRequested, "{name}");
                let left = scenario.cluster.spool.list(&format!("{}/", scenario.id)).await.unwrap();
                assert!(left.is_empty(), "{name}: {left:?}");
                continue;
            };
            let was_cancelled = is_legal && matches!(change, Change::CancelRequested(_));
            if was_cancelled && !before.status.is_terminal() {
                assert_eq!((job.status, job.status_update_reason.as_str()), (Status::Cancelled, "enough"), "{name}");
            }
            if matches!(change, Change::PrioritySet(_)) && is_legal {
                assert_eq!(job.priority, 9, "{name}");
            }
            if job.prepared.is_some() && job.status != Status::Cancelled {
                check(&scenario.cluster, &job, &keys()).await;
            }
            scenario.process.engine.shut_down().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_copy_begins_after_a_cancel_in_any_status_is_answered() {
    for status in [Status::Ready, Status::Active, Status::Pausing, Status::Paused] {
        let mut scenario = Scenario::at(status).await;
        let in_flight = (scenario.cluster.config.tasks * scenario.cluster.config.slices) as u64;
        scenario.change(Change::CancelRequested("enough".into())).await.unwrap();
        let job = scenario.end().await.expect("not deleted");
        assert_eq!(job.status, Status::Cancelled, "{status}");
        let copies = scenario.cluster.bucket.calls(CallKind::CopyObject);
        assert!(copies <= in_flight, "{status}");
        assert_eq!(job.progress.succeeded, copies, "{status}: what was in flight is recorded");
        scenario.process.engine.shut_down().await;
    }
}
