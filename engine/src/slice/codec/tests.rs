use proptest::prelude::*;

use super::*;
use crate::pace::{PACE_BYTES, polls_of};

fn task(number: u64, bucket: &str, key: &str) -> Task {
    Task {
        number,
        bucket: BucketName::new(bucket).unwrap(),
        key: ObjectKey::new(key).unwrap(),
        version: None,
        size: None,
        defect: None,
        tried_since: None,
        checksum: None,
    }
}

fn row(first_task: u64, tasks: usize) -> SliceRow {
    SliceRow {
        index: 0,
        first_task,
        tasks: u32::try_from(tasks).unwrap(),
        spool_name: "j/00000000-1.slice".into(),
        succeeded: 0,
        failed: 0,
        is_leased: false,
        must_check: false,
        revocations: 0,
        round: 0,
        first_leased: None,
        must_check_since: None,
    }
}

fn write(tasks: &[Task]) -> Bytes {
    let mut writer = SliceWriter::new();
    tasks.iter().for_each(|task| writer.add(task));
    writer.finish()
}

fn read(file: &Bytes, row: &SliceRow, empty: EmptyVersion) -> Result<Vec<Task>, ReadSliceError> {
    read_as(file, row, empty, Separator::CommaBlank)
}

fn read_as(
    file: &Bytes,
    row: &SliceRow,
    empty_version: EmptyVersion,
    separator: Separator,
) -> Result<Vec<Task>, ReadSliceError> {
    SliceReader::open(file.clone(), row, Meaning { empty_version, separator })?.collect()
}

fn some_tasks() -> Vec<Task> {
    let mut tasks: Vec<Task> = (0..40).map(|n| task(64 + n, "photos", &format!("2026/{n:04}/é.jpg"))).collect();
    tasks[3].version = VersionId::new("v 3").ok();
    tasks[4].size = Some(5 << 40);
    tasks[5].defect = Some(Defect::OtherBucket);
    tasks[5].bucket = BucketName::new("others").unwrap();
    tasks[6].defect = Some(Defect::NoVersion);
    tasks
}

#[test]
fn one_writer_writes_slice_after_slice() {
    let mut writer = SliceWriter::new();
    for first in [0, 64] {
        let tasks: Vec<Task> = (first..first + 64).map(|n| task(n, "b", &format!("k{n}"))).collect();
        tasks.iter().for_each(|task| writer.add(task));
        assert_eq!((writer.first_task(), writer.tasks()), (first, 64));
        let file = writer.finish();
        assert_eq!(file, write(&tasks), "the slice before leaves no trace");
        assert_eq!(read(&file, &row(first, 64), EmptyVersion::Latest).unwrap(), tasks);
    }
}

#[test]
fn what_an_empty_version_means_is_decided_by_the_reader() {
    let mut tasks = vec![task(0, "b", "k"), task(1, "b", "l"), task(2, "c", "m")];
    tasks[1].version = VersionId::new("v").ok();
    tasks[2].defect = Some(Defect::OtherBucket);
    let file = write(&tasks);
    let read = |empty| read(&file, &row(0, 3), empty).unwrap();
    assert_eq!(read(EmptyVersion::Latest), tasks);
    let failing = read(EmptyVersion::Fail);
    let defects: Vec<_> = failing.iter().map(|task| task.defect).collect();
    assert_eq!(defects, [Some(Defect::NoVersion), None, Some(Defect::OtherBucket)]);
    let null = read(EmptyVersion::Null);
    assert_eq!(null.iter().map(|t| t.version.as_ref().unwrap().as_str()).collect::<Vec<_>>(), ["null", "v", "null"]);
}

#[test]
fn whose_the_blank_before_a_key_is_is_decided_by_the_reader() {
    let tasks = [task(0, "b", "k1"), task(1, "b", "k2"), task(2, "b", " k2"), task(3, "b", "k")];
    let mut writer = SliceWriter::new();
    writer.add_behind_blank(&tasks[0]);
    writer.add_behind_blank(&tasks[1]);
    writer.add(&tasks[2]);
    writer.add(&tasks[3]);
    let file = writer.finish();
    let keys = |separator| -> Vec<String> {
        let read = read_as(&file, &row(0, 4), EmptyVersion::Latest, separator).unwrap();
        read.iter().map(|task| task.key.as_str().to_owned()).collect()
    };
    assert_eq!(keys(Separator::Comma), [" k1", " k2", " k2", "k"]);
    assert_eq!(keys(Separator::CommaBlank), ["k1", "k2", " k2", "k"]);
}

#[test]
fn only_a_file_with_such_a_blank_has_format_2() {
    let format = |file: &Bytes| zstd::decode_all(&file[..]).unwrap()[0];
    let mut writer = SliceWriter::new();
    writer.add_behind_blank(&task(0, "b", "k"));
    assert_eq!(format(&writer.finish()), 2);
    writer.add(&task(1, "b", "k"));
    assert_eq!(format(&writer.finish()), 1, "the slice before leaves no trace");
    // The mark does not exist in format 1.
    writer.add_behind_blank(&task(0, "b", "k"));
    let mut rows = zstd::decode_all(&writer.finish()[..]).unwrap();
    rows[0] = 1;
    let older = Bytes::from(zstd::encode_all(&rows[..], 1).unwrap());
    assert!(matches!(read(&older, &row(0, 1), EmptyVersion::Latest), Err(ReadSliceError::Damaged(_))));
}

#[test]
fn a_damaged_file_gives_out_no_task() {
    let tasks = some_tasks();
    let file = write(&tasks);
    let row = row(64, tasks.len());
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut damaged = file.to_vec();
            damaged[at] ^= 1 << bit;
            // A few bits of zstd's own header say nothing about the content.
            if let Ok(read) = read(&Bytes::from(damaged), &row, EmptyVersion::Latest) {
                assert_eq!(read, tasks, "byte {at}, bit {bit}");
            }
        }
        let cut = file.slice(..at);
        assert!(read(&cut, &row, EmptyVersion::Latest).is_err(), "cut off at {at}");
    }
}

#[test]
fn a_file_of_other_tasks_or_of_another_release_is_refused() {
    let tasks = some_tasks();
    let file = write(&tasks);
    let error = read(&file, &row(0, tasks.len()), EmptyVersion::Latest).unwrap_err();
    assert_eq!(error, ReadSliceError::Other { first_task: 64, tasks: 40 });
    let mut rows = zstd::decode_all(&file[..]).unwrap();
    rows[0] = 9;
    let newer = Bytes::from(zstd::encode_all(&rows[..], 1).unwrap());
    assert_eq!(read(&newer, &row(64, 40), EmptyVersion::Latest), Err(ReadSliceError::Format(9)));
}

#[test]
fn format_1_is_what_it_was() {
    let written_then = include_bytes!("../../../../fixtures/engine/slice-format-1.zst");
    let tasks = read(&Bytes::from_static(written_then), &row(64, 40), EmptyVersion::Latest).unwrap();
    assert_eq!(tasks, some_tasks());
    // Another release of zstd may compress otherwise; the rows are ours.
    let rows = |file: &[u8]| zstd::decode_all(file).unwrap();
    assert_eq!(rows(&write(&some_tasks())), rows(written_then));
}

fn any_task() -> impl Strategy<Value = Task> {
    let key = prop_oneof!["[a-c/]{1,6}", "\\PC{1,40}", Just("k".repeat(KEY_BYTES_MAX))];
    let version = prop::option::of("[a-zA-Z0-9._-]{1,32}");
    let defect = prop_oneof![Just(None), Just(Some(Defect::OtherBucket)), Just(Some(Defect::NoVersion))];
    let tried = prop::option::of((0..1_i64 << 33).prop_map(|second| Timestamp::from_second(second).unwrap()));
    let checksum = prop::option::of("[a-zA-Z0-9+/=]{0,128}");
    ("[ab]", key, version, prop::option::of(any::<u64>()), defect, tried, checksum).prop_map(
        |(bucket, key, version, size, defect, tried_since, checksum)| Task {
            version: version.map(|text| VersionId::new(text).unwrap()),
            size,
            defect,
            tried_since,
            checksum,
            ..task(0, &bucket, &key)
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(mut tasks in prop::collection::vec(any_task(), 1..50), first in 0..u64::MAX / 2) {
        for (task, number) in tasks.iter_mut().zip(first..) {
            task.number = number;
        }
        prop_assert_eq!(read(&write(&tasks), &row(first, tasks.len()), EmptyVersion::Latest).unwrap(), tasks);
    }

    #[test]
    fn any_rows_are_read_or_refused(mut rows in prop::collection::vec(any::<u8>(), 0..200), format in 1_u8..3, tasks in 1_usize..9) {
        let mut bytes = vec![format];
        bytes.extend_from_slice(&0_u64.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(tasks).unwrap().to_le_bytes());
        bytes.append(&mut rows);
        let file = Bytes::from(zstd::encode_all(&bytes[..], 1).unwrap());
        let _ = read_as(&file, &row(0, tasks), EmptyVersion::Fail, Separator::Comma);
    }
}

#[tokio::test]
async fn a_large_slice_is_written_compared_and_verified_step_by_step() {
    let tasks: Vec<Task> = (0..4000_u64)
        .map(|n| task(n, "photos", &format!("{:0<1000}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15))))
        .collect();
    let mut writer = SliceWriter::new();
    tasks.iter().for_each(|task| writer.add(task));
    let bytes = writer.rows.len();
    assert!(bytes > 3_000_000, "no key begins like the one before: {bytes} bytes");
    let (file, polls) = polls_of(writer.finish_in_steps()).await;
    assert!(polls >= bytes / COMPRESSED_AT_ONCE, "{polls} polls for {bytes} bytes");
    assert_eq!(read(&file, &row(0, 4000), EmptyVersion::Latest).unwrap(), tasks);
    tasks.iter().for_each(|task| writer.add(task));
    let (is_same, polls) = polls_of(writer.matches(&file)).await;
    assert!(is_same && polls >= bytes / (2 * PACE_BYTES), "{polls} polls for {bytes} bytes");
    let (verified, polls) = polls_of(verify(&file)).await;
    assert!(verified.is_ok() && polls >= bytes / (2 * PACE_BYTES), "{polls} polls for {bytes} bytes");
    assert!(verify(&file.slice(..file.len() - 1)).await.is_err());
    writer.add(&task(4000, "photos", "more"));
    assert!(!writer.matches(&file).await, "it has a task more");
    writer.reset();
    tasks[1..].iter().for_each(|task| writer.add(task));
    assert!(!writer.matches(&file).await, "it has other tasks");
}
