//! Our defaults beside each fixed number of requests in flight.

use brigade_bench::{Figures, Stub};

use crate::{COPY, Course, run, serve};

/// From the largest down: a store far away gives most with many in flight.
const FIXED: [u32; 7] = [1024, 512, 256, 128, 64, 32, 16];
const RATE: &str = "objects/s";
const CPU: &str = "CPU us/object";

/// Copies the objects with each number, at each distance. A number that gives less than half of the best
/// rate ends the round: a smaller one cannot be the best, and takes minutes.
pub(crate) fn measure(course: &Course) {
    for ms in &course.distances {
        let mut figures = Figures::default();
        for _ in 0..course.rounds {
            let mut best: f64 = 0.0;
            for fixed in [None].into_iter().chain(FIXED.map(Some)) {
                let rate = turn(course.objects, *ms, fixed, &mut figures);
                if rate < best / 2.0 {
                    break;
                }
                best = best.max(rate);
            }
        }
        let rate = |row: &str| figures.median(row, RATE);
        let best = FIXED.iter().filter_map(|fixed| rate(&format!("{fixed} in flight"))).reduce(f64::max);
        println!("\n{ms} ms away, {} copies\n{figures}", course.objects);
        if let (Some(ours), Some(best)) = (rate("found by itself"), best) {
            println!("{:.2} of the best fixed number", ours / best);
        }
    }
}

/// Copies the objects with that number, or with the one that the service finds; gives objects a second.
fn turn(objects: u64, ms: u64, fixed: Option<u32>, figures: &mut Figures) -> f64 {
    let stub = Stub::start();
    let settings: Vec<_> = fixed.iter().flat_map(|fixed| settings(*fixed)).collect();
    let turn = run(&mut serve(&stub, ms, &settings), COPY, objects);
    let row = fixed.map_or("found by itself".to_owned(), |fixed| format!("{fixed} in flight"));
    let rate = objects as f64 / turn.took.as_secs_f64();
    eprintln!("{ms} ms, {row}: {rate:.0} {RATE}");
    figures.note(&row, RATE, rate);
    figures.note(&row, CPU, turn.cpu.as_secs_f64() * 1e6 / objects as f64);
    rate
}

/// A number that does not move: where it starts is where it may go.
fn settings(fixed: u32) -> [(&'static str, String); 2] {
    [
        ("BRIGADE_ENDPOINTS_MAIN_REQUESTS_IN_FLIGHT", fixed.to_string()),
        ("BRIGADE_ENDPOINTS_MAIN_ADAPTIVE", "false".to_owned()),
    ]
}
