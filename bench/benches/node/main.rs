//! One node by itself: its memory, writes and answers as jobs and their number grow.
//!
//! ```text
//! cargo build --release
//! cargo bench -p brigade-bench --bench node -- memory   # the peak of a large job beside a tenth of it
//! cargo bench -p brigade-bench --bench node -- disk     # bytes and fsyncs of a job at full speed
//! cargo bench -p brigade-bench --bench node -- restart  # kill -9, and how long until new tasks start
//! cargo bench -p brigade-bench --bench node -- lists    # DescribeJob and ListJobs among 100,000 jobs
//! cargo bench -p brigade-bench --bench node -- describe # of these, what 64 clients take that never wait
//! ```
//!
//! `--rounds N` takes N rounds in place of 3, `--tasks N` jobs of as many tasks (for `lists` and
//! `describe`: as many jobs). The service is the released `brigade serve`, as `brigade init` configures it; the
//! object store is a stub in this process that says yes at once.
#![allow(missing_docs)]

mod disk;
mod lists;
mod load;
mod memory;
mod restart;
mod yardstick;

use std::process::exit;

use brigade_bench::Stub;
use brigade_tests::{Scenario, Server};

const USAGE: &str = "arguments: memory|disk|restart|lists|describe [--rounds N] [--tasks N]";

fn main() {
    // cargo adds `--bench`.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    if std::env::args().nth(1).as_deref() == Some("yardstick") {
        return yardstick::serve(&std::env::args().nth(2).unwrap_or_else(|| give_up()));
    }
    let (mut what, mut rounds, mut tasks) = (None, 3, None);
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|number| number.parse().ok()).unwrap_or_else(|| give_up());
        match word.as_str() {
            "--rounds" => rounds = number(),
            "--tasks" => tasks = Some(number()),
            "memory" | "disk" | "restart" | "lists" | "describe" if what.is_none() => what = Some(word),
            _ => give_up(),
        }
    }
    match what.as_deref() {
        Some("memory") => memory::measure(tasks.unwrap_or(5_000_000), rounds),
        Some("disk") => disk::measure(tasks.unwrap_or(500_000), rounds),
        Some("restart") => restart::measure(tasks.unwrap_or(5_000_000), rounds),
        Some("lists") => lists::measure(tasks.unwrap_or(100_000), rounds, true),
        Some("describe") => lists::measure(tasks.unwrap_or(100_000), rounds, false),
        _ => give_up(),
    }
}

fn give_up() -> ! {
    eprintln!("{USAGE}");
    exit(2);
}

/// A service on this store.
fn serve(stub: &Stub) -> Scenario {
    Scenario::on(Server::running("stub", &stub.url, "stubkey", "stubsecret"))
}

/// The job of each operation: the rest of `brigade job create`, but for its places.
const JOBS: [(&str, &[&str]); 3] =
    [("copy", &["copy", "--to", "target"]), ("tag", &["tag", "--tag", "team=red"]), ("delete", &["delete", "--yes"])];

/// The form of a job over so many rows, with a report on every task.
fn form(job: &[&str], tasks: u64) -> Vec<String> {
    let places = ["--manifest", &Stub::manifest(tasks), "--report", "s3://batch/reports"];
    job.iter().copied().chain(places).map(str::to_owned).collect()
}
