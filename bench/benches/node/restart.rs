//! How long a killed service takes to resume work.

use std::time::Instant;

use brigade_bench::{Figures, Stub};

use crate::{JOBS, form, serve};

/// Objects worked on between two crashes.
const BETWEEN: u64 = 100_000;

/// Kills the service in the midst of a large job of each operation, several times.
pub(crate) fn measure(tasks: u64, rounds: u64) {
    assert!(tasks > BETWEEN * (rounds + 1), "a job of {tasks} tasks is over before");
    let mut figures = Figures::default();
    for (name, job) in JOBS {
        let stub = Stub::start();
        let mut scenario = serve(&stub);
        let form = form(job, tasks);
        let form: Vec<&str> = form.iter().map(String::as_str).collect();
        let _job = scenario.told(&[&["job", "create"], &form[..]].concat());
        for _ in 0..rounds {
            stub.wait_for(stub.done() + BETWEEN);
            scenario.service.kill();
            stub.wait_until_quiet();
            let before = stub.done();
            #[allow(clippy::disallowed_methods, reason = "figures are of real time")]
            let began = Instant::now();
            scenario.restart();
            let serving = began.elapsed();
            stub.wait_for(before + 1);
            figures.note(name, "serving, ms", serving.as_secs_f64() * 1e3);
            figures.note(name, "new task, ms", began.elapsed().as_secs_f64() * 1e3);
        }
    }
    println!("from the start of the process after a kill -9, with a job of {tasks} tasks active\n{figures}");
}
