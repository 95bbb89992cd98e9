use std::sync::Arc;
use std::sync::Mutex;

use brigade_model::operation::OperationKind;
use brigade_model::options::KeyEncoding;
use brigade_model::{BucketName, ObjectKey, VersionId};
use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;

use super::footer::{Chunk, Kind};
use super::*;

/// A file of `fixtures/inventory/parquet`.
fn fixture(name: &str) -> Bytes {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/inventory/parquet");
    std::fs::read(format!("{folder}/{name}.parquet")).unwrap().into()
}

/// Bytes that are read in ranges of so many, which are noted.
struct Ranges {
    bytes: Bytes,
    range_bytes: u64,
    read: Mutex<Vec<(u64, u64)>>,
}

impl Ranges {
    fn of(bytes: Bytes, range_bytes: u64) -> Self {
        Self { bytes, range_bytes, read: Mutex::default() }
    }
}

impl PartBytes for &Ranges {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn range_bytes(&self) -> u64 {
        self.range_bytes
    }

    async fn read(&self, from: u64, to: u64, into: &mut BytesMut) -> Result<(), ManifestProblem> {
        self.read.lock().unwrap().push((from, to));
        self.bytes.read(from, to, into).await
    }
}

fn listed(operation: OperationKind) -> ListedRows {
    ListedRows::new(None, KeyEncoding::Raw, operation, None)
}

/// The tasks of a part, how many rows are left out, and the most that is held between two rows.
async fn read_all(bytes: impl PartBytes) -> Result<(Vec<Task>, u64, u64), ManifestProblem> {
    let (mut part, mut rows) = (ParquetPart::open(bytes).await?, listed(OperationKind::Copy));
    rows.set_has_versions(part.has_versions());
    let (mut tasks, mut held) = (Vec::new(), 0);
    while let Some(row) = part.next(&mut rows).await? {
        if let ParquetRow::Task(task) = row {
            tasks.push(task);
        }
        held = held.max(part.columns.iter().flatten().map(|column| column.held() + column.ahead()).sum());
    }
    Ok((tasks, rows.left_out(), held))
}

async fn refusal(bytes: Bytes) -> String {
    read_all(bytes).await.unwrap_err().to_string()
}

/// The tasks of the rows that `make.py` writes.
fn made(has_versions: bool) -> Vec<Task> {
    let is_task = |n: &u64| !has_versions || n % 50 != 49;
    let task = |(number, n): (u64, u64)| Task {
        number,
        bucket: BucketName::new("photos").unwrap(),
        key: ObjectKey::new(format!("2026/{n:04}/a b+c%20ü,\"{n}\".jpg")).unwrap(),
        version: (has_versions && n % 3 != 0).then(|| VersionId::new(format!("v{n}")).unwrap()),
        size: has_versions.then_some(n * 10),
        defect: None,
        tried_since: None,
        checksum: None,
    };
    (0..).zip((0..500).filter(is_task)).map(task).collect()
}

#[tokio::test]
async fn a_part_in_parquet_is_read_whoever_wrote_it_and_its_keys_are_as_they_stand() {
    for name in ["as-aws", "of-several-groups", "plain", "gzip-v2", "zstd-rle", "among-nested-columns"] {
        for range_bytes in [1, 100, RANGE_BYTES] {
            let (tasks, left_out, _) = read_all(&Ranges::of(fixture(name), range_bytes)).await.unwrap();
            assert_eq!(tasks, made(true), "{name}");
            assert_eq!(left_out, 10, "{name}");
        }
    }
    let (tasks, left_out, _) = read_all(fixture("key-and-bucket")).await.unwrap();
    assert_eq!((tasks, left_out), (made(false), 0));
}

#[tokio::test]
async fn what_is_not_read_of_parquet_is_refused_by_its_name() {
    let with_end = |end: &[u8]| Bytes::from([&fixture("as-aws")[..], end].concat());
    for (bytes, told) in [
        (fixture("brotli"), "its codec is BROTLI; read are SNAPPY, GZIP, ZSTD and none"),
        (fixture("delta"), "its encoding is DELTA_BYTE_ARRAY; read are PLAIN, RLE and RLE_DICTIONARY"),
        (fixture("without-key"), "it must have the column key once"),
        (fixture("numbers-for-keys"), "its column key must hold BYTE_ARRAY, once in each row"),
        (Bytes::new(), "it does not end with PAR1"),
        (Bytes::from_static(b"PAR1PAR1"), "it does not end with PAR1"),
        (with_end(b"\0\0\0\0ORC1"), "it does not end with PAR1"),
        (with_end(b"\0\0\0\0PARE"), "it is encrypted"),
        (with_end(b"\0\0\0\0PAR1"), "a structure of Thrift is broken or cut off"),
        (with_end(b"\0\0\x20\0PAR1"), "its footer is longer than the file"),
        (with_end(b"\x01\0\x20\0PAR1"), "its footer has 2097153 bytes; at most 2097152 are read"),
        (with_end(b"\0\x01\0\0\0PAR1"), "its footer has no schema"),
    ] {
        assert_eq!(refusal(bytes).await, format!("is not read as Parquet: {told}"));
    }
}

#[tokio::test]
async fn a_part_that_is_cut_off_anywhere_or_damaged_is_refused_or_read_and_nothing_breaks() {
    let whole = fixture("key-and-bucket");
    for length in 0..whole.len() {
        assert!(read_all(whole.slice(..length)).await.is_err(), "{length} bytes are a part");
    }
    // The end stays, which tells where the footer is.
    for at in (4..whole.len()).step_by(31) {
        let damaged = [&whole[..at], &whole[at + 1..]].concat();
        let _ = read_all(Bytes::from(damaged)).await;
        let mut damaged = whole.to_vec();
        damaged[at] ^= 0x55;
        let _ = read_all(Bytes::from(damaged)).await;
    }
}

#[tokio::test]
async fn a_column_with_more_or_fewer_rows_than_the_footer_says_is_refused() {
    for (more, told) in [(1, "bucket"), (-1, "bucket")] {
        let mut part = ParquetPart::open(fixture("as-aws")).await.unwrap();
        let mut groups: Vec<Group> = part.groups.collect();
        groups[0].rows = groups[0].rows.checked_add_signed(more).unwrap();
        part.groups = groups.into_iter();
        let mut rows = listed(OperationKind::Copy);
        let end = loop {
            match part.next(&mut rows).await {
                Ok(Some(_)) => {}
                end => break end,
            }
        };
        let told = format!("is not read as Parquet: its column {told} has other rows than its footer says");
        assert_eq!(end.unwrap_err().to_string(), told);
    }
}

/// A column of texts whose bytes are these.
async fn read_page(bytes: Vec<u8>, codec: Codec, held_beside: u64) -> Result<Option<usize>, String> {
    let bytes = Bytes::from(bytes);
    let chunk = Chunk { from: 0, to: bytes.size(), codec };
    let leaf = Leaf { ordinal: 0, is_nullable: false };
    let read = Column::new(Kind::Text, leaf, chunk).read_page(&bytes, held_beside).await;
    read.map_err(|problem| problem.to_string())
}

/// A header (`PageHeader` of parquet.thrift) of that kind of page, with these sizes and so many values.
fn header(kind: u8, inflated: u32, stored: u32, values: u32) -> Vec<u8> {
    let varint = |mut number: u64| {
        let mut bytes = Vec::new();
        while number >= 0x80 {
            bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    };
    let zigzag = |number: u32| varint(u64::from(number) * 2);
    let of_kind = if kind == 0 { 0x2c } else { 0x4c };
    [
        &[0x15, kind * 2, 0x15][..],
        &zigzag(inflated),
        &[0x15],
        &zigzag(stored),
        &[of_kind, 0x15],
        &zigzag(values),
        &[0, 0],
    ]
    .concat()
}

#[tokio::test]
async fn what_a_page_claims_is_not_allocated_beyond_the_bound() {
    let most = u32::try_from(i32::MAX).unwrap();
    let too_much = |bytes: u64| {
        Err(format!("is not read as Parquet: its pages take {bytes} bytes at once; at most {HELD_BYTES_MAX} are held"))
    };
    let with = |header: Vec<u8>, body: &[u8]| [&header[..], body].concat();
    let data = with(header(0, most, 1, 1), b"x");
    assert_eq!(read_page(data, Codec::Snappy, 0).await, too_much(u64::from(most) + 1));
    let dictionary = with(header(2, 4, 4, most), b"\0\0\0\0");
    assert_eq!(read_page(dictionary, Codec::None, 0).await, too_much(8 + 8 * u64::from(most)));
    let small = || with(header(0, 4, 4, 1), b"\0\0\0\0");
    assert_eq!(read_page(small(), Codec::None, HELD_BYTES_MAX - 8).await, Ok(Some(4)));
    assert_eq!(read_page(small(), Codec::None, HELD_BYTES_MAX - 7).await, too_much(HELD_BYTES_MAX + 1));

    let longer = Err("is not read as Parquet: a page is longer than its column".to_owned());
    assert_eq!(read_page(with(header(0, 4, most, 1), b"x"), Codec::None, 0).await, longer);
    // Bytes that inflate to more than the header says, or claim to.
    let wrong = Err("is not read as Parquet: a page does not inflate to what its header says".to_owned());
    let zeros = vec![0; 1 << 20];
    let snappy = snap::raw::Encoder::new().compress_vec(&zeros).unwrap();
    let zstd = zstd::bulk::compress(&zeros, 0).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut gzip, &zeros).unwrap();
    let claims = b"\xff\xff\xff\xff\x0f".to_vec();
    for (codec, stored) in [
        (Codec::Snappy, snappy),
        (Codec::Snappy, claims),
        (Codec::Zstd, zstd),
        (Codec::Gzip, gzip.finish().unwrap()),
        (Codec::None, zeros),
    ] {
        let page = with(header(0, 100, u32::try_from(stored.len()).unwrap(), 1), &stored);
        assert_eq!(read_page(page, codec, 0).await, wrong, "{codec:?}");
    }
}

#[test]
fn what_a_footer_claims_is_neither_allocated_nor_a_stack_that_overflows() {
    let broken = "a structure of Thrift is broken or cut off";
    let refusal = |bytes: &[u8]| Footer::read(bytes, u64::MAX).unwrap_err().to_string();
    // A list of structures that is as long as a number can say, as schema, and as what is skipped.
    let endless = b"\xfc\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    assert_eq!(refusal(&[b"\x29", &endless[..]].concat()), broken);
    assert_eq!(refusal(&[b"\x59", &endless[..]].concat()), broken);
    // Lists in lists, structures in structures, and groups of columns in groups.
    assert_eq!(refusal(&[b"\x59".to_vec(), b"\x19".repeat(100_000)].concat()), broken);
    assert_eq!(refusal(&b"\x1c".repeat(100_000)), broken);
    let nested = [b"\x29\xfc\xa0\x8d\x06".to_vec(), b"\x55\x02\0".repeat(100_000)].concat();
    assert_eq!(refusal(&nested), "its schema is nested too deeply");
}

const SCHEMA: &str = "message s3.inventory { required binary bucket (STRING); required binary key (STRING);
    optional binary version_id (STRING); optional boolean is_latest; optional boolean is_delete_marker;
    optional int64 size; optional binary e_tag (STRING); }";

/// A row as a writer is given it.
#[derive(Debug, Clone)]
struct Written {
    key: String,
    version: Option<String>,
    is_delete_marker: Option<bool>,
    size: Option<i64>,
}

/// What the parquet crate writes of these rows, in groups of so many.
fn write(rows: &[Written], group: usize, properties: WriterProperties) -> Bytes {
    fn levels<T>(cells: &[Option<T>]) -> Vec<i16> {
        cells.iter().map(|cell| i16::from(cell.is_some())).collect()
    }
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    for rows in rows.chunks(group) {
        let mut group = writer.next_row_group().unwrap();
        let mut place = 0;
        while let Some(mut column) = group.next_column().unwrap() {
            match column.untyped() {
                ColumnWriter::ByteArrayColumnWriter(writer) => {
                    let cell = |(n, row): (usize, &Written)| match place {
                        0 => Some("photos".to_owned()),
                        1 => Some(row.key.clone()),
                        2 => row.version.clone(),
                        _ => Some(hex::encode(md5::Digest::finalize(md5::Digest::chain_update(
                            <md5::Md5 as md5::Digest>::new(),
                            n.to_le_bytes(),
                        )))),
                    };
                    let cells: Vec<Option<String>> = rows.iter().enumerate().map(cell).collect();
                    let values: Vec<ByteArray> = cells.iter().flatten().map(|text| text.as_str().into()).collect();
                    writer.write_batch(&values, Some(&levels(&cells)), None).unwrap();
                }
                ColumnWriter::BoolColumnWriter(writer) => {
                    let cells: Vec<Option<bool>> = rows.iter().map(|row| row.is_delete_marker).collect();
                    let values: Vec<bool> = cells.iter().flatten().copied().collect();
                    writer.write_batch(&values, Some(&levels(&cells)), None).unwrap();
                }
                ColumnWriter::Int64ColumnWriter(writer) => {
                    let cells: Vec<Option<i64>> = rows.iter().map(|row| row.size).collect();
                    let values: Vec<i64> = cells.iter().flatten().copied().collect();
                    writer.write_batch(&values, Some(&levels(&cells)), None).unwrap();
                }
                _ => panic!("the schema has no such column"),
            }
            column.close().unwrap();
            place += 1;
        }
        group.close().unwrap();
    }
    writer.into_inner().unwrap().into()
}

fn written() -> impl Strategy<Value = Written> {
    let version = prop::option::of("[a-c]{1,2}");
    ("[a-d ü+%]{1,6}", version, prop::option::of(any::<bool>()), prop::option::of(0..4_i64))
        .prop_map(|(key, version, is_delete_marker, size)| Written { key, version, is_delete_marker, size })
}

fn properties() -> impl Strategy<Value = WriterProperties> {
    let codec = prop::sample::select(vec![
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
    ]);
    (codec, any::<bool>(), any::<bool>(), 1..200_usize).prop_map(|(codec, has_dictionary, is_v2, page_bytes)| {
        let builder = WriterProperties::builder().set_compression(codec).set_dictionary_enabled(has_dictionary);
        let builder = builder.set_data_page_size_limit(page_bytes).set_dictionary_page_size_limit(page_bytes);
        let builder = builder.set_write_batch_size(3);
        // What is a version 2 file for this writer has delta encodings where no dictionary is.
        let is_v2 = is_v2 && has_dictionary && page_bytes > 100;
        let version = if is_v2 { WriterVersion::PARQUET_2_0 } else { WriterVersion::PARQUET_1_0 };
        let builder = builder.set_writer_version(version);
        let plain = |name: &str| parquet::schema::types::ColumnPath::from(name);
        let builder = ["bucket", "key", "version_id", "size"]
            .iter()
            .fold(builder, |builder, name| builder.set_column_encoding(plain(name), parquet::basic::Encoding::PLAIN));
        builder.build()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_row_that_the_parquet_crate_writes_is_read_as_it_was_given(
        rows in prop::collection::vec(written(), 0..60), group in 1..40_usize, properties in properties(),
        range_bytes in 1..50_u64,
    ) {
        let bytes = write(&rows, group, properties);
        let (tasks, left_out, _) =
            futures::executor::block_on(read_all(&Ranges::of(bytes, range_bytes))).unwrap();
        let is_task = |row: &&Written| row.is_delete_marker != Some(true);
        let given: Vec<_> = rows.iter().filter(is_task).collect();
        prop_assert_eq!(left_out as usize, rows.len() - given.len());
        prop_assert_eq!(tasks.len(), given.len());
        for (task, row) in tasks.iter().zip(given) {
            prop_assert_eq!(task.key.as_str(), &row.key);
            prop_assert_eq!(task.version.as_ref().map(VersionId::as_str), row.version.as_deref());
            prop_assert_eq!(task.size, row.size.map(i64::cast_unsigned));
        }
    }
}

fn many(rows: u64) -> Vec<Written> {
    let row =
        |n| Written { key: format!("2026/{n:020}"), version: Some("v".to_owned()), is_delete_marker: None, size: None };
    (0..rows).map(row).collect()
}

fn pages_of(bytes: usize) -> WriterProperties {
    let builder = WriterProperties::builder().set_dictionary_enabled(false).set_write_batch_size(bytes / 64);
    builder.set_data_page_size_limit(bytes).set_data_page_row_count_limit(usize::MAX).build()
}

#[tokio::test]
async fn what_is_held_of_a_part_in_parquet_grows_neither_with_its_rows_nor_with_their_groups() {
    let mut most = Vec::new();
    for (rows, group) in [(5_000, 5_000), (50_000, 50_000), (50_000, 1_000)] {
        let bytes = write(&many(rows), group, pages_of(16 * 1024));
        let (tasks, _, held) = read_all(&Ranges::of(bytes, 16 * 1024)).await.unwrap();
        assert_eq!(tasks.len() as u64, rows);
        most.push(held);
    }
    assert!(most.iter().all(|held| *held <= 6 * 3 * 16 * 1024), "{most:?}");

    // One page of 36 MiB: beyond what is held.
    let mut rows = many(36 * 1024);
    rows.iter_mut().for_each(|row| row.key.push_str(&"x".repeat(1000)));
    let told = refusal(write(&rows, usize::MAX, pages_of(64 << 20))).await;
    assert!(told.contains(&format!("at most {HELD_BYTES_MAX} are held")), "{told}");
}

#[tokio::test]
async fn of_a_part_in_parquet_only_the_columns_that_are_needed_are_read() {
    let bytes = write(&many(20_000), 5_000, pages_of(64 * 1024));
    let ranges = Ranges::of(bytes, RANGE_BYTES);
    read_all(&ranges).await.unwrap();
    let read: u64 = ranges.read.lock().unwrap().iter().map(|(from, to)| to - from).sum();
    // Of each row the text of its ETag, which is the last of seven columns and a third of the file.
    let (size, e_tags) = (ranges.bytes.size(), 20_000 * 32);
    assert!(read <= size - e_tags + TAIL_GUESS_BYTES, "{read} of {size} bytes");
}

#[tokio::test]
async fn a_cell_that_names_no_object_is_refused_with_its_row() {
    let mut rows = many(10);
    rows[6].size = Some(-1);
    let told = refusal(write(&rows, 3, WriterProperties::default())).await;
    assert_eq!(told, "row 7: the column size must be a number of bytes");
    let mut rows = many(10);
    rows[8].key = String::new();
    let told = refusal(write(&rows, 3, WriterProperties::default())).await;
    assert_eq!(told, "row 9: object key must not be empty");
}
