//! An object store that holds one manifest of any length and says yes to everything else, on a
//! thread of this process: it counts what it is asked, and somebody may wait for the count.

#![allow(clippy::disallowed_methods, reason = "the stub is no part of the service")]

use std::collections::HashMap;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const ETAG: &str = "5d41402abc4b2a76b9719d911017c592";
/// A row of a manifest and a key of an object have the n-th number in these places.
const ROW: &[u8] = b"photos,photos/2026/0000/object-000000000000.jpg\n";
const DIGITS: std::ops::Range<usize> = 31..43;

/// The running store; it ends with the process.
pub struct Stub {
    /// Where it listens.
    pub url: String,
    /// How many objects were copied, tagged or deleted.
    done: watch::Receiver<u64>,
    /// How many connections are open.
    open: watch::Receiver<usize>,
}

impl Stub {
    /// Starts it on a port that is free.
    ///
    /// # Panics
    /// When the system has no thread or no port.
    #[must_use]
    pub fn start() -> Self {
        let (listening, url) = std::sync::mpsc::channel();
        let (count, done) = watch::channel(0);
        let (opened, open) = watch::channel(0);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                let address = listener.local_addr().expect("it is bound");
                listening.send(format!("http://{address}")).expect("somebody waits for it");
                loop {
                    let (connection, _) = listener.accept().await.expect("connections come");
                    let (count, opened) = (count.clone(), opened.clone());
                    opened.send_modify(|open| *open += 1);
                    tokio::spawn(async move {
                        answer_all(connection, count).await;
                        opened.send_modify(|open| *open -= 1);
                    });
                }
            });
        });
        Self { url: url.recv().expect("it listens"), done, open }
    }

    /// The key of a manifest of so many rows.
    #[must_use]
    pub fn manifest(rows: u64) -> String {
        format!("s3://batch/{rows}.csv")
    }

    /// How many objects were worked on so far.
    #[must_use]
    pub fn done(&self) -> u64 {
        *self.done.borrow()
    }

    /// Waits until so many objects were worked on.
    ///
    /// # Panics
    /// When the store has ended.
    pub fn wait_for(&self, objects: u64) {
        wait(self.done.clone(), |done| *done >= objects);
    }

    /// Waits until nobody is connected, so that nothing more is worked on.
    ///
    /// # Panics
    /// When the store has ended.
    pub fn wait_until_quiet(&self) {
        wait(self.open.clone(), |open| *open == 0);
    }
}

fn wait<T>(mut value: watch::Receiver<T>, until: impl FnMut(&T) -> bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(value.wait_for(until)).expect("the store runs as long as we do");
}

async fn answer_all(mut connection: TcpStream, count: watch::Sender<u64>) {
    connection.set_nodelay(true).expect("a connection takes the option");
    let mut input = Vec::new();
    while let Some(head_len) = read_until(&mut connection, &mut input, find_head_end).await {
        let Some(length) = Request::read(&input[..head_len]).map(|request| request.length) else { return };
        let end = head_len + length;
        if read_until(&mut connection, &mut input, |input| (input.len() >= end).then_some(end)).await.is_none() {
            return;
        }
        let Some(request) = Request::read(&input[..head_len]) else { return };
        let (answer, objects) = request.answer(&input[head_len..end]);
        input.drain(..end);
        if objects > 0 {
            count.send_modify(|count| *count += objects);
        }
        if connection.write_all(&answer).await.is_err() {
            return;
        }
    }
}

/// Reads on until `find` finds what it looks for; `None` when the connection ends before.
async fn read_until(
    connection: &mut TcpStream,
    input: &mut Vec<u8>,
    find: impl Fn(&[u8]) -> Option<usize>,
) -> Option<usize> {
    loop {
        if let Some(found) = find(input) {
            return Some(found);
        }
        if connection.read_buf(input).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}

fn find_head_end(input: &[u8]) -> Option<usize> {
    input.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// What matters of a request.
struct Request<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    headers: HashMap<String, &'a str>,
    length: usize,
}

impl<'a> Request<'a> {
    fn read(head: &'a [u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let named = lines.filter_map(|line| line.split_once(':'));
        let headers: HashMap<_, _> = named.map(|(name, value)| (name.to_ascii_lowercase(), value.trim())).collect();
        let length = headers.get("content-length").map_or(Ok(0), |length| length.parse()).ok()?;
        Some(Self { method, path, query, headers, length })
    }

    /// The answer, and how many objects were worked on.
    fn answer(&self, body: &[u8]) -> (Vec<u8>, u64) {
        let asks = |name: &str| self.query.split('&').any(|pair| pair.split('=').next() == Some(name));
        match self.method {
            "GET" if asks("list-type") => {
                (answer("404 Not Found", "", b"<Error><Code>NoSuchBucket</Code><Message>none</Message></Error>"), 0)
            }
            "HEAD" | "GET" => (self.read_object(), 0),
            "DELETE" => (answer("204 No Content", "", b""), u64::from(!asks("uploadId"))),
            "POST" if asks("delete") => {
                let (document, objects) = deleted(body);
                (answer("200 OK", "", document.as_bytes()), objects)
            }
            "POST" if asks("uploads") => {
                let upload =
                    "<InitiateMultipartUploadResult><UploadId>upload</UploadId></InitiateMultipartUploadResult>";
                (answer("200 OK", "", upload.as_bytes()), 0)
            }
            "POST" => {
                let completed =
                    format!("<CompleteMultipartUploadResult><ETag>\"{ETAG}-1\"</ETag></CompleteMultipartUploadResult>");
                (answer("200 OK", "", completed.as_bytes()), 0)
            }
            _ if self.headers.contains_key("x-amz-copy-source") => {
                let copied = format!(
                    "<CopyObjectResult><LastModified>2026-11-26T00:00:00.000Z</LastModified>\
                     <ETag>\"{ETAG}\"</ETag></CopyObjectResult>"
                );
                (answer("200 OK", "", copied.as_bytes()), 1)
            }
            _ => (answer("200 OK", "", b""), u64::from(asks("tagging"))),
        }
    }

    /// Bytes of a manifest; any other object has none.
    fn read_object(&self) -> Vec<u8> {
        let name = self.path.rsplit('/').next().and_then(|name| name.strip_suffix(".csv"));
        let rows = name.and_then(|rows| rows.parse().ok()).unwrap_or(0_u64);
        let size = rows * ROW.len() as u64;
        let range = self.headers.get("range").and_then(|range| range.strip_prefix("bytes="));
        let range = range.and_then(|range| range.split_once('-'));
        let bounds = range.map(|(from, to)| (from.parse().unwrap_or(0), to.parse().unwrap_or(size - 1)));
        let (from, to) = bounds.unwrap_or((0, size.saturating_sub(1)));
        if self.method == "HEAD" || rows == 0 {
            return head("200 OK", "Last-Modified: Thu, 26 Nov 2026 00:00:00 GMT\r\n", size);
        }
        let to = to.min(size - 1);
        let mut bytes =
            head("206 Partial Content", &format!("Content-Range: bytes {from}-{to}/{size}\r\n"), to - from + 1);
        let (first, last) = (from / ROW.len() as u64, to / ROW.len() as u64);
        let text: Vec<u8> = (first..=last).flat_map(row).collect();
        let skip = (from - first * ROW.len() as u64) as usize;
        bytes.extend_from_slice(&text[skip..skip + (to - from + 1) as usize]);
        bytes
    }
}

fn row(number: u64) -> [u8; ROW.len()] {
    let mut row = [0; ROW.len()];
    row.copy_from_slice(ROW);
    let mut rest = number;
    for digit in row[DIGITS].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    row
}

fn head(status: &str, own: &str, length: u64) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nDate: Thu, 26 Nov 2026 00:00:00 GMT\r\nx-amz-request-id: 4442587FB7D0A2F9\r\n\
         ETag: \"{ETAG}\"\r\n{own}Content-Length: {length}\r\n\r\n"
    )
    .into_bytes()
}

fn answer(status: &str, own: &str, document: &[u8]) -> Vec<u8> {
    let mut answer = head(status, own, document.len() as u64);
    answer.extend_from_slice(document);
    answer
}

fn deleted(body: &[u8]) -> (String, u64) {
    let body = String::from_utf8_lossy(body);
    let keys: Vec<&str> = body.split("<Key>").skip(1).filter_map(|rest| Some(rest.split_once("</Key>")?.0)).collect();
    let entries: String = keys.iter().map(|key| format!("<Deleted><Key>{key}</Key></Deleted>")).collect();
    (format!("<DeleteResult>{entries}</DeleteResult>"), keys.len() as u64)
}
