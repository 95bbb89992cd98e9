//! The bytes that a job writes to the disk, and how often it waits for an fsync.

use std::process::{Command, Stdio};

use brigade_bench::{Figures, JobRun, Stub, Usage};

use crate::{JOBS, form, serve};

const CALLS: &str = "syscalls:sys_enter_fsync,syscalls:sys_enter_fdatasync";

/// Runs each job while `perf` counts the calls that wait for the disk.
pub(crate) fn measure(tasks: u64, rounds: u64) {
    let stub = Stub::start();
    let mut figures = Figures::default();
    for _ in 0..rounds {
        for (name, job) in JOBS {
            let mut scenario = serve(&stub);
            let service = scenario.service.id();
            let mut counting = Command::new("perf");
            counting.args(["stat", "-x", ",", "-e", CALLS, "-p", &service.to_string()]);
            let counting = counting.stderr(Stdio::piped()).spawn().expect("perf is installed");
            let before = Usage::of(service).written_bytes;
            let form = form(job, tasks);
            let form: Vec<&str> = form.iter().map(String::as_str).collect();
            let run = JobRun::of(&mut scenario, &form);
            let written = Usage::of(service).written_bytes - before;
            // It tells its counts when it is interrupted.
            let told = Command::new("kill").args(["-INT", &counting.id().to_string()]).status();
            assert!(told.is_ok_and(|status| status.success()), "perf has ended before");
            let output = counting.wait_with_output().expect("perf ends");
            let waits = count(&String::from_utf8_lossy(&output.stderr));
            let seconds = run.took.as_secs_f64();
            figures.note(name, "bytes/task", written as f64 / tasks as f64);
            figures.note(name, "fsyncs/s", waits / seconds);
            figures.note(name, "tasks/fsync", tasks as f64 / waits);
            figures.note(name, "tasks/s", tasks as f64 / seconds);
        }
    }
    println!("{tasks} tasks\n{figures}");
}

/// The sum of the counts, one a line.
fn count(lines: &str) -> f64 {
    let counts = lines.lines().filter_map(|line| line.split(',').next()?.parse::<f64>().ok());
    let sum = counts.sum();
    assert!(sum > 0.0, "perf counted nothing: it needs the right to trace system calls\n{lines}");
    sum
}
