//! Query strings: pairs of names and values, form-encoded (`+` is a space).
//!
//! Go writes a space as `+`, others as `%20`; both are read alike. What is written uses `%20`
//! and `%2B`, which every reader understands in the same way.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

/// Everything but the unreserved characters of RFC 3986.
pub(crate) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The pairs of a raw query string, decoded, in their order; a name without `=` has an empty
/// value. Bytes that are not UTF-8 become U+FFFD.
#[must_use]
pub fn parse_query(raw: &str) -> Vec<(String, String)> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    split_query(raw).map(|(name, value)| (text(name), text(value))).collect()
}

/// The raw query string of pairs.
#[must_use]
pub fn encode_query(pairs: &[(String, String)]) -> String {
    let encoded = |text: &str| percent_encode(text.as_bytes(), RESERVED).to_string();
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    pairs.join("&")
}

/// The pairs of a raw query string as bytes: what a signature is made over.
pub(crate) fn split_query(raw: &str) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    encoded_pairs(raw).map(|(name, value)| (decode_form(name), decode_form(value)))
}

/// The pairs of a raw query string whose decoded name is wanted, with its values; no other value
/// is decoded.
pub(crate) fn pairs_named<'a>(
    raw: &'a str,
    is_wanted: impl Fn(&[u8]) -> bool + 'a,
) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + 'a {
    encoded_pairs(raw).filter_map(move |(name, value)| {
        let name = decode_form(name);
        is_wanted(&name).then(|| (name, decode_form(value)))
    })
}

fn encoded_pairs(raw: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = raw.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn decode_form(text: &str) -> Vec<u8> {
    let spaced: Cow<'_, str> = if text.contains('+') { text.replace('+', " ").into() } else { text.into() };
    percent_decode(spaced.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_plus_and_a_percent_twenty_are_both_a_space() {
        assert_eq!(parse_query("r=to+do&s=to%20do&t=a%2Bb"), pairs(&[("r", "to do"), ("s", "to do"), ("t", "a+b")]));
    }

    #[test]
    fn names_may_repeat_stand_alone_or_be_empty() {
        assert_eq!(parse_query("a=1&&a=2&b&c=&=d"), pairs(&[("a", "1"), ("a", "2"), ("b", ""), ("c", ""), ("", "d")]));
        assert_eq!(parse_query(""), []);
    }

    #[test]
    fn bytes_that_are_not_utf_8_and_broken_escapes_do_no_harm() {
        assert_eq!(parse_query("a=%FF&b=%zz&c=%"), pairs(&[("a", "\u{fffd}"), ("b", "%zz"), ("c", "%")]));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let given = pairs(&[("statusUpdateReason", "a b+c&d=e;ü%"), ("x", "")]);
        assert_eq!(parse_query(&encode_query(&given)), given);
    }
}
