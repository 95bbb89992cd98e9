//! What a request to an S3 server costs us: CPU time of the process that asks, against a stub
//! server in a process of its own on loopback, with 32 requests in flight on one thread.
//!
//! ```text
//! cargo bench -p brigade-engine --bench data_plane            # the table, 50,000 requests a row
//! cargo bench -p brigade-engine --bench data_plane -- 200000  # more of them
//! ```
//!
//! The row `bare` is a loop over hyper alone, unsigned, with the same answers: what no client
//! can do without. `http` is `HttpStore`, `chain` is what jobs use, retry over limit over http.
//! The budget is 20 us a request. It stands here and not in `s3`, since the dev-dependencies of
//! `s3` (the AWS SDK) take minutes to build.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, missing_docs)]

mod asking;
mod bare;
#[path = "../cost/cpu.rs"]
mod cpu;
mod stub;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

fn main() {
    // cargo adds `--bench`.
    match std::env::args().skip(1).find(|word| !word.starts_with("--")).as_deref() {
        Some("stub") => one_thread().block_on(stub::serve()),
        requests => print_table(requests.map_or(50_000, |requests| requests.parse().unwrap())),
    }
}

fn one_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn print_table(requests: u64) {
    let (mut stub, server) = start_stub();
    println!("{:>24} {:>10} {:>12} {:>10}", "call", "requests", "us each", "peak KiB");
    one_thread().block_on(async {
        let bare = bare::ask(server, requests);
        print_row("bare CopyObject", requests, bare).await;
        for (name, store) in [("http", asking::http(server)), ("chain", asking::chain(server))] {
            for (kind, call) in asking::calls() {
                print_row(&format!("{name} {kind}"), requests, asking::ask(&*store, call, requests)).await;
            }
            let groups = requests / 500;
            print_row(&format!("{name} DeleteObjects"), groups, asking::ask(&*store, asking::delete_group, groups))
                .await;
        }
    });
    // It would end by itself at the end of its input.
    stub.kill().unwrap();
    stub.wait().unwrap();
}

async fn print_row(name: &str, requests: u64, asking: impl Future<Output = ()>) {
    let before = cpu::used_us();
    asking.await;
    let each = (cpu::used_us() - before) / requests as f64;
    println!("{name:>24} {requests:>10} {each:>12.2} {:>10}", cpu::peak_kib());
}

fn start_stub() -> (Child, SocketAddr) {
    let me = std::env::current_exe().unwrap();
    let mut stub = Command::new(me).arg("stub").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(stub.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let server = line.trim().parse().unwrap();
    (stub, server)
}
