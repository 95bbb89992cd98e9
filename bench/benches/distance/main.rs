//! The cost of distance: the same work on a store some milliseconds away, each client at its defaults.
//!
//! ```text
//! cargo build --release
//! cargo bench -p brigade-bench --bench distance -- peers   # us, s5cmd, rclone and boto3, 1 to 100 ms away
//! cargo bench -p brigade-bench --bench distance -- sweep   # us beside us with each fixed number of requests in flight
//! cargo bench -p brigade-bench --bench distance -- limits  # stores that answer 503 beyond a rate or a number
//! cargo bench -p brigade-bench --bench distance -- slow    # a store whose speed halves for a while
//! cargo bench -p brigade-bench --bench distance -- fair    # two accounts at one endpoint
//! ```
//!
//! `--rounds N` takes N rounds in place of 1, `--objects N` as many objects in place of 50,000, `--ms N`
//! that distance alone. A proxy in this process adds the distance. For `peers` it stands before rustack
//! (`cargo install rustack-cli --no-default-features --features s3`), for the others before a stub that
//! says yes at once. We are the released `brigade serve`, as `brigade init` configures it.
#![allow(missing_docs)]

mod fair;
mod limits;
mod peers;
mod slow;
mod sweep;

use std::process::exit;
use std::time::Duration;

use brigade_bench::{JobRun, Proxy, Stub};
use brigade_tests::{Scenario, Server};

const USAGE: &str = "arguments: peers|sweep|limits|slow|fair [--rounds N] [--objects N] [--ms N]";
/// Milliseconds that a round trip takes more.
const DISTANCES: [u64; 4] = [1, 10, 30, 100];

/// The benchmark's arguments.
struct Course {
    rounds: u64,
    objects: u64,
    distances: Vec<u64>,
}

fn main() {
    // cargo adds `--bench`.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let mut course = Course { rounds: 1, objects: 50_000, distances: DISTANCES.into() };
    let mut what = None;
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|number| number.parse().ok()).unwrap_or_else(|| give_up());
        match word.as_str() {
            "--rounds" => course.rounds = number(),
            "--objects" => course.objects = number(),
            "--ms" => course.distances = vec![number()],
            "peers" | "sweep" | "limits" | "slow" | "fair" if what.is_none() => what = Some(word),
            _ => give_up(),
        }
    }
    match what.as_deref() {
        Some("peers") => peers::measure(&course),
        Some("sweep") => sweep::measure(&course),
        Some("limits") => limits::measure(&course),
        Some("slow") => slow::measure(&course),
        Some("fair") => fair::measure(&course),
        _ => give_up(),
    }
}

fn give_up() -> ! {
    eprintln!("{USAGE}");
    exit(2);
}

/// A service on a stub that far away, with `settings` set in its environment.
fn serve(stub: &Stub, ms: u64, settings: &[(&str, String)]) -> Scenario {
    let proxy = Proxy::start(&stub.url, Duration::from_millis(ms));
    Scenario::with(Server::running("stub", &proxy.url, "stubkey", "stubsecret"), settings)
}

/// A job over so many rows of a stub, with a report on every task.
fn run(scenario: &mut Scenario, job: &[&str], objects: u64) -> JobRun {
    let (manifest, report) = (Stub::manifest(objects), ["--report", "s3://batch/reports"]);
    JobRun::of(scenario, &[job, &["--manifest", &manifest], &report].concat())
}

const COPY: &[&str] = &["copy", "--to", "target"];
