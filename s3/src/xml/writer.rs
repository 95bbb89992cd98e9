//! Writes a request's document.

use std::fmt::Write;

/// The namespace of S3's documents.
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// A document in the making. Text must be such that XML can carry it.
pub(crate) struct Writer {
    root: &'static str,
    text: String,
}

impl Writer {
    /// Opens the root.
    pub(crate) fn new(root: &'static str) -> Self {
        Self { root, text: format!("<{root} xmlns=\"{NAMESPACE}\">") }
    }

    /// An element that holds text.
    pub(crate) fn element(&mut self, name: &str, text: &str) {
        self.open(name, "");
        self.escape(text);
        self.close(name);
    }

    /// An element that holds others. `attributes` stands in the tag as it is.
    pub(crate) fn within(&mut self, name: &str, attributes: &str, fill: impl FnOnce(&mut Self)) {
        self.open(name, attributes);
        fill(self);
        self.close(name);
    }

    /// Closes the root.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.close(self.root);
        self.text.into_bytes()
    }

    fn open(&mut self, name: &str, attributes: &str) {
        self.text.extend(["<", name, attributes, ">"]);
    }

    fn close(&mut self, name: &str) {
        self.text.extend(["</", name, ">"]);
    }

    /// Line ends are escaped too: a reader would turn all of them into a line feed.
    fn escape(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '"' => self.text.push_str("&quot;"),
                '\'' => self.text.push_str("&apos;"),
                '\r' | '\n' | '\u{85}' | '\u{2028}' => {
                    write!(self.text, "&#x{:X};", u32::from(c)).expect("a String takes any text");
                }
                other => self.text.push(other),
            }
        }
    }
}
