//! What the pages for monitoring show.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_service_is_ready_until_it_stops_or_has_no_room() {
    let bench = TestApi::new();
    assert_eq!(bench.send_raw(Call::new("GET", "/healthz").build(None)).await.status, 200);
    let ready = || bench.page("/readyz");
    assert_eq!(ready().await.status, 200);
    *bench.told.full.lock().unwrap() = Some("low disk space".to_owned());
    bench.api.is_stopping.store(true, Ordering::SeqCst);
    let not_ready = ready().await;
    assert_eq!(not_ready.status, 503);
    assert_eq!(not_ready.body, "the service is stopping\nlow disk space\n");
    assert_eq!(bench.send_raw(Call::new("GET", "/healthz").build(None)).await.status, 200, "it lives");
}

#[tokio::test(start_paused = true)]
async fn anybody_is_told_whether_the_service_is_ready_and_neither_why_nor_its_figures() {
    let bench = TestApi::new();
    let public = |path: &'static str| bench.send_raw(Call::new("GET", path).build(None));
    assert_eq!(public("/readyz").await.body, "ready\n");
    *bench.told.full.lock().unwrap() = Some("low disk space: 3 MiB are free in /var/lib/brigade".to_owned());
    let not_ready = public("/readyz").await;
    assert_eq!((not_ready.status, not_ready.body.as_str()), (503, "not ready\n"));
    assert_eq!(public("/metrics").await.refused(), (400, "InvalidURI"));
    assert_eq!(bench.page("/healthz").await.status, 200);
    assert_eq!(bench.page("/jobs").await.status, 404, "nothing else is there");
}

#[tokio::test(start_paused = true)]
async fn buckets_are_named_in_metrics_only_where_the_configuration_says_so() {
    for named in [false, true] {
        let bench = TestApi::new().rules(|rules| rules.metrics_bucket_names = named);
        let endpoint = || crate::metrics::EndpointNow {
            endpoint: "main".to_owned(),
            is_up: true,
            is_stopped: false,
            waiting: 0,
            lanes: vec![crate::metrics::LaneNow {
                bucket: Some("photos".to_owned()),
                class: "read",
                limit: 7,
                has_moved: true,
                in_flight: 0,
                waiting: 0,
                objects_per_second: 0.0,
                pace: None,
                latency: [0.0; 2],
            }],
            moves: vec![],
        };
        let shown = bench.api.shown(vec![endpoint()]);
        assert_eq!(shown[0].lanes[0].bucket.is_some(), named);
    }
}

#[tokio::test(start_paused = true)]
async fn an_ended_job_is_shown_for_its_time_however_the_time_of_day_is_set() {
    let bench = TestApi::new();
    let id = bench.create("t").await;
    bench.bring_to(id, Status::Complete).await;
    const DAY_MS: u32 = 86_400_000;
    let shown = || async {
        let list = bench.get("/jobs").await.body.contains(&id.to_string());
        (list, bench.get(&format!("/jobs/{id}")).await.status)
    };
    for set_days in [365, -730, 365] {
        bench.clock.jump(set_days * i64::from(DAY_MS));
        assert_eq!(shown().await, (true, 200), "set by {set_days} days");
    }
    (0..10).for_each(|_| bench.clock.pass(9 * DAY_MS - 1000));
    assert_eq!(shown().await, (true, 200), "90 days less 10 s");
    bench.clock.pass(11_000);
    assert_eq!(shown().await, (false, 404));
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_engine_has_failed_is_not_ready() {
    let bench = TestApi::new();
    bench.told.has_failed.store(true, Ordering::SeqCst);
    let page = bench.page("/readyz").await;
    assert_eq!((page.status, page.body.as_str()), (503, "the engine has failed\n"));
    assert_eq!(bench.send_raw(Call::new("GET", "/readyz").build(None)).await.status, 503);
}

#[tokio::test(start_paused = true)]
async fn the_metrics_count_requests_and_jobs_and_know_every_endpoint() {
    let bench = TestApi::new();
    bench.create("t").await;
    bench.send(Call::create("nonsense")).await;
    let page = bench.page("/metrics").await;
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
