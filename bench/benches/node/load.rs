//! The clients of DescribeJob, which cost as little as those of a load generator: each request is signed before
//! anything is measured, and of an answer its status, its length and the job's id are looked at, nothing else.

use brigade_client::ClientConfig;
use brigade_model::ports::Clock;
use brigade_model::{JobId, Timestamp};
use brigade_wire::cos_signature::{RequestParts, sign};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a signature is valid, seconds: longer than any measurement.
const VALID_SECONDS: i64 = 24 * 3600;

/// One DescribeJob, signed.
pub(crate) struct Question {
    request: String,
    job: String,
}

impl Question {
    /// Signs the question about that job.
    pub(crate) fn about(job: JobId, asks: &ClientConfig, clock: &dyn Clock) -> Self {
        let (path, host) = (format!("/jobs/{job}"), host_of(asks.url.as_str()));
        let headers = [("host", host.as_bytes()), ("x-cos-appid", asks.appid.as_bytes())];
        let parts = RequestParts { method: "GET", path: &path, query: "", headers: &headers };
        let start = clock.now();
        let end = Timestamp::from_second(start.as_second() + VALID_SECONDS).expect("it is tomorrow");
        let signature = sign(parts, &asks.secret_id, asks.secret_key.expose().as_bytes(), start, end);
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {host}\r\nx-cos-appid: {}\r\nauthorization: {signature}\r\n\r\n",
            asks.appid
        );
        Self { request, job: job.to_string() }
    }
}

/// A client: one connection.
pub(crate) struct Asker {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Asker {
    pub(crate) async fn connect(url: &str) -> Self {
        let stream = TcpStream::connect(host_of(url)).await.expect("the service listens");
        stream.set_nodelay(true).expect("a connection takes the option");
        Self { stream, answer: Vec::new() }
    }

    /// Asks, and reads the whole answer.
    pub(crate) async fn ask(&mut self, question: &Question) {
        self.stream.write_all(question.request.as_bytes()).await.expect("the service reads");
        self.answer.clear();
        while !is_whole(&self.answer) {
            let read = self.stream.read_buf(&mut self.answer).await.expect("the service answers");
            assert!(read > 0, "the service keeps the connection");
        }
        let answer = str::from_utf8(&self.answer).expect("XML is text");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(&question.job), "{answer}");
    }
}

/// Whether as much has come as the head says.
fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let text = str::from_utf8(&answer[..head]).expect("a head is text");
    let mut headers = text.lines().filter_map(|line| line.split_once(": "));
    let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length")).expect("answers have a length");
    answer.len() >= head + 4 + length.1.parse::<usize>().expect("a length is a number")
}

fn host_of(url: &str) -> &str {
    url.strip_prefix("http://").expect("the bench speaks plain HTTP")
}
