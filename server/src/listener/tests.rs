use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use axum::routing::get;
use brigade_runtime::{SystemClock, TokioSpawn};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio_rustls::TlsConnector;

use super::*;
use crate::tls::Certificate;

struct Running {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    ended: brigade_model::ports::spawn::Work,
}

async fn run(router: Router, tls: Option<TlsAcceptor>, head_timeout: Duration) -> Running {
    run_with(router, tls, |listening| listening.head_timeout = head_timeout).await
}

async fn run_with(router: Router, tls: Option<TlsAcceptor>, adjust: impl FnOnce(&mut Listening)) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (clock, spawn) = (Arc::new(SystemClock::new()), Arc::new(TokioSpawn));
    let mut listening = Listening {
        router,
        tls,
        connections_max: 8,
        trusted_proxies: Vec::new(),
        head_timeout: LONG,
        answer_timeout: LONG,
        idle: IdleConnections::default(),
        clock,
        spawn,
    };
    adjust(&mut listening);
    let (stop, stopped) = watch::channel(false);
    let serving = listen(listener, listening, stopped, Duration::from_secs(60));
    Running { address, stop, ended: TokioSpawn.spawn("listener", Box::pin(serving)).ended() }
}

const LONG: Duration = Duration::from_secs(60);
const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n";

async fn read_some(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut buffer = vec![0; 4096];
    let length = stream.read(&mut buffer).await.unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

#[tokio::test]
async fn a_request_knows_its_peer() {
    let router =
        Router::new().route("/", get(|axum::Extension(peer): axum::Extension<Peer>| async move { peer.0.to_string() }));
    let running = run(router, None, LONG).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(GET).await.unwrap();
    let answer = read_some(&mut stream).await;
    assert!(answer.ends_with(&stream.local_addr().unwrap().to_string()), "{answer}");
}

#[tokio::test]
async fn a_head_that_never_ends_is_dropped() {
    let running = run(Router::new(), None, Duration::from_millis(50)).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: h\r\n").await.unwrap();
    // Ends with the connection: by the server, since this end waits.
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
}

/// A body without end, which tells when it is dropped.
struct Endless(Arc<Notify>);

impl hyper::body::Body for Endless {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<bytes::Bytes>, Self::Error>>> {
        let piece = bytes::Bytes::from_static(&[b'x'; 64 * 1024]);
        std::task::Poll::Ready(Some(Ok(hyper::body::Frame::data(piece))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn a_peer_that_takes_nothing_of_its_answer_is_cut_off() {
    let dropped = Arc::new(Notify::new());
    let drops = Arc::clone(&dropped);
    let router = Router::new().route("/", get(move || async move { Body::new(Endless(Arc::clone(&drops))) }));
    let running = run_with(router, None, |listening| listening.answer_timeout = Duration::from_millis(50)).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(GET).await.unwrap();
    // This end takes nothing, and stays.
    dropped.notified().await;
    drop(stream);
}

#[tokio::test]
async fn a_silent_connection_makes_room_and_one_that_is_being_answered_does_not() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begins, waits) = (Arc::clone(&begun), Arc::clone(&go_on));
    let slow = move || {
        let (begins, waits) = (Arc::clone(&begins), Arc::clone(&waits));
        async move {
            begins.notify_one();
            waits.notified().await;
            "done"
        }
    };
    let router = Router::new().route("/slow", get(slow)).route("/", get(|| async { "quick" }));
    let running = run_with(router, None, |listening| listening.connections_max = 2).await;
    let mut busy = TcpStream::connect(running.address).await.unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
    begun.notified().await;
    let mut silent = Vec::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(b"GET / HTT").await.unwrap();
        silent.push(stream);
        let mut quick = TcpStream::connect(running.address).await.unwrap();
        quick.write_all(GET).await.unwrap();
        assert!(read_some(&mut quick).await.ends_with("quick"));
    }
    for stream in &mut silent[..20] {
        let mut nothing = Vec::new();
        let _ = stream.read_to_end(&mut nothing).await;
        assert!(nothing.is_empty(), "it was dismissed");
    }
    go_on.notify_one();
    assert!(read_some(&mut busy).await.ends_with("done"));
}

/// A connection from that address of this machine, which says nothing.
async fn silent_from(last: u8, running: &Running) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
    socket.connect(running.address).await.unwrap()
}

/// Is answered, from that address: so each connection that came before has been accepted.
async fn be_answered(last: u8, running: &Running) {
    let mut stream = silent_from(last, running).await;
    stream.write_all(GET).await.unwrap();
    assert!(read_some(&mut stream).await.ends_with("quick"));
}

#[tokio::test]
async fn who_opens_most_connections_meets_their_own_unless_it_is_a_trusted_proxy() {
    for trusted in [false, true] {
        let router = Router::new().route("/", get(|| async { "quick" }));
        let running = run_with(router, None, |listening| {
            listening.connections_max = 2;
            listening.trusted_proxies = if trusted { vec![Network::parse("127.0.0.2").unwrap()] } else { Vec::new() };
        });
        let running = running.await;
        let mut first = [silent_from(1, &running).await, silent_from(1, &running).await];
        let mut many = Vec::new();
        for _ in 0..(2 + places::HEALTH_PLACES - first.len()) {
            many.push(silent_from(2, &running).await);
        }
        be_answered(3, &running).await;
        let ended = if trusted { &mut first[0] } else { &mut many[0] };
        let mut nothing = Vec::new();
        let _ = ended.read_to_end(&mut nothing).await;
        let stays = if trusted { &many[0] } else { &first[0] };
        let silence = stays.try_read(&mut [0; 1]).unwrap_err();
        assert_eq!(silence.kind(), std::io::ErrorKind::WouldBlock, "trusted: {trusted}");
    }
}

#[tokio::test]
async fn a_stop_waits_for_requests_that_are_being_answered() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begins, waits) = (Arc::clone(&begun), Arc::clone(&go_on));
    let handler = move || {
        let (begins, waits) = (Arc::clone(&begins), Arc::clone(&waits));
        async move {
            begins.notify_one();
            waits.notified().await;
            "done"
        }
    };
    let running = run(Router::new().route("/", get(handler)), None, LONG).await;
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(GET).await.unwrap();
    begun.notified().await;
    running.stop.send_replace(true);
    let mut nothing = Vec::new();
    idle.read_to_end(&mut nothing).await.unwrap();
    assert!(nothing.is_empty(), "a connection without a request ends at once");
    go_on.notify_one();
    assert!(read_some(&mut stream).await.ends_with("done"));
    running.ended.await;
    assert!(TcpStream::connect(running.address).await.is_err(), "nobody listens any more");
}

/// Writes a fresh certificate; returns its DER form.
fn write_certificate(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    let key = folder.join("key.pem");
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    made.cert.der().clone()
}

/// Speaks TLS to the server, trusting that certificate alone.
async fn ask(address: SocketAddr, trusted: &CertificateDer<'static>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(GET).await?;
    Ok(read_some(&mut stream).await)
}

#[tokio::test]
async fn new_connections_see_a_renewed_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let first = write_certificate(folder.path());
    let certificate = Certificate::open(&folder.path().join("cert.pem"), &folder.path().join("key.pem")).unwrap();
    let router = Router::new().route("/", get(|| async { "secret" }));
    let running = run(router, Some(certificate.acceptor()), LONG).await;
    assert!(ask(running.address, &first).await.unwrap().ends_with("secret"));

    std::fs::remove_file(folder.path().join("cert.pem")).unwrap();
    assert!(certificate.refresh().is_err(), "half of a renewal leaves the old one");
    assert!(ask(running.address, &first).await.is_ok());

    let second = write_certificate(folder.path());
    assert!(certificate.refresh().unwrap());
    assert!(ask(running.address, &second).await.unwrap().ends_with("secret"));
    assert!(ask(running.address, &first).await.is_err());
}
