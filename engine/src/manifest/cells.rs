//! Cuts the bytes of a CSV file into rows of cells: a state machine that accepts pieces of any
//! length.
//!
//! Dialect: RFC 4180. A row ends at LF, CRLF or CR. A cell whose first byte is a quote is quoted:
//! verbatim to its closing quote, with `""` for a quote; text behind that is an error. Any other
//! cell is plain: byte for byte, blanks included, since a key may begin or end with one; quotes
//! inside it are text. A byte order mark is skipped, and so are rows of nothing but blanks.
//!
//! In the published sample of one dialect a blank stands behind each comma and belongs to no cell
//! ([`Separator::CommaBlank`]). Without a given separator the reader returns each cell with its
//! blank and says whether the row has that form; the caller decides once it has all rows.
//! There a quote behind the blank opens a quoted cell: as a plain one it would be
//! text that no program writes. The csv crate tells neither.

use brigade_model::options::Separator;
use brigade_model::outcome::cut;

/// The longest row, bytes with its commas: a key in percent-encoding is 3 KiB, the rest is for
/// columns that are skipped. Beyond it a quote is missing somewhere, not memory. ours
pub const ROW_BYTES_MAX: usize = 1024 * 1024;

const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// Why bytes are no rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CellError {
    /// The file ends inside a quoted cell.
    #[error("a quoted cell has no closing quote")]
    OpenQuote,
    /// Something stands between a closing quote and the next comma.
    #[error("text stands behind the closing quote of a cell")]
    TextBehindQuote,
    /// Blanks before an opening quote, which no separator explains.
    #[error("blanks stand before the opening quote of a cell; see the job option separator")]
    BlankBeforeQuote,
    /// The separator is a comma and a blank, and here is a comma without one.
    #[error("a comma has no blank behind it; see the job option separator")]
    NoBlank,
    /// The row exceeds [`ROW_BYTES_MAX`].
    #[error("the row is longer than 1 MiB; a closing quote may be missing")]
    TooLong,
}

/// What a step led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A row is complete.
    Row,
    /// The input is used up and the row is not complete.
    More,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the beginning of the file, so many bytes of the mark seen.
    Mark(usize),
    /// A row is complete; the next byte begins another. After a CR, an LF belongs to it.
    RowEnd {
        after_cr: bool,
    },
    /// Before the first byte of a cell.
    CellStart,
    /// So many blanks of a cell are seen, and nothing else.
    Blanks(usize),
    Plain,
    Quoted,
    /// A quote inside a quoted cell: the first of two, or the closing one.
    Quote,
}

/// What a row is, besides its cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Marks {
    /// Some cell was quoted: `""` alone is a row, nothing is not.
    has_quotes: bool,
    /// Some cell was quoted behind a blank.
    has_quotes_behind_blanks: bool,
    /// Something stands behind a comma without a blank between them.
    lacks_blank: bool,
}

/// The state machine. Holds one row.
#[derive(Debug)]
pub struct CellReader {
    /// What was told; `None` reads so that both are possible.
    separator: Option<Separator>,
    state: State,
    text: Vec<u8>,
    /// Where each complete cell ends in `text`.
    ends: Vec<usize>,
    row: u64,
    marks: Marks,
}

impl CellReader {
    /// A reader of cells with that separator between them; `None` when it is to be decided.
    #[must_use]
    pub fn new(separator: Option<Separator>) -> Self {
        let (text, ends, marks) = (Vec::new(), Vec::new(), Marks::default());
        Self { separator, state: State::Mark(0), text, ends, row: 1, marks }
    }

    /// A reader for another file of the same kind.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self::new(self.separator)
    }

    /// The number of the current row, from 1; blank rows and a header count.
    #[must_use]
    pub fn row(&self) -> u64 {
        self.row
    }

    /// How many cells the complete row has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// A cell of the complete row, as that separator has it.
    #[must_use]
    pub fn cell(&self, index: usize, separator: Separator) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        let cell = &self.text[start..end];
        match separator {
            Separator::CommaBlank if index > 0 => Some(cell.strip_prefix(b" ").unwrap_or(cell)),
            Separator::Comma | Separator::CommaBlank => Some(cell),
        }
    }

    /// The beginning of the complete row, for people: so many bytes at most, and dots.
    #[must_use]
    pub fn shown(&self, bytes: usize) -> String {
        let cells: Vec<_> = (0..self.count())
            .filter_map(|place| self.cell(place, Separator::Comma))
            .map(String::from_utf8_lossy)
            .collect();
        let whole = cells.join(",").replace(char::is_control, "?");
        let shown = cut(whole.clone(), bytes);
        if shown == whole { shown } else { shown + "..." }
    }

    /// Whether the complete row can have that separator between its cells.
    ///
    /// # Errors
    /// [`CellError`] says why not.
    pub fn check(&self, separator: Separator) -> Result<(), CellError> {
        match separator {
            Separator::Comma if self.marks.has_quotes_behind_blanks => Err(CellError::BlankBeforeQuote),
            Separator::CommaBlank if self.marks.lacks_blank => Err(CellError::NoBlank),
            Separator::Comma | Separator::CommaBlank => Ok(()),
        }
    }

    /// Reads on until a row is complete or the input is used up; what was read is taken off
    /// the input's front.
    ///
    /// # Errors
    /// [`CellError`]; the reader is of no use afterwards.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Step, CellError> {
        while !input.is_empty() {
            let (used, is_row) = self.step(input)?;
            *input = &input[used..];
            if self.text.len() + self.ends.len() > ROW_BYTES_MAX {
                return Err(CellError::TooLong);
            }
            if is_row && !self.is_blank() {
                return Ok(Step::Row);
            }
        }
        Ok(Step::More)
    }

    /// The input has ended: completes a last row that has no line end.
    ///
    /// # Errors
    /// [`CellError::OpenQuote`].
    pub fn finish(&mut self) -> Result<Step, CellError> {
        match self.state {
            State::RowEnd { .. } => return Ok(Step::More),
            State::Mark(seen) => self.text.extend_from_slice(&BYTE_ORDER_MARK[..seen]),
            State::Quoted => return Err(CellError::OpenQuote),
            State::CellStart | State::Blanks(_) | State::Plain | State::Quote => {}
        }
        self.end_cell();
        self.state = State::RowEnd { after_cr: false };
        Ok(if self.is_blank() { Step::More } else { Step::Row })
    }

    /// One step over a non-empty input: how many bytes it used, and whether it ended a row.
    fn step(&mut self, input: &[u8]) -> Result<(usize, bool), CellError> {
        let byte = input[0];
        match self.state {
            State::Mark(seen) => {
                if byte == BYTE_ORDER_MARK[seen] {
                    self.state = if seen == 2 { State::CellStart } else { State::Mark(seen + 1) };
                    return Ok((1, false));
                }
                self.text.extend_from_slice(&BYTE_ORDER_MARK[..seen]);
                self.state = if seen == 0 { State::CellStart } else { State::Plain };
                Ok((0, false))
            }
            State::RowEnd { after_cr } => {
                self.begin_row();
                Ok((usize::from(after_cr && byte == b'\n'), false))
            }
            State::CellStart => {
                // An empty cell is empty either way, and a tab is a blank of its cell.
                let is_blank_or_nothing = matches!(byte, b' ' | b',' | b'\n' | b'\r');
                self.marks.lacks_blank |= !self.ends.is_empty() && !is_blank_or_nothing;
                if byte == b'"' {
                    self.state = State::Quoted;
                    self.marks.has_quotes = true;
                    return Ok((1, false));
                }
                self.state = State::Blanks(0);
                Ok((0, false))
            }
            State::Blanks(seen) => self.step_blanks(byte, seen),
            State::Plain => {
                let end = input.iter().position(|b| matches!(b, b',' | b'\n' | b'\r')).unwrap_or(input.len());
                self.text.extend_from_slice(&input[..end]);
                let Some(&mark) = input.get(end) else { return Ok((end, false)) };
                Ok((end + 1, self.end_at(mark)))
            }
            State::Quoted => {
                let end = input.iter().position(|b| *b == b'"').unwrap_or(input.len());
                self.text.extend_from_slice(&input[..end]);
                if end < input.len() {
                    self.state = State::Quote;
                    return Ok((end + 1, false));
                }
                Ok((end, false))
            }
            State::Quote if byte == b'"' => {
                self.text.push(b'"');
                self.state = State::Quoted;
                Ok((1, false))
            }
            State::Quote => match byte {
                b',' | b'\n' | b'\r' => Ok((1, self.end_at(byte))),
                _ => Err(CellError::TextBehindQuote),
            },
        }
    }

    /// One step among the blanks at the beginning of a cell.
    fn step_blanks(&mut self, byte: u8, seen: usize) -> Result<(usize, bool), CellError> {
        match byte {
            b' ' | b'\t' => {
                self.text.push(byte);
                self.state = State::Blanks(seen + 1);
                Ok((1, false))
            }
            b'"' if seen > 0 && self.separator != Some(Separator::Comma) => {
                let is_separator = seen == 1 && self.text.last() == Some(&b' ') && !self.ends.is_empty();
                if !is_separator {
                    return Err(CellError::BlankBeforeQuote);
                }
                self.marks.has_quotes = true;
                self.marks.has_quotes_behind_blanks = true;
                self.state = State::Quoted;
                Ok((1, false))
            }
            _ => {
                self.state = State::Plain;
                Ok((0, false))
            }
        }
    }

    /// Ends the cell at a comma or a line end; whether that ended the row.
    fn end_at(&mut self, mark: u8) -> bool {
        self.end_cell();
        self.state = if mark == b',' { State::CellStart } else { State::RowEnd { after_cr: mark == b'\r' } };
        mark != b','
    }

    fn end_cell(&mut self) {
        self.ends.push(self.text.len());
    }

    fn begin_row(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.marks = Marks::default();
        self.row += 1;
        self.state = State::CellStart;
    }

    fn is_blank(&self) -> bool {
        let has_text = self.text.iter().any(|byte| !matches!(byte, b' ' | b'\t'));
        self.ends.len() == 1 && !has_text && !self.marks.has_quotes
    }
}

#[cfg(test)]
mod tests;
