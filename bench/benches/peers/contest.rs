//! Runs the turns of a comparison: measures each, checks its result, and notes it.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use brigade_bench::peer::{Peer, Workers};
use brigade_bench::usage::cpu_of_ended_children;
use brigade_bench::{Figures, JobRun, Objects};
use brigade_model::Status;
use brigade_tests::scenario::text_of;
use brigade_tests::{Scenario, Server};

const CPU: &str = "CPU us/object";
const RATE: &str = "objects/s";
/// Of each client, where it takes a number.
const WORKERS: Workers = Workers::Many(64);
/// The statuses whose times a turn of ours reports.
const STATUSES: [Status; 4] = [Status::Preparing, Status::Ready, Status::Active, Status::Completing];

/// A server, the service, and what was measured so far.
pub(crate) struct Contest {
    scenario: Scenario,
    objects: Objects,
    manifest: String,
    /// How often all objects were copied.
    copies: u64,
    /// By operation.
    figures: BTreeMap<&'static str, Figures>,
    /// How long our jobs are in which status.
    statuses: Figures,
}

/// What a turn took.
struct Turn {
    took: Duration,
    cpu: Duration,
}

impl Contest {
    /// A service beside that server, with so many objects and a manifest of them.
    pub(crate) fn on(server: Server, objects: u64) -> Self {
        println!("{} {}, {objects} objects of one byte", server.title, server.version);
        let objects = Objects::new("photos", objects);
        let (scenario, manifest) = prepare(server, &objects);
        Self { scenario, objects, manifest, copies: 0, figures: BTreeMap::new(), statuses: Figures::default() }
    }

    /// Goes on with a new server and a new service.
    pub(crate) fn move_to(&mut self, server: Server) {
        (self.scenario, self.manifest) = prepare(server, &self.objects);
    }

    /// Copies all objects into a bucket of this turn's own.
    pub(crate) fn copy(&mut self, peer: Peer) {
        self.copies += 1;
        let to = format!("copies-{}", self.copies);
        self.scenario.store.boto3(&format!("s3.create_bucket(Bucket='{to}')"));
        let turn = match peer {
            Peer::Ours => self.run_job(&["copy", "--to", &to]),
            peer => {
                run(&mut peer.copy(&self.scenario.store, self.scenario.directory.path(), &self.objects, &to, WORKERS))
            }
        };
        assert_eq!(self.count(&to), self.objects.count, "{peer:?} left objects out");
        self.note("copy", peer, &turn);
    }

    /// Puts a tag on all objects.
    pub(crate) fn tag(&mut self, peer: Peer) {
        let turn = match peer {
            Peer::Ours => self.run_job(&["tag", "--tag", "team=red"]),
            peer => run(&mut peer.tag(&self.scenario.store, self.scenario.directory.path())),
        };
        let last = Objects::key(self.objects.count - 1);
        let tags = format!("print(s3.get_object_tagging(Bucket='photos', Key='{last}')['TagSet'])");
        assert!(self.scenario.store.boto3(&tags).contains("red"), "{peer:?} tagged nothing");
        let untag = format!("s3.delete_object_tagging(Bucket='photos', Key='{last}')");
        self.scenario.store.boto3(&untag);
        self.note("tag", peer, &turn);
    }

    /// Deletes all objects.
    pub(crate) fn delete(&mut self, peer: Peer) {
        let turn = match peer {
            Peer::Ours => self.run_job(&["delete", "--yes"]),
            peer => run(&mut peer.delete(&self.scenario.store, self.scenario.directory.path())),
        };
        // A first page tells enough, and costs less than a whole listing.
        let left = self.scenario.store.boto3("print(s3.list_objects_v2(Bucket='photos', MaxKeys=1)['KeyCount'])");
        assert_eq!(left.trim(), "0", "{peer:?} left objects");
        self.note("delete", peer, &turn);
    }

    /// Prints what was measured.
    pub(crate) fn tell(&self) {
        for (operation, figures) in &self.figures {
            println!("\n{operation}: median (least..most)\n{figures}");
            tell_ratios(figures);
        }
        println!("\nour jobs, milliseconds in each status\n{}", self.statuses);
    }

    /// A job on all objects, with a report on every task.
    fn run_job(&mut self, form: &[&str]) -> Turn {
        let places = ["--manifest", &self.manifest, "--report", "s3://batch/reports"];
        let run = JobRun::of(&mut self.scenario, &[form, &places].concat());
        for status in STATUSES {
            if let Some(time) = run.time_in(status) {
                self.statuses.note(&format!("{} job", form[0]), status.name(), time.as_secs_f64() * 1e3);
            }
        }
        Turn { took: run.took, cpu: run.cpu }
    }

    fn note(&mut self, operation: &'static str, peer: Peer, turn: &Turn) {
        let (figures, row) = (self.figures.entry(operation).or_default(), peer.name());
        let objects = self.objects.count as f64;
        let (cpu, rate) = (turn.cpu.as_secs_f64() * 1e6 / objects, objects / turn.took.as_secs_f64());
        eprintln!("{operation} {row}: {cpu:.1} {CPU}, {rate:.0} {RATE}");
        figures.note(&row, CPU, cpu);
        figures.note(&row, RATE, rate);
    }

    fn count(&self, bucket: &str) -> u64 {
        let pages = format!("s3.get_paginator('list_objects_v2').paginate(Bucket='{bucket}')");
        let counted = self.scenario.store.boto3(&format!("print(sum(page['KeyCount'] for page in {pages}))"));
        counted.trim().parse().expect("a number was printed")
    }
}

fn prepare(server: Server, objects: &Objects) -> (Scenario, String) {
    server.boto3("for bucket in ('photos', 'batch'): s3.create_bucket(Bucket=bucket)");
    let scenario = Scenario::on(server);
    objects.write_manifest(&scenario.directory.path().join("manifest.csv"));
    let manifest = objects.put_manifest(&scenario.store, "batch");
    objects.put(&scenario.store);
    println!("the service is process {}", scenario.service.id());
    (scenario, manifest)
}

/// How far we are from the best of the others.
fn tell_ratios(figures: &Figures) {
    let us = Peer::Ours.name();
    let of_others = |column| figures.rows().filter(|row| *row != us).filter_map(move |row| figures.median(row, column));
    let least_cpu = of_others(CPU).reduce(f64::min).zip(figures.median(&us, CPU));
    let best_rate = of_others(RATE).reduce(f64::max).zip(figures.median(&us, RATE));
    if let (Some((least_cpu, our_cpu)), Some((best_rate, our_rate))) = (least_cpu, best_rate) {
        let (cheaper, faster) = (least_cpu / our_cpu, our_rate / best_rate);
        println!("beside the best of them: {cheaper:.1} times less CPU time, {faster:.1} times the rate");
    }
}

/// Runs another client's program, which must succeed.
fn run(command: &mut Command) -> Turn {
    #[allow(clippy::disallowed_methods, reason = "figures are of real time")]
    let now = Instant::now;
    let (began, before) = (now(), cpu_of_ended_children());
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let (took, cpu) = (began.elapsed(), cpu_of_ended_children() - before);
    assert!(output.status.success(), "{command:?}: {}", text_of(&output));
    Turn { took, cpu }
}
