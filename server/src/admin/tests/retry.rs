//! Retrying what an ended job left undone.

use brigade_model::job::Prepared;
use brigade_model::ports::job_store::Due;
use brigade_model::{JobId, JobSpec, ServiceTime};

use super::*;

/// A job that has ended before any of its ten tasks was attempted.
async fn ended(bench: &TestApi, token: &str) -> JobId {
    let id = bench.create(token).await;
    let prepared = Prepared { tasks: 10, slices: 1, ..Prepared::default() };
    let cancelled = Change::CancelRequested("enough".into());
    for change in [Change::PreparationStarted, Change::ManifestRead(prepared), cancelled] {
        bench.change(id, change).await;
    }
    id
}

fn retry(id: JobId, body: &Value) -> Call {
    with_json(post(&format!("jobs/{id}/retry-failed")), body)
}

#[tokio::test(start_paused = true)]
async fn an_ended_job_is_retried_by_one_that_asks_the_same_as_far_as_nothing_else_is_said() {
    let bench = TestApi::new();
    let id = ended(&bench, "t").await;
    let source = bench.store.job(id).await.unwrap().unwrap();
    let rings = bench.told.rings.load(Ordering::SeqCst);
    let answer = bench.send(retry(id, &json!({}))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(document(&answer)["retry_of"], json!(id.to_string()));
    assert!(bench.told.rings.load(Ordering::SeqCst) > rings, "the engine hears of it at once");
    let retry_id: JobId = document(&answer)["job"].as_str().unwrap().parse().unwrap();
    let job = bench.store.job(retry_id).await.unwrap().unwrap();
    let client_request_token = job.spec.client_request_token.clone();
    assert_eq!(job.spec, JobSpec { client_request_token, retry_of: Some(id), ..source.spec.clone() });

    // The dialect shows it like any other: clients read the manifest's location unasked.
    let described = bench.send(Call::new("GET", format!("/jobs/{retry_id}"))).await;
    let location = &source.spec.manifest.location;
    assert_eq!(described.element("ObjectArn"), location.object.text);
    assert!(described.body.contains("<Location><ETag>"), "{described:?}");
    let listed = bench.send(Call::new("GET", "/jobs")).await;
    assert!(listed.body.contains(&id.to_string()) && listed.body.contains(&retry_id.to_string()), "{listed:?}");

    let head = json!({"priority": 99, "confirmation_required": true, "description": "once more"});
    let other: JobId = document(&bench.send(retry(id, &head)).await)["job"].as_str().unwrap().parse().unwrap();
    let job = bench.store.job(other).await.unwrap().unwrap();
    assert_eq!((job.priority, job.spec.confirmation_required), (99, Some(true)));
    assert_eq!(job.spec.description.as_deref(), Some("once more"));

    // A whole number is one however it is written.
    let answer = bench.send(retry(id, &json!({"priority": 169.0}))).await;
    let third: JobId = document(&answer)["job"].as_str().unwrap().parse().unwrap();
    assert_eq!(bench.store.job(third).await.unwrap().unwrap().priority, 169);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_is_asked_for_twice_with_one_token_is_one_job() {
    let bench = TestApi::new();
    let (id, another) = (ended(&bench, "t").await, ended(&bench, "u").await);
    let head = json!({"client_request_token": "again"});
    let first = document(&bench.send(retry(id, &head)).await);
    assert_eq!(document(&bench.send(retry(id, &head)).await)["job"], first["job"]);
    let refused_codes = [retry(another, &head), retry(id, &json!({"client_request_token": "u"}))];
    for call in refused_codes {
        assert_eq!(refused(&bench.send(call).await), (400, "InvalidRequest".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_retried_is_refused_with_its_reason_and_nothing_is_created() {
    let bench = TestApi::new();
    let unread = bench.create("unread").await;
    assert_eq!(refused(&bench.send(retry(unread, &json!({}))).await), (409, "IllegalJobStatus".into()));
    bench.change(unread, Change::CancelRequested(String::new())).await;
    let answer = bench.send(retry(unread, &json!({}))).await;
    assert_eq!(refused(&answer), (409, "ManifestNotRead".into()));
    assert!(answer.body.contains("create it anew"), "{answer:?}");

    let empty = bench.create("empty").await;
    let prepared = Prepared::default();
    let cancelled = Change::CancelRequested(String::new());
    for change in [Change::PreparationStarted, Change::ManifestRead(prepared), cancelled] {
        bench.change(empty, change).await;
    }
    assert_eq!(refused(&bench.send(retry(empty, &json!({}))).await), (409, "NothingToRetry".into()));

    let removed = bench.create("removed").await;
    bench.change(removed, Change::PreparationStarted).await;
    bench.add_slice(removed, 1).await;
    let cancelled = Change::CancelRequested(String::new());
    for change in [Change::ManifestRead(Prepared { tasks: 5, ..Prepared::default() }), cancelled] {
        bench.change(removed, change).await;
    }
    if bench.store.job(removed).await.unwrap().unwrap().terminated.is_none() {
        bench.change(removed, Change::ReportWritten).await;
    }
    let due =
        Due { outcomes_before: ServiceTime(std::time::Duration::MAX), ..Due::ended_before(ServiceTime::default()) };
    bench.store.purge(&due, 1000).await.unwrap();
    let answer = bench.send(retry(removed, &json!({}))).await;
    assert_eq!(refused(&answer), (409, "OutcomesRemoved".into()));
    let at = bench.store.job(removed).await.unwrap().unwrap().outcomes_removed.unwrap();
    assert!(answer.body.contains(&format!("outcomes removed on {at:.0}")), "{answer:?}");

    let id = ended(&bench, "t").await;
    assert_eq!(refused(&bench.send(retry(id, &json!({})).of_other()).await), (404, "NoSuchJob".into()));
    for (body, code) in [
        (json!({"priority": -1}), "InvalidArgument"),
        (json!({"client_request_token": ""}), "InvalidArgument"),
        (json!({"client_request_token": "t".repeat(65)}), "InvalidArgument"),
        (json!({"description": "d".repeat(257)}), "InvalidArgument"),
        (json!({"operation": "delete"}), "MalformedJSON"),
        (json!({"priority": "high"}), "MalformedJSON"),
        (json!({"priority": 1.5}), "MalformedJSON"),
        (json!({"priority": 2147483648_u64}), "MalformedJSON"),
    ] {
        assert_eq!(refused(&bench.send(retry(id, &body)).await), (400, code.into()), "{body}");
    }
    let listed = bench.send(Call::new("GET", "/jobs")).await;
    assert_eq!(listed.body.matches("<member>").count(), 4, "{listed:?}");
}
