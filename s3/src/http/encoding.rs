//! Percent-encoding as S3 wants it: every byte but the unreserved ones, in upper-case hex. In a
//! path `/` stays, and nothing is normalised: `//`, `.` and `..` are parts of keys like others.
//!
//! Source: the S3 API reference, "Create a canonical request" (UriEncode).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// A key in a path, or in `x-amz-copy-source`.
pub(crate) fn push_path(out: &mut String, text: &str) {
    out.extend(utf8_percent_encode(text, PATH));
}

/// A name or a value of a query, or of a form.
pub(crate) fn push_query(out: &mut String, text: &str) {
    out.extend(utf8_percent_encode(text, QUERY));
}

/// `name=value&...`, in the order given.
pub(crate) fn form<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        push_query(&mut out, name);
        out.push('=');
        push_query(&mut out, value);
    }
    out
}

/// The text behind a form's encoding, where `+` is a blank; `None` when its bytes are not UTF-8.
pub(crate) fn decode_form(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(key: &str) -> String {
        let mut out = String::new();
        push_path(&mut out, key);
        out
    }

    #[test]
    fn a_key_goes_into_a_path_as_it_is() {
        assert_eq!(path("a//b/../c/./"), "a//b/../c/./");
        assert_eq!(path("a b+c%d&e=f?g#h"), "a%20b%2Bc%25d%26e%3Df%3Fg%23h");
        assert_eq!(path("é\n\u{7f}~-._"), "%C3%A9%0A%7F~-._");
        assert_eq!(form([("a/b", "c d"), ("e", "")].into_iter()), "a%2Fb=c%20d&e=");
    }

    proptest! {
        #[test]
        fn an_encoded_text_holds_unreserved_bytes_only_and_decodes_to_itself(text in any::<String>()) {
            let mut encoded = String::new();
            push_query(&mut encoded, &text);
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
            prop_assert_eq!(decode_form(&encoded), Some(text));
        }
    }
}
