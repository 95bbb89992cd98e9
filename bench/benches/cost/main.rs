//! Our costs: CPU time and memory of preparing, of the engine alone, and of whole jobs over HTTP, each
//! beside a bare loop where there is one.
//!
//! ```text
//! cargo bench -p brigade-bench --bench cost              # the four tables
//! cargo bench -p brigade-bench --bench cost -- prepare   # one of them: prepare, engine, http, polls
//! cargo bench -p brigade-bench --bench cost -- instructions    # of http, counted by valgrind
//! cargo bench -p brigade-bench --bench cost -- scale 10000000 100000000   # one job of each size, on the disk
//! ```
//!
//! Each cell is taken in a process of its own, on one thread, in turn with the cells that it is compared with. Times are
//! CPU time of that process, not wall time, so neighbours disturb them little. docs/performance.md says what they
//! should be.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, missing_docs)]

mod asking;
mod bare;
mod cpu;
mod instructions;
mod job;
mod manifests;
mod polls;
mod rows;
mod scale;
mod store;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio, exit};

use brigade_bench::{Figures, Stub, Usage};
use brigade_model::operation::{Tag, Tagging};
use brigade_model::{Operation, Status};

use crate::job::Cost;
use crate::manifests::{Kept, Manifest};
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
            print_polls();
        }
        ["polls"] => print_polls(),
        ["polls", name] => tell(&[longest_poll(name)]),
        ["prepare"] => print_preparing(),
        ["engine"] => print_engine(),
        ["http"] => print_http(),
        ["prepare", who, name] => tell(&[prepare(who, name)]),
        ["engine", operation, tasks, answers] => tell(&run_job(operation, tasks.parse().unwrap(), answers)),
        ["instructions"] => print_instructions(),
        ["http", who, operation, server] => tell(&[ask(who, operation, server, REQUESTS)]),
        ["http", who, operation, server, requests] => tell(&[ask(who, operation, server, requests.parse().unwrap())]),
        ["scale", _, ..] => scale::measure(&words[1..]),
        ["scale-one", tasks] => tell(&scale::run(tasks.parse().unwrap())),
        ["stub"] => serve_stub(),
        _ => {
            eprintln!("arguments: none, prepare, engine, http, instructions, polls, or scale TASKS...");
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
    let mut figures = Figures::default();
    for _ in 0..ROUNDS {
        for name in Kept::NAMES {
            for (who, column) in [("ours", "ours, us/row"), ("bare", "csv crate, us/row")] {
                figures.note(name, column, told(&["prepare", who, name])[0]);
            }
        }
    }
    println!("preparing\n{figures}");
}

fn prepare(who: &str, name: &str) -> f64 {
    let kept = Kept::make(name, PREPARED_ROWS);
    let us = if who == "ours" { job::prepare(kept.into()) } else { kept.read_bare() };
    us / PREPARED_ROWS as f64
}

/// What the engine costs around a store that says yes.
fn print_engine() {
    const COLUMNS: [&str; 5] = ["prepare, us/task", "execute, us/task", "report, us/task", "peak KiB", "spool KiB"];
    let mut figures = Figures::default();
    for (operation, tasks, answers) in JOBS {
        let row = told(&["engine", operation, &tasks.to_string(), answers]);
        for (column, figure) in COLUMNS.into_iter().zip(row) {
            figures.note(&format!("{operation} {tasks} {answers}"), column, figure);
        }
    }
    println!("\nthe engine alone\n{figures}");
}

fn run_job(name: &str, tasks: u64, answers: &str) -> [f64; 5] {
    let when = if answers == "singly" { Answers::Singly } else { Answers::AtOnce };
    let Cost { prepare_us, execute_us, report_us, spool_kib } = job::run(operation(name), tasks, when, None);
    let each = |us: f64| us / tasks as f64;
    let peak_kib = Usage::of(std::process::id()).peak_kib;
    [each(prepare_us), each(execute_us), each(report_us), peak_kib as f64, spool_kib as f64]
}

/// For how long the engine runs without yielding.
fn print_polls() {
    let mut figures = Figures::default();
    for _ in 0..ROUNDS {
        for name in ["csv"].into_iter().chain(Kept::WORST) {
            figures.note(name, "longest poll, ms", told(&["polls", name])[0]);
        }
        for (name, longest_ms) in polls::longest_of_corpora() {
            figures.note(&format!("fuzz/{name}"), "longest poll, ms", longest_ms);
        }
    }
    println!("\nwithout yielding\n{figures}");
}

fn longest_poll(name: &str) -> f64 {
    match name {
        "csv" => job::longest_poll(Status::Complete, Operation::Delete, Manifest::computed(500_000)),
        "csv-long-keys" => job::longest_poll(Status::Complete, Operation::Delete, Kept::make_worst(name).into()),
        // A copy leaves delete markers out.
        _ => job::longest_poll(Status::Suspended, job::copy(), Kept::make_worst(name).into()),
    }
}

/// The clients over HTTP, each with the column of its figures.
const ASKERS: [(&str, &str); 3] =
    [("bare", "hyper + aws-sigv4, us"), ("calls", "our calls, us"), ("job", "our job, us")];

/// What an object costs over HTTP, against a stub in a process of its own with 32 requests in flight.
fn print_http() {
    let (mut stub, server) = start_stub();
    let mut figures = Figures::default();
    for _ in 0..ROUNDS {
        for operation in ["copy", "tagging"] {
            for (who, column) in ASKERS {
                figures.note(operation, column, told(&["http", who, operation, &server])[0]);
            }
        }
    }
    end(&mut stub);
    println!("\nan object over HTTP\n{figures}");
    for operation in ["copy", "tagging"] {
        let [bare, calls, job] = ASKERS.map(|(_, column)| figures.median(operation, column).unwrap());
        println!(
            "{operation}: our calls take {:.2} times the bare loop, our job {:.2} times",
            calls / bare,
            job / bare
        );
    }
}

/// The instructions of the same, in thousands.
fn print_instructions() {
    let (mut stub, server) = start_stub();
    let mut figures = Figures::default();
    for operation in ["copy", "tagging"] {
        for (who, _) in ASKERS {
            let row = format!("{operation}, {who}");
            let [thousands, allocations] = instructions::count(&["http", who, operation, &server]);
            figures.note(&row, "thousand instructions", thousands);
            figures.note(&row, "allocations", allocations);
        }
    }
    end(&mut stub);
    println!("\nan object over HTTP, without hashes\n{figures}");
}

/// Ends the stub, which would end by itself at the end of its input.
fn end(stub: &mut Child) {
    stub.kill().unwrap();
    stub.wait().unwrap();
}

fn ask(who: &str, name: &str, server: &str, requests: u64) -> f64 {
    let url = format!("http://{server}");
    if who == "job" {
        let chain = one_thread().block_on(async { asking::chain(&url) });
        let Cost { prepare_us, execute_us, report_us, .. } =
            job::run(operation(name), requests, Answers::AtOnce, Some(chain));
        return (prepare_us + execute_us + report_us) / requests as f64;
    }
    let before = cpu::used_us();
    one_thread().block_on(async {
        match who {
            "bare" => bare::ask(server, name, requests).await,
            _ => asking::ask(&*asking::chain(&url).0, name, requests).await,
        }
    });
    (cpu::used_us() - before) / requests as f64
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

/// Prints figures for [`told`].
fn tell(figures: &[f64]) {
    figures.iter().for_each(|figure| println!("{figure}"));
}

/// Takes figures in a process of its own.
fn told(arguments: &[&str]) -> Vec<f64> {
    let output = me().args(arguments).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{} failed", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap().lines().map(|figure| figure.parse().unwrap()).collect()
}

/// Serves until its input ends, that is, until its parent does.
fn serve_stub() {
    println!("{}", Stub::start().url.trim_start_matches("http://"));
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
}

fn start_stub() -> (Child, String) {
    let mut stub = me().arg("stub").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(stub.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (stub, line.trim().to_owned())
}

fn me() -> Command {
    Command::new(std::env::current_exe().unwrap())
}
