//! Rows of CSV manifests. The first byte chooses fields and options, the second the size of the
//! pieces in which the rest arrives: however it is cut, it is the same tasks or the same error.

use brigade_engine::manifest::csv::RowReader;
use brigade_engine::manifest::row::RowError;
use brigade_model::manifest::{Field, ManifestFormat, ManifestLocation};
use brigade_model::options::KeyEncoding;
use brigade_model::{ETag, JobOptions, ManifestSpec, Task, qcs};

const FIELDS: [&[Field]; 4] = [
    &[Field::Bucket, Field::Key],
    &[Field::Bucket, Field::Key, Field::VersionId],
    &[Field::Ignore, Field::Key, Field::Bucket],
    &[Field::Bucket, Field::Key, Field::VersionId, Field::Ignore, Field::Ignore, Field::Ignore, Field::Ignore],
];
const ENCODINGS: [Option<KeyEncoding>; 4] =
    [None, Some(KeyEncoding::Raw), Some(KeyEncoding::Url), Some(KeyEncoding::Form)];

pub(crate) fn check(bytes: &[u8]) {
    let (form, rest) = super::choose(bytes, FIELDS.len() * ENCODINGS.len());
    let (piece, rows) = super::choose(rest, 32);
    let options = JobOptions { key_encoding: ENCODINGS[form / FIELDS.len()], ..JobOptions::default() };
    let spec = ManifestSpec {
        location: ManifestLocation {
            object: qcs::parse_object("qcs::cos:r:uid/1:batch/m.csv").expect("a name as it should be"),
            version: None,
            etag: ETag::new("e").expect("an ETag as it should be"),
        },
        format: ManifestFormat::CosCsvV1,
        fields: FIELDS[form % FIELDS.len()].to_vec(),
    };
    let whole = read(&spec, &options, std::iter::once(rows));
    let in_pieces = read(&spec, &options, rows.chunks(piece + 1));
    assert_eq!(whole, in_pieces, "rows depend on how they arrive");
    if let (tasks, None) = &whole {
        for (task, number) in tasks.iter().zip(0..) {
            assert_eq!(task.number, number, "tasks are not numbered in their order");
        }
    }
}

/// Every task up to the end or an error.
fn read<'a>(
    spec: &ManifestSpec,
    options: &JobOptions,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Task>, Option<RowError>) {
    let mut tasks = Vec::new();
    let end = read_into(&mut tasks, spec, options, pieces);
    (tasks, end.err())
}

fn read_into<'a>(
    tasks: &mut Vec<Task>,
    spec: &ManifestSpec,
    options: &JobOptions,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Result<(), RowError> {
    let mut reader = RowReader::new(spec, options)?;
    for mut piece in pieces {
        while let Some(task) = reader.next(&mut piece)? {
            tasks.push(task);
        }
    }
    tasks.extend(reader.finish()?);
    Ok(())
}
