//! The longest poll of the engine without a yield, over its worst manifests, and the longest decoding
//! of an input of `fuzz/`.

use std::fs;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use brigade_fuzz::TARGETS;
use brigade_model::ports::spawn::{Spawn, Spawned, Work};
use brigade_runtime::TokioSpawn;

use crate::cpu;

/// Starts work whose polls are timed.
#[derive(Default)]
pub(crate) struct Timed {
    longest_ns: Arc<AtomicU64>,
}

impl Timed {
    /// The longest poll so far, in milliseconds of CPU time.
    pub(crate) fn longest_ms(&self) -> f64 {
        self.longest_ns.load(Ordering::Relaxed) as f64 / 1e6
    }
}

impl Spawn for Timed {
    fn spawn(&self, name: &'static str, work: Work) -> Box<dyn Spawned> {
        TokioSpawn.spawn(name, Box::pin(TimedWork { work, longest_ns: self.longest_ns.clone() }))
    }
}

struct TimedWork {
    work: Work,
    longest_ns: Arc<AtomicU64>,
}

impl Future for TimedWork {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let before = cpu::used_by_thread_ns();
        let polled = self.work.as_mut().poll(context);
        self.longest_ns.fetch_max(cpu::used_by_thread_ns() - before, Ordering::Relaxed);
        polled
    }
}

/// The longest of all inputs of each target of `fuzz/`, in milliseconds.
pub(crate) fn longest_of_corpora() -> Vec<(&'static str, f64)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let longest = |name: &str, check: fn(&[u8])| {
        let inputs = fs::read_dir(folder.join(name)).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
        let time = |input: Vec<u8>| {
            let before = cpu::used_by_thread_ns();
            check(&input);
            cpu::used_by_thread_ns() - before
        };
        inputs.map(time).max().unwrap() as f64 / 1e6
    };
    TARGETS.iter().map(|target| (target.name, longest(target.name, target.check))).collect()
}
