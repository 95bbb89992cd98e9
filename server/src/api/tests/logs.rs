//! The log of requests: one line each, with a client's words quoted and without secrets.

use super::*;
use crate::log::tests::log;

#[tokio::test(start_paused = true)]
async fn the_words_of_a_client_begin_no_line_of_the_log() {
    let bench = TestApi::new();
    for is_json in [false, true] {
        let (log, _guard) = log(!is_json);
        let target = "/jobs?a%0Aforged%1B%5B2J=1";
        assert_eq!(bench.send(Call::new("GET", target)).await.refused(), (400, "InvalidArgument"));
        let text = log.text();
        assert!(text.contains("forged") && text.contains("request refused"), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("forged")), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        if is_json {
            for line in text.lines() {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                assert_eq!(line["message"].as_str(), Some("request refused"), "{line}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_secret_of_a_request_stands_in_the_log() {
    let bench = TestApi::new();
    let (log, _guard) = log(true);
    let temporary = |target: &str| {
        Call::new("GET", target).by(("AKIDTEMP", "temp-secret")).header("x-cos-security-token", "the-token")
    };
    let signature = temporary("/jobs").sign(bench.api.clock.now());
    assert_eq!(bench.send(temporary("/jobs")).await.status, 200);
    assert_eq!(bench.send(temporary("/jobs?colour=red")).await.status, 400);
    assert_eq!(bench.send(temporary("/jobs").header("x-cos-security-token", "a-token")).await.status, 403);
    assert_eq!(bench.send(temporary("/jobs").by(("AKIDTEMP", "wrong-secret"))).await.status, 403);
    bench.create("t").await;
    let text = log.text();
    assert_eq!(text.matches("request refused").count(), 3, "{text}");
    for secret in ["temp-secret", "photos-secret", "wrong-secret", "the-token", "a-token"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let (_, signature) = signature.rsplit_once('=').unwrap();
    assert!(!text.contains(signature), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_time_of_day_that_was_set_is_said_beside_readiness_and_logged_once() {
    let bench = TestApi::new();
    let (log, _guard) = log(false);
    let ready = || bench.page("/readyz");
    assert_eq!(ready().await.body, "ready\n");
    bench.clock.jump(-7_200_000);
    for _ in 0..3 {
        let told = ready().await;
        let note = "note: the time of day was set back by 7200 s, noticed at 2025-12-31T22:00:00Z\n";
        assert_eq!((told.status, told.body), (200, format!("ready\n{note}")));
    }
    bench.api.is_stopping.store(true, Ordering::SeqCst);
    let told = ready().await;
    assert_eq!(told.status, 503);
    assert!(told.body.starts_with("the service is stopping\nnote: the time of day was set back"), "{}", told.body);
    let warned = log.text().matches("the time of day was set back by 7200 s").count();
    assert_eq!(warned, 1, "{}", log.text());
}
