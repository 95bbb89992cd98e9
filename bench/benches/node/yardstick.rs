//! The yardstick for DescribeJob: a bare hyper server, in a process of its own, that gives any request
//! an answer of the same bytes.
#![allow(clippy::disallowed_methods, reason = "the yardstick is no part of the service")]

use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use brigade_bench::Usage;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// The running server; it ends with this.
pub(crate) struct Yardstick {
    server: Child,
    pub(crate) url: String,
}

impl Yardstick {
    /// Starts it; it answers with what stands in the file.
    pub(crate) fn start(answer: &Path) -> Self {
        let me = std::env::current_exe().expect("a process has a program");
        let mut server = Command::new(me);
        server.arg("yardstick").arg(answer).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = server.spawn().expect("this program can be started");
        let mut url = String::new();
        let said = server.stdout.take().expect("it is piped");
        BufReader::new(said).read_line(&mut url).expect("it tells where it listens");
        Self { server, url: url.trim().to_owned() }
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage::of(self.server.id())
    }
}

impl Drop for Yardstick {
    fn drop(&mut self) {
        // It would end by itself at the end of its input.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Serves what stands in the file until the input ends, that is, until the parent does.
pub(crate) fn serve(answer: &str) {
    let answer = Bytes::from(std::fs::read(answer).expect("the parent wrote it"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
    println!("http://{}", listener.local_addr().expect("it is bound"));
    runtime.spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.expect("connections come");
            connection.set_nodelay(true).expect("a connection takes the option");
            let answer = answer.clone();
            let service = service_fn(move |_| {
                let response = Response::builder()
                    .header("server", "tencent-cos")
                    .header("x-cos-request-id", "NWJhY2U1ZDVfMTIzNDU2NzhfMTIzNF8xMjM0NTY=")
                    .header("content-type", "application/xml")
                    .body(Full::new(answer.clone()));
                async { Ok::<_, Infallible>(response.expect("the headers are sound")) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), service));
        }
    });
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).expect("the parent holds it open");
}
