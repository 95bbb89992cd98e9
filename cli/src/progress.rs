//! A job's progress, for people: done, failed, rate, time left.
//!
//! How fast a job goes is the service's to know, by its operator's API. Where that is closed, [`Pace`] is the
//! arithmetic: pure, over observations of DescribeJob's counters. [`Watcher`] shows it on standard error, as a bar on a
//! terminal and as plain lines elsewhere. Nothing here calls the service.

use std::collections::VecDeque;
use std::fmt;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use brigade_model::Progress;
use brigade_model::ports::Monotonic;
use brigade_model::rates::{Lately, Rates, Unknown, WINDOW};
use brigade_model::status::Status;
use brigade_wire::admin::RatesState;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::printer::{is_quiet, note, on_one_line};

/// Plain lines come at least this far apart, unless the status changes.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The pace of a job while its tasks run, from what was observed lately.
#[derive(Debug, Default)]
pub struct Pace(VecDeque<(Monotonic, u64)>);

impl Pace {
    /// Takes in that `done` tasks had an outcome at that time. A count that falls (another
    /// job, a restored database) begins anew.
    pub fn observe(&mut self, at: Monotonic, done: u64) {
        if self.0.back().is_some_and(|(_, before)| done < *before) {
            self.0.clear();
        }
        self.0.push_back((at, done));
        // The oldest one kept is the last outside the window, so that the window is full.
        while self.0.len() > 2 && at.since(self.0[1].0) >= WINDOW {
            self.0.pop_front();
        }
    }

    /// Forgets what was observed: tasks do not run now.
    pub fn rest(&mut self) {
        self.0.clear();
    }

    /// How fast a job with this progress goes.
    #[must_use]
    pub fn rates(&self, progress: Progress, is_waiting: bool) -> RatesState {
        let ends = self.0.front().zip(self.0.back());
        let lately = ends.map(|((first, before), (last, now))| {
            let (during, tasks) = (last.since(*first), now - before);
            Lately { during, tasks, bytes: None }
        });
        RatesState::from(&Rates::of(lately.unwrap_or_default(), progress, is_waiting))
    }
}

/// One look at a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Where it stands.
    pub status: Status,
    /// Its counters.
    pub progress: Progress,
}

/// What a look found beside the counters, where the operator's API tells it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Beside {
    /// For what the job waits; empty while it goes on.
    pub wait: String,
    /// The codes by which most of its tasks fail; empty while none does.
    pub failing: String,
    /// How fast it goes; `None` while its tasks do not run, and where the service does not tell.
    pub rates: Option<RatesState>,
}

impl Beside {
    /// One line, the more pressing first.
    fn to_text(&self) -> String {
        let wait = (!self.wait.is_empty()).then(|| format!("waiting for {}", self.wait));
        let failing = (!self.failing.is_empty()).then(|| format!("failed by {}", self.failing));
        wait.into_iter().chain(failing).collect::<Vec<_>>().join("; ")
    }
}

/// Counters, rates and time left in words, without the status.
#[must_use]
pub fn describe_progress(look: Look, rates: Option<&RatesState>) -> String {
    let Progress { total, succeeded, failed } = look.progress;
    if total == 0 {
        return match look.status {
            Status::New | Status::Preparing => "reading the manifest".to_owned(),
            _ => "no tasks".to_owned(),
        };
    }
    let counts = format!("{} of {}, {} failed", grouped(succeeded + failed), grouped(total), grouped(failed));
    match rates.filter(|_| look.status == Status::Active) {
        Some(rates) => format!("{counts}, {}", rates_text(rates)),
        None => counts,
    }
}

/// Objects and bytes a second and the time left; what is not known says why, unless there is nothing to know.
#[must_use]
pub fn rates_text(rates: &RatesState) -> String {
    let RatesState { objects_per_second, bytes_per_second, seconds_left, unknown } = rates;
    let why = |name| unknown.get(name).map_or("unknown", String::as_str);
    let per_second = |rate: &f64, what| format!("{}{what}/s", grouped(rate.round() as u64));
    let bytes = match bytes_per_second {
        Some(rate) => Some(per_second(rate, " bytes")),
        None if why("bytes_per_second") == Unknown::Sizes.words() => Some("bytes unknown".to_owned()),
        None => None,
    };
    let left = match seconds_left {
        Some(seconds) => format!("{} left", in_words(Duration::from_secs(*seconds))),
        None => format!("time left {}", why("seconds_left")),
    };
    let objects = objects_per_second.as_ref().map(|rate| per_second(rate, ""));
    objects.into_iter().chain(bytes).chain([left]).collect::<Vec<_>>().join(", ")
}

/// Shows a job while it goes on.
pub struct Watcher {
    pace: Pace,
    shown: Shown,
}

enum Shown {
    Bar { bar: ProgressBar, counts: Counts, has_more: bool },
    Lines { last: Option<(Monotonic, Look)>, waiting: String },
}

/// The line below the bar.
#[derive(Clone, Default)]
struct Counts(Arc<Mutex<String>>);

impl Counts {
    fn set(&self, text: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    fn write(&self, out: &mut dyn fmt::Write) {
        // A bar that cannot be drawn is not drawn.
        let _ = out.write_str(&self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Watcher {
    /// A bar when standard error is a terminal, lines otherwise.
    #[must_use]
    pub fn on_stderr() -> Self {
        let shown = if std::io::stderr().is_terminal() && !is_quiet() { Shown::bar() } else { Shown::lines() };
        Self { pace: Pace::default(), shown }
    }

    /// Shows what a look at the job found.
    pub fn show(&mut self, at: Monotonic, look: Look, beside: &Beside) {
        let Progress { total, succeeded, failed } = look.progress;
        match look.status {
            Status::Active => self.pace.observe(at, succeeded + failed),
            _ => self.pace.rest(),
        }
        let own = || self.pace.rates(look.progress, !beside.wait.is_empty());
        let rates = beside.rates.clone().unwrap_or_else(own);
        let words = describe_progress(look, Some(&rates));
        let (wait, more) = (&beside.wait, beside.to_text());
        match &mut self.shown {
            Shown::Bar { bar, counts, has_more } => {
                if *has_more == more.is_empty() {
                    *has_more = !more.is_empty();
                    bar.set_style(style_of(*has_more, counts));
                }
                counts.set(words);
                bar.set_length(total.max(1));
                bar.set_position(succeeded + failed);
                bar.set_prefix(look.status.name());
                bar.set_message(on_one_line(&more).into_owned());
            }
            Shown::Lines { last, waiting } => {
                let is_due = last.is_none_or(|(shown, before)| {
                    before.status != look.status || (before != look && at.since(shown) >= LINE_EVERY)
                });
                if is_due || waiting != wait {
                    *last = Some((at, look));
                    let more = if more.is_empty() { more } else { format!("; {more}") };
                    note(format_args!("{}: {words}{more}", look.status));
                    wait.clone_into(waiting);
                }
            }
        }
    }

    /// Says something besides, such as why the service does not answer.
    pub fn say(&self, text: &str) {
        match &self.shown {
            Shown::Bar { bar, .. } => bar.println(on_one_line(text)),
            Shown::Lines { .. } => note(text),
        }
    }

    /// Leaves the last look standing and ends; without one nothing is left.
    pub fn finish(self) {
        match self.shown {
            Shown::Bar { bar, .. } if bar.prefix().is_empty() => bar.finish_and_clear(),
            Shown::Bar { bar, .. } => bar.abandon(),
            Shown::Lines { .. } => {}
        }
    }
}

impl Shown {
    fn bar() -> Self {
        Self::bar_on(ProgressDrawTarget::stderr())
    }

    fn bar_on(target: ProgressDrawTarget) -> Self {
        let counts = Counts::default();
        let bar = ProgressBar::with_draw_target(Some(1), target).with_style(style_of(false, &counts));
        Self::Bar { bar, counts, has_more: false }
    }

    fn lines() -> Self {
        Self::Lines { last: None, waiting: String::new() }
    }
}

/// The bar, the counters below it, and a line for what there is to say besides, cut where the terminal ends.
fn style_of(has_more: bool, counts: &Counts) -> ProgressStyle {
    let more = if has_more { "\n{wide_msg}" } else { "" };
    let counts = counts.clone();
    ProgressStyle::with_template(&format!("{{prefix:10}} {{wide_bar}} {{percent:>3}}%\n{{counts}}{more}"))
        .expect("the templates are constants that the tests draw")
        .progress_chars("█▉▊▋▌▍▎▏ ")
        .with_key("counts", move |_: &ProgressState, out: &mut dyn fmt::Write| counts.write(out))
}

/// A number with its thousands set apart: `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 object`, `1,200 objects`.
#[must_use]
pub fn counted(number: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// A duration in its two largest units: `7 s`, `2 min 5 s`, `1 h 12 min`, `3 d 4 h`.
#[must_use]
pub fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests;
