//! Points in time on this wire: whole seconds, in UTC.
//!
//! Written as `YYYY-MM-DDThh:mm:ssZ`, save for a copy's two constraints, which clients decode
//! as integers. Read from a client as Unix seconds, ISO 8601 or RFC 1123.

use brigade_model::Timestamp;
use jiff::fmt::rfc2822;

use crate::numbers::parse_whole_number;

/// `YYYY-MM-DDThh:mm:ssZ`.
pub(crate) fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `Thu, 19 Dec 2019 18:00:30 GMT`; `None` for a year that the form cannot write.
pub(crate) fn rfc_1123(time: Timestamp) -> Option<String> {
    rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok()
}

/// Reads any of the three forms; fractions of a second are dropped.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    if let Some(second) = parse_whole_number(text) {
        return Timestamp::from_second(i64::try_from(second).ok()?).ok();
    }
    let time: Timestamp = text.parse().ok().or_else(|| rfc2822::DateTimeParser::new().parse_timestamp(text).ok())?;
    Timestamp::from_second(time.as_second()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_name_the_same_second() {
        for text in [
            "1576778430",
            "2019-12-19T18:00:30Z",
            "2019-12-19T18:00:30.999Z",
            "2019-12-20T02:00:30+08:00",
            "Thu, 19 Dec 2019 18:00:30 GMT",
        ] {
            assert_eq!(parse(text).map(Timestamp::as_second), Some(1_576_778_430), "{text}");
        }
    }

    #[test]
    fn what_is_none_of_the_forms_is_refused() {
        for text in ["", "soon", "-1", "+1", "1.5", " 1", "2019-12-19", "99999999999999999999", "999999999999999"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn whole_seconds_are_written() {
        let time: Timestamp = "2019-12-19T18:00:30.999Z".parse().unwrap();
        assert_eq!(iso(time), "2019-12-19T18:00:30Z");
        assert_eq!(rfc_1123(time).as_deref(), Some("Thu, 19 Dec 2019 18:00:30 GMT"));
    }
}
