//! Decodes the rows of a result file from a stream of bytes.

use anyhow::{bail, ensure};
use csv_core::ReadRecordResult;
use percent_encoding::percent_decode_str;

/// A row of a report: what became of one task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// The bucket.
    pub bucket: String,
    /// The key, decoded.
    pub key: String,
    /// The version, empty when the task named none.
    pub version: String,
    /// `succeeded` or `failed`; `dry-run` where nothing was done.
    pub status: String,
    /// The error's code, decoded; empty for a success.
    pub error_code: String,
    /// The store's HTTP status.
    pub http_status: String,
    /// What there is to say, decoded.
    pub message: String,
}

/// What a column sets.
type Set = fn(&mut Row, String);

/// The columns, by their names in the report's schema.
const COLUMNS: [(&str, Set); 7] = [
    ("Bucket", |row, cell| row.bucket = cell),
    ("Key", |row, cell| row.key = decoded(&cell)),
    ("VersionId", |row, cell| row.version = cell),
    ("TaskStatus", |row, cell| row.status = cell),
    ("ErrorCode", |row, cell| row.error_code = decoded(&cell)),
    ("HTTPStatusCode", |row, cell| row.http_status = cell),
    ("ResultMessage", |row, cell| row.message = decoded(&cell)),
];

fn decoded(cell: &str) -> String {
    percent_decode_str(cell).decode_utf8_lossy().into_owned()
}

/// Reads rows out of pieces of a file, wherever they are cut.
pub(super) struct RowReader {
    csv: csv_core::Reader,
    /// For each column of the file, what it sets; `None` for an unknown column.
    columns: Vec<Option<Set>>,
    cells: Vec<u8>,
    cells_filled: usize,
    ends: Vec<usize>,
    ends_filled: usize,
}

impl RowReader {
    pub(super) fn new(schema: &str) -> anyhow::Result<Self> {
        let names: Vec<_> = schema.split(',').map(str::trim).collect();
        for wanted in ["Key", "TaskStatus"] {
            ensure!(names.contains(&wanted), "the report's schema {schema:?} has no column {wanted}");
        }
        let setter = |name: &&str| COLUMNS.iter().find(|(known, _)| known == name).map(|(_, set)| *set);
        let columns: Vec<_> = names.iter().map(setter).collect();
        let ends = vec![0; columns.len() + 1];
        let csv = csv_core::Reader::new();
        Ok(Self { csv, columns, cells: vec![0; 4096], cells_filled: 0, ends, ends_filled: 0 })
    }

    /// Takes a piece in and gives the rows that it completes; an empty piece is the end.
    pub(super) fn feed(&mut self, mut piece: &[u8]) -> anyhow::Result<Vec<Row>> {
        let mut rows = Vec::new();
        loop {
            let cells = &mut self.cells[self.cells_filled..];
            let ends = &mut self.ends[self.ends_filled..];
            let (result, read, written, ended) = self.csv.read_record(piece, cells, ends);
            piece = &piece[read..];
            self.cells_filled += written;
            self.ends_filled += ended;
            match result {
                ReadRecordResult::InputEmpty if piece.is_empty() => return Ok(rows),
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.cells.resize(self.cells.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => bail!("a row has more cells than the report's schema"),
                ReadRecordResult::Record => rows.push(self.row()?),
                ReadRecordResult::End => return Ok(rows),
            }
        }
    }

    fn row(&mut self) -> anyhow::Result<Row> {
        let count = std::mem::take(&mut self.ends_filled);
        self.cells_filled = 0;
        ensure!(count == self.columns.len(), "a row has {count} cells and the schema {}", self.columns.len());
        let mut row = Row::default();
        let mut start = 0;
        for (set, end) in self.columns.iter().zip(&self.ends) {
            if let Some(set) = set {
                set(&mut row, String::from_utf8_lossy(&self.cells[start..*end]).into_owned());
            }
            start = *end;
        }
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = "Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage";
    const FILE: &str = "b,a%20b%2Cc,,succeeded,,200,Successful\n\
                        b,k,v1,failed,NoSuchKey,404,\"said \"\"no\"\",%0Aand 100%25 left\"\n";

    fn read(file: &str, piece: usize) -> Vec<Row> {
        let mut reader = RowReader::new(SCHEMA).unwrap();
        let mut rows: Vec<_> = file.as_bytes().chunks(piece).flat_map(|piece| reader.feed(piece).unwrap()).collect();
        rows.extend(reader.feed(&[]).unwrap());
        rows
    }

    #[test]
    fn rows_are_the_same_wherever_the_file_is_cut() {
        let rows = read(FILE, FILE.len());
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].key.as_str(), rows[0].status.as_str()), ("a b,c", "succeeded"));
        assert_eq!(rows[1].message, "said \"no\",\nand 100% left");
        for piece in [1, 2, 7, 64] {
            assert_eq!(read(FILE, piece), rows, "pieces of {piece}");
        }
        assert_eq!(read(FILE.trim_end(), 5), rows, "the last line end is optional");
    }

    #[test]
    fn a_long_cell_and_an_unknown_column_are_read() {
        let mut reader = RowReader::new("Key, TaskStatus, Colour").unwrap();
        let line = format!("{},failed,red\n", "k".repeat(10_000));
        assert_eq!(reader.feed(line.as_bytes()).unwrap()[0].key.len(), 10_000);
    }

    #[test]
    fn a_row_of_other_cells_than_the_schema_is_refused() {
        for file in ["a\n", "a,b,c,d,e,f,g,h\n"] {
            assert!(RowReader::new(SCHEMA).unwrap().feed(file.as_bytes()).is_err(), "{file}");
        }
        assert!(RowReader::new("Bucket, Size").is_err());
    }
}
