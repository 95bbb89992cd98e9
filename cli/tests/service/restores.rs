//! A restore, the job that waits for it, and the copy that follows, from the command line.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use brigade_model::ports::Spawn;
use brigade_model::ports::object_store::{CancelToken, NewObject, PutObject, send};
use brigade_runtime::{SystemClock, TokioSpawn};
use brigade_s3::simulated::SimulatedConfig;
use bytes::Bytes;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::operations::command;
use crate::test_service::{TestService, at, credentials, make_buckets_of};

const SETTINGS: &str = r#"
[engine]
restore_look_every = "500ms"
[accounts.both.cos]
appid = "1250000003"
uin = "100000000003"
[accounts.both.keys.AKIDBOTH]
secret = "both-secret"
[accounts.both.roles.all]
source = { endpoint = "sandbox", buckets = ["photos"] }
target = { buckets = ["backup"] }
manifest = { buckets = ["lists"] }
report = { buckets = ["reports"] }
"#;

/// A service on a store whose restores take ten seconds, with archived objects.
async fn start() -> TestService {
    let clock = Arc::new(SystemClock::new());
    let config = SimulatedConfig { restore_delay: Duration::from_secs(10), ..SimulatedConfig::default() };
    let bucket = make_buckets_of(&clock, config);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sandbox = listener.local_addr().unwrap();
    let serving = brigade_sandbox::serve(listener, bucket.clone(), credentials(), std::future::pending());
    TokioSpawn.spawn("sandbox", Box::pin(async move { serving.await.unwrap() }));
    for key in KEYS {
        let with = NewObject { storage_class: Some("GLACIER".into()), ..NewObject::default() };
        let put = PutObject::new(at("photos", key), Bytes::from(key.to_owned()), with);
        send(&bucket, &CancelToken::unbounded(), put).await.unwrap();
    }
    TestService::open(clock, bucket, &format!("http://{sandbox}"), SETTINGS, None)
}

const KEYS: [&str; 3] = ["a b+c", "100%", "x,y"];
const PLACES: [&str; 4] = ["--manifest-to", "s3://lists/", "--report", "s3://reports/ops"];

fn brigade(service: &TestService, arguments: &[&str]) -> String {
    let output = command(service, arguments).stdin(Stdio::null()).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {err}");
    String::from_utf8(output.stdout).unwrap()
}

/// ```text
/// brigade job create restore --days 1 --then-wait --manifest some.csv ...
/// brigade job watch WAIT
/// brigade job report WAIT --succeeded --download readable
/// brigade job create copy --to backup --manifest readable/FILE ...
/// ```
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_restore_restored_is_copied_once_the_job_that_waits_for_it_is_complete() {
    let mut service = start().await;
    // Nothing waits for what cannot be restored.
    let rows: String = KEYS.iter().chain(&["missing"]).map(|key| format!("photos,\"{key}\"\n")).collect();
    std::fs::write(service.folder().join("some.csv"), rows).unwrap();
    let restore = ["job", "create", "restore", "--days", "1", "--then-wait", "--patience", "24", "--token", "t"];
    let create = [&restore[..], &["--manifest", "some.csv"], &PLACES].concat();
    let created = brigade(&service, &create);
    let jobs: Vec<&str> = created.lines().collect();
    let [restoring, waiting] = jobs[..] else { panic!("two ids: {created}") };
    assert_eq!(brigade(&service, &create), created, "the same request again gives the same two jobs");

    let shown = loop {
        let described = brigade(&service, &["job", "describe", waiting, "--output", "json"]);
        let shown: Value = serde_json::from_str(&described).unwrap();
        let state = shown["Brigade"].clone();
        if state["waiting"]["cause"] == "restore" || state["status"] == "Complete" {
            break state;
        }
    };
    assert_eq!(shown["follows"], restoring);
    // On a machine that is slower than the store the objects are readable at the first look.
    if let Some(told) = shown["waiting"]["what"].as_str() {
        assert!(told.starts_with("restores: 0 of 3 objects are readable, 3 not yet; looks again at "), "{told}");
    }

    // The wait outlives the process.
    service.restart(&[]);
    brigade(&service, &["job", "watch", waiting]);
    let report = brigade(&service, &["job", "report", waiting]);
    assert!(report.contains("3 succeeded") && !report.contains("missing"), "{report}");
    let files = brigade(&service, &["job", "report", waiting, "--succeeded", "--download", "readable"]);
    let rows = files.lines().next().unwrap();
    let copy = ["job", "create", "copy", "--to", "backup", "--manifest", rows];
    let copying = brigade(&service, &[&copy[..], &PLACES].concat());
    brigade(&service, &["job", "watch", copying.trim()]);
    for key in KEYS {
        assert_eq!(service.text("backup", key).as_deref(), Some(key));
    }
}
