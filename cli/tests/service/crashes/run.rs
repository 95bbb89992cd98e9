//! A run: the test kills the service again and again until the job has ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brigade_client::Client;
use brigade_engine::EngineConfig;
use brigade_model::limits::LEASE_TTL;
use brigade_model::operation::Tag;
use brigade_model::ports::object_store::{Encryption, NewObject, PutObject, Request as _, RestoreObject};
use brigade_model::ports::{Clock, Spawn};
use brigade_model::{JobId, JobOptions, Status};
use brigade_runtime::{SystemClock, TokioSpawn};
use brigade_s3::simulated::{ObjectLock, SimulatedConfig, Versioning};
use brigade_wire::admin::{ChangeReason, PriorityChange};
use rustix::process::Signal;

use super::evidence::Evidence;
use super::history::Event;
use super::left::Left;
use super::recorder::CallRecorder;
use super::scenario::{Chance, JobKind, Moment, Scenario, Stage, Step};
use super::{invariants, scenario};
use crate::function;
use crate::parts::put_in_parts;
use crate::test_service::{SeenJob, TestService, at, make_buckets_of, request_to, s3control};

/// The first looks at what is being restored come before it is readable, and later ones after.
const RESTORE_DELAY: Duration = Duration::from_secs(4);
/// Between two questions about the job.
const LOOK_EVERY: Duration = Duration::from_millis(15);
/// A job that has not ended after so many questions never ends.
const LOOKS_MAX: u32 = 8000;
/// Questions until as many answers are held back as can be.
const HOLD_LOOKS_MAX: u32 = 100;
/// A frozen service wakes up so long after its leases could be revoked.
const FROZEN_BEYOND: Duration = Duration::from_secs(2);
/// After a job's end the run polls so many times more, to catch calls that still act for it.
const LOOKS_AFTER: u32 = 10;

/// How often the service was killed, by the job's status at that moment.
pub(crate) type Kills = BTreeMap<String, u32>;
/// Among those at an Active job: how often some of its outcomes were recorded, and others not.
pub(crate) const HALF_RECORDED: &str = "Active, some outcomes recorded";

/// The result of a run in which all invariants hold.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) kills: Kills,
    /// Tasks that looked before they acted, by slice.
    pub(crate) looked: BTreeMap<u32, u32>,
}

/// What users were told, which must stay true.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    pub(crate) is_cancelled: bool,
    pub(crate) priority: Option<i32>,
    pub(crate) outcomes: u64,
}

/// A run under way.
pub(crate) struct Run {
    scenario: Scenario,
    service: TestService,
    recorder: CallRecorder,
    client: Client,
    job: JobId,
    told: Told,
    /// What each dead process left.
    left: Vec<Left>,
    kills: Kills,
    broken: Vec<String>,
    chance: Chance,
}

/// Runs a scenario to its end.
///
/// # Errors
/// Everything that does not hold.
pub(crate) async fn run(scenario: Scenario) -> Result<Ended, Vec<String>> {
    let mut run = Run::begin(scenario).await;
    let is_over = Arc::new(AtomicBool::new(false));
    run.let_others_write(is_over.clone());
    for step in run.scenario.steps.clone() {
        run.take(step).await;
    }
    let ended = run.end().await;
    is_over.store(true, Ordering::SeqCst);
    run.judge(ended).await
}

impl Run {
    async fn begin(scenario: Scenario) -> Self {
        let clock = Arc::new(SystemClock::new());
        let config = SimulatedConfig { restore_delay: RESTORE_DELAY, part_bytes_min: 1, ..SimulatedConfig::default() };
        let bucket = make_buckets_of(&clock, config);
        if scenario.is_versioned {
            for name in ["photos", "backup"] {
                bucket.set_versioning(&name.parse().unwrap(), Versioning::Enabled).unwrap();
            }
        }
        if matches!(scenario.job_kind, JobKind::LegalHold | JobKind::Retention) {
            bucket.set_lock(&"photos".parse().unwrap(), ObjectLock::default()).unwrap();
        }
        let recorder = CallRecorder::new(bucket.clone(), clock.clone(), scenario.seed, scenario.answer);
        let url = recorder.listen().await;
        let engine = "[engine]\npoll = \"100ms\"\nrestore_look_every = \"500ms\"\n";
        let settings = format!("{engine}{}", function::section(&url));
        let service = TestService::open(clock, bucket, &url, &settings, None);
        recorder.note_process(service.process.id());
        fill(&scenario, &service);
        // What is written in the seconds before the first lease counts as written by another writer:
        // one for the date of an object, which has no parts of it, and one for that of the sample
        // by which the store's clock is known.
        let filled = service.clock.now().as_second();
        while service.clock.now().as_second() <= filled + 2 {
            service.clock.sleep(LOOK_EVERY).await;
        }
        let etag = service.put_manifest(&manifest(&scenario, &service));
        let client = service.client();
        let options = JobOptions { in_flight_max: Some(scenario.in_flight), ..JobOptions::default() };
        let job = match s3control_operation(scenario.job_kind) {
            None => client.create_job(create_job(&scenario, &etag).into(), &options).await.unwrap().value,
            Some(operation) => {
                let (token, in_flight) = (format!("seed-{}", scenario.seed), scenario.in_flight.to_string());
                let options = [("in-flight-max", in_flight.as_str())];
                service.create_s3control(operation, "whole", &token, &etag, &options).await.unwrap()
            }
        };
        let chance = Chance::new(scenario.seed ^ 0xB0B);
        let (told, kills) = (Told::default(), Kills::new());
        Self { scenario, service, recorder, client, job, told, left: Vec::new(), kills, broken: Vec::new(), chance }
    }

    /// Another writer writes objects of the job until the run is over.
    fn let_others_write(&self, is_over: Arc<AtomicBool>) {
        let Some(every) = self.scenario.foreign_every else { return };
        let (recorder, clock, scenario) = (self.recorder.clone(), self.service.clock.clone(), self.scenario.clone());
        let work = async move {
            let chance = Chance::new(scenario.seed ^ 0xF0E);
            for n in 0.. {
                clock.sleep(every).await;
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let at = at(chance.pick(&["photos", "backup"]), &key(chance.below(scenario.tasks)));
                let body = (chance.below(4) != 0).then(|| format!("of another writer, {n}"));
                recorder.write(&at, body).await;
            }
        };
        TokioSpawn.spawn("another writer", Box::pin(work));
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Kill(stage, moment) => self.kill(stage, moment).await,
            Step::Prioritize(priority) => {
                if let Ok(answer) = self.client.set_job_priority(self.job, &PriorityChange { priority }).await {
                    self.told.priority = Some(answer.value.priority);
                }
            }
            Step::Cancel { held } => self.cancel(held).await,
            Step::Freeze => self.freeze().await,
        }
    }

    /// Kills the service in that stage, and starts it again.
    async fn kill(&mut self, stage: Stage, moment: Moment) {
        if let Moment::At(trap) = moment {
            self.recorder.set_trap(Some(trap));
        }
        let counted = self.told.outcomes;
        for _ in 0..LOOKS_MAX {
            if moment == Moment::Now {
                self.recorder.kill("now");
            }
            let Some(job) = self.describe().await else {
                return self.start_again().await;
            };
            let Some(now) = stage_of(job.status) else {
                return self.recorder.set_trap(None);
            };
            match moment {
                Moment::After(pause) if now >= stage => {
                    self.service.clock.sleep(pause).await;
                    self.recorder.kill("after a while");
                }
                Moment::Counted if self.told.outcomes > counted => self.recorder.kill("when more was counted"),
                _ if now > stage => self.recorder.kill("too late"),
                _ => self.service.clock.sleep(LOOK_EVERY).await,
            }
        }
        let job = self.describe().await;
        self.broken.push(format!("nothing happens any more: {job:?}"));
    }

    /// Cancels the job while as many of its calls as it may have wait for their answers.
    async fn cancel(&mut self, held: Option<Duration>) {
        let is_full = self.hold_answers().await;
        // A job that has ended meanwhile is not cancelled any more.
        let why = ChangeReason { reason: "enough".to_owned() };
        if let Ok(answer) = self.client.cancel_job(self.job, &why).await {
            let status = SeenJob::of(self.job, &answer.value).status;
            assert!(matches!(status, Status::Cancelling | Status::Cancelled), "{answer:?}");
            self.told.is_cancelled = true;
            self.recorder.note(Event::CancelTold { is_full });
        }
        let Some(held) = held else { return };
        let until = self.service.clock.monotonic().after(held);
        while self.service.clock.monotonic() < until && self.describe().await.is_some() {
            self.service.clock.sleep(LOOK_EVERY).await;
        }
        self.recorder.hold(false);
    }

    /// Holds answers back until no call can be in flight; gives whether it succeeded.
    async fn hold_answers(&self) -> bool {
        self.recorder.hold(true);
        for _ in 0..HOLD_LOOKS_MAX {
            if self.recorder.held() >= self.scenario.in_flight {
                return true;
            }
            self.service.clock.sleep(LOOK_EVERY).await;
        }
        false
    }

    /// Freezes the service until its leases have ended: answers come meanwhile, and another writer writes
    /// what it had in hand.
    async fn freeze(&mut self) {
        self.hold_answers().await;
        self.recorder.signal(Signal::STOP);
        self.write_what_was_in_hand().await;
        self.recorder.hold(false);
        self.service.clock.sleep(LEASE_TTL + EngineConfig::default().lease_grace + FROZEN_BEYOND).await;
        self.recorder.signal(Signal::CONT);
    }

    /// Describes the job; `None` when the service is dead.
    async fn describe(&mut self) -> Option<SeenJob> {
        let described = self.client.inspect_job(self.job).await;
        if self.recorder.is_dead() {
            return None;
        }
        let answer = described.unwrap_or_else(|error| panic!("seed {}: {error:?}", self.scenario.seed));
        let job = SeenJob::of(self.job, &answer.value);
        // Other jobs tell by their first act.
        if self.scenario.job_kind == JobKind::WaitForRestore && job.status == Status::Active {
            self.recorder.end_preflight();
        }
        self.told.outcomes = job.progress.succeeded + job.progress.failed;
        if job.status.is_terminal() {
            self.recorder.note(Event::EndTold { status: job.status });
        }
        Some(job)
    }

    /// Looks at what the dead process left, lets another writer write what it had in hand, and starts
    /// the next.
    async fn start_again(&mut self) {
        self.service.process.wait().unwrap();
        let left = self.look().await;
        self.count(&left);
        self.broken.extend(invariants::what_was_told_is_stored(&self.told, &left));
        self.left.push(left);
        self.recorder.hold(false);
        self.write_what_was_in_hand().await;
        let url = self.recorder.listen().await;
        let function = format!("{url}{}", function::PATH);
        let urls =
            [("BRIGADE_ENDPOINTS_SANDBOX_URL", url.as_str()), ("BRIGADE_ACCOUNTS_ONE_FUNCTIONS_FACES_URL", &function)];
        self.service.restart(&urls);
        self.recorder.note_process(self.service.process.id());
        self.client = self.service.client();
    }

    /// Another writer writes some of the objects whose calls were not answered.
    async fn write_what_was_in_hand(&self) {
        for at in self.recorder.lost() {
            if self.chance.below(3) == 0 {
                let n = self.chance.below(1 << 40);
                let body = (self.chance.below(4) != 0).then(|| format!("of another writer, in hand, {n}"));
                self.recorder.write(&at, body).await;
            }
        }
    }

    /// Counts a kill of a service that had something to do.
    fn count(&mut self, left: &Left) {
        let Some(status) = left.job().map(|job| job.status).filter(|status| !status.is_terminal()) else {
            return;
        };
        *self.kills.entry(status.to_string()).or_default() += 1;
        let recorded = left.outcomes.len() as u64;
        if status == Status::Active && recorded > 0 && recorded < self.scenario.tasks {
            *self.kills.entry(HALF_RECORDED.to_owned()).or_default() += 1;
        }
    }

    async fn look(&self) -> Left {
        Left::of(&self.service.data(), self.job, self.service.clock.clone()).await
    }

    /// Waits until the job has ended.
    async fn end(&mut self) -> Option<SeenJob> {
        self.recorder.set_trap(None);
        self.recorder.hold(false);
        for _ in 0..LOOKS_MAX {
            let job = self.describe().await.expect("nobody kills it any more");
            if job.status.is_terminal() {
                for _ in 0..LOOKS_AFTER {
                    self.service.clock.sleep(LOOK_EVERY).await;
                    let _ = self.describe().await;
                }
                return Some(job);
            }
            self.service.clock.sleep(LOOK_EVERY).await;
        }
        None
    }

    async fn judge(mut self, ended: Option<SeenJob>) -> Result<Ended, Vec<String>> {
        self.recorder.kill("it has ended");
        self.service.process.wait().unwrap();
        let last = self.look().await;
        let history = self.recorder.history();
        let mut broken = std::mem::take(&mut self.broken);
        broken.extend(invariants::what_was_told_is_stored(&self.told, &last));
        let mut looked = BTreeMap::new();
        match ended {
            None => broken.push(format!("the job never ends: {:?}", last.job())),
            Some(ended) => {
                let (left, told) = (&self.left, &self.told);
                let mut evidence = Evidence::gather(&self.scenario, &self.service, &history, left, &last, &ended, told);
                evidence.invoked = self.recorder.invoked();
                broken.extend(invariants::check(&evidence));
                let lookers =
                    evidence.tasks.iter().filter(|task_history| task_history.calls.iter().any(|call| !call.is_act()));
                for slice in lookers.filter_map(|task_history| last.slice_of(task_history.number)) {
                    *looked.entry(slice).or_default() += 1;
                }
            }
        }
        println!(
            "seed {}: {:?}, {:?}, {:?}",
            self.scenario.seed, self.scenario.job_kind, self.scenario.tasks, self.kills
        );
        if broken.is_empty() {
            return Ok(Ended { kills: self.kills, looked });
        }
        if std::env::var_os("BRIGADE_CRASH_HISTORY").is_some() {
            history.iter().enumerate().for_each(|(moment, entry)| eprintln!("{moment} {entry}"));
        }
        Err(broken)
    }
}

/// The key of a task's object.
pub(crate) fn key(task: u64) -> String {
    format!("k{task:05}")
}

/// The task of a key.
pub(crate) fn task_of(key: &str) -> u64 {
    key[1..].parse().unwrap()
}

/// How far a job is; `None` when it has ended.
fn stage_of(status: Status) -> Option<Stage> {
    match status {
        Status::New | Status::Preparing => Some(Stage::Preparing),
        Status::Completing | Status::Cancelling | Status::Failing => Some(Stage::Ending),
        status if status.is_terminal() => None,
        _ => Some(Stage::Active),
    }
}

fn fill(scenario: &Scenario, service: &TestService) {
    for task in
        (0..scenario.tasks).filter(|task| scenario.job_kind == JobKind::DeleteVersion || !scenario.is_missing(*task))
    {
        if scenario.job_kind == JobKind::ChecksumOfParts {
            put_in_parts(&service.bucket, &at("photos", &key(task)), &parts_of(task));
            continue;
        }
        let tag = |key: &str| Tag { key: key.into(), value: "old".into() };
        let tags = match scenario.job_kind {
            JobKind::AddTags | JobKind::RemoveTags | JobKind::Untag => vec![tag("a"), tag("kept")],
            _ => Vec::new(),
        };
        let is_archived = matches!(scenario.job_kind, JobKind::Restore | JobKind::WaitForRestore);
        let storage_class = is_archived.then(|| "GLACIER".to_owned());
        let sse = (scenario.job_kind == JobKind::Encryption).then_some(Encryption::OwnKey);
        let with = NewObject { tags, storage_class, sse, ..NewObject::default() };
        let put = PutObject::new(at("photos", &key(task)), format!("of task {task}"), with);
        service.bucket.act(put.into_call()).unwrap();
        if scenario.job_kind == JobKind::WaitForRestore {
            let tier = "Standard".to_owned();
            let restore = RestoreObject { at: at("photos", &key(task)), version: None, days: 3, tier };
            service.bucket.act(restore.into_call()).unwrap();
        }
    }
}

/// The parts that a task's object is uploaded in, where it is: one to three.
pub(crate) fn parts_of(task: u64) -> Vec<String> {
    (0..=task % 3).map(|part| format!("part {part} of task {task}")).collect()
}

fn manifest(scenario: &Scenario, service: &TestService) -> String {
    let version = |task| service.bucket.object(&at("photos", &key(task))).unwrap().head.version.unwrap();
    let row = |task| match scenario.job_kind {
        scenario::JobKind::DeleteVersion => format!("photos,{},{}\n", key(task), version(task)),
        _ => format!("photos,{}\n", key(task)),
    };
    (0..scenario.tasks).map(row).collect()
}

fn create_job(scenario: &Scenario, etag: &str) -> String {
    let tag = "<COSPutObjectTagging><TaggingDirective>Replaced</TaggingDirective>\
               <TagSet><COSTag><Key>a</Key><Value>b</Value></COSTag></TagSet></COSPutObjectTagging>";
    let copy = "<COSPutObjectCopy><TargetResource>qcs::cos:r::backup</TargetResource></COSPutObjectCopy>";
    let (operation, fields): (_, &[&str]) = match scenario.job_kind {
        JobKind::Copy => (copy, &["Bucket", "Key"]),
        JobKind::Tag => (tag, &["Bucket", "Key"]),
        JobKind::Delete => ("<COSDeleteObject/>", &["Bucket", "Key"]),
        JobKind::DeleteVersion => ("<COSDeleteObject/>", &["Bucket", "Key", "VersionId"]),
        other => panic!("COS has no {other:?}"),
    };
    request_to(operation, fields, &format!("seed-{}", scenario.seed), etag)
}

/// The operation as the S3 Control dialect has it; `None` where a job of COS does it.
fn s3control_operation(job_kind: JobKind) -> Option<&'static str> {
    match job_kind {
        JobKind::Copy | JobKind::Tag | JobKind::Delete | JobKind::DeleteVersion => None,
        JobKind::AddTags => Some(s3control::ADD_TAGS),
        JobKind::RemoveTags => Some(s3control::REMOVE_TAGS),
        JobKind::Untag => Some(s3control::UNTAG),
        JobKind::Acl => Some(s3control::ACL),
        JobKind::LegalHold => Some(s3control::LEGAL_HOLD),
        JobKind::Retention => Some(s3control::RETENTION),
        JobKind::Checksum => Some(s3control::CHECKSUM),
        JobKind::ChecksumOfParts => Some(s3control::CHECKSUM_OF_PARTS),
        JobKind::Restore => Some(s3control::RESTORE),
        JobKind::WaitForRestore => Some(s3control::WAIT_FOR_RESTORE),
        JobKind::Encryption => Some(s3control::ENCRYPTION),
        JobKind::Invoke => Some(s3control::INVOKE),
    }
}
