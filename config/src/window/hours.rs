//! When a window of an endpoint applies, and until when.

use std::time::Duration;

use brigade_model::{LoadLimits, Timestamp};
use jiff::ToSpan;
use jiff::civil::{Date, Time, Weekday};

use super::Window;
use crate::time_of_day::MinuteOfDay;

/// A window ends within so many days, if ever.
const DAYS_AHEAD: i64 = 8;

impl Window {
    /// Whether a clock on the wall there shows a time in it.
    #[must_use]
    pub fn holds_at(&self, now: Timestamp) -> bool {
        let here = self.time_zone.0.to_datetime(now);
        let minute = MinuteOfDay(i16::from(here.hour()) * 60 + i16::from(here.minute()));
        let today = here.weekday();
        let (is_after, is_before) = (minute >= self.from, minute < self.to);
        if self.from < self.to {
            is_after && is_before && self.begins_on(today)
        } else {
            (is_after && self.begins_on(today)) || (is_before && self.begins_on(today.previous()))
        }
    }

    fn begins_on(&self, day: Weekday) -> bool {
        self.days.as_ref().is_none_or(|days| days.contains(&day))
    }

    /// When it is over that holds now; `None` of one that does not hold or never ends.
    #[must_use]
    pub fn holds_until(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.holds_at(now) {
            return None;
        }
        // Nothing else can end it than the time of its end, and a clock that is put forward or back.
        let horizon = now + Duration::from_secs(DAYS_AHEAD as u64 * 24 * 3600);
        let transitions = self.time_zone.0.following(now).map(|transition| transition.timestamp());
        let transitions = transitions.take_while(|at| *at <= horizon);
        let today = self.time_zone.0.to_datetime(now).date();
        let ends = (0..=DAYS_AHEAD).flat_map(|days| self.ends_on(today, days));
        let mut candidates: Vec<Timestamp> = transitions.chain(ends).filter(|at| *at > now).collect();
        candidates.sort_unstable();
        candidates.into_iter().find(|at| !self.holds_at(*at))
    }

    /// When the clock shows its end, so many days later: twice, on a day on which it is put back over it.
    fn ends_on(&self, today: Date, days: i64) -> Vec<Timestamp> {
        let (days, minute) = if self.to == MinuteOfDay::END { (days + 1, 0) } else { (days, self.to.0) };
        let Ok(date) = today.checked_add(days.days()) else { return Vec::new() };
        let (hours, minutes) = ((minute / 60) as i8, (minute % 60) as i8);
        let Ok(time) = Time::new(hours, minutes, 0, 0) else { return Vec::new() };
        let ambiguous = self.time_zone.0.to_ambiguous_timestamp(date.to_datetime(time));
        [ambiguous.earlier(), ambiguous.later()].into_iter().flatten().collect()
    }

    /// What it allows at most.
    #[must_use]
    pub fn limits(&self) -> LoadLimits {
        LoadLimits {
            requests_in_flight: self.requests_in_flight,
            requests_per_second: self.requests_per_second,
            objects_per_second: self.objects_per_second,
            bytes_per_second: self.bytes_per_second.map(|bytes| bytes.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config_source::{ConfigSource, Source};
    use crate::section::{Reader, Section};

    fn window(settings: &str) -> Window {
        let source = Source { name: "w".to_owned(), file: None, folder: Default::default() };
        let mut sheet = ConfigSource::new(source, settings, []);
        Window::read(&mut Reader::new(&mut sheet, Vec::new())).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Whether it holds just before and at that time, and until when then.
    fn around(window: &Window, edge: &str) -> (bool, bool, Option<String>) {
        let edge = at(edge);
        let before = edge - Duration::from_secs(1);
        (window.holds_at(before), window.holds_at(edge), window.holds_until(edge).map(|until| until.to_string()))
    }

    fn begins(until: &str) -> (bool, bool, Option<String>) {
        (false, true, Some(until.to_owned()))
    }

    const ENDS: (bool, bool, Option<String>) = (true, false, None);

    #[test]
    fn a_window_holds_from_its_first_minute_to_before_its_last_in_its_own_time_zone() {
        let window = window("from = '08:00'\nto = '18:30'\ntime_zone = 'Asia/Shanghai'");
        assert_eq!(around(&window, "2026-11-28T00:00:00Z"), begins("2026-11-28T10:30:00Z"));
        assert_eq!(around(&window, "2026-11-28T10:30:00Z"), ENDS);
        assert!(!window.holds_at(at("2026-11-28T20:00:00Z")));
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
        let window = window("days = ['fri']\nfrom = '22:00'\nto = '06:00'\ntime_zone = 'UTC'");
        // 2026-11-27 is a Friday.
        assert_eq!(around(&window, "2026-11-27T22:00:00Z"), begins("2026-11-28T06:00:00Z"));
        assert_eq!(around(&window, "2026-11-28T06:00:00Z"), ENDS);
        assert!(window.holds_at(at("2026-11-28T00:00:00Z")));
        assert!(!window.holds_at(at("2026-11-27T05:00:00Z")), "that is Thursday's");
        assert!(!window.holds_at(at("2026-11-28T22:00:00Z")), "that is Saturday's");
    }

    #[test]
    fn whole_days_run_into_each_other() {
        let weekdays = "days = ['mon', 'tue', 'wed', 'thu', 'fri']";
        let whole = "from = '00:00'\nto = '24:00'\ntime_zone = 'UTC'";
        let window_of_weekdays = window(&format!("{weekdays}\n{whole}"));
        assert_eq!(around(&window_of_weekdays, "2026-11-23T00:00:00Z"), begins("2026-11-28T00:00:00Z"));
        assert_eq!(around(&window_of_weekdays, "2026-11-28T00:00:00Z"), ENDS);
        assert_eq!(around(&window(whole), "2026-11-23T00:00:00Z"), (true, true, None), "it never ends");
    }

    #[test]
    fn a_clock_that_is_put_forward_shortens_a_window() {
        // On 2026-03-29 in Berlin 02:00 is 03:00.
        let night = window("from = '22:00'\nto = '06:00'\ntime_zone = 'Europe/Berlin'");
        assert_eq!(around(&night, "2026-03-28T21:00:00Z"), begins("2026-03-29T04:00:00Z"));
        assert_eq!(around(&night, "2026-03-29T04:00:00Z"), ENDS);
        assert_eq!(around(&night, "2026-03-29T20:00:00Z"), begins("2026-03-30T04:00:00Z"));
        // Its begin, and its end, are times that the clock does not show.
        let skipped = window("from = '02:30'\nto = '04:00'\ntime_zone = 'Europe/Berlin'");
        assert_eq!(around(&skipped, "2026-03-29T01:00:00Z"), begins("2026-03-29T02:00:00Z"));
        let ends_early = window("from = '01:00'\nto = '02:30'\ntime_zone = 'Europe/Berlin'");
        assert_eq!(around(&ends_early, "2026-03-29T00:00:00Z"), begins("2026-03-29T01:00:00Z"));
        assert_eq!(around(&ends_early, "2026-03-29T01:00:00Z"), ENDS);
    }

    #[test]
    fn a_clock_that_is_put_back_shows_a_window_twice() {
        // On 2026-10-25 in Berlin 03:00 is 02:00 again.
        let night = window("from = '22:00'\nto = '06:00'\ntime_zone = 'Europe/Berlin'");
        assert_eq!(around(&night, "2026-10-24T20:00:00Z"), begins("2026-10-25T05:00:00Z"));
        let twice = window("from = '01:00'\nto = '02:30'\ntime_zone = 'Europe/Berlin'");
        assert_eq!(around(&twice, "2026-10-24T23:00:00Z"), begins("2026-10-25T00:30:00Z"));
        assert_eq!(around(&twice, "2026-10-25T00:30:00Z"), ENDS);
        assert_eq!(around(&twice, "2026-10-25T01:00:00Z"), begins("2026-10-25T01:30:00Z"));
        assert_eq!(around(&twice, "2026-10-25T01:30:00Z"), ENDS);
    }
}
