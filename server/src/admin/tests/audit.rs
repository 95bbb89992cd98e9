//! Who changed what: the lines of the target `audit`, and what else the log says of a job's life.

use brigade_model::job::Prepared;

use super::*;
use crate::log::tests::log;

/// The lines of the log that have this text.
fn lines<'a>(text: &'a str, with: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.contains(with)).collect()
}

#[tokio::test(start_paused = true)]
async fn an_audit_line_has_the_operation_the_places_the_reason_and_the_values_before_and_after() {
    let bench = TestApi::new();
    let (written, _guard) = log(true);
    let id = bench.create("t").await;
    let send = async |path: &str, body: Value| {
        let call = with_json(post(&format!("jobs/{id}/{path}")), &body);
        assert_eq!(bench.send(call).await.status, 200, "{path}");
    };
    send("priority", json!({"priority": 77})).await;
    send("limit", json!({"requests_per_second": 5})).await;
    send("cancel", json!({"reason": "the bucket is needed"})).await;
    let operator = |call: Call| call.by(("AKIDOPERATOR", "operator-secret"));
    let limit = with_json(post("endpoints/main/limit"), &json!({"requests_in_flight": 8}));
    assert_eq!(bench.send(operator(limit)).await.status, 200);
    let text = written.text();
    let audit = lines(&text, " audit: ");
    assert_eq!(audit.len(), 5, "{text}");
    for (line, parts) in audit.iter().map(|line| line.replace('"', "")).zip([
        &["action=create", "operation=", "manifest=s3://"][..],
        &["action=priority", "old=10", "new=77"],
        &["action=limit", "old=none", "new=requests_per_second 5"],
        &["action=cancel", "reason=the bucket is needed", "old=New", "new=Cancelled"],
        &["action=limit", "endpoint=main", "old=none", "new=requests_in_flight 8"],
    ]) {
        assert!(parts.iter().all(|part| line.contains(part)), "{parts:?}: {line}");
        assert!(line.contains("account=photos") && line.contains("request="), "{line}");
    }
    let ended = lines(&text, "job ended");
    assert_eq!(ended.len(), 1, "{text}");
    assert!(ended[0].contains(" INFO ") && ended[0].contains("succeeded=0"), "{}", ended[0]);
    assert_eq!(lines(&text, "job status changed").len(), 1);
    assert!(lines(&text, "request answered").iter().all(|line| line.contains("DEBUG")), "{text}");
    let is_debug = |line: &&str| ["Some(", "None", " { "].iter().any(|form| line.contains(form));
    let ours: Vec<_> = text.lines().filter(|line| !line.contains("TRACE") && !line.contains("DEBUG")).collect();
    assert!(!ours.iter().any(is_debug), "{ours:#?}");
}

#[tokio::test(start_paused = true)]
async fn an_audit_line_has_the_source_bucket_once_the_manifest_is_read() {
    let bench = TestApi::new();
    let (written, _guard) = log(true);
    let id = bench.create("t").await;
    let prepared = Prepared { tasks: 5, source_bucket: Some("photos".parse().unwrap()), ..Prepared::default() };
    for change in [Change::PreparationStarted, Change::ManifestRead(prepared)] {
        bench.change(id, change).await;
    }
    assert_eq!(bench.send(post(&format!("jobs/{id}/pause"))).await.status, 200);
    let text = written.text().replace('"', "");
    let audit = lines(&text, " audit: ");
    assert!(audit[0].contains("action=create") && !audit[0].contains("source_bucket"), "{audit:#?}");
    assert!(audit[1].contains("action=pause") && audit[1].contains("source_bucket=photos"), "{audit:#?}");
}
