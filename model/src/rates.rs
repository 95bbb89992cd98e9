//! How fast a job goes, how long the rest takes at that pace, and why what is not known is not.

use std::time::Duration;

use crate::progress::{DoneBytes, Progress};

/// Rates are those of the last seconds: long enough to be steady, short enough to follow a store that slows down.
pub const WINDOW: Duration = Duration::from_secs(15);
/// A rate over less than this says little.
pub const WINDOW_MIN: Duration = Duration::from_secs(1);

/// What tasks of a job did lately.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lately {
    /// In how long: [`WINDOW`], or less when the job runs for less.
    pub during: Duration,
    /// Tasks that got their outcome in it.
    pub tasks: u64,
    /// What those copied or restored; `None` where the job copies and restores nothing.
    pub bytes: Option<DoneBytes>,
}

/// How fast a job goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Tasks that get their outcome in a second.
    pub objects_per_second: Result<f64, Unknown>,
    /// Bytes that are copied or restored in a second.
    pub bytes_per_second: Result<f64, Unknown>,
    /// How long the rest takes at this pace.
    pub left: Result<Duration, Unknown>,
}

/// Why something is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// The job has run for too short a time.
    NotYet,
    /// It stands still.
    Waits,
    /// None of its tasks has ended lately.
    NoneLately,
    /// The sizes of some objects are not known.
    Sizes,
    /// The operation copies and restores nothing.
    NoBytes,
}

impl Unknown {
    /// In words, after the name of what is not known.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Unknown::NotYet => "not known yet",
            Unknown::Waits => "unknown while it waits",
            Unknown::NoneLately => "unknown: no task has ended lately",
            Unknown::Sizes => "unknown: the sizes of some objects are not known",
            Unknown::NoBytes => "none: the operation copies and restores no bytes",
        }
    }
}

impl Rates {
    /// By what was done lately. A job that waits has no time left that could be known.
    #[must_use]
    pub fn of(lately: Lately, progress: Progress, is_waiting: bool) -> Self {
        let Lately { during, tasks, bytes } = lately;
        // A first task may take long; of what has run for a whole window without one that is known.
        let is_early = during < WINDOW_MIN || (tasks == 0 && during < WINDOW);
        let per_second = |count: u64| count as f64 / during.as_secs_f64();
        let objects_per_second = if is_early { Err(Unknown::NotYet) } else { Ok(per_second(tasks)) };
        let bytes_per_second = match bytes {
            None => Err(Unknown::NoBytes),
            Some(_) if is_early => Err(Unknown::NotYet),
            Some(DoneBytes { bytes, tasks_of_unknown_size: 0 }) => Ok(per_second(bytes)),
            Some(_) => Err(Unknown::Sizes),
        };
        let Progress { total, succeeded, failed } = progress;
        let rest = total.saturating_sub(succeeded + failed);
        let left = match objects_per_second {
            _ if is_waiting => Err(Unknown::Waits),
            Err(why) => Err(why),
            Ok(rate) => Duration::try_from_secs_f64(rest as f64 / rate).map_err(|_| Unknown::NoneLately),
        };
        Self { objects_per_second, bytes_per_second, left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_DONE: Progress = Progress { total: 1000, succeeded: 498, failed: 2 };

    fn rates(seconds: u64, tasks: u64, bytes: Option<(u64, u64)>, is_waiting: bool) -> Rates {
        let bytes = bytes.map(|(bytes, tasks_of_unknown_size)| DoneBytes { bytes, tasks_of_unknown_size });
        Rates::of(Lately { during: Duration::from_secs(seconds), tasks, bytes }, HALF_DONE, is_waiting)
    }

    #[test]
    fn what_was_done_in_the_last_seconds_tells_how_fast_a_job_goes_and_how_long_the_rest_takes() {
        let of_copy = rates(10, 50, Some((2000, 0)), false);
        assert_eq!((of_copy.objects_per_second, of_copy.bytes_per_second), (Ok(5.0), Ok(200.0)));
        assert_eq!(of_copy.left, Ok(Duration::from_secs(100)));
    }

    #[test]
    fn what_cannot_be_known_has_a_reason() {
        let early = Err(Unknown::NotYet);
        for (seconds, tasks) in [(0, 5), (14, 0)] {
            let rates = rates(seconds, tasks, Some((1, 0)), false);
            assert_eq!((rates.objects_per_second, rates.bytes_per_second), (early, early));
            assert_eq!(rates.left, Err(Unknown::NotYet));
        }
        let idle = rates(15, 0, None, false);
        assert_eq!((idle.objects_per_second, idle.left), (Ok(0.0), Err(Unknown::NoneLately)));
        assert_eq!(idle.bytes_per_second, Err(Unknown::NoBytes));
        assert_eq!(rates(15, 5, Some((2000, 1)), false).bytes_per_second, Err(Unknown::Sizes));
        let waiting = rates(15, 30, Some((0, 0)), true);
        assert_eq!((waiting.objects_per_second, waiting.left), (Ok(2.0), Err(Unknown::Waits)));
    }

    #[test]
    fn nothing_is_left_of_a_job_whose_tasks_have_all_ended() {
        let lately = Lately { during: WINDOW, tasks: 3, bytes: None };
        let done = Progress { total: 3, succeeded: 3, failed: 0 };
        assert_eq!(Rates::of(lately, done, false).left, Ok(Duration::ZERO));
    }
}
