//! One task as one row of a report.
//!
//! RFC 4180: cells with a comma, a quote or a line end are quoted, rows end with CRLF. Cells
//! that begin or end with a blank are quoted too, since readers (ours among them) trim others.
//! Keys are percent-encoded in UTF-8, a space as `%20`; letters, digits, `-_.~` and `/` stand
//! as they are, so the same key comes out whether a reader takes `+` for a space or not.
//! Codes and messages are a store's words. They stay readable: only `%` and what is not printable
//! (line ends, escape sequences, marks that turn the direction of a text) is percent-encoded in them.

use brigade_model::printable::is_printable;
use brigade_model::{Outcome, Task};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode_byte, utf8_percent_encode};

/// The columns, as `manifest.json` states them.
pub(super) const SCHEMA: &str = "Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage";

const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// Which tasks a file lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Succeeded,
    Failed,
}

impl Kind {
    /// The word in rows, in `manifest.json` and in the store.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Succeeded => "succeeded",
            Kind::Failed => "failed",
        }
    }

    /// The kind of file that lists the outcome.
    pub(super) fn of(outcome: &Outcome) -> Self {
        if outcome.is_success() { Kind::Succeeded } else { Kind::Failed }
    }
}

/// Stands in place of `succeeded` in the rows of a dry run, so that no reader takes the task for
/// done.
pub(super) const DRY_RUN: &str = "dry-run";

/// Adds the row of a task. A dry run's row reads `dry-run` where the task would be attempted, and has
/// no status of an answer that never came.
pub(super) fn put_row(into: &mut Vec<u8>, task: &Task, outcome: &Outcome, is_dry_run: bool) {
    let version = task.version.as_ref().map_or("", |version| version.as_str());
    put_cell(into, task.bucket.as_str());
    into.push(b',');
    utf8_percent_encode(task.key.as_str(), ENCODED).for_each(|piece| into.extend_from_slice(piece.as_bytes()));
    into.push(b',');
    put_cell(into, version);
    into.push(b',');
    let kind = Kind::of(outcome);
    let status = if is_dry_run && kind == Kind::Succeeded { DRY_RUN } else { kind.word() };
    into.extend_from_slice(status.as_bytes());
    into.push(b',');
    match outcome {
        Outcome::SucceededWith { message } if is_dry_run => {
            into.extend_from_slice(b",,");
            put_words(into, message);
        }
        // Every success reads 200, as readers of such reports expect it, though deletes are
        // answered with 204 and restores with 202.
        Outcome::Succeeded => into.extend_from_slice(b",200,Successful"),
        Outcome::SucceededWith { message } => {
            into.extend_from_slice(b",200,");
            put_words(into, message);
        }
        Outcome::Failed(failure) => {
            put_words(into, &failure.code);
            into.push(b',');
            if let Some(status) = failure.http_status {
                into.extend_from_slice(status.to_string().as_bytes());
            }
            into.push(b',');
            put_words(into, &failure.message);
        }
    }
    into.extend_from_slice(b"\r\n");
}

/// A cell of a store's words, decoded as keys are.
fn put_words(into: &mut Vec<u8>, text: &str) {
    let is_kept = |c: char| c != '%' && is_printable(c);
    if text.chars().all(is_kept) {
        return put_cell(into, text);
    }
    let mut encoded = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match is_kept(c) {
            true => encoded.push(c),
            false => encoded.extend(c.encode_utf8(&mut [0; 4]).bytes().map(percent_encode_byte)),
        }
    }
    put_cell(into, &encoded);
}

fn put_cell(into: &mut Vec<u8>, text: &str) {
    let has_marks = text.bytes().any(|b| matches!(b, b',' | b'"' | b'\r' | b'\n'));
    if !has_marks && !text.starts_with([' ', '\t']) && !text.ends_with([' ', '\t']) {
        into.extend_from_slice(text.as_bytes());
        return;
    }
    into.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            into.push(b'"');
        }
        into.push(byte);
    }
    into.push(b'"');
}

#[cfg(test)]
mod tests {
    use brigade_model::{BucketName, ObjectKey, VersionId};
    use proptest::prelude::*;

    use super::*;

    fn row(key: &str, version: Option<&str>, outcome: &Outcome) -> String {
        let task = Task {
            number: 0,
            bucket: BucketName::new("photos-125").unwrap(),
            key: ObjectKey::new(key).unwrap(),
            version: version.map(|version| VersionId::new(version).unwrap()),
            size: None,
            defect: None,
            tried_since: None,
            checksum: None,
        };
        let mut bytes = Vec::new();
        put_row(&mut bytes, &task, outcome, false);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_row_says_what_the_schema_promises() {
        let noted = Outcome::SucceededWith { message: "kept, as asked".into() };
        let failed = Outcome::failed("NoSuchKey", Some(404), "gone \"for good\"\n(request 7) (attempts 3)");
        let lost = Outcome::failed("Unconfirmed", None, "unknown ");
        assert_eq!(
            row("a b+c/é.txt", None, &Outcome::Succeeded),
            "photos-125,a%20b%2Bc/%C3%A9.txt,,succeeded,,200,Successful\r\n"
        );
        assert_eq!(row("k", Some("v1"), &noted), "photos-125,k,v1,succeeded,,200,\"kept, as asked\"\r\n");
        assert_eq!(
            row("k,\"", None, &failed),
            "photos-125,k%2C%22,,failed,NoSuchKey,404,\"gone \"\"for good\"\"%0A(request 7) (attempts 3)\"\r\n"
        );
        assert_eq!(row("~-_.", None, &lost), "photos-125,~-_.,,failed,Unconfirmed,,\"unknown \"\r\n");
        assert_eq!(SCHEMA.split(", ").count(), 7);
    }

    #[test]
    fn what_a_store_says_is_one_line_of_a_report_and_steers_no_terminal() {
        let failed =
            Outcome::failed("No\u{1b}[2JSuchKey", Some(404), "100% é\r\nb,forged,,succeeded\u{9b}\u{202e}\u{2028}\0");
        assert_eq!(
            row("k", None, &failed),
            "photos-125,k,,failed,No%1B[2JSuchKey,404,\"100%25 é%0D%0Ab,forged,,succeeded%C2%9B%E2%80%AE%E2%80%A8%00\"\r\n"
        );
    }

    proptest! {
        #[test]
        fn another_reader_reads_what_was_meant(
            key in "\\PC{1,30}",
            version in "[ -~]{1,12}",
            code in "[ -~\r\n]{0,12}",
            message in "(?s).{0,40}",
        ) {
            let text = row(&key, Some(&version), &Outcome::failed(code.clone(), Some(500), message.clone()));
            let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
            let records: Vec<::csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(records.len(), 1);
            let decoded = percent_encoding::percent_decode_str(&records[0][1]).decode_utf8().unwrap().into_owned();
            let cells: Vec<&str> = records[0].iter().collect();
            prop_assert_eq!(decoded, key);
            let words = |cell: &str| percent_encoding::percent_decode_str(cell).decode_utf8().unwrap().into_owned();
            prop_assert_eq!((&cells[2..4], cells[5]), (&[&*version, "failed"][..], "500"));
            prop_assert_eq!((words(cells[4]), words(cells[6])), (code, message));
        }
    }
}
