//! The peak memory of a large job beside that of a job of a tenth of its size.

use brigade_bench::{Figures, JobRun, Stub, Usage};

use crate::{JOBS, form, serve};

const PEAK: &str = "peak MiB";

/// Runs each job over `tasks` rows and over a tenth of them, in a service of its own.
pub(crate) fn measure(tasks: u64, rounds: u64) {
    let stub = Stub::start();
    let mut figures = Figures::default();
    for _ in 0..rounds {
        for (name, job) in JOBS {
            for tasks in [tasks / 10, tasks] {
                let mut scenario = serve(&stub);
                let form = form(job, tasks);
                let form: Vec<&str> = form.iter().map(String::as_str).collect();
                let run = JobRun::of(&mut scenario, &form);
                let row = format!("{name} {tasks}");
                let peak = Usage::of(scenario.service.id()).peak_kib;
                figures.note(&row, PEAK, peak as f64 / 1024.0);
                figures.note(&row, "CPU us/task", run.cpu.as_secs_f64() * 1e6 / tasks as f64);
                figures.note(&row, "tasks/s", tasks as f64 / run.took.as_secs_f64());
            }
        }
    }
    println!("{figures}\n");
    for (name, _) in JOBS {
        let peak = |tasks: u64| figures.median(&format!("{name} {tasks}"), PEAK).expect("it was noted");
        println!("{name}: {:.2} times the peak for 10 times the tasks", peak(tasks) / peak(tasks / 10));
    }
}
