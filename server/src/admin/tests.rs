//! The operator's API as a client sees it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brigade_config::value::Action;
use brigade_engine::Roles;
use brigade_model::ports::JobStore;
use brigade_model::{AccountId, Change, Status};
use md5::{Digest, Md5};
use serde_json::{Value, json};

use crate::api::tests::bench::{Call, Read, TestApi};

mod audit;
mod errors;
mod jobs;
mod retry;
mod wait;
mod waiting;

fn document(read: &Read) -> Value {
    assert_eq!(read.headers["content-type"], "application/json", "{read:?}");
    serde_json::from_str(&read.body).unwrap_or_else(|error| panic!("{error}: {read:?}"))
}

/// Status and code of a refusal, which has all that a refusal has.
fn refused(read: &Read) -> (u16, String) {
    let document = document(read);
    assert_eq!(document["request_id"], read.headers["x-cos-request-id"].to_str().unwrap());
    assert!(!document["message"].as_str().unwrap().is_empty());
    (read.status, document["code"].as_str().unwrap().to_owned())
}

fn post(path: &str) -> Call {
    Call::new("POST", format!("/brigade/v1/{path}"))
}

fn get(path: &str) -> Call {
    Call::new("GET", format!("/brigade/v1/{path}"))
}

#[tokio::test(start_paused = true)]
async fn a_job_is_paused_and_resumed_and_a_repeat_changes_nothing_more() {
    let bench = TestApi::new();
    let id = bench.create("t").await;
    for (verb, is_paused) in [("pause", true), ("pause", true), ("resume", false), ("resume", false)] {
        let rings = bench.told.rings.load(Ordering::SeqCst);
        let answer = bench.send(post(&format!("jobs/{id}/{verb}"))).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(document(&answer)["is_paused"], json!(is_paused));
        assert_eq!(document(&answer), document(&bench.send(get(&format!("jobs/{id}"))).await));
        assert_eq!(bench.store.job(id).await.unwrap().unwrap().held_by_user, is_paused);
        assert!(bench.told.rings.load(Ordering::SeqCst) > rings, "the engine hears of it at once");
    }
    assert_eq!(*bench.told.stopped.lock().unwrap(), [id, id], "a pause stops what runs");
}

#[tokio::test(start_paused = true)]
async fn a_job_of_another_account_is_no_such_job_and_stays_as_it_is() {
    let bench = TestApi::new();
    let id = bench.create("t").await;
    let nobody = "021140d8-67ca-4e89-8089-0de9a1e40943";
    for call in [get(&format!("jobs/{id}")), post(&format!("jobs/{id}/pause")), post(&format!("jobs/{id}/resume"))] {
        let theirs = bench.send(call.clone().of_other()).await;
        assert_eq!(refused(&theirs), (404, "NoSuchJob".into()));
        let mut missing = call;
        missing.target = missing.target.replace(&id.to_string(), nobody);
        let missing = bench.send(missing.of_other()).await;
        assert_eq!(document(&theirs)["message"], document(&missing)["message"], "nothing tells them apart");
    }
    let job = bench.store.job(id).await.unwrap().unwrap();
    assert_eq!(job.revision, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_request_is_told_in_json() {
    let bench = TestApi::new();
    let id = bench.create("t").await;
    let pause = format!("jobs/{id}/pause");
    assert_eq!(refused(&bench.send_raw(post(&pause).build(None)).await), (403, "AccessDenied".into()));
    let forged = post(&pause).by(("AKIDPHOTOS", "another-secret"));
    assert_eq!(refused(&bench.send(forged).await), (403, "SignatureDoesNotMatch".into()));
    let reader = post(&pause).by(("AKIDREADER", "reader-secret"));
    assert_eq!(refused(&bench.send(reader).await), (403, "AccessDenied".into()));
    let another_appid = post(&pause).header("x-cos-appid", "1250000001");
    assert_eq!(refused(&bench.send(another_appid).await), (403, "AccessDenied".into()));
    let body = Call { body: b"{}".to_vec(), ..post(&pause) };
    assert_eq!(refused(&bench.send(body).await), (400, "InvalidRequest".into()));
    assert_eq!(refused(&bench.send(post(&format!("{pause}?a=b"))).await), (400, "InvalidArgument".into()));
    let large = Call { body: vec![b' '; 300 * 1024], ..post(&format!("jobs/{id}/limit")) };
    assert_eq!(refused(&bench.send(large).await), (400, "XMLSizeLimit".into()));
    assert_eq!(refused(&bench.send(get(&pause)).await), (405, "MethodNotAllowed".into()));
    assert_eq!(refused(&bench.send(get("nothing")).await), (400, "InvalidURI".into()));
    assert_eq!(refused(&bench.send(get("jobs/no-id")).await), (404, "NoSuchJob".into()));
    assert_eq!(refused(&bench.send(get("jobs/%FF")).await), (400, "InvalidRequest".into()));
    assert_eq!(bench.store.job(id).await.unwrap().unwrap().revision, 0, "nothing happened");
}

#[tokio::test(start_paused = true)]
async fn a_signature_counts_for_no_other_body_than_the_one_that_was_signed() {
    let bench = TestApi::new();
    let id = bench.create("t").await;
    let signed = with_json(post(&format!("jobs/{id}/limit")), &json!({"requests_per_second": 5}));
    let (_, md5) = signed.headers.last().cloned().unwrap();
    let replayed = Call { body: br#"{"requests_per_second": 50}"#.to_vec(), ..signed.clone() };
    assert_eq!(refused(&bench.send(replayed).await), (400, "BadDigest".into()));
    let unsigned = signed.clone().without("content-md5");
    assert_eq!(refused(&bench.send(unsigned.clone()).await), (403, "AccessDenied".into()));
    let told = bench.send(unsigned.unsigned("content-md5", &md5)).await;
    assert_eq!(refused(&told), (403, "AccessDenied".into()));
    assert!(told.body.contains("Content-MD5"), "{told:?}");
    assert_eq!(bench.store.job(id).await.unwrap().unwrap().revision, 0, "nothing happened");
    assert_eq!(bench.send(signed).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn the_description_is_served_to_everybody_and_names_every_action() {
    let bench = TestApi::new();
    let answer = bench.send_raw(get("openapi.json").build(None)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let described = document(&answer);
    let paths = described["paths"].as_object().unwrap();
    let operations = paths.values().flat_map(|path| path.as_object().unwrap().values());
    let names: Vec<&str> = operations.filter_map(|operation| operation["operationId"].as_str()).collect();
    assert!(names.contains(&"PauseJob"), "{names:?}");
    assert!(paths.keys().all(|path| path.starts_with(brigade_wire::admin::PREFIX)), "{paths:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_counted_by_its_permissions_name() {
    let bench = TestApi::new();
    let id = bench.create("t").await;
    bench.change(id, Change::PreparationStarted).await;
    assert_eq!(document(&bench.send(get(&format!("jobs/{id}"))).await)["status"], Status::Preparing.name());
    let page = bench.page("/metrics").await.body;
    let counted = r#"brigade_api_requests_total{action="brigade:InspectJob",status="200",code="OK"} 1"#;
    assert!(page.contains(counted), "{page}");
}

/// A call by the key that has the endpoints' rights.
fn by_operator(call: Call) -> Call {
    call.by(("AKIDOPERATOR", "operator-secret"))
}

fn with_json(call: Call, body: &Value) -> Call {
    with_body(call, body.to_string())
}

/// A call with a body, which its signature covers.
fn with_body(call: Call, body: impl Into<Vec<u8>>) -> Call {
    let body = body.into();
    let md5 = STANDARD.encode(Md5::digest(&body));
    Call { body, ..call.header("content-md5", &md5) }
}

#[tokio::test(start_paused = true)]
async fn a_jobs_limits_change_one_by_one_and_the_engine_hears_of_it() {
    let bench = TestApi::new();
    let id = bench.create("t").await;
    let limit = |body: Value| with_json(post(&format!("jobs/{id}/limit")), &body);
    let steps = [
        (json!({"requests_per_second": 5}), json!([null, 5, null])),
        (json!({"requests_in_flight": 2, "bytes_per_second": 1u64 << 40}), json!([2, 5, 1u64 << 40])),
        (json!({"requests_per_second": null}), json!([2, null, 1u64 << 40])),
        (json!({"requests_per_second": null, "requests_in_flight": 9.0}), json!([9, null, 1u64 << 40])),
    ];
    for (body, expected) in steps {
        let rings = bench.told.rings.load(Ordering::SeqCst);
        let answer = bench.send(limit(body.clone())).await;
        assert_eq!(answer.status, 200, "{body} {answer:?}");
        let limits = &document(&answer)["limits"];
        let told = json!([limits["requests_in_flight"], limits["requests_per_second"], limits["bytes_per_second"]]);
        assert_eq!(told, expected, "{body}");
        assert!(bench.told.rings.load(Ordering::SeqCst) > rings);
    }
    let before = bench.store.job(id).await.unwrap().unwrap();
    for (body, code) in [
        ("{}", "InvalidArgument"),
        (r#"{"requests_per_second": 0}"#, "MalformedJSON"),
        (r#"{"requests_per_second": -1}"#, "MalformedJSON"),
        (r#"{"requests_per_second": 1.5}"#, "MalformedJSON"),
        (r#"{"requests_per_second": "5"}"#, "MalformedJSON"),
        (r#"{"requests_per_second": 4294967296}"#, "MalformedJSON"),
        (r#"{"bytes_per_second": 9007199254740992}"#, "MalformedJSON"),
        (r#"{"requests_a_second": 5}"#, "MalformedJSON"),
        (r#"{"requests_per_second": 5, "requests_per_second": 6}"#, "MalformedJSON"),
        ("[5]", "MalformedJSON"),
        ("", "MalformedJSON"),
        ("{\"requests_per_second\": 5} {}", "MalformedJSON"),
        ("\u{0}", "MalformedJSON"),
    ] {
        let call = with_body(post(&format!("jobs/{id}/limit")), body);
        assert_eq!(refused(&bench.send(call).await), (400, code.into()), "{body}");
    }
    assert_eq!(bench.store.job(id).await.unwrap().unwrap(), before, "nothing happened");
}

#[tokio::test(start_paused = true)]
async fn a_hand_on_a_job_without_tasks_ahead_is_refused_with_its_status() {
    for status in Status::ALL {
        let bench = TestApi::new();
        let id = bench.create("t").await;
        if status == Status::Suspended {
            continue;
        }
        bench.bring_to(id, status).await;
        let before = bench.store.job(id).await.unwrap().unwrap();
        let calls = [
            (post(&format!("jobs/{id}/pause")), "paused"),
            (post(&format!("jobs/{id}/resume")), "resumed"),
            (with_json(post(&format!("jobs/{id}/limit")), &json!({"requests_per_second": 5})), "limited"),
        ];
        for (call, what) in calls {
            let answer = bench.send(call).await;
            if status.has_tasks_ahead() {
                assert_eq!(answer.status, 200, "{status} {answer:?}");
                continue;
            }
            assert_eq!(refused(&answer), (409, "IllegalJobStatus".into()), "{status}");
            let message = format!("The specified job is {status} and cannot be {what}");
            assert_eq!(document(&answer)["message"], message.as_str());
            assert_eq!(bench.store.job(id).await.unwrap().unwrap(), before);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_concerns_all_accounts_needs_a_right_by_name_and_star_is_not_enough() {
    let bench = TestApi::new();
    let calls = [
        (get("endpoints"), "brigade:ListEndpoints"),
        (with_json(post("endpoints/main/limit"), &json!({"requests_per_second": 5})), "brigade:LimitEndpoint"),
        (with_json(post("endpoints/main/stop"), &json!({})), "brigade:StopEndpoint"),
        (post("endpoints/main/start"), "brigade:StartEndpoint"),
    ];
    for (call, name) in calls {
        let answer = bench.send(call.clone()).await;
        assert_eq!(refused(&answer), (403, "AccessDenied".into()), "{name}");
        let message = document(&answer)["message"].as_str().unwrap().to_owned();
        assert!(message.contains(name) && message.contains("* is not enough"), "{message}");
        assert_eq!(bench.store.endpoints().await.unwrap(), [], "nothing happened");
        assert_eq!(refused(&bench.send(call.clone().of_other()).await), (403, "AccessDenied".into()));
    }
    for (call, name) in [
        (get("endpoints"), "brigade:ListEndpoints"),
        (with_json(post("endpoints/main/stop"), &json!({})), "brigade:StopEndpoint"),
    ] {
        assert_eq!(bench.send(by_operator(call)).await.status, 200, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_stopped_and_started_and_its_jobs_are_told_why() {
    let bench = TestApi::new();
    let health = || bench.api.roles.places(&AccountId::new("photos").unwrap(), "batch").unwrap().source.health;
    assert_eq!(health().reason(), None);
    let stop = |why: &str| by_operator(with_json(post("endpoints/main/stop"), &json!({"reason": why})));
    let first = document(&bench.send(stop("maintenance")).await);
    assert_eq!(first["stopped"]["reason"], "maintenance");
    assert!(health().reason().unwrap().contains("endpoint main is stopped by an operator since"));
    assert!(health().reason().unwrap().ends_with(": maintenance"));
    assert!(bench.api.roles.endpoint("main").unwrap().1.limit().is_stopped());
    assert!(!bench.api.roles.endpoint("west").unwrap().1.limit().is_stopped());

    bench.clock.jump(60_000);
    let again = document(&bench.send(stop("until noon")).await);
    assert_eq!(again["stopped"], json!({"since": first["stopped"]["since"], "reason": "until noon"}));
    let long = refused(&bench.send(stop(&"x".repeat(161))).await);
    assert_eq!(long, (400, "InvalidArgument".into()));

    // Another process finds it in the store.
    let other = TestApi::over(Arc::clone(&bench.clock), bench.store.clone(), Arc::new(bench.store.clone()));
    other.api.roles.adopt(bench.store.endpoints().await.unwrap());
    assert!(other.api.roles.endpoint("main").unwrap().1.limit().is_stopped());

    for _ in 0..2 {
        let started = bench.send(by_operator(post("endpoints/main/start"))).await;
        assert_eq!((started.status, &document(&started)["stopped"]), (200, &Value::Null));
        assert_eq!(health().reason(), None);
    }
    let unknown = bench.send(by_operator(post("endpoints/nowhere/start"))).await;
    assert_eq!(refused(&unknown), (404, "NoSuchEndpoint".into()));
}

#[tokio::test(start_paused = true)]
async fn an_endpoints_limits_stay_within_the_configuration() {
    let bench = TestApi::new();
    let limit = |body: Value| by_operator(with_json(post("endpoints/main/limit"), &body));
    let answer = bench.send(limit(json!({"requests_in_flight": 1025}))).await;
    assert_eq!(refused(&answer), (400, "InvalidArgument".into()));
    assert!(document(&answer)["message"].as_str().unwrap().contains("the configuration allows 1024 at most"));
    let limits = json!({
        "requests_in_flight": 8, "requests_per_second": 100, "objects_per_second": 50, "bytes_per_second": 1000
    });
    let answer = bench.send(limit(limits.clone())).await;
    assert_eq!(document(&answer)["limits"], limits);
    let caps = bench.api.roles.endpoint("main").unwrap().1.limit().caps();
    assert_eq!((caps.requests, caps.requests_per_second, caps.bytes_per_second), (8, Some(100), Some(1000)));
    assert_eq!(caps.objects_per_second, Some(50));
    let none = json!({
        "requests_in_flight": null, "requests_per_second": null, "objects_per_second": null, "bytes_per_second": null
    });
    bench.send(limit(none)).await;
    let (_, endpoint) = bench.api.roles.endpoint("main").unwrap();
    assert_eq!(endpoint.limit().caps(), endpoint.configured());
}

#[test]
fn the_stored_description_is_up_to_date() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operator-api.json");
    let rendered = super::description().unwrap() + "\n";
    if std::env::var_os("BRIGADE_RENDER").is_some() {
        std::fs::write(&page, &rendered).unwrap();
    }
    let stored = std::fs::read_to_string(&page).unwrap_or_default();
    assert_eq!(stored, rendered, "stale: run the tests with BRIGADE_RENDER=1");
}

#[test]
fn every_action_that_the_description_names_is_a_permission_of_its_own() {
    let described: Value = serde_json::from_str(&super::description().unwrap()).unwrap();
    let paths = described["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|path| path.as_object().unwrap().values());
    let mut names: Vec<String> =
        operations.map(|operation| format!("brigade:{}", operation["operationId"].as_str().unwrap())).collect();
    let permissions = Action::ALL.iter().map(|action| action.name());
    let mut expected: Vec<_> = permissions.filter(|name| name.starts_with("brigade:")).collect();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_cannot_be_made_is_refused_and_stores_nothing() {
    let bench = TestApi::new();
    let probe = |endpoint: &str, bucket: &str| {
        let call = with_json(post(&format!("endpoints/{endpoint}/probe")), &json!({ "bucket": bucket }));
        bench.send(call.by(("AKIDOPERATOR", "operator-secret")))
    };
    assert_eq!(refused(&probe("nowhere", "scratch").await), (404, "NoSuchEndpoint".into()));
    assert_eq!(refused(&probe("main", "").await), (400, "InvalidArgument".into()));
    assert_eq!(refused(&probe("main", "scratch").await), (409, "ProbeFailed".into()), "nobody listens there");
    assert_eq!(bench.store.endpoints().await.unwrap(), []);
    let by_all = post("endpoints/main/probe");
    assert_eq!(refused(&bench.send(by_all).await), (403, "AccessDenied".into()), "* is not enough");
}
