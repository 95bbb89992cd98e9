//! XML as the dialects use it: elements with text or with children, nothing else.
//!
//! [`reader`] turns bytes into a tree and refuses what no honest client sends; [`writer`]
//! writes elements and never emits a character that XML 1.0 cannot carry.

pub(crate) mod reader;
pub(crate) mod writer;

pub(crate) use reader::{Element, parse};
pub(crate) use writer::Writer;

/// Whether XML 1.0 can carry the character at all, escaped or not.
pub(crate) fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
