//! The arithmetic of progress, on given times.

use std::io;

use indicatif::TermLike;

use super::*;

fn at(seconds: u64) -> Monotonic {
    Monotonic(Duration::from_secs(seconds))
}

fn waiting() -> Beside {
    Beside { wait: "endpoint main".to_owned(), ..Beside::default() }
}

fn look(status: Status, total: u64, succeeded: u64, failed: u64) -> Look {
    Look { status, progress: Progress { total, succeeded, failed } }
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
    assert_eq!(pace.per_second(), Some(10.0));
    assert_eq!(pace.time_left(100_160 + 600), Some(Duration::from_secs(60)));
}

#[test]
fn without_two_observations_or_movement_nobody_can_tell() {
    let mut pace = Pace::default();
    assert_eq!((pace.per_second(), pace.time_left(10)), (None, None));
    pace.observe(at(1), 5);
    assert_eq!((pace.per_second(), pace.time_left(10)), (None, None));
    pace.observe(at(1), 6);
    assert_eq!(pace.per_second(), None, "no time has passed");
    pace.observe(at(2), 6);
    pace.observe(at(40), 6);
    assert_eq!((pace.per_second(), pace.time_left(10)), (Some(0.0), None));
}

#[test]
fn time_in_which_no_tasks_run_does_not_slow_the_pace() {
    let mut pace = Pace::default();
    pace.observe(at(0), 0);
    pace.rest();
    assert_eq!(pace.per_second(), None);
    pace.observe(at(100), 0);
    pace.observe(at(101), 500);
    assert_eq!(pace.per_second(), Some(500.0));
}

#[test]
fn a_count_that_falls_begins_anew() {
    let mut pace = Pace::default();
    pace.observe(at(0), 500);
    pace.observe(at(1), 100);
    pace.observe(at(2), 300);
    assert_eq!(pace.per_second(), Some(200.0));
}

#[test]
fn more_done_than_asked_is_no_time_left() {
    let mut pace = Pace::default();
    pace.observe(at(0), 0);
    pace.observe(at(1), 20);
    assert_eq!(pace.time_left(10), Some(Duration::ZERO));
}

#[test]
fn progress_reads_as_a_sentence_and_the_rate_stands_only_while_tasks_run() {
    let mut pace = Pace::default();
    pace.observe(at(0), 0);
    pace.observe(at(4), 40_000);
    let none = Pace::default();
    let say = |status| describe_progress(look(status, 100_000, 39_998, 2), &pace, &none, &Beside::default());
    assert_eq!(say(Status::Active), "40,000 of 100,000, 2 failed, 10,000/s, 6 s left");
    assert_eq!(say(Status::Paused), "40,000 of 100,000, 2 failed");
    assert_eq!(describe_progress(look(Status::Preparing, 0, 0, 0), &pace, &none, &waiting()), "reading the manifest");
    assert_eq!(describe_progress(look(Status::Complete, 0, 0, 0), &pace, &none, &Beside::default()), "no tasks");
}

#[test]
fn while_tasks_run_bytes_a_second_are_told_or_that_they_are_unknown() {
    let (mut pace, mut bytes) = (Pace::default(), Pace::default());
    [(0, 0), (4, 40)].into_iter().for_each(|(second, done)| pace.observe(at(second), done));
    [(0, 0), (4, 8_000_000)].into_iter().for_each(|(second, done)| bytes.observe(at(second), done));
    let say = |bytes_done| {
        let beside = Beside { bytes: bytes_done, ..Beside::default() };
        describe_progress(look(Status::Active, 100, 38, 2), &pace, &bytes, &beside)
    };
    let counts = "40 of 100, 2 failed, 10/s";
    assert_eq!(say(BytesDone::Known(8_000_000)), format!("{counts}, 2,000,000 bytes/s, 6 s left"));
    assert_eq!(say(BytesDone::Unknown), format!("{counts}, bytes unknown, 6 s left"));
    assert_eq!(say(BytesDone::None), format!("{counts}, 6 s left"));
}

#[test]
fn numbers_and_durations_read_well() {
    let numbers = [0, 999, 1000, 12_345, 1_000_000, u64::MAX].map(grouped);
    assert_eq!(numbers, ["0", "999", "1,000", "12,345", "1,000,000", "18,446,744,073,709,551,615"]);
    let durations = [0, 59, 60, 125, 3600, 4320, 86_400, 273_600].map(|s| in_words(Duration::from_secs(s)));
    assert_eq!(durations, ["0 s", "59 s", "1 min 0 s", "2 min 5 s", "1 h 0 min", "1 h 12 min", "1 d 0 h", "3 d 4 h"]);
}

#[test]
fn a_job_that_stands_still_has_no_time_left_that_could_be_known() {
    let mut pace = Pace::default();
    let say = |pace: &Pace, is_waiting| {
        let beside = if is_waiting { waiting() } else { Beside::default() };
        describe_progress(look(Status::Active, 100, 50, 0), pace, &Pace::default(), &beside)
    };
    pace.observe(at(0), 0);
    assert_eq!(say(&pace, false), "50 of 100, 0 failed, time left not known yet");
    pace.observe(at(5), 50);
    assert_eq!(say(&pace, true), "50 of 100, 0 failed, 10/s, time left unknown while it waits");
    (6..=30).for_each(|second| pace.observe(at(second), 50));
    assert_eq!(say(&pace, false), "50 of 100, 0 failed, 0/s, time left unknown: no task has ended lately");
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
    let mut watcher = Watcher { pace: Pace::default(), bytes_pace: Pace::default(), shown: Shown::bar_on(target) };
    watcher.show(at(0), look(Status::Active, 1088, 0, 0), &Beside::default());
    let beside = Beside { wait: wait.to_owned(), failing: failing.to_owned(), bytes: BytesDone::None };
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
