//! Stores that answer 503 beyond a rate or a number of calls at once: how much of their capacity we
//! use, and how often they answer 503.

use brigade_bench::{Conduct, Figures, Stub};

use crate::{COPY, Course, run, serve};

const OBJECTS_PER_SECOND: u32 = 3_500;
const AT_ONCE: usize = 50;

/// Copies and deletes at a store with a rate, copies at one with a number.
pub(crate) fn measure(course: &Course) {
    let rated = Conduct { per_second: Some(OBJECTS_PER_SECOND), ..Conduct::default() };
    let crowded = Conduct { at_once: Some(AT_ONCE), each: std::time::Duration::from_micros(300), ..Conduct::default() };
    let delete: &[&str] = &["delete", "--yes"];
    for ms in &course.distances {
        let mut figures = Figures::default();
        for _ in 0..course.rounds {
            for (row, conduct, job) in [
                ("copies, a rate", rated, COPY),
                ("deletes, a rate", rated, delete),
                ("copies, a number", crowded, COPY),
            ] {
                let stub = Stub::with(conduct);
                let turn = run(&mut serve(&stub, *ms, &[]), job, course.objects);
                let rate = course.objects as f64 / turn.took.as_secs_f64();
                let refused = stub.refused() as f64;
                eprintln!("{ms} ms, {row}: {rate:.0} objects/s, {refused} refused");
                figures.note(row, "objects/s", rate);
                figures.note(row, "% answered 503", refused * 100.0 / (refused + course.objects as f64));
            }
        }
        println!(
            "\n{ms} ms away, {} objects, {OBJECTS_PER_SECOND} a second or {AT_ONCE} at once\n{figures}",
            course.objects
        );
    }
}
