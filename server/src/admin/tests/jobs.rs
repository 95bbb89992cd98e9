//! Jobs of both dialects: listed, shown and changed.

use std::time::Duration;

use brigade_model::ports::job_store::{LeaseToken, OpenUpload, OwnerId, UploadScope};
use brigade_model::{BucketName, Dialect, JobId, ObjectKey};
use uuid::Uuid;

use super::*;
use crate::api::tests::bench::request_to_confirm;
use crate::api::tests::s3control;

/// A job of each dialect that waits for a confirmation once it is prepared, the elder first.
async fn of_both(bench: &TestApi) -> [JobId; 2] {
    let cos = bench.send(Call::create(request_to_confirm("t"))).await.job_id();
    bench.clock.jump(1000);
    [cos, s3control::create_job(bench, "t").await]
}

fn names(list: &Value) -> Vec<&str> {
    list["jobs"].as_array().unwrap().iter().map(|job| job["job"].as_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_jobs_of_both_dialects_are_listed_oldest_first_by_pages_statuses_and_dialect() {
    let bench = TestApi::new();
    let [cos, s3] = of_both(&bench).await.map(|id| id.to_string());
    bench.bring_to(s3.parse().unwrap(), Status::Suspended).await;
    let list = async |query: &str| document(&bench.send(get(&format!("jobs{query}"))).await);
    let all = list("").await;
    assert_eq!((names(&all), &all["next"]), (vec![cos.as_str(), &s3], &Value::Null));
    let stored = bench.store.job(s3.parse().unwrap()).await.unwrap().unwrap();
    let expected = json!({
        "job": s3, "dialect": "s3control", "description": null, "operation": "tag", "is_dry_run": false,
        "status": "Suspended", "priority": 10, "waiting": null, "created": format!("{:.0}", stored.created), "terminated": null,
        "progress": {"total": stored.progress.total, "succeeded": 0, "failed": 0},
    });
    assert_eq!(all["jobs"][1], expected);
    let first = list("?max=1").await;
    assert_eq!((names(&first), &first["next"]), (vec![cos.as_str()], &json!(cos)));
    let second = list(&format!("?max=1&after={cos}")).await;
    assert_eq!((names(&second), &second["next"]), (vec![s3.as_str()], &Value::Null));
    for (query, expected) in [
        ("?order=newest", vec![&s3, &cos]),
        ("?order=oldest", vec![&cos, &s3]),
        ("?order=newest&max=1", vec![&s3]),
        ("?dialect=cos", vec![&cos]),
        ("?dialect=s3control", vec![&s3]),
        ("?status=New", vec![&cos]),
        ("?status=Suspended,New", vec![&cos, &s3]),
        ("?status=Suspended&dialect=cos", vec![]),
    ] {
        assert_eq!(names(&list(query).await), expected, "{query}");
    }
    assert_eq!(names(&document(&bench.send(get("jobs").of_other()).await)), Vec::<&str>::new());
}

#[tokio::test(start_paused = true)]
async fn a_list_names_the_parameter_that_is_wrong() {
    let bench = TestApi::new();
    for (query, name) in [
        ("max=0", "max"),
        ("max=1001", "max"),
        ("max=+1", "max"),
        ("after=x", "after"),
        ("status=Flying", "status"),
        ("status=", "status"),
        ("dialect=gcs", "dialect"),
        ("order=random", "order"),
        ("max=1&max=2", "max"),
        ("page=1", "page"),
    ] {
        let answer = bench.send(get(&format!("jobs?{query}"))).await;
        assert_eq!(refused(&answer), (400, "InvalidArgument".into()), "{query}");
        let message = document(&answer)["message"].as_str().unwrap().to_owned();
        assert!(message.contains(&format!("Parameter {name} is invalid")), "{query}: {message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_is_shown_with_its_operation_in_the_words_of_its_dialect() {
    let bench = TestApi::new();
    let [cos, s3] = of_both(&bench).await;
    for (id, dialect, name) in [(cos, "cos", "COSDeleteObject"), (s3, "s3control", "S3PutObjectTagging")] {
        let shown = document(&bench.send(get(&format!("jobs/{id}"))).await);
        assert_eq!(shown["dialect"], dialect);
        assert!(shown["parameters"][name].is_object(), "{shown}");
    }
    let shown = document(&bench.send(get(&format!("jobs/{s3}"))).await);
    assert_eq!(shown["operation"], "tag");
    let tags = json!({"S3PutObjectTagging": {"TagSet": [{"Key": "k", "Value": "v"}]}});
    assert_eq!(shown["parameters"], tags);
    assert_eq!(shown["manifest"], json!({"bucket": "manifests", "key": "m.csv"}));
    assert_eq!(shown["report"], json!({"bucket": "reports", "prefix": "p", "scope": "AllTasks"}));
    assert_eq!((&shown["role"], &shown["priority"]), (&json!("batch"), &json!(10)));
}

#[tokio::test(start_paused = true)]
async fn an_ended_job_names_the_uploads_that_it_left_open_and_what_to_do_about_them() {
    let bench = TestApi::new();
    let id = bench.create("t").await;
    let (nil, ttl) = (Uuid::nil(), Duration::from_secs(60));
    let lease = bench.store.lease_stage(id, OwnerId(nil), LeaseToken(nil), ttl, ttl).await.unwrap().unwrap();
    for n in 0..101 {
        let (bucket, key) = (BucketName::new("reports").unwrap(), ObjectKey::new(format!("k{n}")).unwrap());
        let upload = OpenUpload { bucket, key, upload_id: format!("{n:04}"), completing: None };
        bench.store.record_upload(id, &UploadScope::Stage { fence: lease.fence }, &upload).await.unwrap();
    }
    let shown = async || document(&bench.send(get(&format!("jobs/{id}"))).await);
    assert_eq!(shown().await["left_uploads"], Value::Null, "they are in use");
    bench.bring_to(id, Status::Cancelled).await;
    let left = shown().await["left_uploads"].clone();
    assert_eq!((&left["total"], left["uploads"].as_array().unwrap().len()), (&json!(101), 100));
    assert_eq!(left["uploads"][7], json!({"bucket": "reports", "key": "k7", "upload_id": "0007"}));
    let advice = left["advice"].as_str().unwrap();
    assert!(advice.contains("AbortMultipartUpload") && advice.contains("lifecycle rule"), "{advice}");
    let none = bench.create("other").await;
    bench.bring_to(none, Status::Cancelled).await;
    assert_eq!(document(&bench.send(get(&format!("jobs/{none}"))).await)["left_uploads"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn jobs_of_both_dialects_are_confirmed_made_urgent_cancelled_and_deleted() {
    let bench = TestApi::new();
    for id in of_both(&bench).await {
        bench.bring_to(id, Status::Suspended).await;
        let act = async |verb: &str, body: Value| {
            let answer = bench.send(with_json(post(&format!("jobs/{id}/{verb}")), &body)).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(document(&answer), document(&bench.send(get(&format!("jobs/{id}"))).await));
            document(&answer)
        };
        assert_eq!(act("priority", json!({"priority": 99})).await["priority"], 99);
        let ready = act("confirm", json!({"reason": "to do"})).await;
        assert_eq!((&ready["status"], &ready["status_update_reason"]), (&json!("Ready"), &json!("to do")));
        bench.change(id, Change::SlotGranted).await;
        let cancelled = act("cancel", json!({"reason": "enough"})).await;
        assert_eq!(
            (&cancelled["status"], &cancelled["status_update_reason"]),
            (&json!("Cancelling"), &json!("enough"))
        );
        assert!(bench.told.stopped.lock().unwrap().contains(&id), "no task starts after the answer");
        let delete = Call::new("DELETE", format!("/brigade/v1/jobs/{id}"));
        assert_eq!(bench.send(delete.clone()).await.status, 200);
        assert!(bench.store.job(id).await.unwrap().unwrap().is_deleted);
        bench.change(id, Change::ReportWritten).await;
        assert_eq!(refused(&bench.send(delete).await), (404, "NoSuchJob".into()), "it is hidden once it has ended");
    }
    assert_eq!(document(&bench.send(get("jobs")).await)["jobs"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_job_is_refused_as_a_whole_when_a_part_of_it_is_wrong() {
    let bench = TestApi::new();
    let id = bench.create("t").await;
    let before = bench.store.job(id).await.unwrap().unwrap();
    for (verb, body, code) in [
        ("priority", json!({"priority": -1}), "InvalidArgument"),
        ("priority", json!({"priority": 1u64 << 31}), "MalformedJSON"),
        ("priority", json!({"priority": null}), "MalformedJSON"),
        ("priority", json!({}), "MalformedJSON"),
        ("confirm", json!({"reason": "x".repeat(257)}), "InvalidArgument"),
        ("cancel", json!({"reason": "x".repeat(257)}), "InvalidArgument"),
        ("cancel", json!({"reason": "a\u{0}b"}), "InvalidArgument"),
        ("cancel", json!({"reasons": "x"}), "MalformedJSON"),
    ] {
        let call = with_json(post(&format!("jobs/{id}/{verb}")), &body);
        assert_eq!(refused(&bench.send(call.clone()).await), (400, code.into()), "{verb} {body}");
        let reader = call.by(("AKIDREADER", "reader-secret"));
        assert_eq!(refused(&bench.send(reader).await), (403, "AccessDenied".into()), "{verb}");
    }
    assert_eq!(bench.store.job(id).await.unwrap().unwrap(), before, "nothing happened");
}

#[tokio::test(start_paused = true)]
async fn a_job_of_another_account_is_changed_by_none_of_the_actions() {
    let bench = TestApi::new();
    let ids = of_both(&bench).await;
    for id in ids {
        let calls = [
            with_json(post(&format!("jobs/{id}/confirm")), &json!({})),
            with_json(post(&format!("jobs/{id}/cancel")), &json!({})),
            with_json(post(&format!("jobs/{id}/priority")), &json!({"priority": 1})),
            Call::new("DELETE", format!("/brigade/v1/jobs/{id}")),
        ];
        for call in calls {
            assert_eq!(refused(&bench.send(call.of_other()).await), (404, "NoSuchJob".into()));
        }
        assert_eq!(bench.store.job(id).await.unwrap().unwrap().revision, 0);
    }
}

#[test]
fn a_query_is_read_as_it_was_written() {
    use brigade_wire::admin::JobQuery;
    let some = JobQuery {
        dialect: Some(Dialect::S3Control),
        statuses: vec![Status::New, Status::Active],
        after: Some(JobId::from_u128(7)),
        is_newest_first: true,
        max: Some(3),
    };
    for query in [JobQuery::default(), some] {
        assert_eq!(JobQuery::decode(&query.encode()), Ok(query));
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_that_the_account_has_not_and_a_bucket_that_the_role_may_not_use_are_refused_before_a_job_is_created() {
    let bench = TestApi::new();
    for (path, named) in [
        ("absent/places?report=reports", "RoleArn"),
        ("theirs/places?report=reports", "RoleArn"),
        ("small/places?report=elsewhere", "Report.Bucket"),
        ("small/places?target=elsewhere", "TargetResource"),
        ("small/places?report=a&report=b", "report"),
        ("small/places?source=photos", "source"),
    ] {
        let answer = bench.send(get(&format!("roles/{path}"))).await;
        assert_eq!(refused(&answer), (400, "InvalidArgument".into()), "{path}");
        let message = document(&answer)["message"].as_str().unwrap().to_owned();
        assert!(message.contains(&format!("Parameter {named} is invalid")), "{path}: {message}");
    }
    let nothing = document(&bench.send(get("roles/small/places")).await);
    assert_eq!(nothing, json!({"places": []}));
}
