//! The S3 Control dialect as a client sees it: requests signed by `aws-sigv4` through the real router.

use std::time::{Duration, UNIX_EPOCH};

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use axum::extract::Request;
use brigade_model::{Change, Status, Timestamp};

use super::bench::{KEY, Read};
use super::*;

const ACCOUNT: &str = "123456789012";
const JOBS: &str = "/v20180820/jobs";

/// A request to be signed.
#[derive(Clone)]
struct Ask {
    method: &'static str,
    target: String,
    host: &'static str,
    headers: Vec<(String, String)>,
    unsigned: Vec<(String, String)>,
    body: Vec<u8>,
    sent_body: Option<Vec<u8>>,
    signs_body: bool,
    key: (&'static str, &'static str),
    token: Option<&'static str>,
    /// Seconds between its signature and now.
    age: i64,
    presigned: Option<u64>,
}

impl Ask {
    fn new(method: &'static str, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            host: "123456789012.batch.example:8080",
            headers: vec![("x-amz-account-id".into(), ACCOUNT.into())],
            unsigned: Vec::new(),
            body: Vec::new(),
            sent_body: None,
            signs_body: true,
            key: KEY,
            token: None,
            age: 0,
            presigned: None,
        }
    }

    fn list() -> Self {
        Self::new("GET", JOBS)
    }

    fn create(body: String) -> Self {
        Self { body: body.into_bytes(), ..Self::new("POST", JOBS) }
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    fn unsigned(mut self, name: &str, value: &str) -> Self {
        self.unsigned.push((name.into(), value.into()));
        self
    }

    fn by_account(mut self, account: &str) -> Self {
        self.headers = vec![("x-amz-account-id".into(), account.into())];
        self
    }

    fn presigned(self) -> Self {
        Self { presigned: Some(60), signs_body: false, ..self }
    }

    fn build(&self, now: Timestamp) -> Request {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        if let Some(seconds) = self.presigned {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(Duration::from_secs(seconds));
        }
        let token = self.token.map(str::to_owned);
        let identity = aws_credential_types::Credentials::new(self.key.0, self.key.1, token, None, "test").into();
        let time = UNIX_EPOCH + Duration::from_secs((now.as_second() - self.age).unsigned_abs());
        let params = SigningParams::builder().identity(&identity).region("us-east-1").name("s3").time(time);
        let params = params.settings(settings).build().unwrap().into();
        let uri = format!("http://{}{}", self.host, self.target);
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let body = if self.signs_body { SignableBody::Bytes(&self.body) } else { SignableBody::UnsignedPayload };
        let signed = sign(SignableRequest::new(self.method, &uri, headers, body).unwrap(), &params).unwrap();
        let (instructions, _) = signed.into_parts();
        let (added, parameters) = instructions.into_parts();
        let own: Vec<_> = parameters.into_iter().map(|(name, value)| (name.to_owned(), value.into_owned())).collect();
        let query = brigade_wire::encode_query(&own);
        let separator = if query.is_empty() {
            ""
        } else if self.target.contains('?') {
            "&"
        } else {
            "?"
        };
        // As to a proxy, in absolute form.
        let mut request = http::Request::builder().method(self.method).uri(format!("{uri}{separator}{query}"));
        request = request.header("host", self.host);
        for (name, value) in self.headers.iter().chain(&self.unsigned) {
            request = request.header(name, value);
        }
        for header in added {
            request = request.header(header.name().to_owned(), header.value());
        }
        request.body(Body::from(self.sent_body.clone().unwrap_or_else(|| self.body.clone()))).unwrap()
    }
}

/// A CreateJob of a tagging, in the role `batch`.
fn request(token: &str) -> String {
    format!(
        "<CreateJobRequest xmlns=\"http://awss3control.amazonaws.com/doc/2018-08-20/\">\
         <Operation><S3PutObjectTagging><TagSet><member><Key>k</Key><Value>v</Value></member></TagSet>\
         </S3PutObjectTagging></Operation><Report><Bucket>arn:aws:s3:::reports</Bucket>\
         <Format>Report_CSV_20180820</Format><Enabled>true</Enabled><Prefix>p</Prefix>\
         <ReportScope>AllTasks</ReportScope></Report><ClientRequestToken>{token}</ClientRequestToken>\
         <Manifest><Spec><Format>S3BatchOperations_CSV_20180820</Format><Fields><member>Bucket</member>\
         <member>Key</member></Fields></Spec><Location><ObjectArn>arn:aws:s3:::manifests/m.csv</ObjectArn>\
         <ETag>e</ETag></Location></Manifest><Priority>10</Priority>\
         <RoleArn>arn:aws:iam::123456789012:role/batch</RoleArn>\
         <Tags><member><Key>team</Key><Value>red</Value></member></Tags></CreateJobRequest>"
    )
}

/// Creates a job as SDKs do.
pub(crate) async fn create_job(bench: &TestApi, token: &str) -> JobId {
    bench.ask(Ask::create(request(token))).await.job_id()
}

impl TestApi {
    async fn ask(&self, ask: Ask) -> Read {
        self.send_raw(ask.build(self.clock.now())).await
    }

    async fn job_of(&self, id: JobId) -> Job {
        self.store.job(id).await.unwrap().unwrap()
    }
}

async fn assert_refused(bench: &TestApi, ask: Ask, told: (u16, &str), message: &str) {
    let before = bench.stored().await;
    let answer = bench.ask(ask).await;
    assert_eq!(answer.refused(), told, "{answer:?}");
    assert!(answer.element("Message").contains(message), "{answer:?}");
    assert_eq!(bench.stored().await, before, "nothing is stored");
}

#[tokio::test(start_paused = true)]
async fn an_answer_carries_its_ids_and_an_error_the_form_that_sdks_read() {
    let bench = TestApi::new();
    let listed = bench.ask(Ask::list()).await;
    assert_eq!(listed.status, 200, "{listed:?}");
    let refused = bench.ask(Ask::new("GET", format!("{JOBS}/{}", JobId::from_u128(7)))).await;
    assert_eq!(refused.refused(), (404, "NotFoundException"));
    for answer in [&listed, &refused] {
        assert_eq!(answer.headers["content-type"], "application/xml");
        assert!(answer.headers.contains_key("x-amz-id-2"));
    }
    assert!(refused.body.starts_with("<ErrorResponse xmlns="), "{refused:?}");
    assert_eq!(refused.element("RequestId"), refused.headers["x-amz-request-id"]);
    assert_ne!(listed.headers["x-amz-request-id"], refused.headers["x-amz-request-id"]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_does_not_say_waits_for_a_confirmation_unless_the_setting_says_otherwise() {
    for (by_default, said, waits) in
        [(true, None, true), (true, Some(false), false), (false, None, false), (false, Some(true), true)]
    {
        let bench = TestApi::new().rules(|rules| rules.s3control_confirmation_required = by_default);
        let said = said.map_or_else(String::new, |said| format!("<ConfirmationRequired>{said}</ConfirmationRequired>"));
        let body = request("t").replace("<Operation>", &format!("{said}<Operation>"));
        let id = bench.ask(Ask::create(body)).await.job_id();
        bench.bring_to(id, if waits { Status::Suspended } else { Status::Ready }).await;
        let described = bench.ask(Ask::new("GET", format!("{JOBS}/{id}"))).await;
        assert_eq!(described.element("ConfirmationRequired"), waits.to_string());
        assert_eq!(described.element("Status"), if waits { "Suspended" } else { "Ready" });
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_request_gives_the_same_job_and_another_with_its_token_an_idempotency_exception() {
    let bench = TestApi::new();
    let id = bench.ask(Ask::create(request("t"))).await.job_id();
    bench.clock.jump(60_000);
    assert_eq!(bench.ask(Ask::create(request("t"))).await.job_id(), id);
    bench.change(id, Change::PrioritySet(7)).await;
    assert_eq!(bench.ask(Ask::create(request("t"))).await.job_id(), id, "what became of it means nothing");
    for (from, to) in [("<Priority>10<", "<Priority>11<"), ("<Value>red<", "<Value>blue<"), ("m.csv", "n.csv")] {
        let other = Ask::create(request("t").replace(from, to));
        assert_refused(&bench, other, (400, "IdempotencyException"), &id.to_string()).await;
    }
    let with_options = Ask::create(request("t")).header("x-brigade-in-flight-max", "4");
    assert_refused(&bench, with_options, (400, "IdempotencyException"), "").await;
    assert_ne!(bench.ask(Ask::create(request("u"))).await.job_id(), id);
    assert_eq!(bench.stored().await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_job_verifies_by_a_column_of_its_manifest_and_only_where_that_means_something() {
    let bench = TestApi::new();
    let tagging =
        "<S3PutObjectTagging><TagSet><member><Key>k</Key><Value>v</Value></member></TagSet></S3PutObjectTagging>";
    let verify = request("t")
        .replace(tagging, "<S3ComputeObjectChecksum/>")
        .replace("role/batch", "role/functions")
        .replace("<member>Key</member></Fields>", "<member>Key</member><member>Ignore</member></Fields>");
    let column = |body: &str, column: &str| Ask::create(body.to_owned()).header("x-brigade-checksum-column", column);
    for (body, number, told) in [
        (&request("t"), "3", "belongs to jobs that compute checksums"),
        (&verify, "2", "must be the number of a column that the fields of a CSV manifest ignore"),
        (&verify, "4", "must be the number of a column"),
        (&verify, "0", "takes a whole number above 0"),
    ] {
        assert_refused(&bench, column(body, number), (400, "BadRequestException"), told).await;
    }
    let id = bench.ask(column(&verify, "3")).await.job_id();
    assert_eq!(bench.job_of(id).await.spec.options.checksum_column, Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_job_is_described_listed_and_changed_as_sdks_expect() {
    let bench = TestApi::new();
    let id = bench.ask(Ask::create(request("t")).header("x-brigade-in-flight-max", "4")).await.job_id();
    assert_eq!(bench.job_of(id).await.spec.options.given(), [("in-flight-max", "4".to_owned())]);
    bench.bring_to(id, Status::Suspended).await;
    let of_job = |method, below: &str| Ask::new(method, format!("{JOBS}/{id}{below}"));
    let described = bench.ask(of_job("GET", "")).await;
    assert_eq!(described.element("JobArn"), format!("arn:aws:s3:us-east-1:123456789012:job/{id}"));
    let priority = bench.ask(of_job("POST", "/priority?priority=42")).await;
    assert_eq!((priority.element("JobId"), priority.element("Priority")), (id.to_string().as_str(), "42"));
    let confirm = "/status?requestedJobStatus=Ready&statusUpdateReason=to%20do";
    let ready = bench.ask(of_job("POST", confirm)).await;
    assert_eq!((ready.element("Status"), ready.element("StatusUpdateReason")), ("Ready", "to do"));
    bench.change(id, Change::SlotGranted).await;
    bench.clock.jump(90_000);
    tokio::time::advance(Duration::from_secs(90)).await;
    let active = bench.ask(of_job("GET", "")).await;
    let seconds: u64 = active.element("ElapsedTimeInActiveSeconds").parse().unwrap();
    assert!(seconds >= 90, "{active:?}");
    let listed = bench.ask(Ask::new("GET", format!("{JOBS}?jobStatuses=Active&jobStatuses=Ready&maxResults=1"))).await;
    assert_eq!((listed.element("JobId"), listed.element("Operation")), (id.to_string().as_str(), "S3PutObjectTagging"));
    assert!(!listed.body.contains("NextToken"), "{listed:?}");
    let cancelled = bench.ask(of_job("POST", "/status?requestedJobStatus=Cancelled")).await;
    assert_eq!(cancelled.element("Status"), "Cancelling");
    bench.change(id, Change::ReportWritten).await;
    for status in ["Ready", "Cancelled"] {
        let illegal = of_job("POST", &format!("/status?requestedJobStatus={status}"));
        assert_refused(&bench, illegal, (400, "JobStatusException"), "The job is Cancelled").await;
    }
    let ended = of_job("POST", "/priority?priority=1");
    assert_refused(&bench, ended, (400, "BadRequestException"), "cannot be given another priority").await;
}

#[tokio::test(start_paused = true)]
async fn pages_follow_each_other_by_their_tokens() {
    let bench = TestApi::new();
    let mut created = Vec::new();
    for n in 0..5 {
        created.push(bench.ask(Ask::create(request(&n.to_string()))).await.job_id().to_string());
    }
    let (mut seen, mut target) = (Vec::new(), format!("{JOBS}?maxResults=2"));
    loop {
        let page = bench.ask(Ask::new("GET", target)).await;
        seen.extend(page.body.split("<JobId>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()));
        if !page.body.contains("<NextToken>") {
            break;
        }
        target = format!("{JOBS}?maxResults=2&nextToken={}", page.element("NextToken"));
    }
    created.sort();
    assert_eq!(seen, created);
    let wrong = Ask::new("GET", format!("{JOBS}?nextToken=x"));
    assert_refused(&bench, wrong, (400, "InvalidNextTokenException"), "").await;
}

#[tokio::test(start_paused = true)]
async fn tags_are_stored_with_the_job_replaced_and_taken_off_also_once_it_has_ended() {
    let bench = TestApi::new();
    let id = bench.ask(Ask::create(request("t"))).await.job_id();
    let tagging = |method, body: &str| Ask { body: body.into(), ..Ask::new(method, format!("{JOBS}/{id}/tagging")) };
    let put = |tags: &str| {
        let body = format!("<PutJobTaggingRequest><Tags>{tags}</Tags></PutJobTaggingRequest>");
        tagging("PUT", &body)
    };
    let tags = async || {
        let answer = bench.ask(tagging("GET", "")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body.split_once("<Tags>").unwrap().1.split_once("</Tags>").unwrap().0.to_owned()
    };
    let tag = |key: &str| format!("<member><Key>{key}</Key><Value>v</Value></member>");
    assert_eq!(tags().await, "<member><Key>team</Key><Value>red</Value></member>");
    bench.bring_to(id, Status::Cancelled).await;
    assert_eq!(bench.ask(put(&tag("a"))).await.status, 200);
    assert_eq!(tags().await, tag("a"));
    let many: String = (0..51).map(|n| tag(&n.to_string())).collect();
    assert_refused(&bench, put(&many), (400, "TooManyTagsException"), "50").await;
    let unsigned = Ask { signs_body: false, ..put(&tag("b")) };
    assert_refused(&bench, unsigned, (403, "AccessDenied"), "PutJobTagging must sign its body").await;
    assert_eq!(tags().await, tag("a"), "nothing changed");
    assert_eq!(bench.ask(tagging("DELETE", "")).await.status, 200);
    assert_eq!(tags().await, "");
    for method in ["PUT", "GET", "DELETE"] {
        let nowhere = format!("{JOBS}/{}/tagging", JobId::from_u128(7));
        let ask = Ask { target: nowhere, ..if method == "PUT" { put("") } else { tagging(method, "") } };
        assert_refused(&bench, ask, (404, "NotFoundException"), "").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_lives_in_its_dialect_and_the_operator_acts_on_both() {
    let bench = TestApi::new();
    let ours = bench.ask(Ask::create(request("same"))).await.job_id();
    let cos = bench.create("same").await;
    let listed = bench.ask(Ask::list()).await;
    assert!(listed.body.contains(&ours.to_string()) && !listed.body.contains(&cos.to_string()), "{listed:?}");
    let listed = bench.get("/jobs").await;
    assert!(listed.body.contains(&cos.to_string()) && !listed.body.contains(&ours.to_string()), "{listed:?}");
    for target in [format!("{JOBS}/{cos}"), format!("{JOBS}/{cos}/tagging")] {
        assert_refused(&bench, Ask::new("GET", target), (404, "NotFoundException"), "").await;
    }
    let cancel = Ask::new("POST", format!("{JOBS}/{cos}/status?requestedJobStatus=Cancelled"));
    assert_refused(&bench, cancel, (404, "NotFoundException"), "").await;
    assert_eq!(bench.get(&format!("/jobs/{ours}")).await.refused(), (404, "NoSuchJob"));
    assert_eq!(bench.send(Call::new("DELETE", format!("/jobs/{ours}"))).await.refused(), (404, "NoSuchJob"));
    for id in [ours, cos] {
        let paused = bench.send(Call::new("POST", format!("/brigade/v1/jobs/{id}/pause"))).await;
        assert_eq!(paused.status, 200, "{paused:?}");
        assert!(bench.job_of(id).await.held_by_user);
    }
    assert_eq!(bench.job_of(ours).await.spec.role.name, "batch");
}

#[tokio::test(start_paused = true)]
async fn a_role_is_one_of_the_account_and_any_other_answers_alike() {
    let bench = TestApi::new();
    for role in ["123456789012:role/nobody", "123456789013:role/theirs", "123456789013:role/batch"] {
        let body = request("t").replace("123456789012:role/batch", role);
        assert_refused(
            &bench,
            Ask::create(body),
            (400, "BadRequestException"),
            "RoleArn is invalid: the account has no",
        )
        .await;
    }
    let small = request("t").replace("role/batch", "role/small");
    assert_refused(&bench, Ask::create(small), (400, "BadRequestException"), "the role may not do S3PutObjectTagging")
        .await;
    let replicate = request("t").replace("S3PutObjectTagging>", "S3ReplicateObject>");
    let replicate = replicate.replace("<TagSet><member><Key>k</Key><Value>v</Value></member></TagSet>", "");
    let told = "S3ReplicateObject is not implemented";
    assert_refused(&bench, Ask::create(replicate), (400, "BadRequestException"), told).await;
    let path = request("t").replace("role/batch", "role/service-role/batch");
    assert_eq!(bench.ask(Ask::create(path)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_job_calls_only_functions_of_its_account() {
    let bench = TestApi::new();
    let asked = |role: &str, function: &str| {
        let body = request(role).replace("role/batch", &format!("role/{role}"));
        let (before, rest) = body.split_once("<Operation>").unwrap();
        let (_, after) = rest.split_once("</Operation>").unwrap();
        let function = format!("<FunctionArn>arn:aws:lambda:us-east-1:{function}</FunctionArn>");
        Ask::create(format!("{before}<Operation><LambdaInvoke>{function}</LambdaInvoke></Operation>{after}"))
    };
    let own = "123456789012:function:faces";
    for other in ["123456789013:function:theirs", "123456789012:function:faces:1"] {
        let told = "FunctionArn is invalid: the account has no function arn:aws:lambda:us-east-1:";
        assert_refused(&bench, asked("functions", other), (400, "BadRequestException"), told).await;
    }
    let told = "the role may not do LambdaInvoke";
    assert_refused(&bench, asked("batch", own), (400, "BadRequestException"), told).await;
    let id = bench.ask(asked("functions", own)).await.job_id();
    let described = bench.ask(Ask::new("GET", format!("{JOBS}/{id}"))).await;
    assert_eq!(described.element("FunctionArn"), "arn:aws:lambda:us-east-1:123456789012:function:faces");
}

#[tokio::test(start_paused = true)]
async fn the_account_is_the_signed_header_and_never_the_host() {
    let bench = TestApi::new();
    for host in ["127.0.0.1:8080", "999999999999.batch.example", "batch.example", "[::1]:8080"] {
        let listed = bench.ask(Ask { host, ..Ask::list() }).await;
        assert_eq!(listed.status, 200, "{host}: {listed:?}");
    }
    for account in ["123456789013", "1", "12345678901x"] {
        let foreign = Ask::list().by_account(account);
        assert_refused(&bench, foreign, (403, "AccessDenied"), "not one of the account").await;
    }
    let none = Ask { headers: Vec::new(), ..Ask::list() };
    assert_refused(&bench, none.clone(), (400, "BadRequestException"), "lacks x-amz-account-id").await;
    let unsigned = none.unsigned("x-amz-account-id", ACCOUNT);
    assert_refused(&bench, unsigned, (403, "AccessDenied"), "x-amz-account-id must be signed").await;
    let twice = Ask::list().unsigned("x-amz-account-id", "123456789013");
    assert_refused(&bench, twice, (400, "BadRequestException"), "must be given once").await;
    let other = Ask::list().by_account("123456789013");
    let other = bench.ask(Ask { key: ("AKIDOTHER", "other-secret"), ..other }).await;
    assert_eq!(other.status, 200, "{other:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_signed_as_it_must_be_is_denied() {
    let bench = TestApi::new();
    let raw = http::Request::builder().uri(JOBS).header("host", "h").header("x-amz-account-id", ACCOUNT);
    let unsigned = bench.send_raw(raw.body(Body::empty()).unwrap()).await;
    assert_eq!(unsigned.refused(), (403, "AccessDenied"));
    let by = |key, secret| Ask { key: (key, secret), ..Ask::list() };
    assert_refused(&bench, by(KEY.0, "another"), (403, "SignatureDoesNotMatch"), "").await;
    assert_refused(&bench, by("AKIDNOBODY", "s"), (403, "InvalidAccessKeyId"), "").await;
    for age in [-901, 901] {
        assert_refused(&bench, Ask { age, ..Ask::list() }, (403, "RequestTimeTooSkewed"), "").await;
    }
    for age in [-899, 899] {
        assert_eq!(bench.ask(Ask { age, ..Ask::list() }).await.status, 200);
    }
    let option = Ask::create(request("t")).unsigned("x-brigade-in-flight-max", "4");
    assert_refused(&bench, option, (403, "AccessDenied"), "x-brigade-in-flight-max must be signed").await;
    let elsewhere = Ask::list().header("x-brigade-in-flight-max", "4");
    assert_refused(&bench, elsewhere, (400, "BadRequestException"), "belongs to CreateJob").await;
    let cos = Call::new("GET", JOBS).header("x-amz-account-id", ACCOUNT);
    assert_eq!(bench.send(cos).await.refused(), (403, "AccessDenied"), "signed as the other dialect is");
    let by_ours = bench.ask(Ask::new("GET", "/jobs").header("x-cos-appid", "1250000000")).await;
    assert_eq!(by_ours.refused(), (403, "AccessDenied"));
}

#[tokio::test(start_paused = true)]
async fn a_body_is_the_one_that_was_signed_and_a_presigned_create_without_its_hash_is_refused() {
    let bench = TestApi::new();
    let denied = (403, "AccessDenied");
    let create = || Ask::create(request("t"));
    let replaced = Ask { sent_body: Some(request("u").into_bytes()), ..create() };
    assert_refused(&bench, replaced, (400, "XAmzContentSHA256Mismatch"), "").await;
    assert_refused(&bench, create().presigned(), denied, "CreateJob must sign its body").await;
    let unsigned = Ask { signs_body: false, ..create() };
    assert_refused(&bench, unsigned, denied, "CreateJob must sign its body").await;
    let listed = bench.ask(Ask::list().presigned()).await;
    assert_eq!(listed.status, 200, "{listed:?}");
    let expired = Ask { age: 61, ..Ask::list().presigned() };
    assert_refused(&bench, expired, denied, "Request has expired").await;
    let with_body = Ask { sent_body: Some(b"x".to_vec()), ..Ask::list() };
    assert_refused(&bench, with_body, (400, "BadRequestException"), "takes no body").await;
    let large = "x".repeat(brigade_model::limits::REQUEST_BODY_BYTES_MAX + 1);
    assert_refused(&bench, Ask::create(large), (400, "BadRequestException"), "larger than allowed").await;
}

#[tokio::test(start_paused = true)]
async fn a_temporary_key_needs_its_token_in_time_and_another_key_has_none() {
    let bench = TestApi::new();
    let temporary = |token| Ask { key: ("AKIDTEMP", "temp-secret"), token, ..Ask::list() };
    let denied = (403, "AccessDenied");
    assert_refused(&bench, temporary(None), denied, "needs its x-amz-security-token").await;
    assert_refused(&bench, temporary(Some("a-token")), denied, "is not the access key").await;
    assert_refused(&bench, Ask { token: Some("the-token"), ..Ask::list() }, denied, "is not the access key").await;
    let unsigned = temporary(None).unsigned("x-amz-security-token", "the-token");
    assert_refused(&bench, unsigned, denied, "x-amz-security-token must be signed").await;
    for ask in [temporary(Some("the-token")), temporary(Some("the-token")).presigned()] {
        let answer = bench.ask(ask).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    bench.clock.jump(2 * 3_600_000);
    assert_refused(&bench, temporary(Some("the-token")), (400, "ExpiredToken"), "").await;
}

#[tokio::test(start_paused = true)]
async fn a_key_does_only_what_it_is_allowed() {
    let bench = TestApi::new();
    let id = bench.ask(Ask::create(request("t"))).await.job_id();
    let reader = |method, target: String| Ask { key: ("AKIDS3READER", "reader-secret"), ..Ask::new(method, target) };
    for target in [JOBS.to_owned(), format!("{JOBS}/{id}"), format!("{JOBS}/{id}/tagging")] {
        assert_eq!(bench.ask(reader("GET", target)).await.status, 200);
    }
    for (method, target, action) in [
        ("POST", JOBS.to_owned(), "s3:CreateJob"),
        ("POST", format!("{JOBS}/{id}/priority?priority=1"), "s3:UpdateJobPriority"),
        ("POST", format!("{JOBS}/{id}/status?requestedJobStatus=Cancelled"), "s3:UpdateJobStatus"),
        ("PUT", format!("{JOBS}/{id}/tagging"), "s3:PutJobTagging"),
        ("DELETE", format!("{JOBS}/{id}/tagging"), "s3:DeleteJobTagging"),
    ] {
        assert_refused(&bench, reader(method, target), (403, "AccessDenied"), action).await;
    }
    let cos_reader = Ask { key: ("AKIDREADER", "reader-secret"), ..Ask::list() };
    assert_refused(&bench, cos_reader, (403, "AccessDenied"), "s3:ListJobs").await;
    assert_eq!(bench.job_of(id).await.revision, 0, "nothing happened");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_the_dialects_is_told_in_its_words() {
    let bench = TestApi::new();
    for (method, target, told, allowed) in [
        ("GET", "/v20180820/buckets", (400, "InvalidURI"), None),
        ("PUT", "/v20180820/jobs", (405, "MethodNotAllowed"), Some("GET, POST")),
        ("DELETE", "/v20180820/jobs/x", (405, "MethodNotAllowed"), Some("GET")),
        ("GET", "/v20180820/jobs/x", (404, "NotFoundException"), None),
    ] {
        let refused = bench.ask(Ask::new(method, target)).await;
        assert_eq!(refused.refused(), told, "{method} {target}");
        assert_eq!(refused.headers.get("allow").map(|value| value.to_str().unwrap()), allowed);
    }
    let full = TestApi::new();
    *full.told.full.lock().unwrap() = Some("the disk is nearly full".into());
    let no_space = (500, "InternalServiceException");
    assert_refused(&full, Ask::create(request("t")), no_space, "the disk is nearly full").await;
    let many = TestApi::new().job_rules(|rules| rules.quotas.default.open_jobs_max = 1);
    assert_eq!(many.ask(Ask::create(request("1"))).await.status, 200);
    assert_refused(&many, Ask::create(request("2")), (429, "TooManyRequestsException"), "open_jobs_max").await;
}
