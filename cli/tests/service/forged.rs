//! Forged requests, and jobs that reach for resources of others: over a socket, as an attacker would
//! send them.

use brigade_model::ports::Clock;
use brigade_model::ports::object_store::CallKind;
use brigade_model::{JobId, JobOptions, Status, Timestamp};
use brigade_wire::cos_signature::{RequestParts, sign};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::test_service::{TestService, refused, request};

/// A request as it goes over a socket.
#[derive(Clone)]
pub(crate) struct Raw {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Raw {
    /// Unsigned, of the first account.
    pub(crate) fn new(service: &TestService, method: &'static str, target: impl Into<String>) -> Self {
        let headers = [("host", service.address.as_str()), ("x-cos-appid", "1250000000")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { method, target: target.into(), headers, body: Vec::new() }
    }

    /// Signed by the first account's key, for these seconds from now.
    pub(crate) fn signed(self, service: &TestService, seconds: (i64, i64)) -> Self {
        self.signed_by(("AKIDONE", "one-secret"), service, seconds)
    }

    /// Signed by that key, for these seconds from now.
    pub(crate) fn signed_by(self, (key, secret): (&str, &str), service: &TestService, seconds: (i64, i64)) -> Self {
        let now = service.clock.now().as_second();
        let at = |offset: i64| Timestamp::from_second(now + offset).unwrap();
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let parts = RequestParts { method: self.method, path, query, headers: &headers };
        let authorization = sign(parts, key, secret.as_bytes(), at(seconds.0), at(seconds.1));
        self.with("authorization", &authorization)
    }

    /// With this header, or another value of it.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(given, _)| given != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn target(self, target: impl Into<String>) -> Self {
        Self { target: target.into(), ..self }
    }

    fn method(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    /// Its bytes up to the body.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }

    /// Sends it on a connection of its own; gives the answer's status and the whole of it.
    pub(crate) async fn send(&self, service: &TestService) -> (u16, String) {
        self.send_to(&service.address).await
    }

    /// The same, to that address.
    pub(crate) async fn send_to(&self, address: &str) -> (u16, String) {
        let closing = self.clone().with("connection", "close");
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&[closing.head(), self.body.clone()].concat()).await.unwrap();
        answer(&mut stream).await
    }
}

/// Reads an answer to the connection's end. A server that has answered before it has read
/// everything may reset the connection behind its answer.
pub(crate) async fn answer(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> (u16, String) {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no answer: {text:?}")), text)
}

const NOW: (i64, i64) = (-1, 600);

/// A job that waits, for others to reach for.
async fn waiting(service: &TestService, token: &str) -> JobId {
    let body = request(token, "e").replace("roleName/batch", "roleName/waits");
    service.client().create_job(body.into(), &JobOptions::default()).await.unwrap().value
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signature_serves_the_request_that_it_was_made_for_and_no_other() {
    let service = TestService::start("").await;
    let (one, other) = (waiting(&service, "1").await, waiting(&service, "2").await);
    let meant = Raw::new(&service, "POST", format!("/jobs/{one}/priority?priority=5")).with("content-length", "0");
    let meant = meant.signed(&service, NOW);
    let read = Raw::new(&service, "GET", format!("/jobs/{one}")).signed(&service, NOW);
    assert_eq!(meant.send(&service).await.0, 200);
    assert_eq!(read.send(&service).await.0, 200);

    let again = || meant.clone();
    let cases = [
        ("another job", again().target(format!("/jobs/{other}/priority?priority=5")), "SignatureDoesNotMatch"),
        ("another action", again().target(format!("/jobs/{one}/status?priority=5")), "SignatureDoesNotMatch"),
        ("another value", again().target(format!("/jobs/{one}/priority?priority=6")), "SignatureDoesNotMatch"),
        (
            "a value twice",
            again().target(format!("/jobs/{one}/priority?priority=5&priority=6")),
            "SignatureDoesNotMatch",
        ),
        ("no value", again().target(format!("/jobs/{one}/priority")), "SignatureDoesNotMatch"),
        ("one more", again().target(format!("/jobs/{one}/priority?priority=5&x=1")), "AccessDenied"),
        ("another account", again().with("x-cos-appid", "1250000001"), "SignatureDoesNotMatch"),
        ("another host", again().with("host", "example.com"), "SignatureDoesNotMatch"),
        ("another length", again().with("content-length", "00"), "SignatureDoesNotMatch"),
        ("another method", read.clone().method("DELETE"), "SignatureDoesNotMatch"),
        ("a list", read.clone().target("/jobs"), "SignatureDoesNotMatch"),
        ("a path within the id", again().target(format!("/jobs/{one}%2Fpriority?priority=5")), "MethodNotAllowed"),
        ("an option", read.clone().with("x-brigade-key-encoding", "url"), "InvalidArgument"),
    ];
    for (name, raw, code) in cases {
        let (status, text) = raw.send(&service).await;
        assert!((400..500).contains(&status) && text.contains(&format!("<Code>{code}</Code>")), "{name}: {text}");
    }
    let mut twice = meant.clone();
    twice.headers.push(("x-cos-appid".to_owned(), "1250000001".to_owned()));
    assert!(twice.send(&service).await.1.contains("<Code>InvalidArgument</Code>"));

    let old = Raw::new(&service, "DELETE", format!("/jobs/{one}")).signed(&service, (-3600, -1));
    let (status, text) = old.send(&service).await;
    assert!(status == 403 && text.contains("Request has expired"), "{text}");
    let early = Raw::new(&service, "DELETE", format!("/jobs/{one}")).signed(&service, (3600, 7200));
    assert!(early.send(&service).await.1.contains("<Code>RequestTimeTooSkewed</Code>"));

    let shown = service.describe(one).await;
    assert_eq!((shown.priority, shown.status.is_terminal()), (5, false), "nothing else happened");
    assert_eq!(service.describe(other).await.priority, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_accounts_role_and_buckets_beside_the_roles_own_are_refused() {
    let service = TestService::start("").await;
    let etag = service.put_manifest("photos,k0\n");
    let body = request("t", &etag);
    let copy = "<COSPutObjectCopy><TargetResource>qcs::cos:r::private</TargetResource></COSPutObjectCopy>";
    let (before, rest) = body.split_once("<Operation>").unwrap();
    let (_, after) = rest.split_once("</Operation>").unwrap();
    let cases = [
        ("RoleArn", body.replace("uin/100000000001:roleName/batch", "uin/100000000002:roleName/theirs")),
        ("RoleArn", body.replace("roleName/batch", "roleName/theirs")),
        ("Manifest.Location.ObjectArn", body.replace("::lists/m.csv", "::private/m.csv")),
        ("Report.Bucket", body.replace("::reports<", "::private<")),
        ("TargetResource", format!("{before}<Operation>{copy}</Operation>{after}")),
    ];
    for (field, body) in cases {
        let answer = service.client().create_job(body.into(), &JobOptions::default()).await;
        let (status, code, message) = refused(answer);
        assert_eq!((status, code.as_str()), (400, "InvalidArgument"), "{field}: {message}");
        assert!(message.contains(field), "{field}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_a_bucket_beside_the_roles_own_fail_and_no_call_reaches_it() {
    let service = TestService::start("").await;
    service.bucket.put(&crate::test_service::at("private", "k0"), bytes::Bytes::from_static(b"x").into()).unwrap();
    let etag = service.put_manifest("private,k0\nprivate,k1\n");
    let created = service.client().create_job(request("t", &etag).into(), &JobOptions::default()).await;
    let job = service.end(created.unwrap().value).await;
    assert_eq!((job.status, job.progress.failed), (Status::Complete, 2), "{job:#?}");
    let key = service.report(job.id)["Results"][0]["Key"].as_str().unwrap().to_owned();
    let rows = service.text("reports", &key).unwrap();
    assert_eq!(rows.matches(",failed,AccessDenied,403,").count(), 2, "{rows}");
    assert_eq!(service.bucket.calls(CallKind::PutObjectTagging), 0);
    assert!(service.bucket.object(&crate::test_service::at("private", "k0")).unwrap().tags.is_empty());
}
