//! The client against a scripted server: what it sends, and what it makes of the answers.

use std::sync::Arc;

use brigade_model::ports::Clock;
use brigade_model::status::Status;
use brigade_runtime::SystemClock;
use brigade_wire::cos_signature::{self, RequestParts, Strictness};
use brigade_wire::s3control_signature;
use http::request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::stub::{Stub, client_of};
use super::*;

const JOB: &str = "01978a00-0000-7000-8000-000000000001";

fn job() -> JobId {
    JOB.parse().unwrap()
}

/// Verifies the signature as a server does, with everything signed that must be.
fn verify(parts: &request::Parts) -> cos_signature::Claim {
    let headers: Vec<_> = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let query = parts.uri.query().unwrap_or_default();
    let parts = RequestParts { method: parts.method.as_str(), path: parts.uri.path(), query, headers: &headers };
    let claim = cos_signature::parse(parts).unwrap();
    cos_signature::verify(&claim, parts, b"secret-of-test", SystemClock::new().now(), Strictness::Full).unwrap();
    claim
}

#[tokio::test]
async fn a_job_is_created_with_its_options_as_signed_headers() {
    let stub =
        Stub::answering(200, "<CreateJobResult><JobId>01978a00-0000-7000-8000-000000000001</JobId></CreateJobResult>")
            .await;
    let mut options = JobOptions::default();
    options.set("key-encoding", "url").unwrap();
    let answer = stub.client.create_job(b"<CreateJobRequest/>".to_vec(), &options).await.unwrap();
    assert_eq!((answer.value, answer.request_id.as_str()), (job(), "REQ1"));

    let (line, parts, body) = stub.asked();
    assert_eq!((line.as_str(), &body[..]), ("POST /jobs", &b"<CreateJobRequest/>"[..]));
    let claim = verify(&parts);
    assert_eq!(claim.key_id, "AKIDtest");
    let signed = "content-length;content-md5;content-type;host;x-brigade-key-encoding;x-cos-appid;x-cos-security-token";
    let authorization = parts.headers["authorization"].to_str().unwrap();
    assert!(authorization.contains(&format!("&q-header-list={signed}&")), "{authorization}");
    assert_eq!(parts.headers["content-md5"], "OR638xYefLfPy0KpzG1nLQ==");
}

#[tokio::test]
async fn a_job_of_the_other_dialect_is_created_with_its_account_its_body_and_its_options_signed() {
    let result = format!("<CreateJobResult><JobId>{JOB}</JobId></CreateJobResult>");
    let stub = Stub::scripted(
        [
            (200, result),
            (
                400,
                "<ErrorResponse><Error><Code>IdempotencyException</Code><Message>used</Message></Error>\
                 <RequestId>r</RequestId></ErrorResponse>"
                    .to_owned(),
            ),
        ],
        Arc::new(SystemClock::new()),
    )
    .await;
    let mut options = JobOptions::default();
    options.set("key-encoding", "raw").unwrap();
    let create = || stub.client.create_job_by_s3control("123456789012", b"<CreateJobRequest/>".to_vec(), &options);
    assert_eq!(create().await.unwrap().value, job());
    let (line, parts, body) = stub.asked();
    assert_eq!((line.as_str(), &body[..]), ("POST /v20180820/jobs", &b"<CreateJobRequest/>"[..]));
    let headers: Vec<_> = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let parts = RequestParts { method: "POST", path: parts.uri.path(), query: "", headers: &headers };
    let claim = s3control_signature::parse(parts).unwrap();
    s3control_signature::verify(&claim, parts, b"secret-of-test", SystemClock::new().now(), 1).unwrap();
    claim.check_body(&body).unwrap();
    assert_eq!((claim.key_id.as_str(), claim.token.as_deref()), ("AKIDtest", Some("token-of-test")));
    assert!(headers.contains(&("x-amz-account-id", b"123456789012")));
    assert!(headers.contains(&("x-brigade-key-encoding", b"raw")), "verify proves that it is signed");
    let refused = create().await.unwrap_err();
    assert!(matches!(&refused, ClientError::Refused { code, .. } if code == "IdempotencyException"), "{refused}");
}

#[tokio::test]
async fn each_call_has_its_method_path_and_query_and_is_signed() {
    let stub = Stub::answering(
        200,
        "<UpdateJobStatusResult><JobId>01978a00-0000-7000-8000-000000000001</JobId><Status>Cancelling</Status>\
         <StatusUpdateReason>no longer &amp; ever</StatusUpdateReason></UpdateJobStatusResult>",
    )
    .await;
    let answer = stub.client.update_job_status(job(), Requested::Cancelled, "no longer & ever").await.unwrap();
    assert_eq!(answer.value.status, Status::Cancelling);
    let (line, parts, _) = stub.asked();
    let query = "requestedJobStatus=Cancelled&statusUpdateReason=no%20longer%20%26%20ever";
    assert_eq!(line, format!("POST /jobs/{JOB}/status?{query}"));
    assert_eq!(parts.headers["content-length"], "0");
    verify(&parts);

    stub.client.update_job_priority(job(), 7).await.unwrap_err();
    assert_eq!(stub.asked().0, format!("POST /jobs/{JOB}/priority?priority=7"));
    stub.client.describe_job(job()).await.unwrap_err();
    assert_eq!(stub.asked().0, format!("GET /jobs/{JOB}"));
    stub.client.list_jobs(&ListQuery { statuses: vec![Status::Active], ..ListQuery::default() }).await.unwrap_err();
    let (line, parts, _) = stub.asked();
    assert_eq!(line, "GET /jobs?jobStatuses=Active");
    verify(&parts);
    stub.client.delete_job(job()).await.unwrap();
    let (line, parts, _) = stub.asked();
    assert_eq!(line, format!("DELETE /jobs/{JOB}"));
    verify(&parts);
}

#[tokio::test]
async fn a_refusal_carries_code_message_and_request_id() {
    let stub = Stub::answering(
        404,
        "<?xml version='1.0' encoding='utf-8' ?><Error><Code>NoSuchJob</Code>\
         <Message>The specified job does not exist</Message><Resource>r</Resource><RequestId>REQ1</RequestId>\
         <TraceId>t</TraceId></Error>",
    )
    .await;
    let error = stub.client.describe_job(job()).await.unwrap_err();
    let text = "NoSuchJob: The specified job does not exist (status 404, request id REQ1)";
    assert_eq!(error.to_string(), text);
    assert!(!error.is_passing());
}

#[tokio::test]
async fn an_answer_of_another_server_is_not_taken_for_the_services() {
    let stub = Stub::answering(502, "<html>Bad Gateway</html>").await;
    let error = stub.client.describe_job(job()).await.unwrap_err();
    assert_eq!(error, ClientError::NoErrorBody { status: 502, request_id: "REQ1".into() });
    assert!(error.is_passing());
    let stub = Stub::answering(200, "<html>Welcome</html>").await;
    assert!(matches!(stub.client.describe_job(job()).await, Err(ClientError::Unreadable { .. })));
}

#[tokio::test]
async fn nobody_there_is_told_with_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client_of(&url, Arc::new(SystemClock::new())).describe_job(job()).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("no answer from {url}: ")), "{error}");
    assert!(error.is_passing());
}

/// One connection over TLS to a service with a certificate as `openssl req -x509` makes it.
async fn over_tls(names: &[&str]) -> Result<(), String> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let cert = params.self_signed(&key).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), cert.pem()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let server = server.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let config = (*client_of(&url, Arc::new(SystemClock::new())).config).clone();
    let config = ClientConfig { ca: Some(folder.path().join("ca.pem")), ..config };
    let client = Client::new(config, Arc::new(SystemClock::new())).unwrap();
    let serving = async {
        let (tcp, _) = listener.accept().await.unwrap();
        let Ok(mut tls) = acceptor.accept(tcp).await else { return };
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(tls.read_u8().await.unwrap());
        }
        tls.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    };
    let (answer, ()) = tokio::join!(client.delete_job(job()), serving);
    answer.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_service_may_show_the_very_certificate_of_the_file_and_what_is_wrong_with_another_is_told() {
    over_tls(&["127.0.0.1"]).await.unwrap();
    let told = over_tls(&["service.test"]).await.unwrap_err();
    assert!(told.starts_with("no answer from https://127.0.0.1:"), "{told}");
    assert!(told.contains("is for service.test and not for this name; give one of its names in the url"), "{told}");
}

#[tokio::test]
async fn tls_where_there_is_none_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    for (scheme, answer, told) in [
        ("https", &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "let the url begin with http://"),
        ("http", b"\x15\x03\x03\x00\x02\x02\x0a", "let the url begin with https://"),
    ] {
        let client = client_of(&format!("{scheme}://{address}"), Arc::new(SystemClock::new()));
        let serving = async {
            let (mut tcp, _) = listener.accept().await.unwrap();
            assert!(tcp.read(&mut [0; 4096]).await.unwrap() > 0);
            tcp.write_all(answer).await.unwrap();
        };
        let (error, ()) = tokio::join!(client.delete_job(job()), serving);
        let error = error.unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[tokio::test]
async fn an_appid_that_no_header_carries_is_told_and_nothing_is_sent() {
    let mut config = (*client_of("http://127.0.0.1:1", Arc::new(SystemClock::new())).config).clone();
    config.appid = "1\r\nx-evil: 1".into();
    let client = Client::new(config, Arc::new(SystemClock::new())).unwrap();
    assert!(matches!(client.describe_job(job()).await, Err(ClientError::Unsendable(_))));
}
