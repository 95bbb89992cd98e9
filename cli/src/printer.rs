//! Prints for the commands, on standard output and standard error. Nothing else in them prints.
//!
//! Servers and stores choose their codes, messages and keys freely. The printer escapes every character
//! that is not printable, so that no text moves a cursor, colours a line or forges the next one. JSON
//! and XML escape such characters in their own way before, and so keep their meaning.
//!
//! The reader of standard output may stop at any line, as `head` does.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

use brigade_model::printable::is_printable;

use crate::exit::ExitWith;
use crate::lines::indented;

/// The text with every character escaped that is not printable, line ends too: one line.
#[must_use]
pub fn on_one_line(text: &str) -> Cow<'_, str> {
    escape(text, is_printable)
}

/// The same of a text of several lines, which stay lines.
fn in_lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| c == '\n' || is_printable(c))
}

fn escape(text: &str, is_kept: fn(char) -> bool) -> Cow<'_, str> {
    if text.chars().all(is_kept) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_kept(c) { escaped.push(c) } else { escaped.extend(c.escape_default()) }
    }
    Cow::Owned(escaped)
}

/// JSON with every character that is not printable written as `\uXXXX`, which means the same.
#[must_use]
pub fn json(value: &serde_json::Value) -> String {
    let text = format!("{value:#}");
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        // Outside of strings the text has no other character than line ends that is not printable.
        if c == '\n' || is_printable(c) {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(escaped, "\\u{unit:04x}").expect("a String takes everything");
            }
        }
    }
    escaped
}

/// Prints a text of one or more lines on standard output.
///
/// # Errors
/// [`ExitWith`] with 0 when the reader has closed it: what was wanted was read. Otherwise what the system
/// said.
pub fn say(text: impl Display) -> anyhow::Result<()> {
    let text = text.to_string();
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", in_lines(&text)).and_then(|()| stdout.flush()).map_err(told)
}

/// Prints bytes on standard output that this program made itself, such as a script.
///
/// # Errors
/// As [`say`].
pub fn say_as_it_is(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(told)
}

/// Prints one line on standard error, whatever is in the text. On a terminal the word before it, such as `error:`,
/// has its colour, and a line that is too long for it goes on below its beginning.
pub fn tell(line: impl Display) {
    let line = of_errors(&line.to_string());
    let painted = MARKS.iter().find_map(|(mark, colour)| Some((mark, colour, line.strip_prefix(mark)?)));
    match painted.filter(|_| is_coloured(&io::stderr())) {
        Some((mark, colour, rest)) => to_stderr(&format!("\u{1b}[1;{colour}m{mark}\u{1b}[0m{rest}\n")),
        None => to_stderr(&format!("{line}\n")),
    }
}

/// The line as the width of standard error has it.
fn of_errors(line: &str) -> String {
    let [from, at] = beginning(line);
    indented(&on_one_line(line), from, at, width_of_errors())
}

/// Where the line's text begins, behind a mark or blanks, and where it goes on.
fn beginning(line: &str) -> [usize; 2] {
    match MARKS.iter().find(|(mark, _)| line.starts_with(mark)) {
        Some((mark, _)) => [mark.len() + 1; 2],
        None => {
            let blanks = line.len() - line.trim_start_matches(' ').len();
            [blanks, blanks + 2]
        }
    }
}

/// Words at the beginning of a line that have a colour on a terminal, by its number.
const MARKS: [(&str, u8); 2] = [("error:", 31), ("warning:", 33)];

/// Whether texts on it may have colours: it is a terminal that has them, and `NO_COLOR` does not forbid it.
fn is_coloured(stream: &impl IsTerminal) -> bool {
    let is_set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    stream.is_terminal() && is_set("NO_COLOR").is_none() && is_set("TERM").is_none_or(|term| term != "dumb")
}

/// Prints one line on standard error that helps and can be missed: nothing with `--quiet`.
pub fn note(line: impl Display) {
    if !is_quiet() {
        tell(line);
    }
}

/// Whether only answers and errors are printed.
static IS_QUIET: AtomicBool = AtomicBool::new(false);

/// From now on only answers and errors are printed.
pub fn be_quiet() {
    IS_QUIET.store(true, Ordering::Relaxed);
}

/// Whether only answers and errors are printed.
#[must_use]
pub fn is_quiet() -> bool {
    IS_QUIET.load(Ordering::Relaxed)
}

/// How many columns standard output has, when it is a terminal.
#[must_use]
pub fn width() -> Option<usize> {
    width_of(&io::stdout())
}

/// How many columns standard error has, when it is a terminal.
#[must_use]
pub fn width_of_errors() -> Option<usize> {
    width_of(&io::stderr())
}

fn width_of(stream: &(impl IsTerminal + AsFd)) -> Option<usize> {
    let size = stream.is_terminal().then(|| rustix::termios::tcgetwinsize(stream).ok()).flatten()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// Asks on standard error; the answer is typed on the same line.
pub fn ask(question: &str) {
    to_stderr(&of_errors(question));
}

/// Without standard error the user cannot be told.
fn to_stderr(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// A terminal's rows as they come: whole lines go on, escaped as everything else is.
pub struct OnTerminal<W> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write> OnTerminal<W> {
    /// Lines go to `out`.
    pub fn new(out: W) -> Self {
        Self { out, line: Vec::new() }
    }

    fn write_line(&mut self) -> io::Result<()> {
        let line = String::from_utf8_lossy(&self.line);
        self.out.write_all(in_lines(&line).as_bytes())?;
        self.line.clear();
        Ok(())
    }
}

impl<W: Write> Write for OnTerminal<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.write_line()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_line()?;
        self.out.flush()
    }
}

/// The error of a write to standard output.
#[must_use]
pub fn told(error: io::Error) -> anyhow::Error {
    if error.kind() == ErrorKind::BrokenPipe { ExitWith(0).into() } else { error.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORGED: &str = "no\nerror: all is lost\r\u{1b}[2J\u{9b}1m\u{7f}\u{2028}\u{202e}\u{85}";
    const SHOWN: &str = r"no\nerror: all is lost\r\u{1b}[2J\u{9b}1m\u{7f}\u{2028}\u{202e}\u{85}";

    #[test]
    fn a_text_of_a_server_is_one_line_and_does_nothing_to_a_terminal() {
        assert_eq!(on_one_line(FORGED), SHOWN);
        assert_eq!(in_lines(FORGED), SHOWN.replacen(r"\n", "\n", 1));
    }

    #[test]
    fn what_shows_itself_is_printed_as_it_is() {
        for text in ["", "Zürich, \"Day 1\".jpg", r"C:\new", "e\u{301}漢😀"] {
            assert!(matches!(on_one_line(text), Cow::Borrowed(same) if same == text), "{text:?}");
        }
    }

    #[test]
    fn rows_on_a_terminal_are_escaped_wherever_they_are_cut() {
        let rows = format!("b,é\nb,{FORGED}\nlast");
        for size in [1, 2, 7, rows.len()] {
            let mut shown = Vec::new();
            let mut terminal = OnTerminal::new(&mut shown);
            rows.as_bytes().chunks(size).for_each(|piece| terminal.write_all(piece).unwrap());
            terminal.flush().unwrap();
            assert_eq!(String::from_utf8(shown).unwrap(), in_lines(&rows), "{size}");
        }
    }

    #[test]
    fn json_on_a_terminal_means_what_it_meant() {
        let value = serde_json::json!({ FORGED: [FORGED, "\u{e0001}"], "é": "漢" });
        let text = json(&value);
        assert!(text.chars().all(|c| c == '\n' || is_printable(c)), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
