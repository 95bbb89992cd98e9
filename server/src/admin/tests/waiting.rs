//! What waits, and for what: of a job in its document, in lists, in its reason and in the metrics; of an endpoint.
//! And how fast what does not wait goes.

use std::time::Duration;

use brigade_model::rates::{Rates, Unknown};
use brigade_model::{Timestamp, WaitCause, Waiting};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_job_that_stands_still_says_why_in_its_document_in_lists_and_in_every_dialects_reason() {
    let bench = TestApi::new();
    let id = bench.create("t").await;
    bench.bring_to(id, Status::Preparing).await;
    assert_eq!(document(&bench.send(get(&format!("jobs/{id}"))).await)["waiting"], Value::Null);
    let what = "endpoint main refuses the credentials: SignatureDoesNotMatch: no";
    *bench.told.waiting.lock().unwrap() = Some(Waiting {
        who: "PutObject in bucket reports".into(),
        cause: WaitCause::Credentials,
        what: what.into(),
        since: Some(Timestamp::constant(1_767_225_600, 0)),
        name: "main".into(),
    });
    let expected = json!({
        "cause": "credentials", "who": "PutObject in bucket reports", "what": what, "since": "2026-01-01T00:00:00Z",
        "advice": "correct the endpoint's access_key and secret_key",
    });
    let shown = document(&bench.send(get(&format!("jobs/{id}"))).await);
    assert_eq!(shown["waiting"], expected);
    let reason = format!("{what} (PutObject in bucket reports waits)");
    assert_eq!(shown["status_update_reason"], reason.as_str());
    assert_eq!(document(&bench.send(get("jobs")).await)["jobs"][0]["waiting"], expected);
    let described = bench.send(Call::new("GET", format!("/jobs/{id}"))).await;
    assert_eq!(described.element("StatusUpdateReason"), reason);
    assert_eq!(bench.store.job(id).await.unwrap().unwrap().status_update_reason, "", "it is stored nowhere");
    let page = bench.page("/metrics").await.body;
    assert!(page.contains("brigade_jobs_waiting{cause=\"credentials\"} 1\n"), "{page}");
    assert!(page.contains("brigade_jobs_waiting{cause=\"hold\"} 0\n"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_being_cancelled_keeps_its_users_reason_whatever_it_waits_for() {
    let bench = TestApi::new();
    let id = bench.create("t").await;
    bench.bring_to(id, Status::Active).await;
    bench.change(id, Change::CancelRequested("enough".into())).await;
    let (who, what, name) = ("the job".into(), "endpoint main cannot be reached".into(), "main".into());
    *bench.told.waiting.lock().unwrap() = Some(Waiting { who, cause: WaitCause::Unreachable, what, since: None, name });
    let shown = document(&bench.send(get(&format!("jobs/{id}"))).await);
    assert_eq!((&shown["status_update_reason"], &shown["waiting"]["cause"]), (&json!("enough"), &json!("unreachable")));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_endpoint_says_for_what_its_calls_wait() {
    let bench = TestApi::new();
    let operator = |call: Call| call.by(("AKIDOPERATOR", "operator-secret"));
    let of_main = async || {
        let list = document(&bench.send(operator(get("endpoints"))).await);
        list["endpoints"].as_array().unwrap().iter().find(|one| one["endpoint"] == "main").unwrap().clone()
    };
    assert_eq!(of_main().await["waiting"], Value::Null);
    bench.send(operator(with_json(post("endpoints/main/stop"), &json!({"reason": "moving"})))).await;
    let waiting = of_main().await["waiting"].clone();
    assert_eq!(waiting["cause"], "endpoint_stopped");
    assert_eq!(waiting["advice"], "brigade endpoint start main");
    assert!(waiting["what"].as_str().unwrap().ends_with(": moving"), "{waiting}");
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_tasks_run_has_its_rates_in_its_document_with_a_reason_for_each_that_is_not_known() {
    let bench = TestApi::new();
    let id = bench.create("t").await;
    bench.bring_to(id, Status::Active).await;
    let shown = async || document(&bench.send(get(&format!("jobs/{id}"))).await)["rates"].clone();
    assert_eq!(shown().await, Value::Null);
    *bench.told.rates.lock().unwrap() = Some(Rates {
        objects_per_second: Ok(12.34),
        bytes_per_second: Err(Unknown::NoBytes),
        left: Ok(Duration::from_secs(90)),
    });
    let expected = json!({
        "objects_per_second": 12.3, "bytes_per_second": null, "seconds_left": 90,
        "unknown": {"bytes_per_second": "none: the operation copies and restores no bytes"},
    });
    assert_eq!(shown().await, expected);
}
