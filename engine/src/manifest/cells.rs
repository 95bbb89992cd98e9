//! Cuts the bytes of a CSV file into rows of cells: a state machine that is fed whatever
//! pieces the network brings.
//!
//! Dialect: RFC 4180, read leniently where a key cannot be mistaken. A row ends at LF, CRLF or
//! CR. A cell whose first byte after blanks is a quote is quoted: verbatim to its closing
//! quote, with `""` for a quote; blanks around the quotes do not count, other text behind them
//! is an error. Any other cell is plain: blanks (space, tab) around it are trimmed, quotes
//! inside it are text. A byte order mark is skipped, and so are rows without any text. The csv
//! crate does not tell whether a cell was quoted, and trimming depends on it (resolution U-5).

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
    Plain,
    Quoted,
    /// A quote inside a quoted cell: the first of two, or the closing one.
    Quote,
    BehindQuote,
}

/// The state machine. Holds one row.
#[derive(Debug)]
pub struct CellReader {
    state: State,
    text: Vec<u8>,
    /// Where each complete cell ends in `text`.
    ends: Vec<usize>,
    row: u64,
    /// Whether any cell of the row was quoted: `""` alone is a row, nothing is not.
    has_quotes: bool,
}

impl Default for CellReader {
    fn default() -> Self {
        Self { state: State::Mark(0), text: Vec::new(), ends: Vec::new(), row: 1, has_quotes: false }
    }
}

impl CellReader {
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

    /// A cell of the complete row.
    #[must_use]
    pub fn cell(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        Some(&self.text[start..end])
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
            State::CellStart | State::Plain | State::Quote | State::BehindQuote => {}
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
            State::CellStart => match byte {
                b' ' | b'\t' => Ok((1, false)),
                b'"' => {
                    self.state = State::Quoted;
                    self.has_quotes = true;
                    Ok((1, false))
                }
                _ => {
                    self.state = State::Plain;
                    Ok((0, false))
                }
            },
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
            State::Quote | State::BehindQuote => match byte {
                b',' | b'\n' | b'\r' => Ok((1, self.end_at(byte))),
                b' ' | b'\t' => {
                    self.state = State::BehindQuote;
                    Ok((1, false))
                }
                _ => Err(CellError::TextBehindQuote),
            },
        }
    }

    /// Ends the cell at a comma or a line end; whether that ended the row.
    fn end_at(&mut self, mark: u8) -> bool {
        self.end_cell();
        self.state = if mark == b',' { State::CellStart } else { State::RowEnd { after_cr: mark == b'\r' } };
        mark != b','
    }

    fn end_cell(&mut self) {
        if matches!(self.state, State::Plain) {
            let start = self.ends.last().copied().unwrap_or(0);
            let blanks = self.text[start..].iter().rev().take_while(|b| matches!(b, b' ' | b'\t')).count();
            self.text.truncate(self.text.len() - blanks);
        }
        self.ends.push(self.text.len());
    }

    fn begin_row(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.has_quotes = false;
        self.row += 1;
        self.state = State::CellStart;
    }

    fn is_blank(&self) -> bool {
        self.ends.len() == 1 && self.text.is_empty() && !self.has_quotes
    }
}

#[cfg(test)]
mod tests;
