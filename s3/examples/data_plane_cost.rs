//! What one request costs us: CPU time of the thread that sends, over a server on loopback that
//! answers at once. Run with `cargo run --release -p brigade-s3 --example data_plane_cost`.
//!
//! Reads `/proc/thread-self/schedstat`, so it runs on Linux. The figure includes the kernel's
//! share of sending and receiving.
#![allow(clippy::disallowed_methods, reason = "the server and the measurement are no part of the service")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use brigade_model::ports::object_store::{At, CopyObject, DeleteObject, Leash, ObjectStore, Request, send};
use brigade_runtime::{SeededEntropy, SystemClock};
use brigade_s3::credentials::{Credentials, RotatingCredentials};
use brigade_s3::http::{Addressing, HttpConfig, HttpStore, IDLE};
use brigade_s3::limit::{Limit, LimitConfig};
use brigade_s3::retry::{Gate, Retry, RetryPolicy};
use brigade_s3::timeouts::Timeouts;

const REQUESTS: u32 = 20_000;
const COPIED: &str = "<?xml version=\"1.0\"?><CopyObjectResult><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
                      <ETag>\"9b2cf535f27731c974343645a3985328\"</ETag></CopyObjectResult>";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let clock = Arc::new(SystemClock::new());
        let config = HttpConfig {
            endpoint: format!("http://127.0.0.1:{}", serve()?),
            region: "us-east-1".into(),
            addressing: Addressing::Path,
            credentials: Arc::new(RotatingCredentials::new(Credentials {
                key_id: "AKIDEXAMPLE".into(),
                secret: "example".into(),
                token: None,
            })),
            extra_ca: None,
            timeouts: Timeouts::default(),
            idle: IDLE,
            requester_pays: false,
        };
        let http: Arc<dyn ObjectStore> = Arc::new(HttpStore::new(config, clock.clone())?);
        let limit = Arc::new(Limit::new(Arc::clone(&http), LimitConfig::default(), clock.clone()));
        let (policy, gate) = (RetryPolicy::default(), Arc::new(Gate::new()));
        let stack = Retry::new(limit, policy, gate, clock, Arc::new(SeededEntropy::new(1)));
        measure("delete, http alone", &*http, delete).await?;
        measure("copy, http alone", &*http, copy).await?;
        measure("delete, retry + limit + http", &stack, delete).await?;
        measure("copy, retry + limit + http", &stack, copy).await
    })
}

async fn measure<R: Request>(
    what: &str,
    store: &dyn ObjectStore,
    request: fn(u32) -> R,
) -> Result<(), Box<dyn std::error::Error>> {
    let leash = Leash::unbounded();
    for n in 0..1000 {
        send(store, &leash, request(n)).await?;
    }
    let before = cpu_ns()?;
    for n in 0..REQUESTS {
        send(store, &leash, request(n)).await?;
    }
    println!("{what}: {} ns of CPU a request", (cpu_ns()? - before) / u64::from(REQUESTS));
    Ok(())
}

fn at(n: u32) -> At {
    let key = format!("photos/2026/11/24/image-{n:08}.jpg");
    At { bucket: "photos-1250000000".parse().expect("a bucket's name"), key: key.parse().expect("a key") }
}

fn delete(n: u32) -> DeleteObject {
    DeleteObject { at: at(n), version: None, if_match: None }
}

fn copy(n: u32) -> CopyObject {
    CopyObject {
        source: at(n),
        source_version: None,
        target: at(n),
        metadata: None,
        tags: None,
        canned_acl: None,
        storage_class: Some("STANDARD_IA".into()),
        sse: None,
        source_if_match: None,
        size: None,
    }
}

/// CPU time of this thread.
fn cpu_ns() -> Result<u64, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

/// A server that answers as soon as it has seen a request's end; no request here has a body.
fn serve() -> std::io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let copied = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nx-amz-request-id: R\r\n\r\n{COPIED}", COPIED.len());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        let mut buffer = [0; 8192];
        let mut held = 0;
        loop {
            let came = stream.read(&mut buffer[held..])?;
            if came == 0 {
                return Ok::<_, std::io::Error>(());
            }
            held += came;
            if buffer[..held].ends_with(b"\r\n\r\n") {
                let answer = if buffer.starts_with(b"PUT") { copied.as_bytes() } else { b"HTTP/1.1 204 OK\r\n\r\n" };
                stream.write_all(answer)?;
                held = 0;
            }
        }
    });
    Ok(port)
}
