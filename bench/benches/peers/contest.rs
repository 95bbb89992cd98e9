//! The turns of one run: each is measured, looked at, and noted.

use std::process::Command;
use std::time::{Duration, Instant};

use brigade_bench::usage::cpu_of_ended_children;
use brigade_bench::{Figures, JobRun, Objects};
use brigade_model::Status;
use brigade_tests::scene::text_of;
use brigade_tests::{Scene, Server};

use crate::peer::Peer;

const CPU: &str = "CPU us/object";
const RATE: &str = "objects/s";
/// Between which we look at where our time goes.
const STATUSES: [Status; 4] = [Status::Preparing, Status::Ready, Status::Active, Status::Completing];

/// A server, the service, and what was measured so far.
pub(crate) struct Contest {
    scene: Scene,
    objects: Objects,
    manifest: String,
    copies: Figures,
    tags: Figures,
    deletes: Figures,
    /// How long our jobs are in which status.
    statuses: Figures,
}

/// What a turn took.
struct Turn {
    took: Duration,
    cpu: Duration,
}

impl Contest {
    /// A service beside that server, with a manifest of so many objects.
    pub(crate) fn on(server: Server, objects: u64) -> Self {
        println!("{} {}, {objects} objects of one byte", server.title, server.version);
        server.boto3("for bucket in ('photos', 'batch'): s3.create_bucket(Bucket=bucket)");
        let (objects, scene) = (Objects::new("photos", objects), Scene::on(server));
        objects.write_manifest(&scene.directory.path().join("manifest.csv"));
        let manifest = objects.put_manifest(&scene.store, "batch");
        let [copies, tags, deletes, statuses] = [(); 4].map(|()| Figures::default());
        Self { scene, objects, manifest, copies, tags, deletes, statuses }
    }

    pub(crate) fn put_objects(&self) {
        self.objects.put(&self.scene.store);
    }

    /// Copies all objects into a bucket of this turn's own.
    pub(crate) fn copy(&mut self, peer: Peer, round: u64) {
        let to = format!("{}-{round}", peer.name().replace([' ', ','], "-").replace("--", "-"));
        self.scene.store.boto3(&format!("s3.create_bucket(Bucket='{to}')"));
        let turn = match peer {
            Peer::Ours => self.run_job(&["copy", "--to", &to]),
            peer => run(&mut peer.copy(&self.scene.store, self.scene.directory.path(), &self.objects, &to)),
        };
        assert_eq!(self.count(&to), self.objects.count, "{peer:?} left objects out");
        turn.note(&mut self.copies, peer, self.objects.count);
    }

    /// Puts a tag on all objects.
    pub(crate) fn tag(&mut self, peer: Peer) {
        let turn = match peer {
            Peer::Ours => self.run_job(&["tag", "--tag", "team=red"]),
            peer => run(&mut peer.tag(&self.scene.store, self.scene.directory.path())),
        };
        let last = Objects::key(self.objects.count - 1);
        let tags = format!("print(s3.get_object_tagging(Bucket='photos', Key='{last}')['TagSet'])");
        assert!(self.scene.store.boto3(&tags).contains("red"), "{peer:?} tagged nothing");
        let untag = format!("s3.delete_object_tagging(Bucket='photos', Key='{last}')");
        self.scene.store.boto3(&untag);
        turn.note(&mut self.tags, peer, self.objects.count);
    }

    /// Deletes all objects.
    pub(crate) fn delete(&mut self, peer: Peer) {
        assert_eq!(self.count("photos"), self.objects.count);
        let turn = match peer {
            Peer::Ours => self.run_job(&["delete", "--yes"]),
            peer => run(&mut peer.delete(&self.scene.store, self.scene.directory.path())),
        };
        assert_eq!(self.count("photos"), 0, "{peer:?} left objects");
        turn.note(&mut self.deletes, peer, self.objects.count);
    }

    /// Prints the table of an operation, and how far we are from the best of the others.
    pub(crate) fn tell(&self, operation: &str) {
        let figures = match operation {
            "copy" => &self.copies,
            "tag" => &self.tags,
            _ => &self.deletes,
        };
        println!("\n{operation:24} median (least..most)\n{figures}");
        let us = Peer::Ours.name();
        let of_others = |column| {
            let others = figures.rows().filter(|row| *row != us);
            others.filter_map(|row| figures.median(row, column)).collect::<Vec<_>>()
        };
        let ours = |column| figures.median(&us, column).expect("we had our turns");
        let least_cpu = of_others(CPU).into_iter().fold(f64::INFINITY, f64::min);
        let best_rate = of_others(RATE).into_iter().fold(0.0, f64::max);
        println!(
            "beside the best of them: 1/{:.1} of the CPU time, {:.1} times the rate",
            least_cpu / ours(CPU),
            ours(RATE) / best_rate
        );
    }

    /// Prints where the time of our jobs went.
    pub(crate) fn tell_statuses(&self) {
        println!("\n{:24} milliseconds in each status\n{}", "", self.statuses);
    }

    /// A job on all objects, with a report on every task.
    fn run_job(&mut self, form: &[&str]) -> Turn {
        let places = ["--manifest", &self.manifest, "--report", "s3://batch/reports"];
        let run = JobRun::of(&mut self.scene, &[form, &places].concat());
        for status in STATUSES {
            if let Some(time) = run.time_in(status) {
                self.statuses.note(&format!("{} job", form[0]), status.name(), time.as_secs_f64() * 1e3);
            }
        }
        Turn { took: run.took, cpu: run.cpu }
    }

    fn count(&self, bucket: &str) -> u64 {
        let pages = format!("s3.get_paginator('list_objects_v2').paginate(Bucket='{bucket}')");
        let counted = self.scene.store.boto3(&format!("print(sum(page['KeyCount'] for page in {pages}))"));
        counted.trim().parse().expect("a number was printed")
    }
}

impl Turn {
    fn note(&self, figures: &mut Figures, peer: Peer, objects: u64) {
        let (row, objects) = (peer.name(), objects as f64);
        figures.note(&row, CPU, self.cpu.as_secs_f64() * 1e6 / objects);
        figures.note(&row, RATE, objects / self.took.as_secs_f64());
    }
}

/// Runs a program of somebody else's, which must succeed.
fn run(command: &mut Command) -> Turn {
    #[allow(clippy::disallowed_methods, reason = "figures are of real time")]
    let now = Instant::now;
    let (began, before) = (now(), cpu_of_ended_children());
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let (took, cpu) = (began.elapsed(), cpu_of_ended_children() - before);
    assert!(output.status.success(), "{command:?}: {}", text_of(&output));
    Turn { took, cpu }
}
