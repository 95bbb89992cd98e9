//! Writes elements; the caller decides names and order.
//!
//! Text is escaped so that it reads back the same whatever a reader normalises: quotes, tabs
//! and line ends are written as references. A character that XML 1.0 cannot carry, such as a
//! NUL in an object's key, becomes U+FFFD.

use std::fmt::{self, Display, Write};

use super::is_xml_char;

/// What most documents fit into: one job is 1 to 2 KiB.
const USUAL_BYTES: usize = 2048;

/// A document in the making.
pub(crate) struct Writer {
    out: String,
}

impl Writer {
    /// Nothing written yet.
    pub(crate) fn new() -> Self {
        Self { out: String::with_capacity(USUAL_BYTES) }
    }

    /// Begins with the declaration that the clouds' error bodies begin with.
    pub(crate) fn with_declaration() -> Self {
        Self { out: "<?xml version='1.0' encoding='utf-8' ?>\n".to_owned() }
    }

    /// An element around what `content` writes.
    pub(crate) fn within(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.tag("<", name);
        content(self);
        self.tag("</", name);
    }

    /// The same, in a name space of its own.
    pub(crate) fn within_namespace(&mut self, name: &str, namespace: &str, content: impl FnOnce(&mut Self)) {
        self.out.push_str(&format!("<{name} xmlns=\"{namespace}\">"));
        content(self);
        self.tag("</", name);
    }

    /// An element that holds text.
    pub(crate) fn leaf(&mut self, name: &str, text: impl Display) {
        self.within(name, |w| write!(w, "{text}").expect("a document takes all that is written"));
    }

    /// An element that holds text, if there is any to hold.
    pub(crate) fn leaf_if<T: Display>(&mut self, name: &str, text: Option<T>) {
        if let Some(text) = text {
            self.leaf(name, text);
        }
    }

    /// The bytes.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.out.into_bytes()
    }

    fn tag(&mut self, open: &str, name: &str) {
        self.out.push_str(open);
        self.out.push_str(name);
        self.out.push('>');
    }
}

/// Writes text, escaped.
impl Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Nearly all text is, and to find that out needs no look at one character after the other.
        if text.bytes().fold(true, |is_plain, byte| is_plain & is_itself(byte)) {
            self.out.push_str(text);
            return Ok(());
        }
        let mut plain = 0;
        for (at, c) in text.char_indices() {
            if let Some(written) = replacement(c) {
                self.out.push_str(&text[plain..at]);
                self.out.push_str(written);
                plain = at + c.len_utf8();
            }
        }
        self.out.push_str(&text[plain..]);
        Ok(())
    }
}

/// Whether a byte is a character of ASCII that is written as it is.
fn is_itself(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') & !matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'')
}

/// What is written in place of a character, where it is not itself.
fn replacement(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&apos;"),
        '\t' => Some("&#9;"),
        '\n' => Some("&#10;"),
        '\r' => Some("&#13;"),
        c if is_xml_char(c) => None,
        _ => Some("\u{fffd}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::parse;

    fn leaf(text: &str) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.leaf("a", text);
        writer.finish()
    }

    #[test]
    fn markup_quotes_and_line_ends_are_escaped() {
        let expected = "<a>&lt;b&gt; &amp; &quot;c&quot; &apos;d&apos;&#9;&#10;&#13;</a>";
        assert_eq!(leaf("<b> & \"c\" 'd'\t\n\r"), expected.as_bytes());
    }

    #[test]
    fn a_character_that_xml_cannot_carry_is_never_emitted() {
        assert_eq!(leaf("a\0b\u{1b}c\u{fffe}d"), "<a>a\u{fffd}b\u{fffd}c\u{fffd}d</a>".as_bytes());
    }

    proptest! {
        #[test]
        fn any_text_reads_back_as_it_was_or_with_replacements(text in any::<String>()) {
            let expected: String = text.chars().map(|c| if is_xml_char(c) { c } else { '\u{fffd}' }).collect();
            prop_assert_eq!(parse(&leaf(&text)).unwrap().text, expected);
        }
    }
}
