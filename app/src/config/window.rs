//! `[[endpoints.<name>.windows]]`: times of the day in which less may be asked of an endpoint.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use crate::config::section::section;
use crate::config::value::{Bytes, Scalar};

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

/// A minute of the day; 24:00 is the end of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MinuteOfDay(pub i16);

impl MinuteOfDay {
    /// The last one, which no day begins with.
    pub const END: Self = Self(24 * 60);

    /// Reads `HH:MM`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_written = |(n, byte): (usize, u8)| if n == 2 { byte == b':' } else { byte.is_ascii_digit() };
        if text.len() != 5 || !text.bytes().enumerate().all(is_written) {
            return None;
        }
        let (hours, minutes) = text.split_once(':')?;
        let (hours, minutes): (i16, i16) = (hours.parse().ok()?, minutes.parse().ok()?);
        let minute = Self(hours * 60 + minutes);
        (minutes < 60 && minute <= Self::END).then_some(minute)
    }
}

impl std::fmt::Display for MinuteOfDay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// A time zone of the IANA database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(pub TimeZone);

impl Zone {
    /// The zone of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        TimeZone::get(name).ok().filter(|zone| zone.iana_name().is_some()).map(Self)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or_default()
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
}
