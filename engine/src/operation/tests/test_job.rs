//! A slice context over one or two simulated stores, whose calls fail as a test says.

use std::sync::Arc;
use std::time::Duration;

use brigade_model::limits::BYTES_IN_FLIGHT;
use brigade_model::operation::{Copy, Tag};
use brigade_model::outcome::TaskEffect;
use brigade_model::ports::job_store::{Apply, ChangeId, LeaseToken, NewSlice, OwnerId, SliceLease, UploadsOf};
use brigade_model::ports::object_store::{
    At, CallKind, CancelToken, DeleteObject, HeadObject, NewObject, ObjectStore, PutObject, Request as _, send,
};
use brigade_model::ports::{Clock, JobStore, OwnIds};
use brigade_model::{
    AccountId, BucketName, Capabilities, Capability, Change, Dialect, EndpointKind, EndpointName, Job, JobId,
    Operation, Outcome, Quota, StoreClock, Task, VersionId, samples,
};
use brigade_runtime::{SeededEntropy, SimulatedClock};
use brigade_s3::simulated::{SimulatedConfig, SimulatedObject, SimulatedStore, Versioning};
use brigade_store::memory::MemoryStore;
use bytes::Bytes;
use uuid::Uuid;

pub(super) use brigade_model::samples::at;
pub(super) use brigade_s3::scripted::{Fault, Scripted, lost, lost_in_time};

use super::super::copy::plan::{CopyPlan, Sizes, bare_copy};
use super::super::{PreparedOperation, SliceContext, TaskEnd, run_group, run_one};
use crate::budget::Budget;
use crate::byte_budget::ByteBudget;
use crate::places::{AlwaysWell, BucketRules, Place};

/// Everything that a test of an operation needs.
pub(super) struct TestTask {
    pub(super) clock: Arc<SimulatedClock>,
    pub(super) store: Arc<Scripted>,
    pub(super) jobs: MemoryStore,
    pub(super) slice_context: SliceContext,
    pub(super) sizes: Sizes,
}

/// The bucket of the manifest's rows, and the one that copies go to.
pub(super) const SOURCE: &str = "source";
pub(super) const TARGET: &str = "target";

/// The sizes of the tests of large objects: one CopyObject carries 12 MiB, parts are of 5 MiB.
pub(super) const SMALL: Sizes = Sizes { copy_max: 12 << 20, copy_part: 5 << 20, stream_part: 5 << 20 };

impl TestTask {
    /// A store that can do everything, and a slice that will be leased in a minute: what a test
    /// puts before [`TestJob::begin_run`] is older.
    pub(super) async fn new() -> Self {
        Self::with_sizes(SMALL).await
    }

    /// The same, whose copies have these sizes.
    pub(super) async fn with_sizes(sizes: Sizes) -> Self {
        let clock = Arc::new(SimulatedClock::new());
        let store = scripted(&clock, sizes);
        let jobs = MemoryStore::new(clock.clone());
        let lease = lease_slice(&jobs, &clock).await;
        clock.jump(-60_000);
        let place = place("here", store.clone(), &clock);
        let slice_context = SliceContext {
            source: place.clone(),
            target: place,
            function: None,
            clock: clock.clone(),
            budget: Budget::of(&jobs.job(lease.job).await.unwrap().unwrap(), &(clock.clone() as Arc<dyn Clock>)),
            bytes: ByteBudget::new(BYTES_IN_FLIGHT),
            jobs: Arc::new(jobs.clone()),
            cancel: CancelToken::unbounded(),
            entropy: Arc::new(SeededEntropy::new(2)),
            attempted_since: lease.slice.first_leased.unwrap(),
            compares_bytes: false,
            completing: Arc::default(),
            job: lease.job,
            slice: lease.slice.index,
            fence: lease.fence,
            is_last_round: false,
            is_dry_run: false,
        };
        Self { clock, store, jobs, slice_context, sizes }
    }

    /// Source and target are different endpoints.
    pub(super) async fn with_two_stores() -> (Self, Arc<Scripted>) {
        let mut test_job = Self::new().await;
        let other = scripted(&test_job.clock, SMALL);
        test_job.slice_context.target = place("there", other.clone(), &test_job.clock);
        (test_job, other)
    }

    /// The endpoint lacks that.
    pub(super) fn lacking(self, lacks: Capability) -> Self {
        self.lacking_all(&[lacks])
    }

    /// The endpoint lacks these.
    pub(super) fn lacking_all(mut self, lacks: &[Capability]) -> Self {
        let rest = Capability::ALL.into_iter().filter(|capability| !lacks.contains(capability));
        let capabilities = Capabilities::proved(rest);
        self.slice_context.source.capabilities = capabilities.clone();
        self.slice_context.target.capabilities = capabilities;
        self
    }

    /// No probe has run, and nothing is known of the endpoints' kind.
    pub(super) fn unprobed(mut self) -> Self {
        let capabilities = Capabilities::known(EndpointKind::Other, None);
        self.slice_context.source.capabilities = capabilities.clone();
        self.slice_context.target.capabilities = capabilities;
        self
    }

    /// The slice is leased, and ten seconds pass: what is written from now on is newer.
    pub(super) fn begin_run(&self) {
        self.clock.pass(70_000);
        self.store.take_calls();
    }

    /// The next call of this kind goes wrong like this.
    pub(super) fn fault(&self, kind: CallKind, fault: Fault) {
        self.store.expect([(kind, fault)]);
    }

    /// Nothing goes wrong any more.
    pub(super) fn clear_faults(&self) {
        self.store.clear();
    }

    pub(super) async fn put(&self, key: &str, body: &str) {
        self.put_with(key, Bytes::from(body.to_owned()), NewObject::default()).await;
    }

    pub(super) async fn put_with(&self, key: &str, body: Bytes, with: NewObject) {
        let request = PutObject::new(at(SOURCE, key), body, with);
        send(&self.store.inner, &CancelToken::unbounded(), request).await.unwrap();
    }

    pub(super) fn object(&self, bucket: &str, key: &str) -> Option<SimulatedObject> {
        self.store.inner.object(&at(bucket, key))
    }

    pub(super) async fn run(&self, operation: &Operation, task: &Task, must_check: bool) -> TaskEnd {
        run_one(&self.prepare(operation), &self.slice_context, task, must_check).await
    }

    pub(super) async fn run_group(&self, tasks: &[Task]) -> Vec<TaskEnd> {
        run_group(&self.prepare(&Operation::Delete), &self.slice_context, tasks, false).await
    }

    pub(super) fn prepare(&self, operation: &Operation) -> PreparedOperation {
        match operation {
            Operation::Copy(copy) => {
                let plan = CopyPlan { sizes: self.sizes, ..CopyPlan::new(copy, self.slice_context.target.kind) };
                PreparedOperation(Box::new(plan))
            }
            other => PreparedOperation::new(other, self.slice_context.target.kind),
        }
    }

    /// Uploads that the job store knows.
    pub(super) async fn recorded_uploads(&self) -> usize {
        self.jobs.uploads(self.slice_context.job, UploadsOf::Slice(self.slice_context.slice)).await.unwrap().len()
    }
}

pub(super) fn task(key: &str) -> Task {
    let At { bucket, key } = at(SOURCE, key);
    Task { number: 0, bucket, key, version: None, size: None, defect: None, tried_since: None, checksum: None }
}

pub(super) fn task_of_version(key: &str, version: &VersionId) -> Task {
    Task { version: Some(version.clone()), ..task(key) }
}

/// A copy into the target bucket, with parameters.
pub(super) fn copy(change: impl FnOnce(&mut Copy)) -> Operation {
    let mut copy = bare_copy();
    change(&mut copy);
    Operation::Copy(Box::new(copy))
}

pub(super) fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.into(), value: value.into() }
}

pub(super) fn done() -> TaskEnd {
    TaskEnd::Done(Outcome::Succeeded)
}

/// The code of a failed run.
pub(super) fn code(run: &TaskEnd) -> &str {
    match run {
        TaskEnd::Done(Outcome::Failed(failure)) | TaskEnd::SharedFailure(Outcome::Failed(failure), _) => &failure.code,
        other => panic!("a failure: {other:?}"),
    }
}

/// What is known of the effect of a run that has its outcome.
pub(super) fn effect(run: &TaskEnd) -> TaskEffect {
    match run {
        TaskEnd::Done(outcome) | TaskEnd::SharedFailure(outcome, _) => outcome.effect(),
        other => panic!("an outcome: {other:?}"),
    }
}

/// The message of a failed run.
pub(super) fn message(run: &TaskEnd) -> &str {
    match run {
        TaskEnd::Done(Outcome::Failed(failure)) | TaskEnd::SharedFailure(Outcome::Failed(failure), _) => {
            &failure.message
        }
        other => panic!("a failure: {other:?}"),
    }
}

/// Writes an object while a test's call is under way.
pub(super) fn write(bucket: &'static str, key: &'static str, body: &'static str) -> Fault {
    Fault::AnswerLostThen(Box::new(move |sim| put_now(sim, bucket, key, body)))
}

pub(super) fn put_now(sim: &SimulatedStore, bucket: &str, key: &str, body: &'static str) {
    sim.put(&at(bucket, key), Bytes::from_static(body.as_bytes()).into()).unwrap();
}

pub(super) fn delete_now(sim: &SimulatedStore, bucket: &str, key: &str) {
    sim.act(DeleteObject { at: at(bucket, key), version: None, if_match: None }.into_call()).unwrap();
}

/// Whether the latest version of an object can be found.
pub(super) async fn exists(test_job: &TestTask, bucket: &str, key: &str) -> bool {
    send(&test_job.store.inner, &CancelToken::unbounded(), HeadObject { at: at(bucket, key), version: None })
        .await
        .is_ok()
}

fn scripted(clock: &Arc<SimulatedClock>, sizes: Sizes) -> Arc<Scripted> {
    let config = SimulatedConfig { copy_bytes_max: sizes.copy_max, ..SimulatedConfig::default() };
    let sim = SimulatedStore::new(config, clock.clone(), Arc::new(SeededEntropy::new(1)));
    for bucket in [SOURCE, TARGET] {
        sim.create_bucket(&BucketName::new(bucket).unwrap(), Versioning::Off).unwrap();
    }
    Arc::new(Scripted::over(sim, clock.clone()))
}

/// A place whose clock is known already.
fn place(name: &str, store: Arc<dyn ObjectStore>, clock: &Arc<SimulatedClock>) -> Place {
    let stamps = Arc::new(StoreClock::new(clock.clone()));
    stamps.observe(stamps.read(), clock.now());
    Place {
        endpoint: EndpointName::new(name).unwrap(),
        // It dates an object by its completion, as the simulated store does.
        kind: EndpointKind::Minio,
        store,
        capabilities: Capabilities::proved(Capability::ALL),
        buckets: BucketRules { allowed: vec![SOURCE.into(), TARGET.into()], strip_suffix: None },
        grantees: Arc::new(OwnIds),
        health: Arc::new(AlwaysWell),
        multipart_etag: Arc::default(),
        stamps,
    }
}

/// A job that is Active, with one slice that is leased.
async fn lease_slice(jobs: &MemoryStore, clock: &SimulatedClock) -> SliceLease {
    let id = JobId::from_u128(1);
    let endpoint = EndpointName::new("here").unwrap();
    let account = AccountId::new("1250000000").unwrap();
    let job = Job::new(id, account, Dialect::Cos, endpoint.clone(), samples::job_spec(), clock.now());
    jobs.create_job(&job, &Quota::of_open_jobs(1)).await.unwrap();
    let (owner, token) = (OwnerId(Uuid::from_u128(1)), LeaseToken(Uuid::from_u128(1)));
    let ttl = Duration::from_secs(30);
    let stage = jobs.lease_stage(id, owner, token, ttl, ttl).await.unwrap().unwrap();
    let change = async |revision: u64, change: Change| {
        let id = ChangeId(Uuid::from_u128(u128::from(revision)));
        let apply = Apply { job: job.id, revision, id, change, stage_fence: Some(stage.fence) };
        jobs.apply(apply).await.unwrap().revision
    };
    let revision = change(0, Change::PreparationStarted).await;
    let slice = NewSlice { index: 0, first_task: 0, tasks: 64, spool_name: "0".into(), bytes: 100 };
    jobs.add_slices(&stage, vec![slice], u64::MAX).await.unwrap();
    let prepared = brigade_model::job::Prepared { tasks: 64, slices: 1, ..Default::default() };
    change(revision, Change::ManifestRead(prepared)).await;
    jobs.reschedule(&endpoint, 1).await.unwrap();
    jobs.lease_slice(id, owner, token, ttl).await.unwrap().unwrap()
}
