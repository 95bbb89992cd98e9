//! Makes reports safe for spreadsheets: these take a cell that begins with one of a few characters for
//! a formula, and a client or store can make a key or a message begin so. An apostrophe before it makes
//! the cell text; spreadsheets do not show it.

use std::borrow::Cow;
use std::path::Path;

use super::rows::Row;

/// What formulas begin with, and what spreadsheets skip before they look for one (OWASP, CSV Injection).
const BEGIN_FORMULAS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A cell that is no formula.
fn guarded(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(BEGIN_FORMULAS) { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

impl Row {
    /// The row with no cell that is a formula.
    #[must_use]
    pub fn guarded(self) -> Self {
        let Row { bucket, key, version, status, error_code, http_status, message } = self;
        let cells = [bucket, key, version, status, error_code, http_status, message];
        let [bucket, key, version, status, error_code, http_status, message] =
            cells.map(|cell| guarded(&cell).into_owned());
        Row { bucket, key, version, status, error_code, http_status, message }
    }
}

/// Writes the rows of a file of a report again, with no cell that is a formula.
///
/// # Errors
/// When a file cannot be read or written.
pub fn guard_file(from: &Path, to: &Path) -> csv::Result<()> {
    let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_path(from)?;
    let mut out = csv::WriterBuilder::new().flexible(true).terminator(csv::Terminator::CRLF).from_path(to)?;
    let mut row = csv::StringRecord::new();
    while rows.read_record(&mut row)? {
        out.write_record(row.iter().map(|cell| guarded(cell).into_owned()))?;
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_a_spreadsheet_takes_for_a_formula_is_a_text() {
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(guarded(cell), format!("'{cell}"));
        }
        for cell in ["", "a=1", "'", " =1", "Zürich", "%3D1"] {
            assert_eq!(guarded(cell), cell);
        }
        let row = Row { key: "=k".to_owned(), message: "-m".to_owned(), bucket: "b".to_owned(), ..Row::default() };
        let guarded = row.guarded();
        assert_eq!((&*guarded.bucket, &*guarded.key, &*guarded.message), ("b", "'=k", "'-m"));
    }

    #[test]
    fn a_guarded_file_has_every_row_and_no_formula() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from.csv"), folder.path().join("to.csv"));
        std::fs::write(
            &from,
            "b,-k,,failed,@Code,403,\"=HYPERLINK(\"\"http://x\"\",1)\"\r\nb,k,,succeeded,,200,ok\r\n",
        )
        .unwrap();
        guard_file(&from, &to).unwrap();
        let text = std::fs::read_to_string(&to).unwrap();
        let expected = "b,'-k,,failed,'@Code,403,\"'=HYPERLINK(\"\"http://x\"\",1)\"\r\nb,k,,succeeded,,200,ok\r\n";
        assert_eq!(text, expected);
    }
}
