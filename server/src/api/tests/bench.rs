//! The API as a client sees it: real signatures through the real router, over a store in memory and
//! an engine that only records what the service tells it.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use async_trait::async_trait;
use axum::Router;
use axum::extract::Request;
use brigade_config::Config;
use brigade_engine::{FailedRows, Preview, RowPosition, StageError};
use brigade_model::job::Prepared;
use brigade_model::ports::job_store::{Apply, ChangeId, LeaseToken, NewSlice, OwnerId};
use brigade_model::rates::Rates;
use brigade_model::{Change, Job, Live, Quotas, ServiceTime, Timestamp, Waiting};
use brigade_runtime::{SeededEntropy, SimulatedClock};
use brigade_service::{JobRules, Pace};
use brigade_store::memory::{MemorySpool, MemoryStore};
use brigade_wire::cos_signature::{self, RequestParts};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use crate::roles::Tools;
use crate::router::{metrics_router, router};
use crate::settings::job_rules;

pub(crate) const KEY: (&str, &str) = ("AKIDPHOTOS", "photos-secret");
pub(crate) const APPID: &str = "1250000000";
pub(crate) const HOST: &str = "127.0.0.1:8080";

/// Two accounts; the first has a full key, a reader's key and temporary ones, a full role and
/// small ones. Endpoint `tencent` is of COS; `west` has regions, lacks much and strips appids.
const CONFIG: &str = r#"
[endpoints.main]
url = "http://127.0.0.1:9"
access_key = "A"
secret_key = "s"

[endpoints.west]
url = "http://127.0.0.1:9"
access_key = "A"
secret_key = "s"
kind = "garage"
strip_appid = true
regions = ["west-1"]

[endpoints.tencent]
url = "http://127.0.0.1:9"
access_key = "A"
secret_key = "s"
kind = "cos"

[accounts.photos.cos]
appid = "1250000000"
uin = "100000000001"
[accounts.photos.s3control]
account_id = "123456789012"
[accounts.photos.grantees]
100000000001 = "5c8b"
100000000002 = "79a5"
[accounts.photos.keys.AKIDPHOTOS]
secret = "photos-secret"
[accounts.photos.keys.AKIDREADER]
secret = "reader-secret"
actions = ["cos:DescribeJob", "cos:ListJobs"]
[accounts.photos.keys.AKIDS3READER]
secret = "reader-secret"
actions = ["s3:DescribeJob", "s3:ListJobs", "s3:GetJobTagging"]
[accounts.photos.keys.AKIDOPERATOR]
secret = "operator-secret"
actions = ["brigade:ListEndpoints", "brigade:LimitEndpoint", "brigade:StopEndpoint", "brigade:StartEndpoint",
    "brigade:ProbeEndpoint"]
[accounts.photos.keys.AKIDSTARTER]
secret = "starter-secret"
actions = ["brigade:StartEndpoint"]
[accounts.photos.keys.AKIDTEMP]
secret = "temp-secret"
security_token = "the-token"
security_token_expires = 2026-01-01T01:00:00Z

[accounts.photos.roles.batch.source]
endpoint = "main"
buckets = ["*"]
[accounts.photos.roles.small]
operations = ["delete"]
[accounts.photos.roles.small.source]
endpoint = "main"
buckets = ["photos-1250000000", "manifests-*"]
[accounts.photos.roles.small.report]
buckets = ["reports-1250000000"]
[accounts.photos.roles.tencent.source]
endpoint = "tencent"
buckets = ["*"]
[accounts.photos.roles.west.source]
endpoint = "west"
buckets = ["photos", "manifests", "reports"]
[accounts.photos.roles.functions]
operations = ["invoke", "checksum"]
[accounts.photos.roles.functions.source]
endpoint = "main"
buckets = ["*"]
[accounts.photos.functions.faces]
arn = "arn:aws:lambda:us-east-1:123456789012:function:faces"
url = "http://127.0.0.1:9/faces"
# The roles of the golden requests.
[accounts.photos.roles.COS_Batch_QcsRole.source]
endpoint = "main"
buckets = ["*"]
[accounts.photos.roles.COSBatch_QcsRole.source]
endpoint = "main"
buckets = ["*"]
[accounts.photos.roles.COSBatch_QCSRole.source]
endpoint = "main"
buckets = ["*"]

[accounts.other.cos]
appid = "1250000001"
uin = "100000000002"
[accounts.other.s3control]
account_id = "123456789013"
[accounts.other.keys.AKIDOTHER]
secret = "other-secret"
[accounts.other.functions.theirs]
arn = "arn:aws:lambda:us-east-1:123456789013:function:theirs"
url = "http://127.0.0.1:9/theirs"
[accounts.other.roles.theirs.source]
endpoint = "main"
buckets = ["*"]
"#;

/// Remembers what it is told.
#[derive(Default)]
pub(crate) struct EngineCalls {
    pub(crate) rings: AtomicUsize,
    pub(crate) stopped: Mutex<Vec<JobId>>,
    pub(crate) full: Mutex<Option<String>>,
    pub(crate) has_failed: AtomicBool,
    pub(crate) waiting: Mutex<Option<Waiting>>,
    pub(crate) rates: Mutex<Option<Rates>>,
}

#[async_trait]
impl EngineHandle for EngineCalls {
    fn notify(&self) {
        self.rings.fetch_add(1, Ordering::SeqCst);
    }

    fn stop_job(&self, job: JobId) {
        self.stopped.lock().unwrap().push(job);
    }

    fn why_full(&self) -> Option<String> {
        self.full.lock().unwrap().clone()
    }

    fn waiting(&self, _: &Job, _: ServiceTime) -> Option<Waiting> {
        self.waiting.lock().unwrap().clone()
    }

    fn rates(&self, _: &Job, _: ServiceTime, _: bool) -> Option<Rates> {
        *self.rates.lock().unwrap()
    }

    async fn failed_rows(&self, _: &Job, _: RowPosition, _: usize) -> Result<FailedRows, StageError> {
        Ok(FailedRows::default())
    }

    async fn preview(&self, _: &Job) -> Result<Option<Preview>, StageError> {
        Ok(None)
    }

    fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::SeqCst)
    }
}

pub(crate) struct TestApi {
    pub(crate) api: Arc<Api>,
    pub(crate) store: MemoryStore,
    pub(crate) told: Arc<EngineCalls>,
    pub(crate) clock: Arc<SimulatedClock>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Read {
    /// The text of the first element of that name.
    pub(crate) fn element(&self, name: &str) -> &str {
        let (_, rest) = self.body.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name}: {self:?}"));
        rest.split_once(&format!("</{name}>")).unwrap().0
    }

    /// Status and code of an error.
    pub(crate) fn refused(&self) -> (u16, &str) {
        (self.status, self.element("Code"))
    }

    pub(crate) fn job_id(&self) -> JobId {
        assert_eq!(self.status, 200, "{self:?}");
        self.element("JobId").parse().unwrap()
    }
}

/// A request to be signed.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) key: (&'static str, &'static str),
    /// Seconds of validity, counted from now.
    pub(crate) valid: (i64, i64),
    /// Headers that are sent but not signed.
    pub(crate) unsigned: Vec<(String, String)>,
}

impl Call {
    pub(crate) fn new(method: &'static str, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            headers: vec![("host".into(), HOST.into()), ("x-cos-appid".into(), APPID.into())],
            body: Vec::new(),
            key: KEY,
            valid: (-1, 3600),
            unsigned: Vec::new(),
        }
    }

    pub(crate) fn create(body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::new("POST", "/jobs") }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self
    }

    pub(crate) fn unsigned(mut self, name: &str, value: &str) -> Self {
        self.unsigned.push((name.into(), value.into()));
        self
    }

    pub(crate) fn by(mut self, key: (&'static str, &'static str)) -> Self {
        self.key = key;
        self
    }

    pub(crate) fn of_other(self) -> Self {
        self.by(("AKIDOTHER", "other-secret")).header("x-cos-appid", "1250000001")
    }

    pub(crate) fn valid(mut self, from: i64, until: i64) -> Self {
        self.valid = (from, until);
        self
    }

    /// The `Authorization` of the call, as if sent at `now`.
    pub(crate) fn sign(&self, now: Timestamp) -> String {
        let uri: http::Uri = self.target.parse().unwrap();
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let parts = RequestParts {
            method: self.method,
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            headers: &headers,
        };
        let at = |seconds: i64| Timestamp::from_second(now.as_second() + seconds).unwrap();
        cos_signature::sign(parts, self.key.0, self.key.1.as_bytes(), at(self.valid.0), at(self.valid.1))
    }

    pub(crate) fn build(&self, authorization: Option<String>) -> Request {
        let mut request = http::Request::builder().method(self.method).uri(&self.target);
        for (name, value) in self.headers.iter().chain(&self.unsigned) {
            request = request.header(name, value);
        }
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        request.body(Body::from(self.body.clone())).unwrap()
    }
}

impl TestApi {
    /// Call it under paused time.
    pub(crate) fn new() -> Self {
        let clock = Arc::new(SimulatedClock::new());
        let store = MemoryStore::new(Arc::clone(&clock) as Arc<dyn Clock>);
        Self::over(clock, store.clone(), Arc::new(store))
    }

    /// With something between the API and the store.
    pub(crate) fn over(clock: Arc<SimulatedClock>, store: MemoryStore, jobs: Arc<dyn JobStore>) -> Self {
        let config = Config::from_text(CONFIG).unwrap();
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(1));
        let metrics = Metrics::new(Arc::clone(&clock) as _);
        let tools = Tools {
            clock: Arc::clone(&clock) as _,
            entropy: Arc::clone(&entropy),
            metrics: Arc::clone(&metrics),
            idle: Default::default(),
        };
        let told = Arc::new(EngineCalls::default());
        let roles = Arc::new(ConfiguredRoles::build(&config, &tools).unwrap());
        let api = Api {
            keys: Keys::new(&config.accounts, config.server.signature_strictness).unwrap(),
            job_service: JobService {
                jobs: Arc::clone(&jobs),
                roles: Arc::clone(&roles) as _,
                engine: Arc::clone(&told) as _,
                clock: Arc::clone(&clock) as _,
                entropy: Arc::clone(&entropy),
                // Else each account has its own.
                rules: Live::new(JobRules { quotas: Quotas::default(), ..job_rules(&config).unwrap() }),
                pace: Pace::default(),
            },
            endpoint_service: EndpointService {
                registry: Arc::clone(&roles) as _,
                jobs: Arc::clone(&jobs),
                engine: Arc::clone(&told) as _,
                clock: Arc::clone(&clock) as _,
                entropy: Arc::clone(&entropy),
                spawn: Arc::new(brigade_runtime::TokioSpawn),
            },
            roles,
            jobs,
            spool: Arc::new(MemorySpool::new()),
            engine: Arc::clone(&told) as _,
            clock: Arc::clone(&clock) as _,
            entropy,
            metrics,
            rules: Rules {
                request_timeout: Duration::from_secs(60),
                require_content_md5: false,
                metrics_bucket_names: false,
                s3control_region: "us-east-1".to_owned(),
                s3control_confirmation_required: true,
            },
            clock_watch: ClockWatch::new(Arc::clone(&clock) as _, 0),
            is_stopping: AtomicBool::new(false),
        };
        Self { api: Arc::new(api), store, told, clock }
    }

    /// Another process over the same store, which begins now.
    pub(crate) async fn restarted(&self) -> Self {
        let other = Self::over(Arc::clone(&self.clock), self.store.clone(), Arc::new(self.store.clone()));
        other.api.roles.adopt(self.store.endpoints().await.unwrap());
        other
    }

    pub(crate) fn rules(mut self, set: impl FnOnce(&mut Rules)) -> Self {
        let api = Arc::get_mut(&mut self.api).expect("the server has not started yet");
        set(&mut api.rules);
        self
    }

    pub(crate) fn job_rules(mut self, set: impl FnOnce(&mut JobRules)) -> Self {
        let api = Arc::get_mut(&mut self.api).expect("the server has not started yet");
        let mut rules = (*api.job_service.rules.now()).clone();
        set(&mut rules);
        api.job_service.rules.set(rules);
        self
    }

    pub(crate) async fn send(&self, call: Call) -> Read {
        let authorization = call.sign(self.api.clock.now());
        self.send_raw(call.build(Some(authorization))).await
    }

    pub(crate) async fn send_raw(&self, request: Request) -> Read {
        Self::read(router(Arc::clone(&self.api)), request).await
    }

    /// A page of the address for metrics.
    pub(crate) async fn page(&self, path: &'static str) -> Read {
        Self::read(metrics_router(Arc::clone(&self.api)), Call::new("GET", path).build(None)).await
    }

    async fn read(router: Router, request: Request) -> Read {
        let response = router.oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Read { status: head.status.as_u16(), headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub(crate) async fn get(&self, target: &str) -> Read {
        self.send(Call::new("GET", target)).await
    }

    /// How many jobs are stored, over all accounts.
    pub(crate) async fn stored(&self) -> usize {
        self.store.open_jobs().await.unwrap().len()
    }

    /// Creates a delete job of the role `batch`.
    pub(crate) async fn create(&self, token: &str) -> JobId {
        self.send(Call::create(request(token))).await.job_id()
    }

    /// Lets the engine change a job.
    pub(crate) async fn change(&self, id: JobId, change: Change) -> Job {
        let job = self.store.job(id).await.unwrap().unwrap();
        let mut name = [0; 16];
        self.api.entropy.fill(&mut name);
        let change_id = ChangeId(uuid::Builder::from_random_bytes(name).into_uuid());
        let apply = Apply { job: id, revision: job.revision, id: change_id, change, stage_fence: None };
        self.store.apply(apply).await.unwrap()
    }

    /// Adds a slice of that many bytes to a job that is Preparing.
    pub(crate) async fn add_slice(&self, id: JobId, bytes: u64) {
        let (owner, token) = (OwnerId(uuid::Uuid::nil()), LeaseToken(uuid::Uuid::nil()));
        let hour = Duration::from_secs(3600);
        let stage = self.store.lease_stage(id, owner, token, hour, hour).await.unwrap().unwrap();
        let slice = NewSlice { index: 0, first_task: 0, tasks: 5, spool_name: "s".to_owned(), bytes };
        self.store.add_slices(&stage, vec![slice], u64::MAX).await.unwrap();
    }

    /// Brings a new job to that status, the shortest way.
    pub(crate) async fn bring_to(&self, id: JobId, status: Status) {
        let failure = || brigade_model::JobFailure::new("InternalError", "of the test");
        let prepared = || Change::ManifestRead(Prepared { tasks: 5, ..Prepared::default() });
        let start = || Change::PreparationStarted;
        let active = || vec![start(), prepared(), Change::SlotGranted];
        let then = |mut changes: Vec<Change>, more: Vec<Change>| {
            changes.extend(more);
            changes
        };
        let changes = match status {
            Status::New => vec![],
            Status::Preparing => vec![start()],
            Status::Suspended | Status::Ready => vec![start(), prepared()],
            Status::Active => active(),
            Status::Pausing => then(active(), vec![Change::Preempted]),
            Status::Paused => then(active(), vec![Change::Preempted, Change::Drained]),
            Status::Completing => then(active(), vec![Change::TasksExhausted]),
            Status::Complete => then(active(), vec![Change::TasksExhausted, Change::ReportWritten]),
            Status::Cancelling => then(active(), vec![Change::CancelRequested(String::new())]),
            Status::Cancelled => vec![Change::CancelRequested(String::new())],
            Status::Failing => then(active(), vec![Change::StageFailed(failure())]),
            Status::Failed => then(active(), vec![Change::StageFailed(failure()), Change::ReportWritten]),
        };
        for change in changes {
            self.change(id, change).await;
        }
        assert_eq!(self.store.job(id).await.unwrap().unwrap().status, status);
    }
}

/// A CreateJob of a delete, in the role `batch`.
pub(crate) fn request(token: &str) -> String {
    format!(
        "<CreateJobRequest><ClientRequestToken>{token}</ClientRequestToken>\
         <Manifest><Location><ETag>&quot;15150651828fa9cdcb8356b6d1c7638b&quot;</ETag>\
         <ObjectArn>qcs::cos:ap-chengdu::manifests-1250000000/m.csv</ObjectArn></Location>\
         <Spec><Fields><member>Bucket</member><member>Key</member></Fields>\
         <Format>COSBatchOperations_CSV_V1</Format></Spec></Manifest>\
         <Operation><COSDeleteObject></COSDeleteObject></Operation><Priority>10</Priority>\
         <Report><Bucket>qcs::cos:ap-chengdu::reports-1250000000</Bucket><Enabled>true</Enabled>\
         <Format>Report_CSV_V1</Format><ReportScope>AllTasks</ReportScope></Report>\
         <RoleArn>qcs::cam::uin/100000000001:roleName/batch</RoleArn></CreateJobRequest>"
    )
}

/// The same, with confirmation.
pub(crate) fn request_to_confirm(token: &str) -> String {
    request(token).replace("<Manifest>", "<ConfirmationRequired>true</ConfirmationRequired><Manifest>")
}

/// An operation that copies into that bucket.
pub(crate) fn copy_into(bucket: &str) -> String {
    format!("<COSPutObjectCopy><TargetResource>{bucket}</TargetResource></COSPutObjectCopy>")
}
