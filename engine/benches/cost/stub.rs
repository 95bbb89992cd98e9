//! A server that looks at no more of a request than tells which success to answer.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const COPIED: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CopyObjectResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LastModified>2026-11-24T00:00:00.000Z</LastModified><ETag>&quot;5d41402abc4b2a76b9719d911017c592&quot;</ETag></CopyObjectResult>";

/// Prints its address and answers until its input ends, that is, until its parent does.
pub(crate) async fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    loop {
        let (connection, _) = listener.accept().await.unwrap();
        connection.set_nodelay(true).unwrap();
        tokio::spawn(answer_all(connection));
    }
}

async fn answer_all(mut connection: TcpStream) {
    let mut input = Vec::new();
    while let Some(head_len) = read_until(&mut connection, &mut input, find_head_end).await {
        let head = String::from_utf8_lossy(&input[..head_len]).into_owned();
        let body_len = header(&head, "content-length").map_or(0, |len| len.parse().unwrap());
        let end = head_len + body_len;
        if read_until(&mut connection, &mut input, |input| (input.len() >= end).then_some(end)).await.is_none() {
            return;
        }
        let answer = answer(&head);
        input.drain(..end);
        if connection.write_all(answer.as_bytes()).await.is_err() {
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

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn answer(head: &str) -> String {
    let (own, document) = match header(head, "x-amz-copy-source") {
        Some(_) => ("Content-Type: application/xml\r\n", COPIED),
        None => ("", ""),
    };
    let length = document.len();
    format!(
        "HTTP/1.1 200 OK\r\nServer: stub\r\nDate: Tue, 24 Nov 2026 00:00:00 GMT\r\nx-amz-request-id: 4442587FB7D0A2F9\r\n\
         x-amz-id-2: s9lzHYrFp76ZVxRcpX9QMpVWvvx5Yfvd\r\nETag: \"5d41402abc4b2a76b9719d911017c592\"\r\n{own}\
         Content-Length: {length}\r\n\r\n{document}"
    )
}
