//! A store whose credentials are temporary, and end while a job runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use brigade_model::Timestamp;
use brigade_model::ports::{Clock, Spawn};
use brigade_model::status::Status;
use brigade_runtime::{SystemClock, TokioSpawn};
use brigade_sandbox::Credentials;
use tokio::net::TcpListener;

use crate::test_service::{TestService, make_buckets};

/// Credentials end so long after STS has given them.
const LIFE: Duration = Duration::from_secs(4);
const ROWS: u64 = 200;
/// With these the job outlives several of them.
const REQUESTS_PER_SECOND: u32 = 20;

/// STS, and what stands before the store and takes what STS gave until it ends.
#[derive(Clone)]
struct GuardedStore {
    clock: Arc<SystemClock>,
    given: Arc<Mutex<Vec<Timestamp>>>,
    refused: Arc<AtomicU64>,
}

impl GuardedStore {
    async fn watch(self, request: Request, next: Next) -> Response {
        let now = self.clock.now();
        if request.uri().query().is_some_and(|query| query.starts_with("Action=AssumeRole&")) {
            let ends = now + LIFE;
            let mut given = self.given.lock().unwrap();
            given.push(ends);
            return self.give(given.len() - 1, ends).into_response();
        }
        let token = request.headers().get("x-amz-security-token").and_then(|token| token.to_str().ok());
        let number = token.and_then(|token| token.strip_prefix("session-token-")?.parse::<usize>().ok());
        let ends = number.and_then(|number| self.given.lock().unwrap().get(number).copied());
        match ends {
            Some(ends) if ends > now => next.run(request).await,
            _ => {
                self.refused.fetch_add(1, Ordering::SeqCst);
                let text = format!("<Error><Code>ExpiredToken</Code><Message>{token:?} has expired</Message></Error>");
                (StatusCode::BAD_REQUEST, Body::from(text)).into_response()
            }
        }
    }

    fn give(&self, number: usize, ends: Timestamp) -> String {
        format!(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIATEMPORARY0000000</AccessKeyId>\
             <SecretAccessKey>temporary-secret</SecretAccessKey><SessionToken>session-token-{number}</SessionToken>\
             <Expiration>{ends}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
        )
    }
}

#[tokio::test]
async fn a_job_that_outlives_its_credentials_goes_on_with_others_and_loses_no_task() {
    let clock = Arc::new(SystemClock::new());
    let bucket = make_buckets(&clock);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let guarded = GuardedStore { clock: clock.clone(), given: Arc::default(), refused: Arc::default() };
    let watching = guarded.clone();
    let routes = brigade_sandbox::routes(bucket.clone(), Credentials::new("ASIATEMPORARY0000000", "temporary-secret"))
        .layer(from_fn(move |request: Request, next: Next| watching.clone().watch(request, next)));
    TokioSpawn.spawn("sandbox", Box::pin(async move { axum::serve(listener, routes).await.unwrap() }));

    let mut service = TestService::open(clock, bucket, &url, "", None);
    service.restart(&[
        ("BRIGADE_ENDPOINTS_SANDBOX_CREDENTIALS", "assume-role"),
        ("BRIGADE_ENDPOINTS_SANDBOX_ROLE_ARN", "arn:aws:iam::123456789012:role/batch"),
        ("BRIGADE_ENDPOINTS_SANDBOX_STS_URL", &url),
    ]);
    assert_eq!(guarded.given.lock().unwrap().len(), 0, "no one is asked before a job needs it");
    service.fill(ROWS);
    let id = service.tag("temporary", ROWS, Some(REQUESTS_PER_SECOND)).await;
    let job = service.end(id).await;
    assert_eq!((job.status, job.progress.succeeded, job.progress.failed), (Status::Complete, ROWS, 0), "{job:#?}");
    assert_eq!(service.report_rows(id), usize::try_from(ROWS).unwrap());
    let given = guarded.given.lock().unwrap().len();
    assert!((3..=20).contains(&given), "{given} in some ten seconds, of four each");
    let said = service.said();
    assert!(said.contains("store credentials fetched"), "{said}");
    assert!(!said.contains("temporary-secret") && !said.contains("session-token-"), "{said}");
    println!("credentials given: {given}, requests refused: {}", guarded.refused.load(Ordering::SeqCst));
}
