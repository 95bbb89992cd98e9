//! Rows of CSV manifests. The first byte chooses fields and options, the second the size of the pieces
//! in which the rest arrives: however it is cut, the decoder gives the same rows or the same error.

use brigade_engine::manifest::csv::RowReader;
use brigade_engine::manifest::row::{Row, RowError};
use brigade_model::manifest::{Field, ManifestFormat, ManifestLocation};
use brigade_model::options::{Header, KeyEncoding, Separator};
use brigade_model::{ETag, JobOptions, ManifestSpec};
use brigade_wire::cos::qcs;

const FIELDS: [&[Field]; 4] = [
    &[Field::Bucket, Field::Key],
    &[Field::Bucket, Field::Key, Field::VersionId],
    &[Field::Ignore, Field::Key, Field::Bucket],
    &[Field::Bucket, Field::Key, Field::VersionId, Field::Ignore, Field::Ignore, Field::Ignore, Field::Ignore],
];
const ENCODINGS: [Option<KeyEncoding>; 4] =
    [None, Some(KeyEncoding::Raw), Some(KeyEncoding::Url), Some(KeyEncoding::Form)];

/// Separator and header: a corpus of old has the first.
const READINGS: [(Option<Separator>, Option<Header>); 5] = [
    (None, None),
    (Some(Separator::Comma), None),
    (Some(Separator::CommaBlank), None),
    (None, Some(Header::Yes)),
    (None, Some(Header::No)),
];

pub(crate) fn check(bytes: &[u8]) {
    let (form, rest) = super::choose(bytes, FIELDS.len() * ENCODINGS.len() * READINGS.len());
    let (piece, text) = super::choose(rest, 32);
    let (fields, form) = (FIELDS[form % FIELDS.len()], form / FIELDS.len());
    let (key_encoding, form) = (ENCODINGS[form % ENCODINGS.len()], form / ENCODINGS.len());
    let (separator, header) = READINGS[form];
    let options = JobOptions { key_encoding, separator, header, ..JobOptions::default() };
    let spec = ManifestSpec {
        location: ManifestLocation {
            object: qcs::parse_object("qcs::cos:r:uid/1:batch/m.csv").expect("a name as it should be"),
            version: None,
            etag: ETag::new("e").expect("an ETag as it should be"),
        },
        format: ManifestFormat::Csv,
        fields: fields.to_vec(),
        rows: Default::default(),
    };
    let whole = read(&spec, &options, std::iter::once(text));
    let in_pieces = read(&spec, &options, text.chunks(piece + 1));
    assert_eq!(whole, in_pieces, "rows depend on how they arrive");
    if let (rows, None) = &whole {
        for (row, number) in rows.iter().zip(0..) {
            assert_eq!(row.task.number, number, "tasks are not numbered in their order");
        }
        check_separator(&spec, &options, text, rows);
    }
}

/// Where a reader that was told no separator leaves blanks open, one that was told reads the same.
fn check_separator(spec: &ManifestSpec, options: &JobOptions, text: &[u8], rows: &[Row]) {
    let told = JobOptions { separator: Some(Separator::CommaBlank), ..options.clone() };
    if options.separator.is_none()
        && rows.iter().any(|row| row.is_behind_blank)
        && let (named, None) = read(spec, &told, std::iter::once(text))
    {
        let tasks = |rows: &[Row]| rows.iter().map(|row| row.task.clone()).collect::<Vec<_>>();
        assert_eq!(tasks(rows), tasks(&named), "a blank is taken for what it is not");
    }
}

/// Every row up to the end or an error.
fn read<'a>(
    spec: &ManifestSpec,
    options: &JobOptions,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Row>, Option<RowError>) {
    let mut rows = Vec::new();
    let end = read_into(&mut rows, spec, options, pieces);
    (rows, end.err())
}

fn read_into<'a>(
    rows: &mut Vec<Row>,
    spec: &ManifestSpec,
    options: &JobOptions,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Result<(), RowError> {
    let mut reader = RowReader::new(spec, options)?;
    for mut piece in pieces {
        while let Some(row) = reader.next(&mut piece)? {
            rows.push(row);
        }
    }
    rows.extend(reader.finish()?);
    Ok(())
}
