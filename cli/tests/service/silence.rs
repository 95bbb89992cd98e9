//! A store that takes requests and answers nothing: a job that asks it says so in everything that shows it, in each
//! of its statuses, and goes on when the store answers.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use brigade_model::ports::{Clock, Spawn};
use brigade_model::{JobId, JobOptions, Status};
use brigade_runtime::{SystemClock, TokioSpawn};
use brigade_wire::admin::{StopReason, WaitState};
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::forged::Raw;
use crate::operations;
use crate::test_service::{LOOKS_MAX, TestService, credentials, is_at_work, make_buckets, request};

const WHAT: &str = "endpoint silent has not answered yet";

/// A service on a store that answers nothing below the path that the sender holds back; no call to it times out.
async fn start() -> (TestService, watch::Sender<&'static str>) {
    let clock = Arc::new(SystemClock::new());
    let (bucket, held) = (make_buckets(&clock), watch::Sender::new("nothing"));
    let holding = held.clone();
    let wait = from_fn(move |request: Request, next: Next| {
        let mut held = holding.subscribe();
        async move {
            let path = request.uri().path().to_owned();
            // Without a sender the test has ended.
            let _ = held.wait_for(|held| !path.starts_with(held)).await;
            next.run(request).await
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let store = brigade_sandbox::routes(bucket.clone(), credentials()).layer(wait);
    TokioSpawn.spawn("store", Box::pin(async move { axum::serve(listener, store).await.unwrap() }));
    let settings = format!(
        "[endpoints.silent]\nurl = \"{url}\"\naccess_key = \"S3KEY\"\nsecret_key = \"s3-secret\"\nidle_timeout = \"1h\"\n\
         [accounts.one.roles.silent]\nsource = {{ endpoint = \"silent\", buckets = [\"*\"] }}\n\
         [accounts.one.keys.OPERATOR]\nsecret = \"operator-secret\"\n\
         actions = [\"brigade:StopEndpoint\", \"brigade:StartEndpoint\"]\n"
    );
    (TestService::open(clock, bucket, &url, &settings, None), held)
}

async fn tag_slowly(service: &TestService, rows: u64, per_second: u32) -> JobId {
    service.fill(rows);
    let manifest: String = (0..rows).map(|n| format!("photos,k{n}\n")).collect();
    let body = request("t", &service.put_manifest(&manifest)).replace("roleName/batch", "roleName/silent");
    let options = JobOptions { requests_per_second_max: Some(per_second), ..JobOptions::default() };
    service.client().create_job(body.into(), &options).await.unwrap().value
}

/// For what the job waits, once it waits for an answer.
async fn wait_of(service: &TestService, id: JobId) -> (String, WaitState) {
    wait_for_cause(service, id, "answer").await
}

/// For what the job waits, once that has this cause.
async fn wait_for_cause(service: &TestService, id: JobId, cause: &str) -> (String, WaitState) {
    for _ in 0..LOOKS_MAX {
        let state = service.client().inspect_job(id).await.unwrap().value;
        if let Some(waiting) = state.waiting.filter(|waiting| waiting.cause == cause) {
            return (state.status, waiting);
        }
        service.clock.sleep(Duration::from_millis(20)).await;
    }
    panic!("it never says so: {:#?}", service.client().inspect_job(id).await.unwrap().value);
}

/// `brigade ARGUMENTS` by a key of the job's account.
fn command(service: &TestService, arguments: &[&str]) -> Command {
    let mut command = operations::command(service, arguments);
    let client = [("APPID", "1250000000"), ("UIN", "100000000001"), ("ACCOUNT_ID", "123456789012")];
    command.envs(client.map(|(name, value)| (format!("BRIGADE_CLIENT_{name}"), value)));
    command.envs([("BRIGADE_CLIENT_SECRET_ID", "AKIDONE"), ("BRIGADE_CLIENT_SECRET_KEY", "one-secret")]);
    command
}

fn out(mut command: Command) -> String {
    String::from_utf8(command.stdin(Stdio::null()).output().unwrap().stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_job_whose_calls_hang_says_so_in_describe_list_watch_their_json_and_the_metrics() {
    let (service, held) = start().await;
    let id = tag_slowly(&service, 300, 100).await;
    service.wait(id, is_at_work).await;
    assert_eq!(service.client().inspect_job(id).await.unwrap().value.waiting, None, "it goes on");
    held.send_replace("/photos/");
    let (status, waiting) = wait_of(&service, id).await;
    assert_eq!((status.as_str(), waiting.what.as_str()), ("Active", WHAT));
    assert!(waiting.who.ends_with(" in bucket photos") && waiting.since.is_some(), "{waiting:?}");

    let reason = format!("{WHAT} ({} waits)", waiting.who);
    assert_eq!(service.describe(id).await.status_update_reason, reason);
    let (job, metrics) = (id.to_string(), Raw::new(&service, "GET", "/metrics").send_to(&service.metrics).await.1);
    assert!(metrics.contains("\nbrigade_jobs_waiting{cause=\"answer\"} 1\n"), "{metrics}");
    let described = out(command(&service, &["job", "describe", &job]));
    assert!(described.contains(WHAT) && described.contains(&waiting.who), "{described}");
    let json = out(command(&service, &["job", "describe", &job, "--output", "json"]));
    assert!(json.contains("\"cause\": \"answer\""), "{json}");
    assert!(out(command(&service, &["job", "list"])).contains(WHAT));
    assert!(out(command(&service, &["job", "list", "--output", "json"])).contains("\"cause\": \"answer\""));
    let mut watching = command(&service, &["job", "watch", &job]).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(watching.stderr.take().unwrap()).lines().map_while(Result::ok);
    let told = lines.into_iter().find(|line| line.contains(WHAT));
    assert!(told.is_some_and(|line| line.contains("time left unknown while it waits")));
    kill_process(Pid::from_raw(i32::try_from(watching.id()).unwrap()).unwrap(), Signal::KILL).unwrap();
    watching.wait().unwrap();

    held.send_replace("nothing");
    assert_eq!(service.end(id).await.progress.succeeded, 300);
    assert_eq!(service.client().inspect_job(id).await.unwrap().value.waiting, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_says_so_also_while_its_manifest_is_read_and_while_its_report_is_written() {
    let (service, held) = start().await;
    held.send_replace("/lists/");
    let id = tag_slowly(&service, 300, 100).await;
    let (status, waiting) = wait_of(&service, id).await;
    assert_eq!((status.as_str(), waiting.what.as_str()), ("Preparing", WHAT));
    assert!(waiting.who.ends_with(" in bucket lists"), "{waiting:?}");
    held.send_replace("nothing");
    service.wait(id, is_at_work).await;
    held.send_replace("/reports/");
    let job = service.wait(id, |job| job.status == Status::Completing).await;
    assert_eq!(job.progress.succeeded, 300);
    let (status, waiting) = wait_of(&service, id).await;
    assert_eq!((status.as_str(), waiting.what.as_str()), ("Completing", WHAT));
    assert!(waiting.who.ends_with(" in bucket reports"), "{waiting:?}");
    held.send_replace("nothing");
    assert_eq!(service.end(id).await.status, Status::Complete);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_prepared_at_an_endpoint_that_is_stopped_names_the_stop() {
    let (service, _held) = start().await;
    let client = service.client_of("1250000000", "OPERATOR", "operator-secret");
    client.stop_endpoint("silent", &StopReason { reason: "maintenance".into() }).await.unwrap();
    let id = tag_slowly(&service, 3, 100).await;
    let (status, waiting) = wait_for_cause(&service, id, "endpoint_stopped").await;
    assert_eq!(status, "Preparing");
    assert!(waiting.what.contains("maintenance"), "{waiting:?}");
    // Also when its call has waited for so long that a missing answer would be worth telling.
    for _ in 0..150 {
        let waiting = service.client().inspect_job(id).await.unwrap().value.waiting.unwrap();
        assert_eq!(waiting.cause, "endpoint_stopped", "{waiting:?}");
        service.clock.sleep(Duration::from_millis(20)).await;
    }
    client.start_endpoint("silent").await.unwrap();
    assert_eq!(service.end(id).await.progress.succeeded, 3);
}
