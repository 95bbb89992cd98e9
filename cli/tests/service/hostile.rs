//! Clients that are slow, silent or immoderate: the service cuts each off or refuses it, serves others
//! meanwhile, and keeps its memory within bounds.

use std::time::Duration;

use brigade_model::JobOptions;
use brigade_model::ports::Clock;
use brigade_wire::cos::list_jobs::ListQuery;
use futures::future::join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::forged::{Raw, answer};
use crate::test_service::{TestService, refused, request};

const CONNECTIONS: usize = 10_000;
const NOW: (i64, i64) = (-1, 600);

/// A well-behaved client, whom the service must answer.
async fn be_served(service: &TestService) {
    let all = ListQuery { max_results: 10, statuses: Vec::new(), next: None };
    service.client().list_jobs(&all).await.unwrap();
}

/// Sends these bytes and then one after the other for as long as the service takes them; gives the
/// answer, read to the end of the connection.
async fn trickle(service: &TestService, begin: Vec<u8>) -> String {
    let (mut read, mut write) = TcpStream::connect(&service.address).await.unwrap().into_split();
    write.write_all(&begin).await.unwrap();
    let trickling = async {
        while write.write_all(b"x").await.is_ok() {
            service.clock.sleep(Duration::from_millis(20)).await;
        }
        std::future::pending::<()>().await
    };
    let mut text = Vec::new();
    tokio::select! {
        _ = read.read_to_end(&mut text) => {}
        () = trickling => {}
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_comes_byte_by_byte_is_cut_off_and_others_are_served_meanwhile() {
    let service = TestService::start("head_timeout = \"1s\"").await;
    let begin = || b"GET /jobs HTTP/1.1\r\nhost: x\r\nx-slow: ".to_vec();
    let slow = join_all((0..50).map(|_| trickle(&service, begin())));
    let (_, cut) = tokio::join!(be_served(&service), slow);
    assert!(cut.iter().all(|answer| !answer.contains("200 OK")), "{cut:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_comes_byte_by_byte_is_cut_off_with_a_word_and_others_are_served_meanwhile() {
    let service = TestService::start("request_timeout = \"1s\"").await;
    let slow = Raw::new(&service, "POST", "/jobs").with("content-length", "100000").signed(&service, NOW);
    let slow = join_all((0..50).map(|_| trickle(&service, slow.head())));
    let (_, cut) = tokio::join!(be_served(&service), slow);
    for answer in cut {
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("<Code>RequestTimeout</Code>"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_an_unsigned_request_is_not_waited_for() {
    // Longer than the test may take: only the refusal ends the connections.
    let service = TestService::start("request_timeout = \"1h\"").await;
    let unsigned = Raw::new(&service, "POST", "/jobs").with("content-length", "100000");
    let told = trickle(&service, unsigned.head()).await;
    assert!(told.contains("<Code>AccessDenied</Code>"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_is_waited_for_only_where_the_action_has_one_and_the_key_may_do_it() {
    let service = TestService::start("request_timeout = \"1h\"").await;
    let reader = ("AKIDREADER", "reader-secret");
    let claiming = |method, target: &str| Raw::new(&service, method, target).with("content-length", "100000");
    let cases = [
        (claiming("GET", "/jobs").signed_by(reader, &service, NOW), "InvalidRequest"),
        (claiming("GET", "/jobs/x").signed(&service, NOW), "InvalidRequest"),
        (claiming("POST", "/jobs/x/priority?priority=1").signed(&service, NOW), "InvalidRequest"),
        (claiming("POST", "/jobs").signed_by(reader, &service, NOW), "AccessDenied"),
    ];
    for (raw, code) in cases {
        let told = trickle(&service, raw.head()).await;
        assert!(told.contains(&format!("<Code>{code}</Code>")), "{} {}: {told}", raw.method, raw.target);
    }
    let operating = claiming("POST", "/brigade/v1/jobs/x/pause").signed(&service, NOW);
    let told = trickle(&service, operating.head()).await;
    assert!(told.contains("takes no body"), "{told}");
}

/// A CreateJob whose body the service waits for, of which nothing comes.
async fn slow_body(service: &TestService, key: (&str, &str), appid: &str) -> TcpStream {
    let raw = Raw::new(service, "POST", "/jobs").with("content-length", "100000").with("x-cos-appid", appid);
    let raw = raw.signed_by(key, service, NOW).with("expect", "100-continue");
    let mut stream = TcpStream::connect(&service.address).await.unwrap();
    stream.write_all(&raw.head()).await.unwrap();
    // Said when the body is read: the key may create jobs.
    let mut begun = [0; 25];
    stream.read_exact(&mut begun).await.unwrap();
    assert!(begun.starts_with(b"HTTP/1.1 100 Continue"), "{}", String::from_utf8_lossy(&begun));
    stream
}

const ONE: (&str, &str) = ("AKIDONE", "one-secret");
const TWO: (&str, &str) = ("AKIDTWO", "two-secret");

/// Whether the service has ended the connection; it has sent nothing more.
fn is_ended(stream: &TcpStream) -> bool {
    match stream.try_read(&mut [0; 1]) {
        Ok(0) => true,
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => false,
        Err(_) => true,
        Ok(_) => panic!("something was answered"),
    }
}

/// Another account, and a health check.
async fn others_are_served(service: &TestService) {
    for path in ["/healthz", "/readyz"] {
        assert_eq!(Raw::new(service, "GET", path).send(service).await.0, 200, "{path}");
    }
    let two = service.client_of("1250000001", TWO.0, TWO.1);
    two.list_jobs(&ListQuery { max_results: 10, statuses: Vec::new(), next: None }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_slow_bodies_of_one_account_make_neither_health_nor_another_account_wait() {
    // No time-out helps.
    let service = TestService::start("request_timeout = \"1h\"\nhead_timeout = \"1h\"").await;
    raise_limit(3000);
    let mut slow = Vec::new();
    for _ in 0..1030 {
        slow.push(slow_body(&service, ONE, "1250000000").await);
    }
    others_are_served(&service).await;
    assert!(!slow.iter().any(is_ended), "all of them are still open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_all_places_are_taken_the_slowest_of_who_holds_most_makes_room() {
    let service = TestService::start("request_timeout = \"1h\"\nhead_timeout = \"1h\"\nconnections_max = 20").await;
    let mut few = Vec::new();
    for _ in 0..3 {
        few.push(slow_body(&service, TWO, "1250000001").await);
    }
    let mut many = Vec::new();
    for n in 0..100 {
        many.push(slow_body(&service, ONE, "1250000000").await);
        if n % 10 == 9 {
            others_are_served(&service).await;
        }
    }
    let mut nothing = Vec::new();
    for stream in &mut many[..60] {
        let _ = stream.read_to_end(&mut nothing).await;
    }
    assert!(nothing.is_empty(), "the first ones have made room");
    assert!(!few.iter().any(is_ended), "though these were there before them");
    assert!(!many[90..].iter().any(is_ended), "and the last may still send what they have");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_too_large_in_any_way_is_refused_and_the_next_is_served() {
    let service = TestService::start("").await;
    let ask = || Raw::new(&service, "GET", "/jobs");
    let long = ask().with("x-long", &"x".repeat(70 * 1024)).signed(&service, NOW);
    assert_eq!(long.send(&service).await.0, 431);
    let many = (0..120).fold(ask(), |raw, n| raw.with(&format!("x-{n}"), "y"));
    assert_eq!(many.signed(&service, NOW).send(&service).await.0, 431);
    let (status, _) = ask().signed(&service, NOW).with("connection", "close").send(&service).await;
    assert_eq!(status, 200);
    let far = Raw::new(&service, "GET", format!("/jobs?{}", "a".repeat(66_000))).send(&service).await;
    assert!((400..500).contains(&far.0), "{far:?}");

    let post = || Raw::new(&service, "POST", "/jobs");
    let claimed = post().with("content-length", "1000000000").signed(&service, NOW).send(&service).await;
    assert!(claimed.0 == 400 && claimed.1.contains("<Code>XMLSizeLimit</Code>"), "{claimed:?}");
    let mut endless = TcpStream::connect(&service.address).await.unwrap();
    let head = post().with("transfer-encoding", "chunked").signed(&service, NOW).head();
    endless.write_all(&head).await.unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
    // Until the service refuses it; after that it may read no more.
    let (mut read, mut write) = endless.split();
    let pouring = async {
        for _ in 0..64 {
            if write.write_all(&chunk).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await
    };
    let told = tokio::select! {
        told = answer(&mut read) => told,
        () = pouring => unreachable!("it never ends"),
    };
    assert!(told.0 == 400 && told.1.contains("<Code>XMLSizeLimit</Code>"), "{told:?}");

    let deep = format!("{}{}", "<a>".repeat(20_000), "</a>".repeat(20_000));
    let wide = format!("<CreateJobRequest>{}</CreateJobRequest>", "<a/>".repeat(60_000));
    let named: String = (0..9_000).map(|n| format!(" xmlns:n{n}='x'")).collect();
    let bomb = "<!DOCTYPE r [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><CreateJobRequest>&b;</CreateJobRequest>";
    let cases = [
        (deep, "MalformedXML"),
        (bomb.to_owned(), "MalformedXML"),
        // Read to their ends, and then told what is missing in them.
        (wide, "InvalidArgument"),
        (format!("<CreateJobRequest{named}/>"), "InvalidArgument"),
    ];
    for (body, expected) in cases {
        let answered = service.client().create_job(body.into(), &JobOptions::default()).await;
        let (status, code, message) = refused(answered);
        assert_eq!((status, code.as_str()), (400, expected), "{message}");
    }
    let etag = service.put_manifest("photos,k0\n");
    service.client().create_job(request("t", &etag).into(), &JobOptions::default()).await.unwrap();
}

/// Lets this process have that many files open, if the system allows it.
fn raise_limit(files: u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < files) {
        assert!(maximum.is_none_or(|maximum| maximum >= files), "ulimit -Hn must be {files} or more");
        setrlimit(Resource::Nofile, Rlimit { current: Some(files), maximum }).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_connections_that_say_nothing_keep_nobody_from_being_served() {
    // No time-out helps: a newcomer takes the place of the connection that has waited longest.
    let service = TestService::start("head_timeout = \"1h\"").await;
    raise_limit(CONNECTIONS as u64 + 1000);
    be_served(&service).await;
    let before = service.memory();
    let mut idle = Vec::with_capacity(CONNECTIONS);
    for n in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(&service.address).await.unwrap();
        if n % 2 == 0 {
            stream.write_all(b"GET /jobs HTTP/1.1\r\nhost: ").await.unwrap();
        }
        idle.push(stream);
        if n % 1000 == 999 {
            be_served(&service).await;
        }
    }
    let grown = service.memory().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more");
    let mut nothing = Vec::new();
    let _ = idle[0].read_to_end(&mut nothing).await;
    assert!(nothing.is_empty(), "the first has made room");
    let last = idle.last().unwrap();
    let silent = last.try_read(&mut [0; 1]).unwrap_err();
    assert_eq!(silent.kind(), std::io::ErrorKind::WouldBlock, "the last still may ask");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_say_nothing_end_after_a_while() {
    let service = TestService::start("head_timeout = \"1s\"").await;
    let mut idle = Vec::new();
    for n in 0..100 {
        let mut stream = TcpStream::connect(&service.address).await.unwrap();
        if n % 2 == 0 {
            // One that was served, and then says nothing more.
            stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        }
        idle.push(stream);
    }
    for mut stream in idle {
        // Ends, since the service ends the connection: this end waits.
        stream.read_to_end(&mut Vec::new()).await.unwrap();
    }
}
