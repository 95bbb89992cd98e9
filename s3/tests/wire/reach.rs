//! The ways to a store: its certificate, a path before it, proxies, another address, IPv6; and listings that end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
};
use aws_sigv4::sign::v4::SigningParams;
use brigade_model::ports::Clock;
use brigade_model::ports::object_store::{
    CallError, CancelToken, CopyObject, DeleteObject, Effect, HeadObject, ListObjectVersions, ListObjectsV2,
    ObjectStore, Verdict, VersionMarker,
};
use brigade_s3::http::endpoint::Address;
use brigade_s3::http::proxy::{Proxy, Route};
use brigade_s3::http::{Addressing, HttpConfig};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::calls::{ODD_KEYS, all_on, at};
use crate::store::{HeldClock, call, config, credentials, store, store_of};
use crate::stub::{Recorded, Reply, Stub, answer};

fn delete() -> DeleteObject {
    DeleteObject { at: at("key"), version: None, if_match: None }
}

/// The signature that `aws-sigv4` makes of a request as it came, over the headers that ours says are signed.
fn oracle(request: &Recorded, region: &str) -> String {
    let authorization = request.header("authorization").unwrap();
    let signed = authorization.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
    let added = ["x-amz-date", "x-amz-content-sha256", "x-amz-security-token"];
    let headers = signed.split(';').filter(|name| !added.contains(name));
    let headers: Vec<_> = headers.map(|name| (name, request.header(name).unwrap())).collect();
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let ours = credentials();
    let identity = aws_credential_types::Credentials::new(ours.key_id, ours.secret, ours.token, None, "test").into();
    let now = HeldClock::new().now().as_second().unsigned_abs();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("s3")
        .time(UNIX_EPOCH + Duration::from_secs(now))
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let uri = format!("http://{}{}", request.header("host").unwrap(), origin_form(&request.target));
    let body = SignableBody::Precomputed(request.header("x-amz-content-sha256").unwrap().to_owned());
    let signable = SignableRequest::new(&request.method, uri, headers.into_iter(), body).unwrap();
    let (instructions, _) = aws_sigv4::http_request::sign(signable, &params).unwrap().into_parts();
    let (added, _) = instructions.into_parts();
    added.into_iter().find(|header| header.name() == "authorization").unwrap().value().to_owned()
}

/// Path and query, of a request in absolute form too.
fn origin_form(target: &str) -> &str {
    target.strip_prefix("http://").map_or(target, |rest| &rest[rest.find('/').unwrap()..])
}

fn is_signed_as_it_came(request: &Recorded) -> bool {
    is_signed_for("eu-west-1", request)
}

fn is_signed_for(region: &str, request: &Recorded) -> bool {
    let authorization = request.header("authorization").unwrap();
    authorization.contains(&format!("/{region}/s3/aws4_request")) && authorization == oracle(request, region)
}

fn to(stub: &Stub) -> Address {
    Address::parse(&format!("127.0.0.1:{}", stub.port)).unwrap()
}

/// A certificate as `openssl req -x509` makes it, in a file and with a server that shows it.
struct Own {
    folder: TempDir,
    acceptor: TlsAcceptor,
}

impl Own {
    fn new(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Self {
        let names = names.iter().map(|name| (*name).to_owned());
        let mut params = CertificateParams::new(names.collect::<Vec<_>>()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let cert = params.self_signed(&key).unwrap();
        let server = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), cert.pem()).unwrap();
        Self { folder, acceptor: TlsAcceptor::from(Arc::new(server)) }
    }

    fn file(&self) -> Option<PathBuf> {
        Some(self.folder.path().join("ca.pem"))
    }

    /// What a client that trusts this one hears of a server that shows `shown`.
    async fn meets(&self, shown: &Own, host: &str) -> Result<(), CallError> {
        let stub = Stub::over_tls([answer(204, &[], "")], shown.acceptor.clone()).await;
        let route = Route { connect_to: Some(to(&stub)), proxy: None };
        let url = format!("https://{host}:{}", stub.port);
        call(&store_of(HttpConfig { extra_ca: self.file(), route, ..config(&url) }), delete()).await.map(drop)
    }
}

#[tokio::test]
async fn a_server_may_show_the_very_certificate_of_the_file_under_its_names_while_it_lasts() {
    let names = ["store.test", "127.0.0.1", "::1"];
    let own = Own::new(&names, |_| {});
    for host in ["store.test", "127.0.0.1", "[::1]"] {
        own.meets(&own, host).await.unwrap();
    }
    let refusal = async |own: &Own, shown: &Own, host| {
        let error = own.meets(shown, host).await.unwrap_err();
        let expected = (Verdict::Unavailable, Effect::None, "TlsFailed");
        assert_eq!((error.verdict, error.effect, error.code.as_str()), expected);
        error.message
    };
    assert!(refusal(&own, &own, "other.test").await.contains("is for store.test, 127.0.0.1, "));
    let expired = Own::new(&names, |params| params.not_after = date_time_ymd(2020, 1, 31));
    assert!(refusal(&expired, &expired, "store.test").await.contains("expired at 2020-01-31T00:00:00Z; renew it"));
    let another = Own::new(&names, |_| {});
    assert!(refusal(&own, &another, "store.test").await.contains("give this very certificate as ca_file"));
    let plain = Own::new(&names, |params| {
        params.is_ca = IsCa::NoCa;
        params.distinguished_name.push(DnType::CommonName, "another");
    });
    let told = refusal(&own, &plain, "store.test").await;
    assert!(told.contains("none of the trusted authorities; give its authority as ca_file"), "{told}");
}

#[tokio::test]
async fn tls_where_there_is_none_and_none_where_there_is_tls_are_told() {
    let own = Own::new(&["127.0.0.1"], |_| {});
    // A server of plain HTTP refuses the greeting of TLS as no request.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for answer in ["HTTP/1.1 400 Bad Request\r\n\r\n", ""] {
        let serving = async {
            let (mut tcp, _) = listener.accept().await.unwrap();
            assert!(tcp.read(&mut [0; 4096]).await.unwrap() > 0);
            tcp.write_all(answer.as_bytes()).await.unwrap();
        };
        let store = store_of(HttpConfig { extra_ca: own.file(), ..config(&format!("https://127.0.0.1:{port}")) });
        let (error, ()) = tokio::join!(call(&store, delete()), serving);
        let error = error.unwrap_err();
        assert_eq!(error.code, "TlsFailed");
        assert!(error.message.contains("where it speaks plain HTTP, let the url begin with http://"), "{error}");
    }
    // A server of TLS answers plain HTTP by an alert, or kindly.
    let stub = Stub::over_tls([], own.acceptor.clone()).await;
    let error = call(&store(&stub.url()), delete()).await.unwrap_err();
    assert!(error.message.contains("where it speaks TLS, let the url begin with https://"), "{error}");
    for kind in [
        "Client sent an HTTP request to an HTTPS server.\n",
        "<html><center>The plain HTTP request was sent to HTTPS port</center></html>",
        "You're speaking plain HTTP to an SSL-enabled server port.",
    ] {
        let stub = Stub::scripted([answer(400, &[], kind)]).await;
        let error = call(&store(&stub.url()), delete()).await.unwrap_err();
        assert_eq!((error.http_status, error.verdict), (Some(400), Verdict::Invalid));
        assert!(error.message.contains("speaks TLS; let the url begin with https://"), "{error}");
    }
}

#[tokio::test]
async fn below_a_path_every_call_is_sent_there_and_signed_so() {
    let cases = [(Addressing::Path, "/storage/v1/s3/photos/"), (Addressing::VirtualHosted, "/storage/v1/s3/")];
    for (addressing, prefix) in cases {
        for key in ODD_KEYS {
            for request in all_on(key) {
                let stub = Stub::scripted([answer(400, &[], ""), answer(400, &[], "")]).await;
                let route = Route { connect_to: Some(to(&stub)), proxy: None };
                let config = HttpConfig { addressing, route, ..config("http://store.test/storage/v1/s3/") };
                store_of(config).call(&CancelToken::unbounded(), request.clone()).await.unwrap_err();
                let came = &stub.recorded()[0];
                assert!(came.path().starts_with(prefix), "{}", came.target);
                assert!(is_signed_as_it_came(came), "{request:?}");
                let source = came.header("x-amz-copy-source");
                assert!(source.is_none_or(|source| source.starts_with("photos/")), "{source:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_name_dialled_is_not_the_name_signed() {
    let own = Own::new(&["store.test"], |_| {});
    let stub = Stub::over_tls([answer(204, &[], "")], own.acceptor.clone()).await;
    let route = Route { connect_to: Some(to(&stub)), proxy: None };
    let config = HttpConfig { extra_ca: own.file(), route: route.clone(), ..config("https://store.test") };
    call(&store_of(config.clone()), delete()).await.unwrap();
    let came = &stub.recorded()[0];
    assert_eq!(came.header("host"), Some("store.test"));
    assert!(is_signed_as_it_came(came));

    // Nor is the address the name that the certificate is checked for.
    let error = call(&store_of(HttpConfig { endpoint: "https://127.0.0.1".into(), ..config }), delete()).await;
    assert!(error.unwrap_err().message.contains("is for store.test and not for this name"));
    let nowhere = Route { connect_to: Address::parse("127.0.0.1:1"), proxy: None };
    let error = call(&store_of(HttpConfig { route: nowhere, ..self::config("http://store.test") }), delete()).await;
    let error = error.unwrap_err();
    assert_eq!(error.code, "ConnectFailed");
    assert!(error.message.starts_with("http://store.test: connect_to 127.0.0.1:1: "), "{error}");
}

#[tokio::test]
async fn an_ipv6_address_stands_in_brackets_in_the_host_header_and_the_signature() {
    let Ok(listener) = TcpListener::bind("[::1]:0").await else {
        eprintln!("this machine has no IPv6");
        return;
    };
    let stub = Stub::on(listener, [answer(204, &[], ""), answer(204, &[], "")]);
    for (n, addressing) in [Addressing::Path, Addressing::VirtualHosted].into_iter().enumerate() {
        let store = store_of(HttpConfig { addressing, ..config(&format!("http://[::1]:{}", stub.port)) });
        call(&store, delete()).await.unwrap();
        let came = &stub.recorded()[n];
        assert_eq!(came.header("host"), Some(format!("[::1]:{}", stub.port).as_str()));
        assert_eq!(came.target, "/photos/key");
        assert!(is_signed_as_it_came(came));
    }
}

/// A proxy that makes tunnels to one server, whatever name it is asked for, and remembers the heads.
struct Tunnels {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Tunnels {
    async fn to(server: SocketAddr, answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((mut tcp, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(tcp.read_u8().await.unwrap());
                }
                heard.lock().unwrap().push(String::from_utf8(head).unwrap().to_lowercase());
                tcp.write_all(answer.as_bytes()).await.unwrap();
                if answer.starts_with("HTTP/1.1 200") {
                    let mut server = TcpStream::connect(server).await.unwrap();
                    tokio::spawn(async move { copy_bidirectional(&mut tcp, &mut server).await });
                }
            }
        });
        Self { port, heads }
    }

    fn route(&self, connect_to: Option<Address>) -> Route {
        let url = format!("http://me:hush-hush@127.0.0.1:{}", self.port);
        Route { connect_to, proxy: Some(Proxy::parse(&url, None).unwrap()) }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

const CONNECTED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";
/// `me:hush-hush`.
const LOGIN: &str = "Basic bWU6aHVzaC1odXNo";

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

#[tokio::test]
async fn tls_goes_through_a_tunnel_and_the_proxy_sees_no_request() {
    let own = Own::new(&["store.test", "*.store.test"], |_| {});
    let stub = Stub::over_tls([answer(204, &[], ""), answer(204, &[], "")], own.acceptor.clone()).await;
    let proxy = Tunnels::to(local(stub.port), CONNECTED).await;
    for (addressing, host) in [(Addressing::Path, "store.test"), (Addressing::VirtualHosted, "photos.store.test")] {
        let config = HttpConfig { extra_ca: own.file(), addressing, ..config("https://store.test") };
        call(&store_of(HttpConfig { route: proxy.route(None), ..config }), delete()).await.unwrap();
        let head = proxy.heads().pop().unwrap();
        let login = LOGIN.to_lowercase();
        let expected =
            format!("connect {host}:443 http/1.1\r\nhost: {host}:443\r\nproxy-authorization: {login}\r\n\r\n");
        assert_eq!(head, expected);
        let came = stub.recorded().pop().unwrap();
        assert_eq!((came.header("host"), came.header("proxy-authorization")), (Some(host), None));
    }
}

#[tokio::test]
async fn plain_http_goes_to_the_proxy_in_absolute_form_with_the_signature_of_the_store_s_path() {
    let stub = Stub::scripted([answer(204, &[], ""), answer(407, &[], ""), answer(204, &[], "")]).await;
    let proxy = Proxy::parse(&format!("http://me:hush-hush@127.0.0.1:{}", stub.port), None).unwrap();
    let route = Route { connect_to: None, proxy: Some(proxy) };
    let store = store_of(HttpConfig { route, ..config("http://store.test:9000/base") });
    call(&store, delete()).await.unwrap();
    let came = &stub.recorded()[0];
    assert_eq!(came.target, "http://store.test:9000/base/photos/key");
    assert_eq!((came.header("host"), came.header("proxy-authorization")), (Some("store.test:9000"), Some(LOGIN)));
    assert!(is_signed_as_it_came(came) && !came.header("authorization").unwrap().contains("proxy-authorization"));

    let error = call(&store, delete()).await.unwrap_err();
    assert_eq!((error.verdict, error.code.as_str()), (Verdict::CredentialsRefused, "ProxyAuthenticationRequired"));
    assert!(!format!("{store:?} {error:?}").contains("hush"));
    // The connection to the proxy is kept like one to a store.
    call(&store, delete()).await.unwrap();
    assert!(stub.recorded().iter().all(|came| came.connection == 0));
}

#[tokio::test]
async fn plain_http_to_another_address_goes_through_a_tunnel_to_it() {
    let stub = Stub::scripted([answer(204, &[], "")]).await;
    let proxy = Tunnels::to(local(stub.port), CONNECTED).await;
    let route = proxy.route(Address::parse("inner.test:9000"));
    call(&store_of(HttpConfig { route, ..config("http://store.test") }), delete()).await.unwrap();
    assert!(proxy.heads()[0].starts_with("connect inner.test:9000 http/1.1\r\n"));
    assert_eq!(
        (stub.recorded()[0].target.as_str(), stub.recorded()[0].header("host")),
        ("/photos/key", Some("store.test"))
    );
}

#[tokio::test]
async fn a_tunnel_that_is_refused_names_the_proxy_and_its_status_and_had_no_effect() {
    let own = Own::new(&["store.test"], |_| {});
    let stub = Stub::over_tls([], own.acceptor.clone()).await;
    for (reply, told) in [
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
            "refused to connect to store.test:443 with 403 Forbidden",
        ),
        (
            "HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n",
            "407 Proxy Authentication Required; give it a user and a password",
        ),
        ("HTTP/1.0 503 Busy\r\n\r\n<html>", "with 503 Service Unavailable"),
        ("SSH-2.0-OpenSSH\r\n\r\n", "invalid HTTP version"),
        ("", "connection closed before message completed"),
        ("HTTP/1.1 200 OK\r\n\r\nI speak first", "it spoke before store.test:443 was spoken to"),
    ] {
        let proxy = Tunnels::to(local(stub.port), reply).await;
        let store = HttpConfig { extra_ca: own.file(), route: proxy.route(None), ..config("https://store.test") };
        let error = call(&store_of(store), delete()).await.unwrap_err();
        let expected = (Verdict::Unavailable, Effect::None, "ProxyFailed");
        assert_eq!((error.verdict, error.effect, error.code.as_str()), expected, "{reply:?}: {error}");
        assert!(error.message.contains(&format!("proxy http://127.0.0.1:{}: ", proxy.port)), "{error}");
        assert!(error.message.contains(told) && !error.message.contains("hush"), "{error}");
    }
    let gone = Route { connect_to: None, proxy: Some(Proxy::parse("http://me:hush@127.0.0.1:1", None).unwrap()) };
    let error = call(&store_of(HttpConfig { route: gone, ..config("http://store.test") }), delete()).await.unwrap_err();
    assert_eq!(error.code, "ConnectFailed");
    assert!(error.message.starts_with("http://store.test: proxy http://127.0.0.1:1: "), "{error}");
}

#[tokio::test]
async fn a_proxy_that_says_nothing_or_without_end_is_given_up() {
    let stub = Stub::scripted([Reply::Silence, Reply::Bytes(b"HTTP/1.1 200 OK\r\nx: ".repeat(4096))]).await;
    let proxy = Proxy::parse(&format!("127.0.0.1:{}", stub.port), None).unwrap();
    let route = Route { connect_to: Address::parse("inner.test:9000"), proxy: Some(proxy) };
    let clock = HeldClock::new();
    let config = HttpConfig { route, ..config("http://store.test") };
    let patience = config.timeouts.connect;
    let store = brigade_s3::http::HttpStore::new(config, clock.clone()).unwrap();
    let (error, ()) = tokio::join!(call(&store, delete()), async {
        stub.request_came().await;
        clock.advance(patience).await;
    });
    let error = error.unwrap_err();
    assert_eq!(error.code, "ProxyFailed", "{error}");
    assert!(error.message.ends_with("no answer in time"), "{error}");
    let error = call(&store, delete()).await.unwrap_err();
    assert_eq!(error.code, "ProxyFailed", "{error}");
}

#[tokio::test]
async fn a_listing_whose_token_does_not_advance_ends_with_an_error_that_names_it() {
    let page = |token: &str| {
        let next = format!("<IsTruncated>true</IsTruncated>{token}");
        answer(200, &[], &format!("<ListBucketResult><EncodingType>url</EncodingType>{next}</ListBucketResult>"))
    };
    let same = "<NextContinuationToken>again</NextContinuationToken>";
    let stub = Stub::scripted([page(same), page(same), page("")]).await;
    let store = store(&stub.url());
    let ask = async |token: Option<String>| {
        let bucket = "photos".parse().unwrap();
        call(&store, ListObjectsV2 { bucket, prefix: String::new(), continuation_token: token, max_keys: 9 }).await
    };
    let first = ask(None).await.unwrap();
    assert_eq!(first.next.as_deref(), Some("again"));
    let error = ask(first.next).await.unwrap_err();
    assert_eq!((error.verdict, error.code.as_str()), (Verdict::Invalid, "ListingDoesNotAdvance"));
    assert!(error.message.contains("the page of continuation token \"again\" names the same token"), "{error}");
    let error = ask(Some("again".into())).await.unwrap_err();
    assert!(error.message.contains("of continuation token \"again\" is not the last and names no next"), "{error}");
}

#[tokio::test]
async fn a_listing_of_versions_goes_on_where_its_page_ended_and_ends_where_that_stands_still() {
    let page = |inside: &str| answer(200, &[], &format!("<ListVersionsResult>{inside}</ListVersionsResult>"));
    let version = "<Version><Key>a%2B</Key><VersionId>v1</VersionId><IsLatest>true</IsLatest><Size>7</Size>\
                   <LastModified>2026-11-24T03:15:00.000Z</LastModified><StorageClass>GLACIER</StorageClass></Version>\
                   <DeleteMarker><Key>b</Key><VersionId>v2</VersionId><IsLatest>false</IsLatest></DeleteMarker>";
    let more = "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>";
    let next = "<NextKeyMarker>a%2B</NextKeyMarker><NextVersionIdMarker>v1</NextVersionIdMarker>";
    let (first, again) = (format!("{more}{next}{version}"), format!("{more}{next}"));
    let stub = Stub::scripted([page(&first), page(&again), page(more), page("")]).await;
    let store = store(&stub.url());
    let ask = async |after: Option<VersionMarker>| {
        let request = ListObjectVersions { bucket: "photos".parse().unwrap(), prefix: String::new(), after };
        call(&store, request).await
    };
    let first = ask(None).await.unwrap();
    let rows: Vec<_> = first
        .versions
        .iter()
        .map(|one| (one.key.as_str(), one.is_delete_marker, one.is_latest, one.size, one.storage_class.as_deref()))
        .collect();
    assert_eq!(rows, [("a+", false, true, Some(7), Some("GLACIER")), ("b", true, false, None, None)]);
    assert_eq!(first.versions[0].modified, Some("2026-11-24T03:15:00Z".parse().unwrap()));
    let marker = VersionMarker { key: "a+".into(), version: Some("v1".into()) };
    assert_eq!(first.next, Some(marker.clone()));
    let error = ask(first.next).await.unwrap_err();
    assert_eq!((error.verdict, error.code.as_str()), (Verdict::Invalid, "ListingDoesNotAdvance"));
    assert!(error.message.contains("key marker \"a+\""), "{error}");
    assert_eq!(ask(None).await.unwrap_err().code, "ListingDoesNotAdvance", "it names no next");
    let error = ask(None).await.unwrap_err();
    assert!(error.message.contains("does not say whether it is the last"), "{error}");
    let asked = stub.recorded()[1].query();
    let asks = |name: &str, value: &str| asked.contains(&(name.to_owned(), value.to_owned()));
    assert!(asks("key-marker", "a%2B") && asks("version-id-marker", "v1"), "{asked:?}");
}

#[tokio::test]
async fn a_copy_below_a_path_names_its_source_without_the_path() {
    let stub = Stub::scripted([answer(400, &[], "")]).await;
    let store = store(&format!("{}/storage/v1/s3", stub.url()));
    call(&store, CopyObject::plain(at("from"), at("to"))).await.unwrap_err();
    let came = &stub.recorded()[0];
    assert_eq!(
        (came.target.as_str(), came.header("x-amz-copy-source")),
        ("/storage/v1/s3/photos/to", Some("photos/from"))
    );
}

const MALFORMED: &str = "<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region 'eu-west-1' is wrong; \
                         expecting 'us-east-2'</Message><Region>us-east-2</Region></Error>";

#[tokio::test]
async fn a_refusal_that_names_the_region_is_repeated_signed_for_it_and_so_is_all_that_follows() {
    let moved = "<Error><Code>PermanentRedirect</Code></Error>";
    for refusal in [answer(400, &[], MALFORMED), answer(301, &[("x-amz-bucket-region", "us-east-2")], moved)] {
        let stub = Stub::scripted([refusal, answer(204, &[], ""), answer(204, &[], "")]).await;
        let store = store(&stub.url());
        let error = call(&store, delete()).await.unwrap_err();
        assert_eq!((error.verdict, error.effect), (Verdict::Transient, Effect::None), "a retry may follow: {error}");
        call(&store, delete()).await.unwrap();
        call(&store, delete()).await.unwrap();
        let recorded = stub.recorded();
        assert!(is_signed_for("eu-west-1", &recorded[0]), "{:?}", recorded[0]);
        assert!(recorded[1..].iter().all(|request| is_signed_for("us-east-2", request)), "{recorded:?}");
    }
}

#[tokio::test]
async fn a_region_is_taught_for_its_bucket_alone() {
    let stub = Stub::scripted([answer(400, &[], MALFORMED), answer(204, &[], ""), answer(204, &[], "")]).await;
    let store = store(&stub.url());
    call(&store, delete()).await.unwrap_err();
    let mut of_another = delete();
    of_another.at.bucket = "another".parse().unwrap();
    call(&store, of_another).await.unwrap();
    call(&store, delete()).await.unwrap();
    let recorded = stub.recorded();
    assert!(is_signed_for("eu-west-1", &recorded[1]) && is_signed_for("us-east-2", &recorded[2]), "{recorded:?}");
}

#[tokio::test]
async fn a_refusal_that_names_no_other_region_than_the_signature_s_fails_its_call() {
    let same = || answer(400, &[], &MALFORMED.replace("us-east-2", "eu-west-1"));
    let none = answer(301, &[], "<Error><Code>PermanentRedirect</Code></Error>");
    let odd = answer(400, &[], &MALFORMED.replace("<Region>us-east-2", "<Region>us/east"));
    // A store that is right about itself refuses for another reason.
    let elsewhere = answer(403, &[("x-amz-bucket-region", "us-east-2")], "<Error><Code>AccessDenied</Code></Error>");
    for refusal in [same(), none, odd, elsewhere] {
        let stub = Stub::scripted([refusal, answer(204, &[], "")]).await;
        let store = store(&stub.url());
        let error = call(&store, delete()).await.unwrap_err();
        assert!(matches!(error.verdict, Verdict::Invalid | Verdict::Denied), "{error}");
        call(&store, delete()).await.unwrap();
        assert!(is_signed_as_it_came(&stub.recorded()[1]), "the region stays the configured one");
    }
    // The bucket is there and its host is not: signed for its region, the request is refused again.
    let moved = || answer(301, &[("x-amz-bucket-region", "us-east-2")], "");
    let stub = Stub::scripted([moved(), moved()]).await;
    let store = store(&stub.url());
    let verdicts = [call(&store, delete()).await.unwrap_err(), call(&store, delete()).await.unwrap_err()];
    assert_eq!(verdicts.map(|error| error.verdict), [Verdict::Transient, Verdict::Invalid]);
}

#[tokio::test]
async fn a_head_whose_refusal_names_the_region_by_a_header_alone_is_asked_again_signed_for_it() {
    let stub = Stub::scripted([
        answer(400, &[("x-amz-bucket-region", "us-east-2")], ""),
        answer(200, &[("etag", "\"e\""), ("last-modified", "Wed, 21 Oct 2015 07:28:00 GMT")], ""),
    ])
    .await;
    let head = HeadObject { at: at("key"), version: None };
    call(&store(&stub.url()), head).await.unwrap();
    assert!(is_signed_for("us-east-2", &stub.recorded()[1]));
}
