//! A store whose speed halves for a third of the time and recovers: the share of its capacity that a
//! job uses.

#![allow(clippy::disallowed_methods, reason = "figures are of real time")]

use std::sync::Arc;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use brigade_bench::{Conduct, Figures, Stub};

use crate::{COPY, Course, run, serve};

const FAST: Duration = Duration::from_micros(250);
const SLOW: Duration = Duration::from_micros(500);
const A_THIRD: Duration = Duration::from_secs(60);

/// Copies for three minutes.
pub(crate) fn measure(course: &Course) {
    for ms in &course.distances {
        let mut figures = Figures::default();
        for _ in 0..course.rounds {
            let stub = Arc::new(Stub::with(Conduct { each: FAST, ..Conduct::default() }));
            let mut scenario = serve(&stub, *ms, &[]);
            let turning = Arc::clone(&stub);
            let began = Instant::now();
            let turner = spawn(move || {
                for each in [SLOW, FAST] {
                    sleep(A_THIRD);
                    turning.conduct(Conduct { each, ..Conduct::default() });
                }
            });
            let third = A_THIRD.as_secs_f64();
            let could = |seconds: f64| {
                let (first, second) = (seconds.min(third), (seconds - third).clamp(0.0, third));
                (first + (seconds - third * 2.0).max(0.0)) / FAST.as_secs_f64() + second / SLOW.as_secs_f64()
            };
            let objects = could(third * 3.0) as u64;
            run(&mut scenario, COPY, objects);
            let share = objects as f64 / could(began.elapsed().as_secs_f64());
            turner.join().expect("the store turns");
            eprintln!("{ms} ms: {share:.3} of what the store could do");
            figures.note("copies", "share of the area", share);
        }
        println!("\n{ms} ms away, half as fast for a minute\n{figures}");
    }
}
