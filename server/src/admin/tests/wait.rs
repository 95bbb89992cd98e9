//! Jobs that wait for the restores of another.

use brigade_model::job::Prepared;
use brigade_model::operation::{Operation, WaitForRestore};
use brigade_model::{JobId, ReportScope};

use super::*;
use crate::api::tests::bench::request;

const RESTORE: &str = "<COSInitiateRestoreObject><ExpirationInDays>3</ExpirationInDays><JobTier>Bulk</JobTier>\
    </COSInitiateRestoreObject>";

fn wait(id: JobId, body: &Value) -> Call {
    with_json(post(&format!("jobs/{id}/wait-for-restore")), body)
}

/// A job that restores, with that token and these parts of its request instead.
async fn restore(bench: &TestApi, token: &str, headers: &[(&str, &str)]) -> JobId {
    let body = request(token).replace("<COSDeleteObject></COSDeleteObject>", RESTORE);
    let call = headers.iter().fold(Call::create(body), |call, (name, value)| call.header(name, value));
    bench.send(call).await.job_id()
}

#[tokio::test(start_paused = true)]
async fn a_job_that_waits_for_restores_is_created_while_the_restore_runs_and_says_whom_it_follows() {
    let bench = TestApi::new();
    let id = restore(&bench, "t", &[]).await;
    let rings = bench.told.rings.load(Ordering::SeqCst);
    let answer = bench.send(wait(id, &json!({"client_request_token": "w", "patience_hours": 48}))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(bench.told.rings.load(Ordering::SeqCst) > rings, "the engine hears of it at once");
    let shown = document(&answer);
    assert_eq!((&shown["follows"], &shown["retry_of"]), (&json!(id.to_string()), &json!(null)));
    assert_eq!(shown["operation"], "wait-for-restore");
    assert_eq!(shown["parameters"], json!({"BrigadeWaitForRestore": {"PatienceInHours": 48}}));
    assert_eq!(shown["description"], format!("waits for the restores of job {id}"));
    let waiting: JobId = shown["job"].as_str().unwrap().parse().unwrap();
    let (source, job) = (bench.store.job(id).await.unwrap().unwrap(), bench.store.job(waiting).await.unwrap().unwrap());
    assert_eq!(job.spec.operation, Operation::WaitForRestore(WaitForRestore { hours: 48 }));
    assert_eq!((job.priority, &job.spec.report), (source.priority, &source.spec.report));
    assert_eq!(job.spec.report.scope, Some(ReportScope::AllTasks));

    // The dialect shows it, too, by an element of our own.
    let described = bench.send(Call::new("GET", format!("/jobs/{waiting}"))).await;
    assert_eq!(described.element("PatienceInHours"), "48");
    let again = bench.send(wait(id, &json!({"client_request_token": "w"}))).await;
    assert_eq!(document(&again)["job"], shown["job"], "a repeat gives the same job");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_waited_for_is_refused_with_its_reason_and_nothing_is_created() {
    let bench = TestApi::new();
    let plain = bench.create("plain").await;
    assert_eq!(refused(&bench.send(wait(plain, &json!({}))).await), (409, "NotARestore".into()));
    let dry = restore(&bench, "dry", &[("x-brigade-dry-run", "true")]).await;
    assert_eq!(refused(&bench.send(wait(dry, &json!({}))).await), (409, "NotARestore".into()));

    let unread = restore(&bench, "unread", &[]).await;
    bench.change(unread, Change::CancelRequested(String::new())).await;
    assert_eq!(refused(&bench.send(wait(unread, &json!({}))).await), (409, "ManifestNotRead".into()));

    let vain = restore(&bench, "vain", &[]).await;
    let prepared = Prepared { tasks: 10, slices: 1, ..Prepared::default() };
    let cancelled = Change::CancelRequested("enough".into());
    for change in [Change::PreparationStarted, Change::ManifestRead(prepared), cancelled] {
        bench.change(vain, change).await;
    }
    assert_eq!(refused(&bench.send(wait(vain, &json!({}))).await), (409, "NothingToWaitFor".into()));

    let id = restore(&bench, "t", &[]).await;
    assert_eq!(refused(&bench.send(wait(id, &json!({})).of_other()).await), (404, "NoSuchJob".into()));
    for (body, code) in [
        (json!({"patience_hours": 0}), "InvalidArgument"),
        (json!({"patience_hours": 721}), "InvalidArgument"),
        (json!({"priority": -1}), "InvalidArgument"),
        (json!({"client_request_token": ""}), "InvalidArgument"),
        (json!({"days": 3}), "MalformedJSON"),
    ] {
        assert_eq!(refused(&bench.send(wait(id, &body)).await), (400, code.into()), "{body}");
    }
    let listed = bench.send(Call::new("GET", "/jobs")).await;
    assert_eq!(listed.body.matches("<member>").count(), 5, "{listed:?}");
}
