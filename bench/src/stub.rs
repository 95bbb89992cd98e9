//! An object store that holds one manifest of any length and accepts every other call, on a thread of
//! this process. It counts calls, and a caller may wait for a count. It can bound objects a second or
//! calls at once, and take time for each.

#![allow(clippy::disallowed_methods, reason = "the stub is no part of the service")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

const ETAG: &str = "5d41402abc4b2a76b9719d911017c592";
/// A row of a manifest and a key of an object have the n-th number in these places.
const ROW: &[u8] = b"photos,photos/2026/0000/object-000000000000.jpg\n";
const DIGITS: std::ops::Range<usize> = 31..43;

/// How much a store takes of calls that change objects; beyond it answers 503 `SlowDown`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conduct {
    /// Objects a second, with a twentieth of it at once.
    pub per_second: Option<u32>,
    /// Calls at once.
    pub at_once: Option<usize>,
    /// The time that one object after the other takes.
    pub each: Duration,
}

/// What a store with a conduct remembers.
#[derive(Debug)]
struct Counter {
    conduct: Conduct,
    /// Objects that may be begun at once, and when they were counted.
    tokens: (f64, Instant),
    at_work: usize,
    /// When everything that was begun will be done.
    free_at: Instant,
    /// Objects of calls that were refused.
    refused: u64,
}

type Counters = Arc<Mutex<Counter>>;

fn lock(counters: &Counters) -> MutexGuard<'_, Counter> {
    counters.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Counter {
    fn new(conduct: Conduct) -> Self {
        let now = Instant::now();
        Self { conduct, tokens: (0.0, now), at_work: 0, free_at: now, refused: 0 }
    }

    /// When the call that begins now will be done; `None` when it is refused.
    fn begin(&mut self, objects: u64) -> Option<Instant> {
        let now = Instant::now();
        if let Some(per_second) = self.conduct.per_second.map(f64::from) {
            let (tokens, counted) = self.tokens;
            let most = (per_second / 20.0).max(objects as f64);
            let tokens = (tokens + now.duration_since(counted).as_secs_f64() * per_second).min(most);
            self.tokens = (tokens, now);
            if tokens < objects as f64 {
                return self.refuse(objects);
            }
            self.tokens.0 -= objects as f64;
        }
        if self.conduct.at_once.is_some_and(|most| self.at_work >= most) {
            return self.refuse(objects);
        }
        self.at_work += 1;
        self.free_at = self.free_at.max(now) + self.conduct.each * u32::try_from(objects).unwrap_or(u32::MAX);
        Some(self.free_at)
    }

    fn refuse(&mut self, objects: u64) -> Option<Instant> {
        self.refused += objects;
        None
    }
}

/// The running store; it ends with the process.
pub struct Stub {
    /// Where it listens.
    pub url: String,
    /// How many objects were copied, tagged or deleted.
    done: watch::Receiver<u64>,
    /// How many connections are open.
    open: watch::Receiver<usize>,
    counters: Counters,
}

impl Stub {
    /// Starts it on a port that is free.
    ///
    /// # Panics
    /// When the system has no thread or no port.
    #[must_use]
    pub fn start() -> Self {
        Self::with(Conduct::default())
    }

    /// Starts one with a conduct.
    ///
    /// # Panics
    /// When the system has no thread or no port.
    #[must_use]
    pub fn with(conduct: Conduct) -> Self {
        let counters: Counters = Arc::new(Mutex::new(Counter::new(conduct)));
        let of_all = Arc::clone(&counters);
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
                    let (count, opened, counters) = (count.clone(), opened.clone(), Arc::clone(&of_all));
                    opened.send_modify(|open| *open += 1);
                    tokio::spawn(async move {
                        answer_all(connection, count, counters).await;
                        opened.send_modify(|open| *open -= 1);
                    });
                }
            });
        });
        Self { url: url.recv().expect("it listens"), done, open, counters }
    }

    /// Changes the store's conduct.
    pub fn conduct(&self, conduct: Conduct) {
        lock(&self.counters).conduct = conduct;
    }

    /// Objects of the calls that were refused so far.
    #[must_use]
    pub fn refused(&self) -> u64 {
        lock(&self.counters).refused
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

    /// Waits until no client is connected, so that no work is left.
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

async fn answer_all(mut connection: TcpStream, count: watch::Sender<u64>, counters: Counters) {
    connection.set_nodelay(true).expect("a connection takes the option");
    let mut input = Vec::new();
    while let Some(head_len) = read_until(&mut connection, &mut input, find_head_end).await {
        let Some(length) = Request::read(&input[..head_len]).map(|request| request.length) else { return };
        let end = head_len + length;
        if read_until(&mut connection, &mut input, |input| (input.len() >= end).then_some(end)).await.is_none() {
            return;
        }
        let Some(request) = Request::read(&input[..head_len]) else { return };
        let (mut answer, objects) = request.answer(&input[head_len..end]);
        input.drain(..end);
        if objects > 0 {
            let due = lock(&counters).begin(objects);
            match due {
                Some(due) => {
                    if due > Instant::now() {
                        sleep_until(due).await;
                    }
                    lock(&counters).at_work -= 1;
                    count.send_modify(|count| *count += objects);
                }
                None => answer = slow_down(),
            }
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
                let nothing = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
                (answer("200 OK", "", nothing), 0)
            }
            "GET" if asks("uploads") => (self.list_uploads(), 0),
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

    /// The upload under the prefix of the query, if it names one; its time is the store's clock.
    fn list_uploads(&self) -> Vec<u8> {
        let named = self.query.split('&').find_map(|pair| pair.strip_prefix("prefix="));
        let upload = |key| {
            format!(
                "<Upload><Key>{key}</Key><UploadId>upload</UploadId>\
                 <Initiated>2026-11-26T00:00:00.000Z</Initiated></Upload>"
            )
        };
        let uploads = named.map(upload).unwrap_or_default();
        let document = format!(
            "<ListMultipartUploadsResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>{uploads}\
             </ListMultipartUploadsResult>"
        );
        answer("200 OK", "", document.as_bytes())
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

fn slow_down() -> Vec<u8> {
    answer(
        "503 Slow Down",
        "",
        b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
    )
}

fn deleted(body: &[u8]) -> (String, u64) {
    let body = String::from_utf8_lossy(body);
    let keys: Vec<&str> = body.split("<Key>").skip(1).filter_map(|rest| Some(rest.split_once("</Key>")?.0)).collect();
    let entries: String = keys.iter().map(|key| format!("<Deleted><Key>{key}</Key></Deleted>")).collect();
    (format!("<DeleteResult>{entries}</DeleteResult>"), keys.len() as u64)
}
