//! The same requests by a bare loop: hyper, signed by the aws-sigv4 crate; it reads the answers and
//! ignores them.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningParams, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use futures::future::join_all;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::asking::IN_FLIGHT;

const NO_BODY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// The SHA-256 of `TAGS`, as a client that sends one body many times would keep it.
const TAGS_SHA256: &str = "583b274127ab0d7c16194ed47084285b8eb7af38f5cf4260e64557c200962f62";
const TAGS: &str = "<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";

/// Sends so many copies, or so many requests that set tags.
pub(crate) async fn ask(server: &str, operation: &str, requests: u64) {
    let each = requests / IN_FLIGHT as u64;
    let lines = (0..IN_FLIGHT as u64).map(|line| ask_on_one_line(server, operation, line * each..(line + 1) * each));
    join_all(lines).await;
}

async fn ask_on_one_line(server: &str, operation: &str, numbers: std::ops::Range<u64>) {
    let stream = TcpStream::connect(server).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for number in numbers {
        let request = match operation {
            "copy" => {
                let source = format!("source/photos/2026/0000/object-{number:012}.jpg");
                let target = format!("/target/photos/2026/0000/object-{number:012}.jpg");
                signed(server, &target, &[("x-amz-copy-source", &source)], NO_BODY_SHA256, "")
            }
            _ => {
                let target = format!("/source/photos/2026/0000/object-{number:012}.jpg?tagging=");
                signed(server, &target, &[], TAGS_SHA256, TAGS)
            }
        };
        sender.ready().await.unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert!(response.status().is_success());
        std::hint::black_box(response.into_body().collect().await.unwrap().to_bytes());
    }
}

fn signed(
    host: &str,
    target: &str,
    headers: &[(&str, &str)],
    sha256: &str,
    body: &'static str,
) -> Request<Full<Bytes>> {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let identity = Credentials::new("AKIDTEST", "not-a-secret", None, None, "bench").into();
    let params = v4::SigningParams::builder().identity(&identity).region("us-east-1").name("s3");
    let params = params.time(SystemTime::now()).settings(settings).build().unwrap();
    let uri = format!("http://{host}{target}");
    let length = body.len().to_string();
    let headers = headers.iter().copied().chain([("host", host), ("content-length", &length)]);
    let signable =
        SignableRequest::new("PUT", &uri, headers.clone(), SignableBody::Precomputed(sha256.to_owned())).unwrap();
    let (instructions, _) = sign(signable, &SigningParams::from(params)).unwrap().into_parts();
    let mut request = Request::put(target);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let mut request = request.body(Full::from(body)).unwrap();
    instructions.apply_to_request_http1x(&mut request);
    request
}
