//! The operations that the COS dialect has no word for, from the command line: their effects, as the store has them.

use std::process::{Command, Stdio};

use axum::routing::post;
use brigade_model::operation::{NewLock, Retention, RetentionMode};
use brigade_model::ports::Spawn;
use brigade_model::ports::object_store::At;
use brigade_model::ports::object_store::Grantee;
use brigade_runtime::TokioSpawn;
use brigade_s3::simulated::{ObjectLock, SimulatedObject, Versioning};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::test_service::{TestService, at};

/// An account that is known to both dialects, with a role for everything, and a function.
pub(crate) fn account(function: &str) -> String {
    format!(
        r#"
[accounts.both.cos]
appid = "1250000003"
uin = "100000000003"
[accounts.both.s3control]
account_id = "123456789013"
[accounts.both.keys.AKIDBOTH]
secret = "both-secret"
[accounts.both.functions.look]
arn = "arn:aws:lambda:r:123456789012:function:look"
url = "{function}"
[accounts.both.roles.all]
operations = ["copy", "restore", "delete", "tag", "untag", "acl", "legal-hold", "retention", "checksum", "invoke"]
source = {{ endpoint = "sandbox", buckets = ["photos", "locked"] }}
target = {{ buckets = ["backup"] }}
manifest = {{ buckets = ["lists"] }}
report = {{ buckets = ["reports"] }}
"#
    )
}

/// A function that says what it was told.
async fn start_function() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = |asked: String| async move {
        let asked: Value = serde_json::from_str(&asked).unwrap();
        let task = &asked["tasks"][0];
        let said = format!("{} {}", task["s3Key"].as_str().unwrap(), asked["job"]["userArguments"]);
        let result = json!({"taskId": task["taskId"], "resultCode": "Succeeded", "resultString": said});
        json!({"invocationSchemaVersion": "2.0", "treatMissingKeysAs": "PermanentFailure", "results": [result]})
            .to_string()
    };
    let routes = axum::Router::new().route("/", post(answer));
    TokioSpawn.spawn("function", Box::pin(async move { axum::serve(listener, routes).await.unwrap() }));
    url
}

/// `brigade ARGUMENTS` in the folder of the service's configuration.
pub(crate) fn command(service: &TestService, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BRIGADE_")) {
        command.env_remove(name);
    }
    let client = [
        ("URL", format!("http://{}", service.address)),
        ("APPID", "1250000003".to_owned()),
        ("UIN", "100000000003".to_owned()),
        ("ACCOUNT_ID", "123456789013".to_owned()),
        ("SECRET_ID", "AKIDBOTH".to_owned()),
        ("SECRET_KEY", "both-secret".to_owned()),
        ("ROLE", "all".to_owned()),
        ("ENDPOINT", "sandbox".to_owned()),
    ];
    command.envs(client.map(|(name, value)| (format!("BRIGADE_CLIENT_{name}"), value)));
    command.current_dir(service.folder()).args(arguments);
    command
}

/// Standard output, standard error and the exit code of that command.
fn brigade(service: &TestService, arguments: &[&str]) -> (String, String, Option<i32>) {
    let output = command(service, arguments).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

/// Creates a job over some keys of a bucket, sees it complete, and gives the rows of its report.
fn done(service: &TestService, bucket: &str, keys: &[&str], form: &[&str]) -> String {
    let manifest: String = keys.iter().map(|key| format!("{bucket},\"{key}\"\n")).collect();
    std::fs::write(service.folder().join("some.csv"), manifest).unwrap();
    let places = ["--manifest", "some.csv", "--manifest-to", "s3://lists/", "--report", "s3://reports/ops"];
    let (out, err, code) = brigade(service, &[&["job", "create"], form, &places].concat());
    assert_eq!(code, Some(0), "{form:?}: {err}");
    let job = out.lines().last().unwrap().to_owned();
    let (_, err, code) = brigade(service, &["job", "watch", &job]);
    let (rows, _, _) = brigade(service, &["job", "report", &job]);
    assert_eq!(code, Some(0), "{form:?}: {err}\n{rows}");
    rows
}

pub(crate) fn object(service: &TestService, at: &At) -> SimulatedObject {
    service.bucket.object(at).unwrap()
}

pub(crate) async fn start() -> TestService {
    let service = TestService::start(&account(&start_function().await)).await;
    for key in ["a b+c", "100%", "x,y"] {
        service.bucket.put(&at("photos", key), Bytes::from_static(b"123456789").into()).unwrap();
    }
    service
}

const KEYS: [&str; 3] = ["a b+c", "100%", "x,y"];

fn tags(service: &TestService) -> Vec<String> {
    let of = |key: &&str| {
        let tags = object(service, &at("photos", key)).tags;
        let mut pairs: Vec<_> = tags.iter().map(|tag| format!("{}={}", tag.key, tag.value)).collect();
        pairs.sort();
        pairs.join(" ")
    };
    let mut all: Vec<String> = KEYS.iter().map(of).collect();
    all.dedup();
    all
}

/// ```text
/// brigade job create tag --tag a=1 --tag b=2 --manifest some.csv ...
/// brigade job create tag --add --tag c=3 ...
/// brigade job create untag --keys a,c ...
/// brigade job create untag ...
/// ```
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_are_replaced_added_taken_off_by_key_and_taken_off_altogether() {
    let service = start().await;
    done(&service, "photos", &KEYS, &["tag", "--tag", "z=0"]);
    done(&service, "photos", &KEYS, &["tag", "--tag", "a=1", "--tag", "b=2"]);
    assert_eq!(tags(&service), ["a=1 b=2"]);
    done(&service, "photos", &KEYS, &["tag", "--add", "--tag", "c=3"]);
    assert_eq!(tags(&service), ["a=1 b=2 c=3"]);
    done(&service, "photos", &KEYS, &["untag", "--keys", "a,c"]);
    assert_eq!(tags(&service), ["b=2"]);
    // A dry run changes nothing.
    done(&service, "photos", &KEYS, &["untag", "--dry-run"]);
    assert_eq!(tags(&service), ["b=2"]);
    done(&service, "photos", &KEYS, &["untag"]);
    assert_eq!(tags(&service), [""]);
}

/// ```text
/// brigade job create acl --acl public-read --manifest some.csv ...
/// brigade job create acl --owner ID --grant READ=you ...
/// ```
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acl_is_canned_or_of_grants() {
    let service = start().await;
    done(&service, "photos", &KEYS, &["acl", "--acl", "public-read"]);
    for key in KEYS {
        let acl = object(&service, &at("photos", key)).acl;
        let is_public = |grantee: &Grantee| matches!(grantee, Grantee::Group(uri) if uri.ends_with("/AllUsers"));
        assert!(acl.grants.iter().any(|grant| is_public(&grant.grantee) && grant.permission == "READ"), "{acl:?}");
    }
    let owner = object(&service, &at("photos", KEYS[0])).acl.owner;
    done(&service, "photos", &KEYS, &["acl", "--owner", &owner, "--grant", "READ_ACP=you"]);
    for key in KEYS {
        let acl = object(&service, &at("photos", key)).acl;
        assert_eq!(acl.grants.len(), 1, "{acl:?}");
        assert_eq!(
            (&acl.grants[0].grantee, acl.grants[0].permission.as_str()),
            (&Grantee::Id("you".into()), "READ_ACP")
        );
    }
}

/// ```text
/// brigade job create legal-hold --status on --manifest some.csv ...
/// brigade job create retention --mode governance --until 2099-01-31 ...
/// brigade job create retention --clear --bypass-governance ...
/// brigade job create legal-hold --status off ...
/// ```
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_are_held_and_retained_and_let_go_again() {
    let service = start().await;
    let bucket = "locked".parse().unwrap();
    service.bucket.create_bucket(&bucket, Versioning::Enabled).unwrap();
    service.bucket.set_lock(&bucket, ObjectLock::default()).unwrap();
    let held = at("locked", "k");
    service.bucket.put(&held, Bytes::from_static(b"x").into()).unwrap();
    let lock = || object(&service, &held).head.lock;
    let do_to_it = |form: &[&str]| done(&service, "locked", &["k"], form);

    do_to_it(&["legal-hold", "--status", "on"]);
    assert_eq!(lock().is_held, Some(true));
    do_to_it(&["retention", "--mode", "governance", "--until", "2099-01-31"]);
    let until = "2099-01-31T00:00:00Z".parse().unwrap();
    let kept = Retention { mode: RetentionMode::Governance, until };
    assert_eq!(lock(), NewLock { retention: Some(kept), is_held: Some(true) });
    do_to_it(&["retention", "--clear", "--bypass-governance"]);
    assert_eq!(lock().retention, None);
    do_to_it(&["legal-hold", "--status", "off"]);
    assert_ne!(lock().is_held, Some(true));
}

/// ```text
/// brigade job create checksum --algorithm crc32 --manifest some.csv ...
/// brigade job create invoke --function arn:... --argument a=b ...
/// brigade job report ID
/// ```
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checksums_and_what_a_function_says_stand_in_the_report() {
    let service = start().await;
    let rows = done(&service, "photos", &["x,y"], &["checksum", "--algorithm", "crc32"]);
    // CRC-32 of "123456789" is cbf43926.
    assert!(rows.contains("y/Q5Jg==") || rows.to_lowercase().contains("cbf43926"), "{rows}");
    let function = "arn:aws:lambda:r:123456789012:function:look";
    let rows = done(&service, "photos", &["x,y"], &["invoke", "--function", function, "--argument", "a=b"]);
    assert!(rows.contains(r#"{"a":"b"}"#) && rows.contains("x%2Cy"), "{rows}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_was_printed_is_sent_as_it_is_in_either_dialect() {
    let service = start().await;
    std::fs::write(service.folder().join("some.csv"), "photos,100%\n").unwrap();
    let untag = ["job", "create", "untag", "--no-report", "--manifest", "some.csv", "--manifest-to", "s3://lists/"];
    let (_, err, code) = brigade(&service, &untag);
    assert_eq!(code, Some(0), "the manifest is there: {err}");
    let (printed, err, code) = brigade(&service, &[&untag[..], &["--token", "again", "--dry-print"]].concat());
    assert_eq!(code, Some(0), "{err}");
    std::fs::write(service.folder().join("request.xml"), printed).unwrap();
    let sent = ["job", "create", "--xml", "request.xml", "--key-encoding", "raw", "--header", "auto"];
    let (out, err, code) = brigade(&service, &sent);
    assert_eq!((code, out.trim().len()), (Some(0), 36), "{err}");
    assert_eq!(brigade(&service, &sent).0, out, "the same request again is the same job");
}
