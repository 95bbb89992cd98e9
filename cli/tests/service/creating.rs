//! `brigade job create` as a process on a real service: from a listing and from lists of every form, what it says, what it
//! refuses before anything is uploaded, repeats and interrupts.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use brigade_model::ports::Spawn;
use brigade_runtime::{SystemClock, TokioSpawn};
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::operations::{account, command, object, start};
use crate::test_service::{TestService, at, credentials, make_buckets};

/// What a command said: standard output, standard error, and the exit code.
fn run(mut command: Command, input: &[u8]) -> (String, String, Option<i32>) {
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(input).unwrap();
    let output = process.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

/// `brigade job create ARGUMENTS`, with the places of manifests and reports from the configuration.
fn creation(service: &TestService, arguments: &[&str]) -> Command {
    let mut command = command(service, &[&["job", "create"], arguments].concat());
    command.env("BRIGADE_CLIENT_MANIFEST_TO", "s3://lists/in/").env("BRIGADE_CLIENT_REPORT", "s3://reports/daily");
    command
}

/// Waits for the end of a job, all of whose tasks succeed.
fn watch(service: &TestService, job: &str) {
    let (_, err, code) = run(command(service, &["job", "watch", job]), b"");
    assert_eq!(code, Some(0), "{err}");
}

fn tag_of(service: &TestService, key: &str) -> Option<String> {
    let tags = object(service, &at("photos", key)).tags;
    tags.first().map(|tag| format!("{}={}", tag.key, tag.value))
}

fn listed(service: &TestService) -> Vec<String> {
    service.bucket.keys(&"lists".parse().unwrap()).iter().map(ToString::to_string).collect()
}

/// `brigade job create tag s3://photos/logs/ --match '*.log' --tag k=v`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_created_from_what_is_under_a_prefix_and_passes_the_filters() {
    let service = start().await;
    for key in ["logs/a.log", "logs/b, \"c\".log", "logs/d.txt", "other/e.log"] {
        service.bucket.put(&at("photos", key), Bytes::from_static(b"x").into()).unwrap();
    }
    let (out, err, code) =
        run(creation(&service, &["tag", "s3://photos/logs/", "--match", "*.log", "--tag", "k=v"]), b"");
    assert_eq!(code, Some(0), "{err}");
    let job = out.strip_suffix('\n').unwrap();
    assert_eq!(job.len(), 36, "the id alone: {out}");
    assert!(err.contains("2 objects of s3://photos/logs/ listed in s3://lists/in/photos-"), "{err}");
    watch(&service, job);
    let tags = ["logs/a.log", "logs/b, \"c\".log", "logs/d.txt", "other/e.log"].map(|key| tag_of(&service, key));
    assert_eq!(tags, [Some("k=v".to_owned()), Some("k=v".to_owned()), None, None]);

    let (_, err, code) =
        run(creation(&service, &["tag", "s3://photos/logs/", "--match", "*.jpg", "--tag", "k=v"]), b"");
    assert_eq!(code, Some(2));
    assert_eq!(
        err,
        "error: s3://photos/logs/: no object there passes the filters\n  \
         see what is there: brigade manifest list s3://photos/logs/\n"
    );
}

/// ```text
/// brigade job create tag --tag k=v --manifest - < uris
/// brigade job create untag --bucket photos --manifest keys.txt.gz
/// ```
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_of_uris_and_of_keys_become_jobs_of_exactly_those_objects_in_both_dialects() {
    let service = start().await;
    let keys = ["a b+c", "100%", "x,y"];
    let uris: String = keys.iter().map(|key| format!("s3://photos/{key}\n")).collect();
    let (job, err, code) = run(creation(&service, &["tag", "--tag", "k=v", "--manifest", "-"]), uris.as_bytes());
    assert_eq!(code, Some(0), "{err}");
    watch(&service, job.trim());
    assert!(keys.iter().all(|key| tag_of(&service, key).as_deref() == Some("k=v")));

    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(keys.join("\r\n").as_bytes()).unwrap();
    std::fs::write(service.folder().join("keys.txt.gz"), encoder.finish().unwrap()).unwrap();
    let untag = ["untag", "--bucket", "photos", "--manifest", "keys.txt.gz"];
    let (job, err, code) = run(creation(&service, &untag), b"");
    assert_eq!(code, Some(0), "{err}");
    watch(&service, job.trim());
    assert!(keys.iter().all(|key| tag_of(&service, key).is_none()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_is_missing_is_told_before_anything_is_uploaded() {
    let service = start().await;
    let uri = b"s3://photos/100%\n";
    for (arguments, told) in [
        (&["tag", "--tag", "k=v", "--report", "s3://reprots/x"][..], "error: --report: there is no bucket reprots\n"),
        (&["copy", "--to", "bakcup"], "error: --to: there is no bucket bakcup\n"),
    ] {
        let (out, err, code) = run(creation(&service, &[arguments, &["--manifest", "-"]].concat()), uri);
        assert_eq!((out.as_str(), code), ("", Some(2)), "{err}");
        assert_eq!(err, format!("{told}  create it, or name another\n"));
    }
    assert_eq!(listed(&service), Vec::<String>::new());
}

/// `brigade job create tag ... --endpoint NAME`: whose report's place is another store, for all that the command line knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_looks_at_the_places_of_a_role_that_the_command_line_does_not_know_before_anything_is_uploaded() {
    let service = start().await;
    let uri = b"s3://photos/100%\n";
    let tag = |report: &str| {
        let flags = ["tag", "--tag", "k=v", "--manifest", "-", "--endpoint", "sandbox", "--report", report];
        run(creation(&service, &flags), uri)
    };
    let (_, err, code) = tag("s3://private/x");
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("Report.Bucket") && err.contains("private"), "the role may not use it: {err}");
    service.bucket.delete_bucket(&"reports".parse().unwrap()).unwrap();
    let (_, err, code) = tag("s3://reports/x");
    assert_eq!(
        (err.as_str(), code),
        ("error: --report: there is no bucket reports\n  create it, or name another\n", Some(2))
    );
    assert_eq!(listed(&service), Vec::<String>::new(), "nothing was uploaded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_may_not_be_listed_is_said_in_one_line_and_the_job_is_created() {
    let clock = Arc::new(SystemClock::new());
    let bucket = make_buckets(&clock);
    bucket.put(&at("photos", "100%"), Bytes::from_static(b"x").into()).unwrap();
    let deny = from_fn(async |request: Request, next: Next| match request.uri().query() {
        Some(query) if request.uri().path().trim_end_matches('/') == "/reports" && query.contains("list-type") => {
            let refusal = "<Error><Code>AccessDenied</Code><Message>no ListBucket</Message></Error>";
            (StatusCode::FORBIDDEN, refusal).into_response()
        }
        _ => next.run(request).await,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let routes = brigade_sandbox::routes(bucket.clone(), credentials()).layer(deny);
    TokioSpawn.spawn("store", Box::pin(async move { axum::serve(listener, routes).await.unwrap() }));
    let service = TestService::open(clock, bucket, &url, &account("http://127.0.0.1:1"), None);
    for more in [&[][..], &["--endpoint", "sandbox"]] {
        let tag = ["tag", "--tag", "k=v", "--manifest", "-"];
        let (out, err, code) = run(creation(&service, &[&tag, more].concat()), b"s3://photos/100%\n");
        assert_eq!((code, out.len()), (Some(0), 37), "{err}");
        let warned: Vec<_> = err.lines().filter(|line| line.starts_with("warning: ")).collect();
        assert_eq!(warned.len(), 1, "{err}");
        assert!(warned[0].contains("--report: whether there is a bucket reports was not checked: "), "{err}");
        assert!(warned[0].contains("AccessDenied") && warned[0].contains("no ListBucket"), "{err}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_goes_to_the_endpoint_of_the_role_that_the_job_names() {
    let service = start().await;
    let mut command = creation(&service, &["tag", "--tag", "k=v", "--manifest", "-"]);
    // Where nothing listens; the role's places are on the sandbox.
    command.env("BRIGADE_CLIENT_ENDPOINT", "nowhere");
    let (_, err, code) = run(command, b"s3://photos/100%\n");
    assert_eq!((code, listed(&service).len()), (Some(0), 1), "{err}");
}

/// `brigade job create tag --token T ...`, twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_of_a_request_prints_its_job_and_another_request_of_that_token_is_refused_with_it() {
    let service = start().await;
    for form in [&["tag", "--tag", "k=v"][..], &["untag"]] {
        let again = |more: &[&str]| {
            let token = ["--token", form[0], "--manifest", "-"];
            run(creation(&service, &[form, &token, more].concat()), b"s3://photos/100%\n")
        };
        let (first, err, code) = again(&[]);
        assert_eq!(code, Some(0), "{err}");
        let (second, err, code) = again(&[]);
        assert_eq!((second.as_str(), code), (first.as_str(), Some(0)), "{err}");
        let (out, err, code) = again(&["--description", "another"]);
        assert_eq!((out.as_str(), code == Some(0)), ("", false), "{err}");
        assert!(err.contains(first.trim()), "{err}");
    }
}

/// A store that begins uploads, never answers a part, and tells of both and of the end of an upload.
async fn start_stuck_store() -> (String, mpsc::UnboundedReceiver<&'static str>) {
    let (told, heard) = mpsc::unbounded_channel();
    let answer = move |request: Request| {
        let told = told.clone();
        async move {
            let what = match (request.method().as_str(), request.uri().query().unwrap_or_default()) {
                ("POST", "uploads=" | "uploads") => "begun",
                ("PUT", _) => "part",
                ("DELETE", _) => "aborted",
                _ => "other",
            };
            told.send(what).unwrap();
            match what {
                "part" => std::future::pending().await,
                "aborted" => StatusCode::NO_CONTENT.into_response(),
                _ => "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>"
                    .into_response(),
            }
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let routes = axum::Router::new().fallback(answer);
    TokioSpawn.spawn("store", Box::pin(async move { axum::serve(listener, routes).await.unwrap() }));
    (url, heard)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_leaves_no_upload_and_no_job() {
    let service = start().await;
    let (url, mut heard) = start_stuck_store().await;
    std::fs::write(service.folder().join("large.csv"), "photos,a-key-of-some-length\n".repeat(700_000)).unwrap();
    let mut command = creation(&service, &["tag", "--tag", "k=v", "--manifest", "large.csv", "--no-report"]);
    for (name, value) in [("ENDPOINT", url.as_str()), ("ACCESS_KEY", "A"), ("SECRET_KEY", "s")] {
        command.env(format!("BRIGADE_S3_{name}"), value);
    }
    let process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    assert_eq!((heard.recv().await, heard.recv().await), (Some("begun"), Some("part")));
    assert!(Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap().success());
    let output = process.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(130), true), "{said}");
    assert!(said.ends_with("interrupted: no job was created\n"), "{said}");
    assert_eq!(heard.recv().await, Some("aborted"));
}
