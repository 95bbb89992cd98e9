//! What machines that watch are told.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_service_is_ready_until_it_stops_or_has_no_room() {
    let bench = Bench::new();
    assert_eq!(bench.send_raw(Call::new("GET", "/healthz").build(None)).await.status, 200);
    let ready = || async { bench.send_raw(Call::new("GET", "/readyz").build(None)).await };
    assert_eq!(ready().await.status, 200);
    *bench.told.full.lock().unwrap() = Some("low disk space".to_owned());
    bench.api.is_stopping.store(true, Ordering::SeqCst);
    let not_ready = ready().await;
    assert_eq!(not_ready.status, 503);
    assert_eq!(not_ready.body, "the service is stopping\nlow disk space\n");
    assert_eq!(bench.send_raw(Call::new("GET", "/healthz").build(None)).await.status, 200, "it lives");
}

#[tokio::test(start_paused = true)]
async fn the_metrics_count_requests_and_jobs_and_know_every_endpoint() {
    let bench = Bench::new();
    bench.create("t").await;
    bench.send(Call::create("nonsense")).await;
    let page = bench.send_raw(Call::new("GET", "/metrics").build(None)).await;
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/plain"));
    for line in [
        r#"brigade_api_requests_total{action="CreateJob",status="200",code="OK"} 1"#,
        r#"brigade_api_requests_total{action="CreateJob",status="400",code="MalformedXML"} 1"#,
        r#"brigade_jobs{status="New"} 1"#,
        r#"brigade_jobs{status="Active"} 0"#,
        r#"brigade_endpoint_up{endpoint="main"} 1"#,
        r#"brigade_endpoint_up{endpoint="west"} 1"#,
        "brigade_spool_bytes 0",
    ] {
        assert!(page.body.contains(line), "{line} is not in\n{}", page.body);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_or_panics_is_answered_all_the_same() {
    let bench = Bench::new();
    let call = Call::create("");
    let authorization = call.sign(bench.clock.now());
    let never = futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
    let slow = call.build(Some(authorization)).map(|_| Body::from_stream(never));
    assert_eq!(bench.send_raw(slow).await.refused(), (500, "ServiceUnavailable"));

    let told = Arc::clone(&bench.told);
    let poisoning = std::thread::spawn(move || {
        let _held = told.full.lock().unwrap();
        panic!("of the test");
    });
    assert!(poisoning.join().is_err());
    let answer = bench.send(Call::create(super::bench::request("t"))).await;
    assert_eq!(answer.refused(), (500, "InternalError"));
    assert!(!answer.body.contains("panic"), "{answer:?}");
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn every_change_leaves_one_audit_line_with_key_address_and_request_and_no_secret() {
    let lines = Lines::default();
    let writer = lines.clone();
    let log = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
    let logging = tracing::subscriber::set_default(log);
    let bench = Bench::new();
    let id = bench.send(Call::create(super::bench::request_to_confirm("t"))).await.job_id();
    let mut calls = vec![
        Call::new("POST", format!("/jobs/{id}/status?requestedJobStatus=Ready")),
        Call::new("POST", format!("/jobs/{id}/priority?priority=3")),
        Call::new("POST", format!("/jobs/{id}/status?requestedJobStatus=Cancelled")),
        Call::new("DELETE", format!("/jobs/{id}")),
    ];
    calls.push(Call::new("GET", format!("/jobs/{id}")));
    let mut answers = Vec::new();
    for call in calls {
        answers.push(bench.send(call).await);
    }
    drop(logging);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("photos-secret"), "{text}");
    let audit: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|line| line["target"] == "audit")
        .collect();
    let actions: Vec<&str> = audit.iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["create", "confirm", "priority", "cancel", "delete"]);
    for line in &audit {
        assert_eq!((&line["job"], &line["key"]), (&id.to_string().into(), &"AKIDPHOTOS".into()));
        assert_eq!(line["address"], "unknown", "the router alone has no peer");
    }
    assert_eq!(audit[2]["request"], answers[1].headers["x-cos-request-id"].to_str().unwrap());
}
