//! A store whose buckets are in other regions than the one that its endpoint is configured with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use brigade_model::JobOptions;
use brigade_model::ports::Spawn;
use brigade_model::status::Status;
use brigade_runtime::{SystemClock, TokioSpawn};
use tokio::net::TcpListener;

use crate::test_service::{TestService, at, credentials, make_buckets, request_to};

const ROWS: u64 = 40;
/// Buckets with the regions that they are in.
const REGIONS: [(&str, &str); 2] = [("photos", "us-east-2"), ("backup", "ap-south-1")];

/// What stands before the store and takes requests that are signed for their bucket's region, and counts by bucket
/// those that it refused and those that it took.
#[derive(Clone, Default)]
struct RegionalStore {
    seen: Arc<Mutex<BTreeMap<&'static str, [u64; 2]>>>,
}

impl RegionalStore {
    async fn watch(self, request: Request, next: Next) -> Response {
        let bucket = request.uri().path().split('/').nth(1).unwrap_or_default();
        let Some((bucket, region)) = REGIONS.into_iter().find(|(name, _)| *name == bucket) else {
            return next.run(request).await;
        };
        let signed = request.headers()["authorization"].to_str().unwrap();
        let is_right = signed.contains(&format!("/{region}/s3/aws4_request"));
        self.seen.lock().unwrap().entry(bucket).or_default()[usize::from(is_right)] += 1;
        if is_right { next.run(request).await } else { refuse(bucket, region) }
    }

    fn seen(&self, bucket: &str) -> [u64; 2] {
        self.seen.lock().unwrap().get(bucket).copied().unwrap_or_default()
    }
}

/// As Amazon S3 does it, by a redirect that names the region in a header, or by an error that names it inside.
fn refuse(bucket: &str, region: &str) -> Response {
    match bucket {
        "photos" => {
            let text = "<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>";
            (StatusCode::MOVED_PERMANENTLY, [("x-amz-bucket-region", region)], Body::from(text)).into_response()
        }
        _ => {
            let text = format!(
                "<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region is wrong</Message>\
                 <Region>{region}</Region></Error>"
            );
            (StatusCode::BAD_REQUEST, Body::from(text)).into_response()
        }
    }
}

#[tokio::test]
async fn a_job_learns_the_regions_of_its_buckets_from_their_refusals_and_fails_no_task() {
    let clock = Arc::new(SystemClock::new());
    let bucket = make_buckets(&clock);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let regional = RegionalStore::default();
    let watching = regional.clone();
    let routes = brigade_sandbox::routes(bucket.clone(), credentials())
        .layer(from_fn(move |request: Request, next: Next| watching.clone().watch(request, next)));
    TokioSpawn.spawn("sandbox", Box::pin(async move { axum::serve(listener, routes).await.unwrap() }));

    let service = TestService::open(clock, bucket, &url, "", None);
    service.fill(ROWS);
    let manifest: String = (0..ROWS).map(|n| format!("photos,k{n}\n")).collect();
    let etag = service.put_manifest(&manifest);
    let copy = "<COSPutObjectCopy><TargetResource>qcs::cos:r::backup</TargetResource></COSPutObjectCopy>";
    let request = request_to(copy, &["Bucket", "Key"], "regions", &etag);
    let id = service.client().create_job(request.into(), &JobOptions::default()).await.unwrap().value;
    let job = service.end(id).await;
    assert_eq!((job.status, job.progress.succeeded, job.progress.failed), (Status::Complete, ROWS, 0), "{job:#?}");
    assert!((0..ROWS).all(|n| service.bucket.object(&at("backup", &format!("k{n}"))).is_some()));
    // Where nothing of a bucket's region was known one request, or a few at once, were refused.
    for (bucket, _) in REGIONS {
        let [refused, taken] = regional.seen(bucket);
        assert!(refused > 0 && refused < ROWS && taken > 0, "{bucket}: {refused} refused, {taken} taken");
        println!("{bucket}: {refused} requests refused, {taken} taken");
    }
}
