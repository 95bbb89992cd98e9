//! A server on loopback that records what it is sent and answers as scripted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::TlsAcceptor;

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorded {
    pub(crate) method: String,
    /// Path and query, as sent.
    pub(crate) target: String,
    /// Lower-case names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// On which connection it came, from 0.
    pub(crate) connection: usize,
}

impl Recorded {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// The query's pairs as sent, sorted.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let pair =
            |part: &str| part.split_once('=').map_or((part.to_owned(), String::new()), |(n, v)| (n.into(), v.into()));
        let mut pairs: Vec<_> = query.split('&').filter(|part| !part.is_empty()).map(pair).collect();
        pairs.sort();
        pairs
    }
}

/// What the stub does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Sends these bytes and keeps the connection.
    Bytes(Vec<u8>),
    /// Sends these bytes and closes the connection.
    BytesThenClose(Vec<u8>),
    /// Sends what the test says, piece by piece, and keeps the connection; after the last piece
    /// until the other side gives up.
    Told(Told),
    /// Keeps the connection and never answers.
    Silence,
}

/// The pieces of an answer, as they are told.
pub(crate) type Told = Arc<tokio::sync::Mutex<UnboundedReceiver<&'static str>>>;

/// An answer that the test gives piece by piece.
pub(crate) fn told() -> (UnboundedSender<&'static str>, Reply) {
    let (to, from) = unbounded_channel();
    (to, Reply::Told(Arc::new(tokio::sync::Mutex::new(from))))
}

/// An answer with a length.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut text = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nx-amz-request-id: REQ1\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    Reply::Bytes(format!("{text}\r\n{body}").into_bytes())
}

/// The running stub. Dropping it leaves it to the end of the test's runtime.
pub(crate) struct Stub {
    pub(crate) port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    script: Mutex<VecDeque<Reply>>,
    recorded: Mutex<Vec<Recorded>>,
    came: Notify,
    closed: Notify,
}

impl Stub {
    /// Answers the first request with the first reply, and so on, over any connection.
    pub(crate) async fn scripted(script: impl IntoIterator<Item = Reply>) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), script)
    }

    /// The same, on that listener.
    pub(crate) fn on(listener: TcpListener, script: impl IntoIterator<Item = Reply>) -> Self {
        Self::start(listener, script, None)
    }

    /// The same, over TLS.
    pub(crate) async fn over_tls(script: impl IntoIterator<Item = Reply>, acceptor: TlsAcceptor) -> Self {
        Self::start(TcpListener::bind("127.0.0.1:0").await.unwrap(), script, Some(acceptor))
    }

    fn start(listener: TcpListener, script: impl IntoIterator<Item = Reply>, tls: Option<TlsAcceptor>) -> Self {
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State { script: Mutex::new(script.into_iter().collect()), ..State::default() });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            for connection in 0.. {
                let (tcp, _) = listener.accept().await.unwrap();
                let (state, tls) = (Arc::clone(&shared), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(tcp, connection, &state).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(tcp).await {
                                serve(stream, connection, &state).await;
                            }
                        }
                    }
                    state.closed.notify_one();
                });
            }
        });
        Self { port, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn recorded(&self) -> Vec<Recorded> {
        self.state.recorded.lock().unwrap().clone()
    }

    /// Done when a request has come since the last time.
    pub(crate) async fn request_came(&self) {
        self.state.came.notified().await;
    }

    /// Done when a connection has ended since the last time.
    pub(crate) async fn connection_ended(&self) {
        self.state.closed.notified().await;
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, connection: usize, state: &State) {
    let mut buffer = Vec::new();
    while let Some(mut request) = read_request(&mut stream, &mut buffer).await {
        request.connection = connection;
        state.recorded.lock().unwrap().push(request);
        let reply = state.script.lock().unwrap().pop_front();
        state.came.notify_one();
        match reply.unwrap_or_else(|| answer(500, &[], "the script is over")) {
            Reply::Bytes(bytes) => {
                // A client that has read enough takes no more.
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Reply::BytesThenClose(bytes) => {
                stream.write_all(&bytes).await.unwrap();
                stream.shutdown().await.unwrap();
                return;
            }
            Reply::Told(told) => {
                while let Some(piece) = told.lock().await.recv().await {
                    stream.write_all(piece.as_bytes()).await.unwrap();
                }
            }
            // Until the other side gives up.
            Reply::Silence => {
                let _ = stream.read(&mut [0; 1]).await;
                return;
            }
        }
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<Recorded> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer.drain(..end + 4).collect()).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap().to_owned(), first.next().unwrap().to_owned());
    let headers = lines.filter_map(|line| line.split_once(": ")).map(|(n, v)| (n.to_lowercase(), v.to_owned()));
    let mut request = Recorded { method, target, headers: headers.collect(), ..Recorded::default() };
    let length = request.header("content-length").map_or(0, |text| text.parse().unwrap());
    while buffer.len() < length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    request.body = buffer.drain(..length).collect();
    Some(request)
}
