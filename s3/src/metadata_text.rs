//! The one place that knows how a header has a text of user metadata: as it is, or in the encoded words of
//! RFC 2047.
//!
//! A value that is ASCII goes as it is, encoded words of the user's own among them. One beyond ASCII goes in the
//! form that its caller knows the store to keep, and never otherwise: servers disagree on such bytes.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brigade_model::header::is_text;
use brigade_model::ports::object_store::{Metadata, TextForm};

const PREFIX: &str = "=?UTF-8?B?";
const SUFFIX: &str = "?=";
/// A word has at most 75 characters, 12 of them around its base64: 15 groups of four, of three bytes each.
const WORD_BYTES_MAX: usize = 45;

/// A header's value for that text; `None` where it must not be sent.
pub(crate) fn written(text: &str, form: Option<TextForm>) -> Option<Cow<'_, str>> {
    let form = if text.is_ascii() { Some(TextForm::Utf8) } else { form };
    match form.filter(|_| is_text(text))? {
        TextForm::Utf8 => Some(Cow::Borrowed(text)),
        TextForm::EncodedWords => Some(Cow::Owned(encoded(text))),
    }
}

pub(crate) fn encoded(text: &str) -> String {
    let mut words = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.floor_char_boundary(WORD_BYTES_MAX));
        let blank = if words.is_empty() { "" } else { " " };
        words.extend([blank, PREFIX, &STANDARD.encode(word), SUFFIX]);
        rest = after;
    }
    words
}

/// Takes the values of user metadata for their texts.
pub(crate) fn read(metadata: &mut Metadata) {
    let (mut has_words, mut has_bytes) = (false, false);
    for (_, value) in &mut metadata.user {
        match decoded(value) {
            Some(text) => {
                has_words = true;
                *value = text;
            }
            None => has_bytes |= !value.is_ascii(),
        }
    }
    metadata.form = (has_words && !has_bytes).then_some(TextForm::EncodedWords);
}

/// The text of a value that is nothing but encoded words. Words that hold ASCII alone, or what no value may have,
/// are their own text, so that a value is given back as it came.
fn decoded(value: &str) -> Option<String> {
    let mut bytes = Vec::new();
    for word in value.split_ascii_whitespace() {
        bytes.extend(bytes_of(word)?);
    }
    String::from_utf8(bytes).ok().filter(|text| !text.is_ascii() && is_text(text))
}

fn bytes_of(word: &str) -> Option<Vec<u8>> {
    let mut parts = word.strip_prefix("=?")?.strip_suffix(SUFFIX)?.splitn(3, '?');
    let (charset, encoding, text) = (parts.next()?, parts.next()?, parts.next()?);
    match encoding {
        _ if !charset.eq_ignore_ascii_case("utf-8") => None,
        "B" | "b" => STANDARD.decode(text).ok(),
        "Q" | "q" => unquoted(text),
        _ => None,
    }
}

/// `=C3=A9` is a byte each, and `_` a blank.
fn unquoted(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'_' => out.push(b' '),
            b'=' => hex::decode([bytes.next()?, bytes.next()?]).ok()?.into_iter().for_each(|byte| out.push(byte)),
            other => out.push(other),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    fn read_of(values: &[&str]) -> (Vec<String>, Option<TextForm>) {
        let user = values.iter().map(|value| ("a".to_owned(), (*value).to_owned())).collect();
        let mut metadata = Metadata { user, ..Metadata::default() };
        read(&mut metadata);
        (metadata.user.into_iter().map(|(_, text)| text).collect(), metadata.form)
    }

    #[test]
    fn text_beyond_ascii_goes_in_the_form_that_is_known_and_in_no_other() {
        assert_eq!(written("é", None), None);
        assert_eq!(written("é", Some(TextForm::Utf8)).unwrap(), "é");
        assert_eq!(written("é", Some(TextForm::EncodedWords)).unwrap(), "=?UTF-8?B?w6k=?=");
        for form in [None, Some(TextForm::Utf8), Some(TextForm::EncodedWords)] {
            assert_eq!(written("=?UTF-8?Q?a?= plain", form).unwrap(), "=?UTF-8?Q?a?= plain");
            for never in ["é\n", " é", "x\u{7f}", "x\u{85}y"] {
                assert_eq!(written(never, form), None, "{never:?}");
            }
        }
    }

    #[test]
    fn a_long_text_is_words_of_75_characters_at_most() {
        let words = encoded(&"世界".repeat(30));
        assert!(words.split(' ').all(|word| word.len() <= 75), "{words}");
        assert!(words.split(' ').count() > 3, "{words}");
    }

    #[test]
    fn encoded_words_are_read_in_either_encoding_and_all_else_is_its_own_text() {
        let q = "=?utf-8?q?caf=C3=A9_=E4=B8=96?=";
        assert_eq!(
            read_of(&[q, "=?UTF-8?B?w6k=?= =?UTF-8?B?w6k=?="]),
            (vec!["café 世".to_owned(), "éé".to_owned()], Some(TextForm::EncodedWords))
        );
        // The first is ASCII, the second another charset, the third and the fourth no whole words, and in the last
        // is what no value may have.
        let others = [
            "=?UTF-8?B?YWJj?=",
            "=?ISO-8859-1?Q?caf=E9?=",
            "see =?UTF-8?B?w6k=?=",
            "=?UTF-8?B?w6k?",
            "=?UTF-8?Q?=C3=A9=0A?=",
            "=?UTF-8?Q?=C3?=",
            "=?UTF-8?Q?=C?=",
            "",
        ];
        for other in others {
            assert_eq!(read_of(&[other]), (vec![other.to_owned()], None));
        }
        assert_eq!(read_of(&["é", q]), (vec!["é".to_owned(), "café 世".to_owned()], None), "of two forms it has none");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in "\\PC{0,80}") {
            for form in [TextForm::Utf8, TextForm::EncodedWords] {
                let Some(written) = written(&text, Some(form)) else { continue };
                prop_assert_eq!(&read_of(&[&written]).0[0], &text);
            }
        }

        #[test]
        fn any_value_is_read(value in any::<String>()) {
            read_of(&[&value]);
        }
    }
}
