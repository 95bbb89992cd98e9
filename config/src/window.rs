//! `[[endpoints.<name>.windows]]`: times of the day in which less may be asked of an endpoint.

use jiff::civil::Weekday;

use crate::section::section;
use crate::time_of_day::{MinuteOfDay, Zone};
use crate::value::{Bytes, Scalar};

mod hours;

section! {
    /// A time of the day in which less may be asked of the endpoint, also for calls that wait when it begins or ends.
    /// It holds while a clock on the wall of the time zone shows a time in it, and only lowers what else is allowed: the
    /// least of the endpoint's settings, of an operator's limits and of all windows that hold is what counts.
    pub struct Window {
        /// The days on which it begins; every day, when none is named.
        optional days: Vec<Weekday>,
        /// When it begins.
        required from: MinuteOfDay,
        /// When it ends: on the next day, when that is not after `from`.
        required to: MinuteOfDay,
        /// The time zone of both, by its IANA name.
        required time_zone: Zone,
        /// Requests in flight at most.
        optional requests_in_flight: u32,
        /// Requests a second at most.
        optional requests_per_second: u32,
        /// Objects a second at most that requests are about: a request that deletes a thousand is a thousand.
        optional objects_per_second: u32,
        /// Bytes of bodies a second at most.
        optional bytes_per_second: Bytes,
    }
}

/// The words for the days of the week.
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// The word for a day.
#[must_use]
pub fn word(day: Weekday) -> &'static str {
    DAYS.iter().find(|(_, known)| *known == day).map_or("", |(word, _)| word)
}

impl Scalar for Weekday {
    const TAKES: &'static str = "mon, tue, wed, thu, fri, sat or sun";

    fn from_text(text: &str) -> Option<Self> {
        DAYS.iter().find(|(word, _)| *word == text).map(|(_, day)| *day)
    }

    fn words() -> Vec<&'static str> {
        DAYS.iter().map(|(word, _)| *word).collect()
    }
}
