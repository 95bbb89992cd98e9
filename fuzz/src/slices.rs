//! Slice files, as the spool keeps them: damage is an error and never gives other tasks. The first byte
//! says whether the rest is the file or the rows inside it.

use brigade_engine::slice::codec::{Meaning, SliceReader, SliceWriter};
use brigade_model::Task;
use brigade_model::options::{EmptyVersion, Separator};
use brigade_model::ports::job_store::SliceRow;
use bytes::Bytes;

const MEANINGS: [EmptyVersion; 3] = [EmptyVersion::Latest, EmptyVersion::Fail, EmptyVersion::Null];
/// Where the header says how many tasks there are, in little-endian order.
const TASKS: std::ops::Range<usize> = 9..13;

pub(crate) fn check(bytes: &[u8]) {
    let (form, rest) = super::choose(bytes, 2 * MEANINGS.len());
    let (meaning, tasks) = (MEANINGS[form % MEANINGS.len()], tasks_of(rest));
    let file = match form / MEANINGS.len() {
        0 => Bytes::copy_from_slice(rest),
        _ => Bytes::from(zstd::encode_all(rest, 1).expect("memory takes any bytes")),
    };
    let Ok(read) = read(file, tasks, meaning) else { return };
    let mut writer = SliceWriter::new();
    read.iter().for_each(|task| writer.add(task));
    let again = self::read(writer.finish(), tasks, EmptyVersion::Latest);
    assert_eq!(again.as_deref().ok(), Some(&read[..]), "tasks are not read as they were written");
}

/// As many tasks as the rows say that they have: a row of another slice is refused at once.
fn tasks_of(rows: &[u8]) -> u32 {
    rows.get(TASKS).and_then(|bytes| bytes.try_into().ok()).map_or(1, u32::from_le_bytes)
}

fn read(file: Bytes, tasks: u32, meaning: EmptyVersion) -> Result<Vec<Task>, ()> {
    let row = SliceRow {
        index: 0,
        first_task: 0,
        tasks,
        spool_name: String::new(),
        succeeded: 0,
        failed: 0,
        is_leased: false,
        must_check: false,
        revocations: 0,
        round: 0,
        first_leased: None,
        must_check_since: None,
    };
    let meaning = Meaning { empty_version: meaning, separator: Separator::Comma };
    SliceReader::open(file, &row, meaning).map_err(drop)?.collect::<Result<_, _>>().map_err(drop)
}
