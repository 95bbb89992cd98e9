//! Breaks a long line where a terminal ends, between words, so that what a user copies stays whole.

use unicode_width::UnicodeWidthStr;

/// What begins and ends a piece that stays whole with its blanks.
const QUOTES: [char; 3] = ['\'', '"', '`'];

/// A line that is broken at blanks where a terminal ends, and goes on at column `at`. What a user copies stays whole, also where
/// it is longer than that: a word such as a path, a URL or a key, what stands in quotes, and a command at the end.
#[must_use]
pub fn hanging(line: &str, at: usize, columns_max: Option<usize>) -> String {
    indented(line, at, at, columns_max)
}

/// The same of a line whose text begins at column `from`.
#[must_use]
pub fn indented(line: &str, from: usize, at: usize, columns_max: Option<usize>) -> String {
    let Some(columns_max) = columns_max.filter(|columns_max| line.width() > *columns_max && at < *columns_max) else {
        return line.to_owned();
    };
    let (head, text) = line.split_at_checked(from).unwrap_or((line, ""));
    let (mut broken, mut column) = (head.to_owned(), from);
    for (n, piece) in pieces(text).into_iter().enumerate() {
        let blank = usize::from(n > 0);
        if n > 0 && column + blank + piece.width() > columns_max {
            broken.push('\n');
            broken.push_str(&" ".repeat(at));
            column = at;
        } else {
            broken.push_str(&" ".repeat(blank));
            column += blank;
        }
        broken.push_str(piece);
        column += piece.width();
    }
    broken
}

/// The text's words, and what of it stays whole, without the blanks between them.
fn pieces(text: &str) -> Vec<&str> {
    let (mut pieces, mut rest): (Vec<&str>, _) = (Vec::new(), Some(text));
    while let Some(text) = rest {
        let is_announced = pieces.last().is_some_and(|piece| piece.ends_with(':'));
        let end = if is_announced && text.starts_with("brigade ") { text.len() } else { end_of_piece(text) };
        let (piece, after) = text.split_at(end);
        pieces.push(piece);
        rest = after.strip_prefix(' ');
    }
    pieces
}

/// Where the piece ends that the text begins with: at a blank, or at the first one behind what stands in quotes.
fn end_of_piece(text: &str) -> usize {
    let quote = text.chars().next().filter(|first| QUOTES.contains(first));
    // An apostrophe inside a word ends nothing.
    let ends = |at: &usize| !text[at + 1..].starts_with(char::is_alphanumeric);
    let closed = quote.and_then(|quote| text.match_indices(quote).skip(1).map(|(at, _)| at).find(ends));
    let from = closed.unwrap_or(0);
    text[from..].find(' ').map_or(text.len(), |blank| from + blank)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(line: &str, at: usize, columns_max: usize) -> Vec<String> {
        hanging(line, at, Some(columns_max)).lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_long_line_goes_on_below_its_beginning_and_no_word_is_broken() {
        let text = "error: the endpoint main refuses the credentials";
        assert_eq!(lines(text, 7, 24), ["error: the endpoint main", "       refuses the", "       credentials"]);
        assert_eq!(lines(text, 7, 80), [text]);
        assert_eq!(hanging(text, 7, None), text);
        assert_eq!(lines(text, 7, 6), [text], "a terminal that is too narrow for it breaks it as it likes");
        assert_eq!(lines("漢字漢字 漢字漢字", 0, 9), ["漢字漢字", "漢字漢字"]);
    }

    #[test]
    fn a_line_may_go_on_more_to_the_right_than_it_begins() {
        let broken = indented("'a b' c \u{e9}\u{e9} d e", 0, 2, Some(9));
        assert_eq!(broken, "'a b' c\n  \u{e9}\u{e9} d e");
    }

    #[test]
    fn what_a_user_copies_stays_whole() {
        let url = format!("http://store.example.com/{}", "k".repeat(30));
        assert_eq!(lines(&format!("error: {url} is away"), 7, 30), [format!("error: {url}"), "       is away".into()]);
        for (text, wanted) in [
            (
                "  start it with 'brigade serve --config new.toml', or correct client.url",
                &["  start it with", "  'brigade serve --config new.toml',", "  or correct client.url"][..],
            ),
            (
                "  see which there are: brigade job list --status Active --all",
                &["  see which there are:", "  brigade job list --status Active --all"],
            ),
            (
                "  the service's key \"day 1.jpg\" and its users' keys are not there",
                &["  the service's key \"day 1.jpg\" and", "  its users' keys are not there"],
            ),
            (
                "  one quote ' alone, and 'another one that never ends",
                &["  one quote ' alone, and 'another one", "  that never ends"],
            ),
        ] {
            assert_eq!(lines(text, 2, 38), wanted);
        }
    }
}
