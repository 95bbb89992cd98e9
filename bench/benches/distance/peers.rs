//! Our client beside the others, each at its defaults, on rustack.

use std::process::Command;
use std::time::{Duration, Instant};

use brigade_bench::peer::{Peer, Workers};
use brigade_bench::usage::cpu_of_ended_children;
use brigade_bench::{Figures, JobRun, Objects, Proxy};
use brigade_tests::scenario::text_of;
use brigade_tests::{Scenario, Server};

use crate::Course;

const RATE: &str = "objects/s";
const CPU: &str = "CPU us/object";
/// What a client copies of the objects: all, or a tenth where all would take it half an hour.
const ALL: u64 = 1;
const A_TENTH: u64 = 10;
const PEERS: [(Peer, Workers, u64); 6] = [
    (Peer::Ours, Workers::Default, ALL),
    (Peer::S5cmdCp, Workers::Default, ALL),
    (Peer::S5cmdRun, Workers::Default, ALL),
    (Peer::Rclone, Workers::Default, A_TENTH),
    (Peer::Rclone, Workers::Many(64), ALL),
    (Peer::Boto3(64), Workers::Default, ALL),
];

/// Copies the objects by each client, at each distance: each time on a new server.
pub(crate) fn measure(course: &Course) {
    for ms in &course.distances {
        let mut figures = Figures::default();
        for round in 0..course.rounds as usize {
            for (peer, workers, part) in PEERS.iter().cycle().skip(round % PEERS.len()).take(PEERS.len()) {
                let objects = course.objects / part;
                let (took, cpu) = turn(*peer, *workers, *ms, objects);
                let row = match workers {
                    Workers::Default => peer.name(),
                    Workers::Many(count) => format!("{}, {count}", peer.name()),
                };
                let rate = objects as f64 / took.as_secs_f64();
                eprintln!("{ms} ms, {row}: {rate:.0} {RATE}");
                figures.note(&row, RATE, rate);
                figures.note(&row, CPU, cpu.as_secs_f64() * 1e6 / objects as f64);
            }
        }
        println!("\n{ms} ms away, {} copies\n{figures}", course.objects);
    }
}

fn turn(peer: Peer, workers: Workers, ms: u64, count: u64) -> (Duration, Duration) {
    let near = Server::rustack();
    near.boto3("for bucket in ('photos', 'batch', 'target'): s3.create_bucket(Bucket=bucket)");
    let objects = Objects::new("photos", count);
    objects.put(&near);
    let manifest = objects.put_manifest(&near, "batch");
    let proxy = Proxy::start(&near.url, Duration::from_millis(ms));
    let far = Server::running("rustack", &proxy.url, near.access_key, near.secret_key);
    let spent = if peer == Peer::Ours {
        let mut scenario = Scenario::on(far);
        let form = ["copy", "--to", "target", "--manifest", &manifest, "--report", "s3://batch/reports"];
        let run = JobRun::of(&mut scenario, &form);
        (run.took, run.cpu)
    } else {
        let folder = tempfile::tempdir().expect("a directory can be made");
        objects.write_manifest(&folder.path().join("manifest.csv"));
        run(&mut peer.copy(&far, folder.path(), &objects, "target", workers))
    };
    let pages = "s3.get_paginator('list_objects_v2').paginate(Bucket='target')";
    let copied = near.boto3(&format!("print(sum(page['KeyCount'] for page in {pages}))"));
    assert_eq!(copied.trim(), count.to_string(), "{peer:?} left objects out");
    spent
}

/// Runs a program, which must succeed: how long it took, and its CPU time.
fn run(command: &mut Command) -> (Duration, Duration) {
    #[allow(clippy::disallowed_methods, reason = "figures are of real time")]
    let now = Instant::now;
    let (began, before) = (now(), cpu_of_ended_children());
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    assert!(output.status.success(), "{command:?}: {}", text_of(&output));
    (began.elapsed(), cpu_of_ended_children() - before)
}
