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
