//! Requests that authentication refuses, and the answer to each.

use brigade_model::Timestamp;

use super::bench::{APPID, KEY};
use super::*;

async fn refused(call: Call) -> (u16, String, String) {
    let bench = TestApi::new();
    let answer = bench.send(call).await;
    assert_eq!(bench.stored().await, 0);
    let (status, code) = answer.refused();
    (status, code.to_owned(), answer.element("Message").to_owned())
}

async fn assert_refused(call: Call, status: u16, code: &str, message: &str) {
    let (told_status, told_code, told_message) = refused(call).await;
    assert_eq!((told_status, told_code.as_str()), (status, code), "{told_message}");
    assert!(told_message.contains(message), "{told_message}");
}

fn list() -> Call {
    Call::new("GET", "/jobs")
}

#[tokio::test(start_paused = true)]
async fn a_signed_request_is_let_in() {
    let answer = TestApi::new().send(list()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["content-type"], "application/xml");
    assert_eq!(answer.headers["server"], "tencent-cos");
    assert!(answer.headers.contains_key("x-cos-request-id"));
    assert!(!answer.headers.contains_key("x-cos-trace-id"), "of errors only");
}

#[tokio::test(start_paused = true)]
async fn a_signature_in_the_query_is_let_in_with_the_host_without_its_port() {
    let bench = TestApi::new();
    let call = list().header("host", "127.0.0.1");
    let query = call.sign(bench.clock.now()).replace(';', "%3B");
    let call = Call { target: format!("/jobs?{query}"), ..list() };
    let answer = bench.send_raw(call.build(None)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_line_in_absolute_form_is_understood() {
    let bench = TestApi::new();
    let authorization = list().sign(bench.clock.now());
    let call = Call { target: "http://127.0.0.1:8080/jobs".to_owned(), ..list() };
    assert_eq!(bench.send_raw(call.build(Some(authorization))).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn an_unsigned_request_is_denied_with_all_that_an_error_carries() {
    let bench = TestApi::new();
    let answer = bench.send_raw(list().build(None)).await;
    assert_eq!(answer.refused(), (403, "AccessDenied"));
    assert_eq!(answer.element("Resource"), "127.0.0.1:8080/jobs");
    assert_eq!(answer.element("RequestId"), answer.headers["x-cos-request-id"]);
    assert_eq!(answer.element("TraceId"), answer.headers["x-cos-trace-id"]);
    assert_eq!(answer.headers["content-type"], "application/xml");
}

#[tokio::test(start_paused = true)]
async fn an_authorization_that_is_none_is_denied() {
    let bench = TestApi::new();
    for nonsense in ["", "Bearer x", "q-sign-algorithm=sha1", "AWS4-HMAC-SHA256 Credential=a"] {
        let answer = bench.send_raw(list().build(Some(nonsense.to_owned()))).await;
        assert_eq!(answer.refused(), (403, "AccessDenied"), "{nonsense:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_secret_and_a_changed_request_do_not_match() {
    assert_refused(list().by((KEY.0, "another-secret")), 403, "SignatureDoesNotMatch", "").await;
    let bench = TestApi::new();
    let authorization = Call::new("GET", "/jobs?maxResults=2").sign(bench.clock.now());
    let changed = Call::new("GET", "/jobs?maxResults=3").build(Some(authorization));
    assert_eq!(bench.send_raw(changed).await.refused(), (403, "SignatureDoesNotMatch"));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_told_so() {
    assert_refused(list().by(("AKIDNOBODY", "s")), 403, "InvalidAccessKeyId", "").await;
}

#[tokio::test(start_paused = true)]
async fn an_expired_signature_and_one_from_the_future_are_told_apart() {
    assert_refused(list().valid(-3600, -1), 403, "AccessDenied", "Request has expired").await;
    assert_refused(list().valid(16 * 60, 3600), 403, "RequestTimeTooSkewed", "").await;
    assert_eq!(TestApi::new().send(list().valid(14 * 60, 3600)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn what_must_be_signed_and_is_not_is_denied() {
    let appid = list().without("x-cos-appid").unsigned("x-cos-appid", APPID);
    assert_refused(appid, 403, "AccessDenied", "x-cos-appid must be signed").await;
    let host = list().without("host").unsigned("host", "127.0.0.1:8080");
    assert_refused(host, 403, "AccessDenied", "host must be signed").await;
    let bench = TestApi::new();
    let authorization = list().sign(bench.clock.now());
    let added = Call::new("GET", "/jobs?maxResults=1").build(Some(authorization));
    let answer = bench.send_raw(added).await;
    assert_eq!(answer.refused(), (403, "AccessDenied"));
    assert!(answer.element("Message").contains("maxresults must be signed"), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_missing_appid_is_an_invalid_argument() {
    assert_refused(list().without("x-cos-appid"), 400, "InvalidArgument", "No x-cos-appid was provided").await;
    assert_refused(list().header("x-cos-appid", ""), 400, "InvalidArgument", "No x-cos-appid was provided").await;
    let twice = list().unsigned("x-cos-appid", APPID);
    assert_refused(twice, 400, "InvalidArgument", "x-cos-appid is invalid").await;
    let long = list().header("x-cos-appid", &"1".repeat(65));
    assert_refused(long, 400, "InvalidArgument", "x-cos-appid is invalid").await;
}

#[tokio::test(start_paused = true)]
async fn a_key_of_one_account_with_the_appid_of_another_is_denied() {
    assert_refused(list().header("x-cos-appid", "1250000001"), 403, "AccessDenied", "not one of this").await;
    assert_refused(list().header("x-cos-appid", "1"), 403, "AccessDenied", "not one of this").await;
}

#[tokio::test(start_paused = true)]
async fn a_key_does_only_what_it_is_allowed() {
    let bench = TestApi::new();
    let id = bench.create("t").await;
    let reader = |method, target: String| Call::new(method, target).by(("AKIDREADER", "reader-secret"));
    assert_eq!(bench.send(reader("GET", "/jobs".into())).await.status, 200);
    assert_eq!(bench.send(reader("GET", format!("/jobs/{id}"))).await.status, 200);
    for (method, target, action) in [
        ("POST", "/jobs".to_owned(), "cos:CreateJob"),
        ("POST", format!("/jobs/{id}/priority?priority=1"), "cos:UpdateJobPriority"),
        ("POST", format!("/jobs/{id}/status?requestedJobStatus=Cancelled"), "cos:UpdateJobStatus"),
        ("DELETE", format!("/jobs/{id}"), "cos:DeleteJob"),
    ] {
        let answer = bench.send(reader(method, target)).await;
        assert_eq!(answer.refused(), (403, "AccessDenied"));
        assert!(answer.element("Message").contains(action), "{answer:?}");
    }
    let job = bench.store.job(id).await.unwrap().unwrap();
    assert_eq!((job.revision, bench.stored().await), (0, 1), "nothing happened");
}

#[tokio::test(start_paused = true)]
async fn a_temporary_key_needs_its_token_in_time_and_another_key_has_none() {
    let temporary = || list().by(("AKIDTEMP", "temp-secret"));
    assert_refused(temporary(), 403, "AccessDenied", "needs its x-cos-security-token").await;
    let wrong = temporary().header("x-cos-security-token", "a-token");
    assert_refused(wrong, 403, "AccessDenied", "is not the access key").await;
    assert_refused(list().header("x-cos-security-token", "the-token"), 403, "AccessDenied", "is not the access").await;

    let bench = TestApi::new();
    for call in [
        temporary().header("x-cos-security-token", "the-token"),
        temporary().unsigned("x-cos-security-token", "the-token"),
    ] {
        assert_eq!(bench.send(call).await.status, 200);
    }
    bench.clock.jump(2 * 3_600_000);
    assert!(bench.clock.now() > Timestamp::from_second(1_767_225_600 + 3600).unwrap());
    let late = bench.send(temporary().header("x-cos-security-token", "the-token")).await;
    assert_eq!(late.refused(), (400, "ExpiredToken"));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_the_dialects_is_told_without_a_signature() {
    let bench = TestApi::new();
    for (method, target, told) in [
        ("GET", "/", (400, "InvalidURI")),
        ("GET", "/buckets", (400, "InvalidURI")),
        ("PUT", "/jobs", (405, "MethodNotAllowed")),
        ("GET", "/jobs/", (400, "InvalidRequest")),
    ] {
        let refused = bench.send_raw(Call::new(method, target).build(None)).await;
        assert_eq!(refused.refused(), told, "{method} {target}");
        let allowed = refused.headers.get("allow").map(|value| value.to_str().unwrap());
        assert_eq!(allowed, (told.0 == 405).then_some("GET, POST"), "a wrong method is told the right ones");
    }
}
