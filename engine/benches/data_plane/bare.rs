//! The same request over hyper alone: unsigned, its answer read and not looked at.

use std::net::SocketAddr;

use bytes::Bytes;
use futures::future::join_all;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::asking::IN_FLIGHT;

/// Sends so many requests.
pub(crate) async fn ask(server: SocketAddr, requests: u64) {
    let each = requests / IN_FLIGHT as u64;
    join_all((0..IN_FLIGHT as u64).map(|line| ask_on_one_line(server, line * each..(line + 1) * each))).await;
}

async fn ask_on_one_line(server: SocketAddr, numbers: std::ops::Range<u64>) {
    let stream = TcpStream::connect(server).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for number in numbers {
        let request = Request::put(format!("/target/photos/2026/0000/object-{number:012}.jpg"))
            .header("host", server.to_string())
            .header("x-amz-copy-source", format!("source/photos/2026/0000/object-{number:012}.jpg"))
            .header("content-length", "0")
            .body(Empty::<Bytes>::new())
            .unwrap();
        sender.ready().await.unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert!(response.status().is_success());
        std::hint::black_box(response.into_body().collect().await.unwrap().to_bytes());
    }
}
