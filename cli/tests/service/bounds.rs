//! The process's bounds: memory under the worst that stores do, and descriptors where the system
//! allows few.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use brigade_model::ports::{Clock, Spawn};
use brigade_model::{BucketName, JobId, JobOptions, ObjectKey, Status};
use brigade_runtime::{SystemClock, TokioSpawn};
use bytes::Bytes;
use futures::StreamExt;
use futures::future::join_all;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tokio::net::{TcpListener, TcpStream};

use crate::forged::Raw;
use crate::test_service::{TestService, credentials, make_buckets, request_to};

/// What `docs/operations.md` says that suffices.
const MEMORY_MAX: u64 = 512 << 20;
const MIB: u64 = 1 << 20;

/// Serves an object store of a few lines; gives its URL.
pub(crate) async fn serve(store: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    TokioSpawn.spawn("store", Box::pin(async move { axum::serve(listener, store).await.unwrap() }));
    url
}

/// The settings of an endpoint `far`, and of roles that read from it or copy to it.
fn with_far(url: &str) -> String {
    let mut text = format!(
        "[endpoints.far]\nurl = \"{url}\"\naccess_key = \"F\"\nsecret_key = \"far-secret\"\n\
         idle_timeout = \"1h\"\n"
    );
    for (role, source, target) in [("to_far", "sandbox", "far"), ("at_far", "far", "far")] {
        text.push_str(&format!(
            "[accounts.one.roles.{role}]\nsource = {{ endpoint = \"{source}\", buckets = [\"photos\"] }}\n\
             target = {{ endpoint = \"{target}\", buckets = [\"backup\"] }}\n\
             manifest = {{ endpoint = \"sandbox\", buckets = [\"lists\"] }}\n\
             report = {{ endpoint = \"sandbox\", buckets = [\"reports\"] }}\n"
        ));
    }
    text
}

async fn create(service: &TestService, (token, role): (&str, &str), operation: &str, rows: u64) -> JobId {
    let manifest: String = (0..rows).map(|n| format!("photos,k{n}\n")).collect();
    let etag = service.put_manifest(&manifest);
    let body =
        request_to(operation, &["Bucket", "Key"], token, &etag).replace("roleName/batch", &format!("roleName/{role}"));
    service.client().create_job(body.into(), &JobOptions::default()).await.unwrap().value
}

/// The most memory that the process had so far, bytes.
fn peak(service: &TestService) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn descriptors(service: &TestService) -> u64 {
    std::fs::read_dir(format!("/proc/{}/fd", service.process.id())).unwrap().count() as u64
}

/// A target that reads every object and answers nothing.
fn takes_all_and_says_nothing() -> Router {
    Router::new().fallback(async |request: Request| match *request.method() {
        Method::PUT => {
            let mut body = request.into_body().into_data_stream();
            while let Some(Ok(_)) = body.next().await {}
            std::future::pending().await
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_between_stores_leave_the_process_below_512_mib_though_the_target_takes_none() {
    let url = serve(takes_all_and_says_nothing()).await;
    // As many jobs as it takes to fill the budget: one has half of it, each other one object.
    let engine = "[engine]\nactive_jobs = 20\nslices_in_flight = 20\n";
    let clock = Arc::new(SystemClock::new());
    let (bucket, read) = (make_buckets(&clock), Arc::<AtomicU64>::default());
    let count = read.clone();
    let sandbox =
        brigade_sandbox::routes(bucket.clone(), credentials()).layer(from_fn(move |request: Request, next: Next| {
            let is_of_object = request.uri().path().starts_with("/photos/") && request.uri().query().is_none();
            count.fetch_add(u64::from(*request.method() == Method::GET && is_of_object), Ordering::Relaxed);
            next.run(request)
        }));
    let sandbox = serve(sandbox).await;
    let service = TestService::open(clock, bucket, &sandbox, &format!("{engine}{}", with_far(&url)), None);
    let key_of = |n| ObjectKey::new(format!("k{n}")).unwrap();
    let zeros = Bytes::from(vec![0; 8 << 20]);
    service.bucket.fill(&BucketName::new("photos").unwrap(), 100, key_of, &zeros).unwrap();
    let copy = "<COSPutObjectCopy><TargetResource>qcs::cos:r::backup</TargetResource></COSPutObjectCopy>";
    let objects = || read.load(Ordering::Relaxed);
    create(&service, ("0", "to_far"), copy, 100).await;
    service.until("one job has half of the budget", async || objects() >= 128 / 8).await;
    for n in 1..17 {
        create(&service, (&n.to_string(), "to_far"), copy, 100).await;
    }
    service.until("others have room beside it", async || objects() > 128 / 8).await;
    service.clock.sleep(Duration::from_secs(2)).await;
    assert!(objects() <= 256 / 8, "more is read than fits: {}", objects());
    let peak = peak(&service);
    assert!(peak < MEMORY_MAX, "{} MiB", peak / MIB);
    eprintln!("streamed copies: at most {} MiB", peak / MIB);
}

/// A store that answers everything with a success, and with 8 MiB of elements without a length.
fn answers_with_elements(asked: Arc<AtomicU64>) -> Router {
    let piece = Bytes::from("<a/>".repeat(16 * 1024));
    Router::new().fallback(move |request: Request| {
        asked.fetch_add(1, Ordering::Relaxed);
        let root = Bytes::from_static(match request.uri().query().unwrap_or_default() {
            query if query.starts_with("delete") => b"<DeleteResult>",
            query if query.starts_with("tagging") => b"<Tagging>",
            query if query.starts_with("list") => b"<ListBucketResult>",
            _ => b"<CopyObjectResult>",
        });
        let pieces = std::iter::once(root).chain(std::iter::repeat_n(piece.clone(), 128));
        let body = Body::from_stream(futures::stream::iter(pieces.map(Ok::<_, std::convert::Infallible>)));
        async move { Response::new(body) }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_full_of_elements_leave_the_process_below_512_mib_and_say_why_they_prove_nothing() {
    let asked = Arc::<AtomicU64>::default();
    let url = serve(answers_with_elements(asked.clone())).await;
    let service = TestService::start(&with_far(&url)).await;
    let tag = "<COSPutObjectTagging><TaggingDirective>Add</TaggingDirective>\
               <TagSet><COSTag><Key>a</Key><Value>b</Value></COSTag></TagSet></COSPutObjectTagging>";
    let copy = "<COSPutObjectCopy><TargetResource>qcs::cos:r::backup</TargetResource></COSPutObjectCopy>";
    create(&service, ("delete", "at_far"), "<COSDeleteObject></COSDeleteObject>", 20_000).await;
    create(&service, ("tag", "at_far"), tag, 1000).await;
    create(&service, ("copy", "at_far"), copy, 1000).await;
    service.until("it is asked", async || asked.load(Ordering::Relaxed) >= 500).await;
    let peak = peak(&service);
    assert!(peak < MEMORY_MAX / 2, "{} MiB", peak / MIB);
    eprintln!("hostile answers: at most {} MiB", peak / MIB);
    let health = Raw::new(&service, "GET", "/healthz").send(&service).await;
    assert_eq!(health.0, 200);
}

const FEW: u64 = 256;

/// The program under which the service has so few descriptors.
fn with_few() -> Vec<String> {
    let script = format!("ulimit -n {FEW} && exec \"$@\"");
    ["sh", "-c", &script, "sh"].map(str::to_owned).to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_may_have_256_descriptors_says_that_its_ceilings_are_lower_and_works_on() {
    let mut service = TestService::start("connections_max = 2000").await;
    service.restart_under(&with_few(), &[]);
    service.fill(1000);
    // More than have a place.
    let silent = join_all((0..600).map(|_| TcpStream::connect(&service.address))).await;
    let id = service.tag("t", 1000, None).await;
    let health = Raw::new(&service, "GET", "/healthz").send(&service).await;
    assert_eq!(health.0, 200);
    let job = service.end(id).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 1000), "{job:#?}");
    assert!(descriptors(&service) < FEW);
    let said = service.said();
    assert!(!said.contains("Too many open files"), "{said}");
    drop(silent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_runs_out_of_descriptors_gives_up_idle_connections_and_answers() {
    let service = TestService::start("head_timeout = \"1h\"").await;
    service.fill(200);
    let silent = join_all((0..30).map(|_| TcpStream::connect(&service.address))).await;
    service.until("they have their places", async || descriptors(&service) >= 40).await;
    // As if other connections had taken them all, but for one that a file needs.
    let pid = Pid::from_raw(i32::try_from(service.process.id()).unwrap());
    let files = Rlimit { current: Some(descriptors(&service) + 1), maximum: Some(20_000) };
    prlimit(pid, Resource::Nofile, files).unwrap();
    let health = Raw::new(&service, "GET", "/healthz");
    let answers = join_all((0..10).map(|_| health.send(&service))).await;
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    assert!(service.said().contains("cannot accept client connection"), "it never ran out");
    let id = service.tag("t", 200, None).await;
    let job = service.end(id).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 200), "{job:#?}");
    drop(silent);
}
