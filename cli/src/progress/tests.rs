//! The arithmetic of progress, on given times.

use std::io;

use brigade_model::DoneBytes;
use indicatif::TermLike;

use super::*;

fn at(seconds: u64) -> Monotonic {
    Monotonic(Duration::from_secs(seconds))
}

fn look(status: Status, total: u64, succeeded: u64, failed: u64) -> Look {
    Look { status, progress: Progress { total, succeeded, failed } }
}

/// Of a job with so many tasks, all of which observations are about.
fn rates_of(pace: &Pace, total: u64, done: u64) -> (Option<f64>, Option<u64>) {
    let rates = pace.rates(Progress { total, succeeded: done, failed: 0 }, false);
    (rates.objects_per_second, rates.seconds_left)
}

#[test]
fn the_rate_is_that_of_the_last_seconds() {
    let mut pace = Pace::default();
    for second in 0..=100 {
        pace.observe(at(second), second * 1000);
    }
    // The store slows down: after one window the old pace is forgotten.
    for second in 101..=116 {
        pace.observe(at(second), 100_000 + (second - 100) * 10);
    }
    assert_eq!(rates_of(&pace, 100_160 + 600, 100_160), (Some(10.0), Some(60)));
}

#[test]
fn without_two_observations_or_movement_nobody_can_tell() {
    let mut pace = Pace::default();
    assert_eq!(rates_of(&pace, 10, 0), (None, None));
    pace.observe(at(1), 5);
    assert_eq!(rates_of(&pace, 10, 5), (None, None));
    pace.observe(at(1), 6);
    assert_eq!(rates_of(&pace, 10, 6), (None, None), "no time has passed");
    pace.observe(at(2), 6);
    pace.observe(at(40), 6);
    assert_eq!(rates_of(&pace, 10, 6), (Some(0.0), None));
}

#[test]
fn time_in_which_no_tasks_run_does_not_slow_the_pace() {
    let mut pace = Pace::default();
    pace.observe(at(0), 0);
    pace.rest();
    assert_eq!(rates_of(&pace, 1000, 0), (None, None));
    pace.observe(at(100), 0);
    pace.observe(at(101), 500);
    assert_eq!(rates_of(&pace, 1000, 500), (Some(500.0), Some(1)));
}

#[test]
fn a_count_that_falls_begins_anew() {
    let mut pace = Pace::default();
    pace.observe(at(0), 500);
    pace.observe(at(1), 100);
    pace.observe(at(2), 300);
    assert_eq!(rates_of(&pace, 500, 300), (Some(200.0), Some(1)));
}

#[test]
fn progress_reads_as_a_sentence_and_the_rate_stands_only_while_tasks_run() {
    let mut pace = Pace::default();
    pace.observe(at(0), 0);
    pace.observe(at(4), 40_000);
    let say = |status| {
        let look = look(status, 100_000, 39_998, 2);
        describe_progress(look, Some(&pace.rates(look.progress, false)))
    };
    assert_eq!(say(Status::Active), "40,000 of 100,000, 2 failed, 10,000/s, 6 s left");
    assert_eq!(say(Status::Paused), "40,000 of 100,000, 2 failed");
    assert_eq!(describe_progress(look(Status::Preparing, 0, 0, 0), None), "reading the manifest");
    assert_eq!(describe_progress(look(Status::Complete, 0, 0, 0), None), "no tasks");
}

#[test]
fn what_the_service_tells_of_rates_stands_after_the_counts_and_what_it_does_not_know_says_why() {
    let progress = Progress { total: 100, succeeded: 50, failed: 0 };
    let say = |seconds, tasks, bytes, is_waiting| {
        let lately = Lately { during: Duration::from_secs(seconds), tasks, bytes };
        let rates = RatesState::from(&Rates::of(lately, progress, is_waiting));
        describe_progress(Look { status: Status::Active, progress }, Some(&rates))
    };
    let copied = |bytes, tasks_of_unknown_size| Some(DoneBytes { bytes, tasks_of_unknown_size });
    let counts = "50 of 100, 0 failed";
    assert_eq!(say(5, 50, copied(10_000_000, 0), false), format!("{counts}, 10/s, 2,000,000 bytes/s, 5 s left"));
    assert_eq!(say(5, 50, copied(10_000_000, 1), false), format!("{counts}, 10/s, bytes unknown, 5 s left"));
    assert_eq!(say(5, 50, None, false), format!("{counts}, 10/s, 5 s left"));
    assert_eq!(say(0, 50, None, false), format!("{counts}, time left not known yet"));
    assert_eq!(say(5, 50, None, true), format!("{counts}, 10/s, time left unknown while it waits"));
    let idle = "0/s, time left unknown: no task has ended lately";
    assert_eq!(say(15, 0, None, false), format!("{counts}, {idle}"));
}

#[test]
fn numbers_and_durations_read_well() {
    let numbers = [0, 999, 1000, 12_345, 1_000_000, u64::MAX].map(grouped);
    assert_eq!(numbers, ["0", "999", "1,000", "12,345", "1,000,000", "18,446,744,073,709,551,615"]);
    let durations = [0, 59, 60, 125, 3600, 4320, 86_400, 273_600].map(|s| in_words(Duration::from_secs(s)));
    assert_eq!(durations, ["0 s", "59 s", "1 min 0 s", "2 min 5 s", "1 h 0 min", "1 h 12 min", "1 d 0 h", "3 d 4 h"]);
}

/// A terminal that keeps what was drawn last.
#[derive(Debug, Clone)]
struct Terminal {
    width: u16,
    shown: Arc<Mutex<String>>,
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        self.width
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        self.clear_line()
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(&format!("{text}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.shown.lock().unwrap().push_str(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.shown.lock().unwrap().clear();
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

/// What a terminal of that width shows.
fn drawn(width: u16, wait: &str, failing: &str) -> String {
    let terminal = Terminal { width, shown: Arc::default() };
    let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
    let mut watcher = Watcher { pace: Pace::default(), shown: Shown::bar_on(target) };
    watcher.show(at(0), look(Status::Active, 1088, 0, 0), &Beside::default());
    let beside = Beside { wait: wait.to_owned(), failing: failing.to_owned(), rates: None };
    watcher.show(at(2), look(Status::Active, 1088, 363, 21), &beside);
    let Shown::Bar { bar, .. } = &watcher.shown else { panic!("it is a bar") };
    bar.force_draw();
    // Each line is filled up to the terminal's width, and so wraps into the next.
    let shown: Vec<char> = terminal.shown.lock().unwrap().chars().filter(|c| *c != '\n').collect();
    let line = |chars: &[char]| chars.iter().collect::<String>().trim_end().to_owned();
    shown.chunks(width.into()).map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_bar_fits_80_columns_and_200_and_says_what_a_job_waits_for_and_what_its_tasks_fail_by() {
    let wait = "endpoint main refuses the credentials: SignatureDoesNotMatch: the \u{1b}[2J signature is wrong \
                (PutObject in bucket reports waits since 2026-01-02T03:04:05Z); correct the endpoint's secret_key";
    for width in [80, 200] {
        let failing = "AccessDenied 20, NoSuchKey 1";
        let shown = [drawn(width, "", ""), drawn(width, "", failing), drawn(width, wait, failing)];
        assert_eq!(shown.each_ref().map(|text| text.lines().count()), [2, 3, 3], "{}", shown.join("\n\n"));
        insta::assert_snapshot!(format!("the_bar_at_{width}_columns"), shown.join("\n\n"));
    }
}
