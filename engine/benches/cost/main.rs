//! What we cost: CPU time and memory of preparing, of the engine alone, and of whole jobs over
//! HTTP, each beside a bare loop where there is one.
//!
//! ```text
//! cargo bench -p brigade-engine --bench cost              # the three tables
//! cargo bench -p brigade-engine --bench cost -- prepare   # one of them: prepare, engine, http
//! ```
//!
//! Each row runs in a process of its own, on one thread. Times are CPU time of that process, not wall time,
//! so neighbours disturb them little. docs/performance.md says what they should be.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, missing_docs)]

mod asking;
mod bare;
mod cpu;
mod job;
mod manifests;
mod rows;
mod store;
mod stub;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio, exit};

use brigade_model::Operation;
use brigade_model::operation::{Tag, Tagging};

use crate::job::Cost;
use crate::manifests::Kept;
use crate::store::Answers;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 5;
const PREPARED_ROWS: u64 = 2_000_000;
const REQUESTS: u64 = 50_000;

/// (operation, tasks, how the store answers).
const JOBS: [(&str, u64, &str); 8] = [
    ("copy", 200_000, "once"),
    ("copy", 1_000_000, "once"),
    ("copy", 200_000, "singly"),
    ("tagging", 200_000, "once"),
    ("tagging", 1_000_000, "once"),
    ("delete", 200_000, "once"),
    ("delete", 1_000_000, "once"),
    ("delete", 200_000, "singly"),
];

fn main() {
    // cargo adds `--bench`.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            print_preparing();
            print_engine();
            print_http();
        }
        ["prepare"] => print_preparing(),
        ["engine"] => print_engine(),
        ["http"] => print_http(),
        ["prepare", "bare", name] => print_figure(Kept::make(name, PREPARED_ROWS).read_bare() / PREPARED_ROWS as f64),
        ["prepare", "ours", name] => {
            print_figure(job::prepare(Kept::make(name, PREPARED_ROWS).into()) / PREPARED_ROWS as f64);
        }
        ["engine", operation, tasks, answers] => print_job(operation, tasks.parse().unwrap(), answers),
        ["http", who, operation, server] => print_figure(ask(who, operation, server.parse().unwrap())),
        ["stub"] => one_thread().block_on(stub::serve()),
        _ => {
            eprintln!("arguments: none, prepare, engine or http");
            exit(2);
        }
    }
}

fn one_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// What a row of a manifest costs until it is in a slice, beside a loop that reads and decodes it
/// and does nothing with it.
fn print_preparing() {
    println!("preparing, us a row: median of {ROUNDS} (least to most)");
    println!("{:>14} {:>24} {:>24} {:>12} {:>12}", "manifest", "ours", "csv crate", "our rows/s", "their rows/s");
    for name in Kept::NAMES {
        let [ours, bare] = in_turn(&[&["prepare", "ours", name], &["prepare", "bare", name]]);
        let rate = |figure: &Spread| 1e6 / figure.median;
        println!("{name:>14} {ours:>24} {bare:>24} {:>12.0} {:>12.0}", rate(&ours), rate(&bare));
    }
}

/// What the engine costs around a store that says yes at once.
fn print_engine() {
    println!("\nthe engine alone, us a task");
    println!(
        "{:>9} {:>9} {:>7} {:>11} {:>11} {:>11} {:>9} {:>9}",
        "operation", "tasks", "answers", "prepare", "execute", "report", "peak KiB", "spool KiB"
    );
    for (operation, tasks, answers) in JOBS {
        print!("{}", run(&["engine", operation, &tasks.to_string(), answers]));
    }
}

fn print_job(name: &str, tasks: u64, answers: &str) {
    let when = if answers == "singly" { Answers::Singly } else { Answers::AtOnce };
    let Cost { prepare_us, execute_us, report_us, spool_kib } = job::run(operation(name), tasks, when, None);
    let each = |us: f64| us / tasks as f64;
    println!(
        "{name:>9} {tasks:>9} {answers:>7} {:>11.3} {:>11.3} {:>11.3} {:>9} {spool_kib:>9}",
        each(prepare_us),
        each(execute_us),
        each(report_us),
        cpu::peak_kib(),
    );
}

/// What an object costs over HTTP, against a stub in a process of its own with 32 requests in flight.
fn print_http() {
    println!("\nover HTTP, us an object: median of {ROUNDS} (least to most)");
    println!(
        "{:>9} {:>24} {:>24} {:>24} {:>10}",
        "operation", "hyper + aws-sigv4", "our calls", "our job", "job : bare"
    );
    let (mut stub, server) = start_stub();
    let server = server.to_string();
    for operation in ["copy", "tagging"] {
        let row = |who| ["http", who, operation, server.as_str()];
        let [bare, calls, job] = in_turn(&[&row("bare"), &row("calls"), &row("job")]);
        println!("{operation:>9} {bare:>24} {calls:>24} {job:>24} {:>10.2}", job.median / bare.median);
    }
    // It would end by itself at the end of its input.
    stub.kill().unwrap();
    stub.wait().unwrap();
}

fn ask(who: &str, name: &str, server: SocketAddr) -> f64 {
    if who == "job" {
        let chain = one_thread().block_on(async { asking::chain(server) });
        let Cost { prepare_us, execute_us, report_us, .. } =
            job::run(operation(name), REQUESTS, Answers::AtOnce, Some(chain));
        return (prepare_us + execute_us + report_us) / REQUESTS as f64;
    }
    let before = cpu::used_us();
    one_thread().block_on(async {
        match who {
            "bare" => bare::ask(server, name, REQUESTS).await,
            _ => asking::ask(&*asking::chain(server), name, REQUESTS).await,
        }
    });
    (cpu::used_us() - before) / REQUESTS as f64
}

fn operation(name: &str) -> Operation {
    match name {
        "copy" => job::copy(),
        "tagging" => {
            Operation::Tagging(Tagging { directive: None, tags: vec![Tag { key: "a".into(), value: "b".into() }] })
        }
        "delete" => Operation::Delete,
        other => panic!("no operation {other}"),
    }
}

fn print_figure(figure: f64) {
    println!("{figure}");
}

/// A figure that was taken several times.
struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{:.2} ({:.2} to {:.2})", self.median, self.least, self.most))
    }
}

/// Takes figures in turn, so that what disturbs one disturbs all.
fn in_turn<const N: usize>(rows: &[&[&str]; N]) -> [Spread; N] {
    let mut figures = [const { Vec::new() }; N];
    for _ in 0..ROUNDS {
        for (row, figures) in rows.iter().zip(&mut figures) {
            figures.push(run(row).trim().parse::<f64>().unwrap());
        }
    }
    figures.map(|mut figures| {
        figures.sort_by(f64::total_cmp);
        Spread { least: figures[0], median: figures[ROUNDS / 2], most: figures[ROUNDS - 1] }
    })
}

/// Runs a row in a process of its own; gives what it prints.
fn run(arguments: &[&str]) -> String {
    let output = me().args(arguments).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "the row {} failed", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

fn start_stub() -> (Child, SocketAddr) {
    let mut stub = me().arg("stub").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(stub.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let server = line.trim().parse().unwrap();
    (stub, server)
}

fn me() -> Command {
    Command::new(std::env::current_exe().unwrap())
}
