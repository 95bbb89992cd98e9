//! Sets a scenario up, runs its job, and gathers the judge's evidence.

use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::io;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body as AnswerBody;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::post;
use brigade_model::JobOptions;
use brigade_model::operation::Tag;
use brigade_model::ports::object_store::{
    At, Encryption, Metadata, NewObject, PutObject, Request as _, RestoreObject, TextForm,
};
use brigade_model::ports::{Clock, Spawn};
use brigade_runtime::{SystemClock, TokioSpawn};
use brigade_s3::simulated::{
    Body, Habit, LoggedEffect, ObjectLock, SimulatedConfig, SimulatedObject, SimulatedStore, Versioning,
};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream;
use http::HeaderMap;
use serde_json::Value;
use tokio::net::TcpListener;

use super::scenario::{Act, Scenario, When};
use crate::function::{self, Invocation, Invoked};
use crate::parts::put_in_parts;
use crate::test_service::{
    LOOK_EVERY, LOOKS_MAX, SeenJob, TestService, at, credentials, make_buckets, make_buckets_of, request_to, s3control,
};

/// The result of a scenario.
pub(crate) struct Played {
    pub(crate) scenario: Scenario,
    /// The keys of the rows.
    pub(crate) rows: Vec<String>,
    /// Every object before the job, and now.
    pub(crate) before: Objects,
    pub(crate) after: Objects,
    /// What another writer wrote.
    pub(crate) foreign: BTreeMap<String, SimulatedObject>,
    /// What calls did in the buckets of objects, without those of the set-up.
    pub(crate) effects: Vec<LoggedEffect>,
    pub(crate) end: End,
    /// The ids of uploads that are open.
    pub(crate) open_uploads: Vec<String>,
    /// What the function recorded by itself.
    pub(crate) invoked: Invoked,
}

/// Objects by `bucket/key`.
pub(crate) type Objects = BTreeMap<String, SimulatedObject>;

/// How the job ended.
pub(crate) enum End {
    /// It was refused when it was created.
    Refused,
    /// It ended, with its report.
    Ended(Box<SeenJob>, Report),
    /// It had not ended in time.
    Runs,
    /// A listing of the keys in `photos`; `None` when the command said that it failed.
    Listed(Option<Vec<String>>),
}

/// A report: `manifest.json`, and its rows.
pub(crate) struct Report {
    pub(crate) manifest: Value,
    pub(crate) rows: Vec<Row>,
}

/// A row of a report.
pub(crate) struct Row {
    pub(crate) key: String,
    pub(crate) is_success: bool,
    pub(crate) code: String,
    pub(crate) message: String,
}

/// Runs a scenario.
pub(crate) async fn play(scenario: &Scenario) -> Played {
    let clock = Arc::new(SystemClock::new());
    // Restores end at once, and parts may be as small as they like.
    let config = SimulatedConfig { restore_delay: Duration::ZERO, part_bytes_min: 1, ..SimulatedConfig::default() };
    let bucket = make_buckets_of(&clock, config);
    let clocks =
        [Habit::ClockIsAhead, Habit::ClockIsBehind].into_iter().filter(|clock| scenario.habits.contains(clock));
    bucket.set_habits(clocks.collect());
    let rows = fill(&bucket, scenario);
    if scenario.act == Act::CopyOver {
        // What is as young as the bounds of the store's clock are wide may have been written since:
        // three seconds by which it is ahead, as the dates of its answers are not, and its own three.
        let filled = clock.now().as_second();
        while clock.now().as_second() <= filled + 6 {
            clock.sleep(LOOK_EVERY).await;
        }
    }
    let set_up = bucket.effects().len();
    bucket.set_habits(scenario.habits());
    let before = objects(&bucket);
    let (key, is_large) = (rows[0].clone(), scenario.act == Act::CopyLarge);
    let foreign = Foreign {
        bucket: bucket.clone(),
        when: scenario.when,
        key,
        is_large,
        looked: Arc::default(),
        wrote: Arc::default(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let writes = foreign.clone();
    let invoked = Arc::new(Mutex::new(Invoked::new()));
    let routes = brigade_sandbox::routes(bucket.clone(), credentials())
        .route(function::PATH, post(function_of(&invoked, scenario.lost_answers)))
        .layer(from_fn(move |request: Request, next: Next| writes.clone().watch(request, next)));
    let serve = async move { axum::serve(listener, routes).await.unwrap() };
    TokioSpawn.spawn("sandbox", Box::pin(serve));
    let end = match scenario.act {
        Act::List => list(&clock, &url).await,
        _ => {
            run_job(scenario, &rows, TestService::open(clock.clone(), bucket.clone(), &url, &settings(&url), None))
                .await
        }
    };
    let written = foreign.at().filter(|_| foreign.wrote.load(Ordering::SeqCst));
    let wrote = written.map(|at| (name(&at), foreign.object()));
    let mut effects = bucket.effects().split_off(set_up);
    effects.retain(|effect| ["photos", "backup"].contains(&effect.at.bucket.as_str()));
    let open_uploads = bucket.open_uploads().into_iter().map(|upload| upload.id).collect();
    let after = objects(&bucket);
    Played {
        scenario: scenario.clone(),
        rows,
        before,
        after,
        foreign: wrote.into_iter().collect(),
        effects,
        end,
        open_uploads,
        invoked: invoked.lock().unwrap().clone(),
    }
}

/// The function, whose first answers for each task are lost on their way.
fn function_of(
    invoked: &Arc<Mutex<Invoked>>,
    lost_answers: usize,
) -> impl Fn(HeaderMap, Bytes) -> Ready<Response> + Clone + Send + Sync + 'static {
    let invoked = invoked.clone();
    move |headers, body| {
        let invocation = Invocation::read(&headers, &body);
        let mut invoked = invoked.lock().unwrap();
        let answer = invocation.carry_out(&mut invoked);
        ready(if invoked[&invocation.task].len() > lost_answers { answer } else { broken_off() })
    }
}

/// An answer that ends before its body does.
fn broken_off() -> Response {
    let cut = stream::iter([Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset))]);
    Response::new(AnswerBody::from_stream(cut))
}

pub(crate) fn name(at: &At) -> String {
    format!("{}/{}", at.bucket, at.key)
}

fn objects(bucket: &SimulatedStore) -> Objects {
    let of = |name: &'static str| {
        let keys = bucket.keys(&name.parse().unwrap()).into_iter();
        keys.map(move |key| {
            let at = at(name, key.as_str());
            (self::name(&at), bucket.object(&at).unwrap())
        })
    };
    of("photos").chain(of("backup")).collect()
}

/// Two endpoints of which nothing is said and nothing was probed, which are the same store; a role
/// that stays within one, and one that copies to the other.
fn settings(url: &str) -> String {
    let endpoint = |name: &str| {
        format!(
            "[endpoints.{name}]\nurl = \"{url}\"\naccess_key = \"S3KEY\"\nsecret_key = \"s3-secret\"\n\
             wait_attempts_max = 3\nwait_max = \"2s\"\n"
        )
    };
    let role = |name: &str, target: &str| {
        format!(
            "[accounts.one.roles.{name}]\n\
             operations = [\"copy\", \"restore\", \"delete\", \"tag\", \"untag\", \"acl\", \"checksum\"]\nsource = {{ endpoint = \"first\", buckets = [\"photos\"] }}\n\
             target = {{ endpoint = \"{target}\", buckets = [\"backup\"] }}\n\
             manifest = {{ buckets = [\"lists\"] }}\nreport = {{ buckets = [\"reports\"] }}\n"
        )
    };
    let function = function::section(url);
    [endpoint("first"), endpoint("second"), role("within", "first"), role("across", "second"), function].concat()
}

/// Of zeros, which take no memory.
const LARGE_BYTES: u64 = 6 << 30;

/// Puts the objects of a scenario, and others that no row names; gives the keys of the rows.
fn fill(bucket: &SimulatedStore, scenario: &Scenario) -> Vec<String> {
    let put = |name: &str, key: &str, with: NewObject| {
        let put = PutObject::new(at(name, key), format!("{key} first"), with);
        bucket.act(put.into_call()).unwrap();
    };
    let plain = NewObject::default;
    if matches!(scenario.act, Act::LegalHold | Act::Retention) {
        let photos = "photos".parse().unwrap();
        bucket.set_versioning(&photos, Versioning::Enabled).unwrap();
        bucket.set_lock(&photos, ObjectLock::default()).unwrap();
    }
    for name in ["photos", "backup"] {
        put(name, "unlisted", plain());
    }
    let keys: Vec<String> = match scenario.act {
        Act::DeleteOne | Act::CopyLarge => vec!["k0".into()],
        Act::DeleteStray | Act::CopyStray => vec!["/k0".into()],
        Act::CopyMissing => vec!["missing".into()],
        Act::WaitForRestore => vec!["k0".into(), "missing".into()],
        Act::CopyUnreadable => {
            let habits = scenario.habits();
            let mut keys = (0..).map(|n| format!("k{n}")).filter(|key| habits.is_unreadable(&key.parse().unwrap()));
            vec!["k0".into(), keys.next().unwrap()]
        }
        Act::List => (0..1005).map(|n| format!("k {n:04}")).collect(),
        _ => (0..4).map(|n| format!("k{n}")).collect(),
    };
    for key in &keys {
        match scenario.act {
            // Another object, which some stores take for the same.
            Act::DeleteStray | Act::CopyStray => {
                put("photos", &key[1..], plain());
                put("backup", &key[1..], plain());
            }
            Act::CopyMissing => {}
            Act::WaitForRestore if key == "missing" => {}
            Act::WaitForRestore => {
                put("photos", key, NewObject { storage_class: Some("GLACIER".into()), ..plain() });
                let tier = "Standard".to_owned();
                bucket.act(RestoreObject { at: at("photos", key), version: None, days: 3, tier }.into_call()).unwrap();
            }
            Act::CopyLarge => bucket.put(&at("photos", key), Body::zeros(LARGE_BYTES)).unwrap(),
            Act::CopyMerged => put("photos", key, state("first")),
            Act::CopyText => {
                let user = vec![("name".into(), "Zoë".into())];
                let metadata = Metadata { user, form: Some(TextForm::EncodedWords), ..Metadata::default() };
                put("photos", key, NewObject { metadata, ..plain() });
            }
            Act::CopyOver => {
                put("photos", key, plain());
                let put = PutObject::new(at("backup", key), "what was there before", plain());
                bucket.act(put.into_call()).unwrap();
            }
            Act::Restore => put("photos", key, NewObject { storage_class: Some("GLACIER".into()), ..plain() }),
            Act::Encryption => put("photos", key, NewObject { sse: Some(Encryption::OwnKey), ..plain() }),
            Act::AddTags | Act::RemoveTags | Act::Untag => {
                let tag = |key: &str| Tag { key: key.into(), value: "old".into() };
                put("photos", key, NewObject { tags: vec![tag("a"), tag("kept")], ..plain() });
            }
            Act::CopyGzipAcross | Act::ChecksumGzip => {
                let metadata = Metadata { content_encoding: Some("gzip".into()), ..Metadata::default() };
                let put = PutObject::new(at("photos", key), gzip(key), NewObject { metadata, ..plain() });
                bucket.act(put.into_call()).unwrap();
            }
            // The ETag of one made of parts says nothing of its bytes.
            Act::Copy | Act::ChecksumOfParts => put_in_parts(bucket, &at("photos", key), &parts_of(key)),
            _ => put("photos", key, plain()),
        }
    }
    keys
}

/// Metadata that say of which state the bytes are.
fn state(state: &str) -> NewObject {
    let metadata = Metadata { user: vec![("state".into(), state.into())], ..Metadata::default() };
    NewObject { metadata, ..NewObject::default() }
}

/// The parts that a row's object is uploaded in, where it is.
pub(crate) fn parts_of(key: &str) -> Vec<String> {
    vec![key.to_owned(), " first".to_owned()]
}

/// A text that gzip makes neither longer nor shorter, so that sizes tell nothing.
fn gzip(key: &str) -> Vec<u8> {
    let zipped = |text: String| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(text.as_bytes()).unwrap();
        (text.len(), gzip.finish().unwrap())
    };
    let texts = (0..100).map(|n| format!("{key}{:a<n$}", ""));
    texts.map(zipped).find_map(|(len, bytes)| (bytes.len() == len).then_some(bytes)).unwrap()
}

/// Another writer, who writes once, after a call.
#[derive(Clone)]
struct Foreign {
    bucket: SimulatedStore,
    when: Option<When>,
    /// Of the first row.
    key: String,
    is_large: bool,
    looked: Arc<AtomicBool>,
    wrote: Arc<AtomicBool>,
}

impl Foreign {
    async fn watch(self, request: Request, next: Next) -> axum::response::Response {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let query = request.uri().query().unwrap_or_default().to_owned();
        let response = next.run(request).await;
        let is_it = self.when.is_some_and(|when| when.is_it(&self.key, &method, &path, &query));
        // The preflight looks at the source before its task does.
        let is_preflight =
            is_it && self.when == Some(When::SourceIsLookedAt) && !self.looked.swap(true, Ordering::SeqCst);
        if is_it && !is_preflight && !self.wrote.swap(true, Ordering::SeqCst) {
            self.write_into(&self.bucket);
        }
        response
    }

    fn at(&self) -> Option<At> {
        self.when.map(|when| at(when.bucket(), &self.key))
    }

    /// What they write, as it is in a store that leaves everything as it is.
    fn object(&self) -> SimulatedObject {
        let alone = make_buckets(&Arc::new(SystemClock::new()));
        self.write_into(&alone);
        alone.object(&self.at().unwrap()).unwrap()
    }

    /// As many bytes as the source had, over a target; over a source others.
    fn write_into(&self, bucket: &SimulatedStore) {
        let at = self.at().unwrap();
        let with = if self.when == Some(When::SourceIsLookedAt) { state("later") } else { NewObject::default() };
        // A call, so that the store's habits apply to the write; the service does not send it.
        let text = format!("{} later", self.key);
        bucket.act(PutObject::new(at.clone(), text, with).into_call()).unwrap();
        if self.is_large {
            let fewer = if at.bucket.as_str() == "photos" { 1 } else { 0 };
            bucket.put(&at, Body::zeros(LARGE_BYTES - fewer)).unwrap();
        }
    }
}

/// The operation as the S3 Control dialect has it; `None` where a job of COS does it.
fn s3control_operation(act: Act) -> Option<&'static str> {
    match act {
        Act::AddTags => Some(s3control::ADD_TAGS),
        Act::RemoveTags => Some(s3control::REMOVE_TAGS),
        Act::Untag => Some(s3control::UNTAG),
        Act::Acl => Some(s3control::ACL),
        Act::LegalHold => Some(s3control::LEGAL_HOLD),
        Act::Retention => Some(s3control::RETENTION),
        Act::Checksum | Act::ChecksumGzip => Some(s3control::CHECKSUM),
        Act::ChecksumOfParts => Some(s3control::CHECKSUM_OF_PARTS),
        Act::WaitForRestore => Some(s3control::WAIT_FOR_RESTORE),
        Act::Encryption => Some(s3control::ENCRYPTION),
        Act::Invoke => Some(s3control::INVOKE),
        _ => None,
    }
}

fn operation(act: Act) -> (String, &'static [&'static str]) {
    let copy = |inside: &str| {
        format!("<COSPutObjectCopy>{inside}<TargetResource>qcs::cos:r::backup</TargetResource></COSPutObjectCopy>")
    };
    let marked = "<NewObjectMetadata><UserMetadata><member><Key>x-cos-meta-mark</Key><Value>copied</Value></member>\
                  </UserMetadata></NewObjectMetadata>";
    let text = match act {
        Act::Delete | Act::DeleteOne | Act::DeleteStray | Act::DeleteVersion => "<COSDeleteObject/>".to_owned(),
        Act::CopyDressed => copy(&format!(
            "<CannedAccessControlList>public-read</CannedAccessControlList>\
             <MetadataDirective>Replaced</MetadataDirective>{marked}<TaggingDirective>Replaced</TaggingDirective>\
             <NewObjectTagging><COSTag><Key>a</Key><Value>b</Value></COSTag></NewObjectTagging>\
             <StorageClass>STANDARD_IA</StorageClass>"
        )),
        Act::CopyMerged | Act::CopyText => copy(&format!("<MetadataDirective>Add</MetadataDirective>{marked}")),
        Act::Tag => "<COSPutObjectTagging><TaggingDirective>Replaced</TaggingDirective>\
                     <TagSet><COSTag><Key>a</Key><Value>b</Value></COSTag></TagSet></COSPutObjectTagging>"
            .to_owned(),
        Act::Restore => "<COSInitiateRestoreObject><ExpirationInDays>7</ExpirationInDays><JobTier>Bulk</JobTier>\
                         </COSInitiateRestoreObject>"
            .to_owned(),
        _ => copy(""),
    };
    let fields: &[&str] = match act {
        Act::DeleteVersion => &["Bucket", "Key", "VersionId"],
        _ => &["Bucket", "Key"],
    };
    (text, fields)
}

async fn run_job(scenario: &Scenario, rows: &[String], service: TestService) -> End {
    let version = if scenario.act == Act::DeleteVersion { ",00000000000000aa" } else { "" };
    let manifest: String = rows.iter().map(|key| format!("photos,{key}{version}\n")).collect();
    let etag = service.put_manifest(&manifest);
    let role = match scenario.act {
        Act::CopyAcross | Act::CopyGzipAcross => "across",
        // An endpoint of a kind that copies parts: elsewhere gigabytes of zeros pass through the service.
        Act::CopyLarge => "batch",
        // Locks are set, and keys of encryption changed, only where that is proved.
        Act::LegalHold | Act::Retention | Act::WaitForRestore | Act::Encryption | Act::Invoke => "whole",
        _ => "within",
    };
    let created = match s3control_operation(scenario.act) {
        Some(operation) => service.create_s3control(operation, role, "habit", &etag, &[]).await.ok(),
        None => {
            let (operation, fields) = operation(scenario.act);
            let request = request_to(&operation, fields, "habit", &etag);
            let request = request.replace("roleName/batch", &format!("roleName/{role}"));
            let created = service.client().create_job(request.into(), &JobOptions::default()).await;
            created.ok().map(|created| created.value)
        }
    };
    let Some(id) = created else { return End::Refused };
    for _ in 0..LOOKS_MAX {
        let job = service.look(id).await;
        if job.status.is_terminal() {
            let report = read_report(&service, &job);
            return End::Ended(Box::new(job), report);
        }
        service.clock.sleep(LOOK_EVERY).await;
    }
    End::Runs
}

/// A job that failed before it had tasks has none.
fn read_report(service: &TestService, job: &SeenJob) -> Report {
    let Some(text) = service.text("reports", &format!("job-{}/manifest.json", job.id)) else {
        return Report { manifest: Value::Null, rows: Vec::new() };
    };
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let files = manifest["Results"].as_array().unwrap().iter();
    let texts = files.map(|file| service.text("reports", file["Key"].as_str().unwrap()).unwrap());
    let mut rows = Vec::new();
    for text in texts {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        rows.extend(reader.records().map(|record| {
            let record = record.unwrap();
            let text = |n: usize| record[n].to_owned();
            Row { key: text(1), is_success: &record[3] == "succeeded", code: text(4), message: text(6) }
        }));
    }
    Report { manifest, rows }
}

/// `brigade manifest list s3://photos/`.
async fn list(clock: &Arc<SystemClock>, url: &str) -> End {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("list.csv");
    let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
    command.args(["manifest", "list", "s3://photos/k", "--s3-endpoint", url, "--s3-access-key", "S3KEY", "--out"]);
    command.arg(&out).env("BRIGADE_S3_SECRET_KEY", "s3-secret");
    let mut process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    for _ in 0..LOOKS_MAX {
        if let Some(status) = process.try_wait().unwrap() {
            let text = status.success().then(|| std::fs::read_to_string(&out).unwrap());
            let key = |row: &str| row.split_once(',').unwrap().1.to_owned();
            return End::Listed(text.map(|text| text.lines().skip(1).map(key).collect()));
        }
        clock.sleep(LOOK_EVERY).await;
    }
    process.kill().unwrap();
    process.wait().unwrap();
    End::Runs
}
