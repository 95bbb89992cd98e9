//! Which callers see which jobs, and what the use cases refuse before any face maps it to a code.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use brigade_engine::{FailedRows, Preview, RolePlaces, RowPosition, StageError};
use brigade_model::limits::LEFT_UPLOADS_NAMED_MAX;
use brigade_model::ports::job_store::{LeaseToken, LeftUploads, OpenUpload, OwnerId, UploadScope};
use brigade_model::rates::Rates;
use brigade_model::resource::Owner;
use brigade_model::{AccountId, BucketName, Dialect, Job, JobId, ObjectKey, Quota, ServiceTime, Status, Waiting};
use brigade_runtime::{SeededEntropy, SimulatedClock};
use brigade_store::conformance::sample_job;
use brigade_store::memory::MemoryStore;
use uuid::Uuid;

use super::*;

/// No account has a role.
struct NoRoles;

impl Roles for NoRoles {
    fn places(&self, _: &AccountId, _: &str) -> Option<RolePlaces> {
        None
    }
}

/// Remembers whom it was told to stop.
#[derive(Default)]
struct Stopped(Mutex<Vec<JobId>>);

#[async_trait]
impl EngineHandle for Stopped {
    fn notify(&self) {}

    fn stop_job(&self, job: JobId) {
        self.0.lock().unwrap().push(job);
    }

    fn why_full(&self) -> Option<String> {
        None
    }

    fn waiting(&self, _: &Job, _: ServiceTime) -> Option<Waiting> {
        None
    }

    fn rates(&self, _: &Job, _: ServiceTime, _: bool) -> Option<Rates> {
        None
    }

    async fn failed_rows(&self, _: &Job, _: RowPosition, _: usize) -> Result<FailedRows, StageError> {
        Ok(FailedRows::default())
    }

    async fn preview(&self, _: &Job) -> Result<Option<Preview>, StageError> {
        Ok(None)
    }

    fn has_failed(&self) -> bool {
        false
    }
}

struct TestService {
    service: JobService,
    store: MemoryStore,
    told: Arc<Stopped>,
}

impl TestService {
    fn new() -> Self {
        let clock = Arc::new(SimulatedClock::new());
        let (store, told) = (MemoryStore::new(clock.clone()), Arc::new(Stopped::default()));
        let service = JobService {
            jobs: Arc::new(store.clone()),
            roles: Arc::new(NoRoles),
            engine: told.clone(),
            clock,
            entropy: Arc::new(SeededEntropy::new(1)),
            rules: Live::new(JobRules {
                quotas: Quotas::default(),
                ended_jobs_listed: Duration::from_secs(3600),
                threshold_percent: 50,
                threshold_tasks: 1000,
                regions: BTreeMap::new(),
            }),
            pace: Pace::default(),
        };
        Self { service, store, told }
    }

    /// Job number `n` of account `a`, through that dialect.
    async fn put(&self, n: u128, dialect: Dialect) -> JobId {
        let job = Job { dialect, ..sample_job(n) };
        self.store.create_job(&job, &Quota::of_open_jobs(100)).await.unwrap();
        job.id
    }
}

fn caller(account: &str, dialect: Option<Dialect>) -> Caller {
    let account = CallerAccount { name: AccountId::new(account).unwrap(), identities: BTreeMap::new() };
    let origin = Origin { address: String::new(), request_id: String::new() };
    Caller { account: Arc::new(account), key_id: String::new(), origin, dialect }
}

#[test]
fn an_account_is_named_by_its_ids_in_that_dialect_alone_and_a_dialect_that_it_may_not_use_names_it_by_none() {
    let identity = |account: &str, user: Option<&str>| Identity { account: account.into(), user: user.map(Into::into) };
    let identities =
        BTreeMap::from([(Dialect::Cos, identity("1", Some("2"))), (Dialect::S3Control, identity("3", None))]);
    let both = CallerAccount { name: AccountId::new("a").unwrap(), identities };
    let (account, user) = (|id: &str| Owner::Account(id.into()), |id: &str| Owner::User(id.into()));
    for (owner, in_one, in_other) in [
        (Owner::Unnamed, true, true),
        (account("1"), true, false),
        (account("2"), false, false),
        (account("3"), false, true),
        (user("1"), false, false),
        (user("2"), true, false),
        (user(""), false, false),
    ] {
        let named = [Dialect::Cos, Dialect::S3Control].map(|dialect| both.is_named(&owner, dialect));
        assert_eq!(named, [in_one, in_other], "{owner:?}");
    }
    let neither = CallerAccount { identities: BTreeMap::new(), ..both };
    assert!(neither.is_named(&Owner::Unnamed, Dialect::Cos) && !neither.is_named(&account(""), Dialect::Cos));
}

#[tokio::test(start_paused = true)]
async fn a_caller_of_a_dialect_sees_its_jobs_alone_and_a_caller_of_none_sees_those_of_every_dialect() {
    let test = TestService::new();
    let one = test.put(1, Dialect::Cos).await;
    let other = test.put(2, Dialect::S3Control).await;
    let sees = async |caller: &Caller, id| match test.service.find_job(caller, id).await {
        Ok(job) => job.id == id,
        Err(ServiceError::NoSuchJob) => false,
        Err(error) => panic!("{error:?}"),
    };
    for (of, sees_one, sees_other) in [
        (caller("a", Some(Dialect::Cos)), true, false),
        (caller("a", Some(Dialect::S3Control)), false, true),
        (caller("a", None), true, true),
        (caller("b", None), false, false),
    ] {
        assert_eq!((sees(&of, one).await, sees(&of, other).await), (sees_one, sees_other), "{of:?}");
        let changed = test.service.set_job_priority(&of, other, 7).await;
        assert_eq!(changed.is_ok(), sees_other, "who sees no job changes none: {of:?} {changed:?}");
        assert!(sees_other || matches!(changed, Err(ServiceError::NoSuchJob)), "{changed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_of_every_dialect_is_in_the_order_of_ids_page_by_page() {
    let test = TestService::new();
    for n in 1..=7 {
        test.put(n, if n % 3 == 0 { Dialect::S3Control } else { Dialect::Cos }).await;
    }
    let ids = |numbers: &[u128]| numbers.iter().map(|n| JobId::from_u128(*n)).collect::<Vec<_>>();
    let page = async |dialect, after, max| {
        let request = ListRequest { statuses: vec![Status::New], after, is_newest_first: false, max };
        let page = test.service.list_jobs(&caller("a", dialect), request).await.unwrap();
        (page.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), page.next)
    };
    assert_eq!(page(None, None, 4).await, (ids(&[1, 2, 3, 4]), Some(JobId::from_u128(4))));
    assert_eq!(page(None, Some(JobId::from_u128(4)), 3).await, (ids(&[5, 6, 7]), None), "full, but the last");
    assert_eq!(page(Some(Dialect::S3Control), None, 1).await, (ids(&[3]), Some(JobId::from_u128(3))));
    assert_eq!(page(Some(Dialect::Cos), None, 9).await, (ids(&[1, 2, 4, 5, 7]), None));
}

#[tokio::test(start_paused = true)]
async fn no_task_of_a_job_starts_once_a_cancel_a_delete_or_a_pause_is_answered() {
    let test = TestService::new();
    let by = caller("a", None);
    for (n, action) in (1..).zip([JobAction::Cancel, JobAction::Delete, JobAction::Pause, JobAction::SetPriority]) {
        let id = test.put(n, Dialect::Cos).await;
        let changed = match action {
            JobAction::Cancel => test.service.cancel_job(&by, id, "enough").await,
            JobAction::Delete => test.service.delete_job(&by, id).await,
            JobAction::Pause => test.service.pause_job(&by, id).await,
            _ => test.service.set_job_priority(&by, id, 1).await,
        };
        assert_eq!(changed.unwrap().id, id);
        let is_stopped = test.told.0.lock().unwrap().contains(&id);
        assert_eq!(is_stopped, action != JobAction::SetPriority, "{action:?}");
    }
    let ended = test.service.cancel_job(&by, JobId::from_u128(1), "again").await;
    let told =
        matches!(ended, Err(ServiceError::IllegalChange { status: Status::Cancelled, action: JobAction::Cancel }));
    assert!(told, "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn the_uploads_of_a_job_are_left_ones_only_once_it_has_ended() {
    let test = TestService::new();
    let ttl = Duration::from_secs(60);
    let id = test.put(1, Dialect::Cos).await;
    let lease = test.store.lease_stage(id, OwnerId(Uuid::nil()), LeaseToken(Uuid::nil()), ttl, ttl).await;
    let scope = UploadScope::Stage { fence: lease.unwrap().unwrap().fence };
    for n in 0..=LEFT_UPLOADS_NAMED_MAX {
        let (bucket, key) = (BucketName::new("b").unwrap(), ObjectKey::new(format!("k{n}")).unwrap());
        let upload = OpenUpload { bucket, key, upload_id: format!("{n:04}"), completing: None };
        test.store.record_upload(id, &scope, &upload).await.unwrap();
    }
    let by = caller("a", None);
    let left = async || {
        let job = test.service.find_job(&by, id).await.unwrap();
        test.service.left_uploads(&job).await.unwrap()
    };
    assert_eq!(left().await, LeftUploads::default(), "they are in use");
    test.service.cancel_job(&by, id, "enough").await.unwrap();
    let LeftUploads { total, first } = left().await;
    assert_eq!((total, first.len()), (LEFT_UPLOADS_NAMED_MAX as u64 + 1, LEFT_UPLOADS_NAMED_MAX));
    assert_eq!((first[0].upload_id.as_str(), first[7].key.as_str()), ("0000", "k7"));
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_account_has_no_such_role_is_not_admitted() {
    let test = TestService::new();
    let created = test.service.create_job(&caller("a", None), Dialect::Cos, sample_job(1).spec).await;
    assert!(matches!(created, Err(ServiceError::NoSuchRole)), "{created:?}");
    assert!(test.store.open_jobs().await.unwrap().is_empty());
}

#[test]
fn a_region_is_checked_only_where_the_endpoint_lists_regions() {
    let (main, second) = (EndpointName::new("main").unwrap(), EndpointName::new("second").unwrap());
    let mut rules = (*TestService::new().service.rules.now()).clone();
    rules.regions.insert(second.clone(), vec!["west-1".to_owned()]);
    assert!(rules.knows_region(&main, "anything"));
    assert!(rules.knows_region(&second, "west-1") && rules.knows_region(&second, ""));
    assert!(!rules.knows_region(&second, "east-1"));
}
