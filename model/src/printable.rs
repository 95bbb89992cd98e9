//! Which characters may stand in a line, a cell or on a terminal as they are.
//!
//! Names, messages and codes come from clients and from stores. A character that moves the cursor,
//! ends a line, or changes the direction of what follows makes a reader see what was never written.

/// Format characters and separators of Unicode that show nothing themselves: bidirectional controls,
/// joiners and blanks of no width, line and paragraph separators, tags. (Unicode 16, categories Cf,
/// Zl and Zp; `char::is_control` covers Cc.)
const UNSEEN: &[(char, char)] = &[
    ('\u{ad}', '\u{ad}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e007f}'),
];

/// Whether a character shows itself and does nothing else.
#[must_use]
pub fn is_printable(c: char) -> bool {
    c.is_ascii_graphic() || c == ' ' || !(c.is_control() || UNSEEN.iter().any(|(from, to)| (*from..=*to).contains(&c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_itself_is_printable_and_what_steers_a_terminal_or_a_reader_is_not() {
        for c in " aZ~é漢😀\u{301}\u{a0}\u{3000}".chars() {
            assert!(is_printable(c), "{c:?}");
        }
        let unprintable = "\0\t\n\r\u{1b}\u{7f}\u{80}\u{85}\u{9b}\u{9f}\u{ad}\u{61c}\u{200b}\u{200f}\u{2028}\u{2029}\
                           \u{202a}\u{202e}\u{2066}\u{2069}\u{feff}\u{e0001}";
        for c in unprintable.chars() {
            assert!(!is_printable(c), "{c:?}");
        }
    }

    /// Rust escapes in `Debug` whatever is not printable, and private and unassigned characters besides.
    #[test]
    fn whatever_is_not_printable_is_escaped_where_a_text_is_quoted() {
        for c in ('\0'..=char::MAX).filter(|c| !is_printable(*c)) {
            let quoted = format!("{:?}", format!("a{c}"));
            assert!(quoted.chars().all(is_printable), "{c:?} {quoted}");
        }
    }
}
