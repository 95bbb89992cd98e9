//! What the engine itself costs: CPU time and memory around an object store that answers
//! success at once, with the job store and the spool in memory.
//!
//! ```text
//! cargo bench -p brigade-engine --bench cost                      # the tables
//! cargo bench -p brigade-engine --bench cost -- copy 200000 once  # one row of a job's costs
//! cargo bench -p brigade-engine --bench cost -- prepare csv       # one row of preparing's
//! ```
//!
//! Each row runs in a process of its own, on one thread, so that its peak of memory is its own.
//! Times are CPU time of that process, not wall time, so neighbours disturb them little. The
//! budget is 10 us of execution a task; memory grows by what the spool holds and no more.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, missing_docs)]

mod cpu;
mod job;
mod manifests;
mod rows;
mod store;

use std::process::{Command, exit};

use brigade_model::Operation;
use brigade_model::operation::{Tag, Tagging};

use crate::job::Cost;
use crate::manifests::Kept;
use crate::store::Answers;

/// (operation, tasks, how the store answers).
const CASES: [(&str, u64, &str); 8] = [
    ("copy", 200_000, "once"),
    ("copy", 1_000_000, "once"),
    ("copy", 200_000, "singly"),
    ("tagging", 200_000, "once"),
    ("tagging", 1_000_000, "once"),
    ("delete", 200_000, "once"),
    ("delete", 1_000_000, "once"),
    ("delete", 200_000, "singly"),
];

const PREPARED_ROWS: u64 = 2_000_000;

fn main() {
    // cargo adds `--bench`.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => print_tables(),
        ["prepare", name] => print_preparing(name),
        [operation, tasks, answers] => print_row(operation, tasks.parse().unwrap(), answers),
        _ => {
            eprintln!("arguments: copy|tagging|delete TASKS once|singly, or prepare {}", Kept::NAMES.join("|"));
            exit(2);
        }
    }
}

fn print_tables() {
    println!(
        "{:>18} {:>9} {:>9} {:>9} {:>9} {:>14} {:>14}",
        "manifest", "rows", "MiB", "ours us", "bare us", "ours rows/s", "bare rows/s"
    );
    Kept::NAMES.iter().for_each(|name| run_row(&["prepare", name]));
    println!(
        "\n{:>9} {:>9} {:>7} {:>11} {:>11} {:>11} {:>9} {:>9}",
        "operation", "tasks", "answers", "prepare us", "execute us", "report us", "peak KiB", "spool KiB"
    );
    for (operation, tasks, answers) in CASES {
        run_row(&[operation, &tasks.to_string(), answers]);
    }
}

fn run_row(arguments: &[&str]) {
    let me = std::env::current_exe().unwrap();
    let status = Command::new(me).args(arguments).status().unwrap();
    assert!(status.success(), "the row failed");
}

/// What a row of a manifest costs until it is in a slice, beside a loop that reads and decodes it
/// and does nothing with it.
fn print_preparing(name: &str) {
    let kept = Kept::make(name, PREPARED_ROWS);
    let each = |us: f64| us / PREPARED_ROWS as f64;
    let mib = kept.bytes() as f64 / 1024.0 / 1024.0;
    let bare = each(kept.read_bare());
    let ours = each(job::prepare(kept.into()));
    let rate = |us: f64| 1e6 / us;
    println!(
        "{name:>18} {PREPARED_ROWS:>9} {mib:>9.1} {ours:>9.3} {bare:>9.3} {:>14.0} {:>14.0}",
        rate(ours),
        rate(bare)
    );
}

fn print_row(name: &str, tasks: u64, answers: &str) {
    let operation = match name {
        "copy" => job::copy(),
        "tagging" => {
            Operation::Tagging(Tagging { directive: None, tags: vec![Tag { key: "a".into(), value: "b".into() }] })
        }
        "delete" => Operation::Delete,
        other => panic!("no operation {other}"),
    };
    let when = if answers == "singly" { Answers::Singly } else { Answers::AtOnce };
    let Cost { prepare_us, execute_us, report_us, spool_kib } = job::run(operation, tasks, when);
    let each = |us: f64| us / tasks as f64;
    println!(
        "{name:>9} {tasks:>9} {answers:>7} {:>11.3} {:>11.3} {:>11.3} {:>9} {spool_kib:>9}",
        each(prepare_us),
        each(execute_us),
        each(report_us),
        cpu::peak_kib(),
    );
}
