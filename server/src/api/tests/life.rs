//! A job after its creation: which callers can see, list and change it.

use std::sync::Mutex;

use async_trait::async_trait;
use brigade_model::ports::job_store::*;
use brigade_model::{AccountId, Change, EndpointRow, EndpointSettings};
use brigade_runtime::SimulatedClock;
use brigade_store::memory::MemoryStore;

use super::bench::{Read, request, request_to_confirm};
use super::*;

async fn set_status(bench: &TestApi, id: JobId, status: &str) -> Read {
    bench.send(Call::new("POST", format!("/jobs/{id}/status?requestedJobStatus={status}"))).await
}

#[tokio::test(start_paused = true)]
async fn a_job_is_described_to_its_account_and_to_nobody_else() {
    let bench = TestApi::new();
    let id = bench.create("t").await;
    let shown = bench.get(&format!("/jobs/{id}")).await;
    assert_eq!((shown.status, shown.element("Status")), (200, "New"));
    assert_eq!(shown.element("ClientRequestToken"), "t");

    let unknown = bench.get(&format!("/jobs/{}", JobId::from_u128(1))).await;
    let foreign = bench.send(Call::new("GET", format!("/jobs/{id}")).of_other()).await;
    for answer in [&unknown, &foreign] {
        assert_eq!(answer.refused(), (404, "NoSuchJob"));
        assert_eq!(answer.element("Message"), "The specified job does not exist");
    }
    assert_eq!(bench.get("/jobs/nonsense").await.refused(), (404, "NoSuchJob"));
}

#[tokio::test(start_paused = true)]
async fn no_action_touches_a_job_of_another_account() {
    let bench = TestApi::new();
    let id = bench.create("t").await;
    for (method, target) in [
        ("POST", format!("/jobs/{id}/priority?priority=1")),
        ("POST", format!("/jobs/{id}/status?requestedJobStatus=Cancelled")),
        ("DELETE", format!("/jobs/{id}")),
    ] {
        assert_eq!(bench.send(Call::new(method, target).of_other()).await.refused(), (404, "NoSuchJob"));
    }
    assert_eq!(bench.store.job(id).await.unwrap().unwrap().revision, 0);
    assert!(bench.told.stopped.lock().unwrap().is_empty());
    let listed = bench.send(Call::new("GET", "/jobs").of_other()).await;
    assert!(!listed.body.contains(&id.to_string()), "{listed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_list_goes_page_by_page_and_names_a_next_page_only_when_there_is_one() {
    let bench = TestApi::new();
    let mut ids = Vec::new();
    for n in 0..5 {
        bench.clock.jump(1);
        ids.push(bench.create(&format!("t{n}")).await.to_string());
    }
    let first = bench.get("/jobs?maxResults=3").await;
    assert!(ids[..3].iter().all(|id| first.body.contains(id)) && !first.body.contains(&ids[3]), "{first:?}");
    assert_eq!(first.element("NextToken"), ids[2]);
    let last = bench.get(&format!("/jobs?maxResults=2&nextToken={}", ids[2])).await;
    assert!(ids[3..].iter().all(|id| last.body.contains(id)), "{last:?}");
    assert!(!last.body.contains("NextToken"), "the page is full, but it is the last: {last:?}");

    let cancelled = bench.send(Call::new("GET", "/jobs?jobStatuses=Cancelled")).await;
    assert!(cancelled.body.contains("<Jobs"), "an empty list is a list: {cancelled:?}");
    for target in ["/jobs?jobStatuses=Fast", "/jobs?maxResults=0", "/jobs?maxResults=1001", "/jobs?nextToken=x"] {
        assert_eq!(bench.get(target).await.refused(), (400, "InvalidArgument"), "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_ended_job_is_shown_for_ninety_days_and_an_open_one_for_ever() {
    let bench = TestApi::new();
    let (ended, open) = (bench.create("1").await, bench.create("2").await);
    bench.bring_to(ended, Status::Complete).await;
    let pass_days = |days: u32| (0..days).for_each(|_| bench.clock.pass(86_400_000));
    pass_days(89);
    assert!(bench.get("/jobs").await.body.contains(&ended.to_string()));
    pass_days(2);
    assert_eq!(bench.get(&format!("/jobs/{ended}")).await.refused(), (404, "NoSuchJob"));
    let listed = bench.get("/jobs").await;
    assert!(!listed.body.contains(&ended.to_string()) && listed.body.contains(&open.to_string()));
}

#[tokio::test(start_paused = true)]
async fn a_priority_changes_until_the_job_has_ended() {
    let bench = TestApi::new();
    let id = bench.create("t").await;
    let set = |priority: &str| Call::new("POST", format!("/jobs/{id}/priority{priority}"));
    let changed = bench.send(set("?priority=77")).await;
    assert_eq!((changed.status, changed.element("Priority")), (200, "77"));
    assert_eq!(bench.send(set("")).await.element("Message"), "No priority was provided");
    assert_eq!(bench.send(set("?priority=-1")).await.refused(), (400, "InvalidArgument"));
    bench.bring_to(id, Status::Cancelled).await;
    let late = bench.send(set("?priority=1")).await;
    assert_eq!(late.refused(), (404, "NoSuchJob"));
    assert_eq!(late.element("Message"), "The specified job does not exist or was already finished");
    assert_eq!(bench.store.job(id).await.unwrap().unwrap().priority, 77);
}

/// For each status: what a cancel answers.
#[tokio::test(start_paused = true)]
async fn a_cancel_is_answered_by_the_status_and_the_engine_is_stopped_before_the_answer() {
    for status in Status::ALL {
        let bench = TestApi::new();
        let body = if status == Status::Suspended { request_to_confirm("t") } else { request("t") };
        let id = bench.send(Call::create(body)).await.job_id();
        bench.bring_to(id, status).await;
        let answer = set_status(&bench, id, "Cancelled&statusUpdateReason=too+much").await;
        let told = match status {
            Status::New | Status::Preparing | Status::Suspended | Status::Ready => Ok("Cancelled"),
            Status::Active | Status::Pausing | Status::Paused | Status::Cancelling => Ok("Cancelling"),
            Status::Completing | Status::Failing => Err("cannot be changed to Cancelled"),
            Status::Complete | Status::Cancelled | Status::Failed => Err("The specified job was already finished"),
        };
        match told {
            Ok(after) => {
                assert_eq!((answer.status, answer.element("Status")), (200, after), "{status}");
                assert_eq!(answer.element("StatusUpdateReason"), "too much");
                assert_eq!(*bench.told.stopped.lock().unwrap(), [id], "{status}");
            }
            Err(message) => {
                assert_eq!(answer.refused(), (400, "InvalidRequest"), "{status}");
                assert!(answer.element("Message").contains(message), "{status}: {answer:?}");
                assert!(bench.told.stopped.lock().unwrap().is_empty(), "{status}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_that_no_client_can_ask_for_is_refused_and_changes_nothing() {
    let bench = TestApi::new();
    let id = bench.create("t").await;
    assert_eq!(set_status(&bench, id, "Active").await.refused(), (400, "InvalidArgument"));
    assert_eq!(set_status(&bench, id, "").await.refused(), (400, "InvalidArgument"));
    assert_eq!(bench.store.job(id).await.unwrap().unwrap().revision, 0);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_job_is_cancelled_and_stays_visible_until_it_has_ended() {
    let bench = TestApi::new();
    let (waiting, running, done) = (bench.create("1").await, bench.create("2").await, bench.create("3").await);
    bench.bring_to(running, Status::Active).await;
    bench.bring_to(done, Status::Complete).await;
    for id in [waiting, running, done] {
        let answer = bench.send(Call::new("DELETE", format!("/jobs/{id}"))).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""));
        assert!(answer.headers.contains_key("x-cos-request-id") && !answer.headers.contains_key("content-type"));
    }
    let describe = |id| Call::new("GET", format!("/jobs/{id}"));
    assert_eq!(bench.send(describe(waiting)).await.refused(), (404, "NoSuchJob"));
    assert_eq!(bench.send(describe(done)).await.refused(), (404, "NoSuchJob"));
    assert_eq!(bench.send(describe(running)).await.element("Status"), "Cancelling");
    assert_eq!(bench.send(Call::new("DELETE", format!("/jobs/{running}"))).await.status, 204, "asked twice");
    bench.change(running, Change::ReportWritten).await;
    assert_eq!(bench.send(describe(running)).await.refused(), (404, "NoSuchJob"));
    assert_eq!(bench.send(Call::new("DELETE", format!("/jobs/{running}"))).await.refused(), (404, "NoSuchJob"));
}

/// Another request changes the job, or the endpoint, between the reading and the writing.
pub(super) struct Overtaken {
    inner: MemoryStore,
    before: Mutex<Option<Change>>,
    pub(super) settings_before: Mutex<Option<EndpointSettings>>,
}

#[async_trait]
impl ForwardJobStore for Overtaken {
    fn inner(&self) -> &dyn JobStore {
        &self.inner
    }

    async fn apply(&self, apply: Apply) -> Result<Job, ApplyError> {
        let overtaking = self.before.lock().unwrap().take();
        if let Some(change) = overtaking {
            let id = ChangeId(uuid::Uuid::from_u128(u128::from(apply.revision)));
            self.inner.apply(Apply { id, change, ..apply.clone() }).await?;
        }
        self.inner.apply(apply).await
    }

    async fn set_endpoint(&self, row: &EndpointRow) -> Result<EndpointRow, SetEndpointError> {
        let overtaking = self.settings_before.lock().unwrap().take();
        if let Some(settings) = overtaking {
            self.inner.set_endpoint(&EndpointRow { settings, ..row.clone() }).await?;
        }
        self.inner.set_endpoint(row).await
    }
}

pub(super) fn overtaken() -> (TestApi, Arc<Overtaken>) {
    let clock = Arc::new(SimulatedClock::new());
    let store = MemoryStore::new(Arc::clone(&clock) as _);
    let overtaken =
        Arc::new(Overtaken { inner: store.clone(), before: Mutex::default(), settings_before: Mutex::default() });
    (TestApi::over(clock, store, Arc::clone(&overtaken) as _), overtaken)
}

#[tokio::test(start_paused = true)]
async fn a_change_that_lost_a_race_is_decided_again() {
    let (bench, store) = overtaken();
    let id = bench.create("t").await;
    *store.before.lock().unwrap() = Some(Change::PreparationStarted);
    let answer = bench.send(Call::new("POST", format!("/jobs/{id}/priority?priority=3"))).await;
    assert_eq!(answer.element("Priority"), "3");
    let job = bench.store.job(id).await.unwrap().unwrap();
    assert_eq!((job.status, job.priority), (Status::Preparing, 3));

    *store.before.lock().unwrap() = Some(Change::CancelRequested("first".to_owned()));
    let late = set_status(&bench, id, "Cancelled&statusUpdateReason=second").await;
    assert_eq!(late.element("Message"), "The specified job was already finished");
    assert_eq!(bench.store.job(id).await.unwrap().unwrap().status_update_reason, "first");
    assert_eq!(bench.store.job(id).await.unwrap().unwrap().account, AccountId::new("photos").unwrap());
}
