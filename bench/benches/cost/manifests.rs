//! The manifests that jobs read here: computed rows of any number, or kept files of each format.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use async_trait::async_trait;
use brigade_model::ports::object_store::{ByteStream, CallError};
use brigade_model::{Field, ManifestFormat, ObjectKey};
use bytes::{Buf, Bytes};
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use percent_encoding::percent_decode;

use crate::cpu;
use crate::rows::{Keys, Rows};

/// What a network answer brings at once.
const PIECE_BYTES: usize = 64 * 1024;
/// Rows of one part of an inventory.
const PART_ROWS: u64 = 500_000;

/// A manifest.
pub(crate) enum Manifest {
    /// Plain CSV of two columns that takes no memory.
    Computed(u64, Keys),
    /// Files in memory.
    Kept(Kept),
}

impl Manifest {
    pub(crate) fn computed(rows: u64) -> Self {
        Self::Computed(rows, Keys::Numbered)
    }

    pub(crate) fn tasks(&self) -> u64 {
        match self {
            Self::Computed(rows, _) => *rows,
            Self::Kept(kept) => kept.rows,
        }
    }

    pub(crate) fn format(&self) -> ManifestFormat {
        match self {
            Self::Kept(kept) if kept.fields.is_empty() => ManifestFormat::Inventory,
            _ => ManifestFormat::Csv,
        }
    }

    pub(crate) fn fields(&self) -> Vec<Field> {
        match self {
            Self::Computed(..) => vec![Field::Bucket, Field::Key],
            Self::Kept(kept) => kept.fields.clone(),
        }
    }

    /// The key of the object that the job names.
    pub(crate) fn key(&self) -> &'static str {
        match self.format() {
            ManifestFormat::Csv => "manifest.csv",
            ManifestFormat::Inventory => "manifest.json",
        }
    }

    pub(crate) fn size(&self, key: &ObjectKey) -> u64 {
        match self {
            Self::Computed(rows, keys) => rows * keys.row_bytes(),
            // Anything else is an object that a row names, and exists.
            Self::Kept(kept) => kept.files.get(key.as_str()).map_or(0, |file| file.len() as u64),
        }
    }

    /// The bytes from `at` to before `end` of an object.
    pub(crate) fn read(&self, key: &ObjectKey, at: u64, end: u64) -> Box<dyn ByteStream> {
        match self {
            Self::Computed(_, keys) => Box::new(Rows { keys: *keys, at, end }),
            Self::Kept(kept) => Box::new(Pieces(kept.file(key).slice(at as usize..end as usize))),
        }
    }
}

impl From<Kept> for Manifest {
    fn from(kept: Kept) -> Self {
        Self::Kept(kept)
    }
}

/// The files of a manifest, by key.
pub(crate) struct Kept {
    rows: u64,
    /// What the columns are; none for an inventory.
    fields: Vec<Field>,
    files: BTreeMap<String, Bytes>,
    /// Which column is the key.
    key_column: usize,
}

impl Kept {
    pub(crate) const NAMES: [&'static str; 5] = ["csv", "csv-versions", "csv-encoded", "inventory", "inventory-all"];

    /// The manifest of that name: two columns, with versions, with keys that are percent-encoded
    /// (read as they stand: the job does not say so), an inventory of three columns or of all.
    pub(crate) fn make(name: &str, rows: u64) -> Self {
        let files = BTreeMap::new();
        let csv = |fields: &[Field], row: &dyn Fn(u64) -> String| {
            let text = text(0..rows, row);
            let files = [("manifest.csv".to_owned(), Bytes::from(text))].into();
            Self { rows, fields: fields.to_vec(), files, key_column: 1 }
        };
        let inventory = |schema: &str, key_column: usize, row: &dyn Fn(u64) -> String| {
            let mut kept = Self { rows, fields: Vec::new(), files, key_column };
            kept.put_inventory(schema, row);
            kept
        };
        match name {
            "csv" => csv(&[Field::Bucket, Field::Key], &|n| format!("source,photos/2026/0000/object-{n:012}.jpg\n")),
            "csv-versions" => csv(&[Field::Bucket, Field::Key, Field::VersionId], &|n| {
                format!("source,photos/2026/0000/object-{n:012}.jpg,{:032x}\n", u128::from(n) << 40)
            }),
            "csv-encoded" => csv(&[Field::Bucket, Field::Key], &|n| {
                format!("\"source\",\"photos/2026/%E5%9B%BE/object%20{n:012}.jpg\"\n")
            }),
            "inventory" => inventory("Bucket, Key, Size", 1, &|n| {
                format!("\"source\",\"photos/2026/0000/object-{n:012}.jpg\",\"{}\"\n", n % 100_000)
            }),
            "inventory-all" => inventory(
                "Appid, Bucket, Key, Size, LastModifiedDate, ETag, StorageClass, IsMultipartUploaded, ReplicationStatus",
                2,
                &|n| {
                    format!(
                        "\"1250000000\",\"source\",\"photos/2026/%E5%9B%BE/object-{n:012}.jpg\",\"{}\",\
                         \"2026-11-26T00:00:00.000Z\",\"{:032x}\",\"Standard\",\"false\",\"\"\n",
                        n % 100_000,
                        u128::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
                    )
                },
            ),
            other => panic!("no manifest {other}"),
        }
    }

    /// Manifests that are much work for what they are: lines without a row, rows of long keys that
    /// resemble each other nowhere, an inventory of nothing but delete markers (300 MB that inflate
    /// from less than a hundredth), one of empty members of gzip, and one whose manifest.json is as
    /// long as it may be.
    pub(crate) const WORST: [&'static str; 5] =
        ["csv-blank-lines", "csv-long-keys", "inventory-left-out", "inventory-empty-gzip", "inventory-long-json"];

    /// The manifest of that name.
    pub(crate) fn make_worst(name: &str) -> Self {
        let csv = |rows: u64, text: String| {
            let files = [("manifest.csv".to_owned(), Bytes::from(text))].into();
            Self { rows, fields: vec![Field::Bucket, Field::Key], files, key_column: 1 }
        };
        let inventory = |part: Vec<u8>, padding: usize| {
            let mut kept = Self { rows: 0, fields: Vec::new(), files: BTreeMap::new(), key_column: 1 };
            let listed = vec![kept.put_part("part.csv.gz", part)];
            kept.put_document("Bucket, Key, VersionId, IsDeleteMarker", &listed, padding);
            kept
        };
        let marker = "\"source\",\"photos/2026/a-key-that-was-deleted\",\"v1\",\"true\"\n";
        match name {
            "csv-blank-lines" => csv(1, "\n".repeat(64 << 20) + "source,k\n"),
            "csv-long-keys" => csv(
                30_000,
                text(0..30_000, &|n| {
                    let word = |m: u64| format!("{:016x}", (n * 64 + m + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
                    format!("source,{}\n", (0..62).map(word).collect::<String>())
                }),
            ),
            "inventory-left-out" => {
                let mut part = GzEncoder::new(Vec::new(), Compression::best());
                let some = marker.repeat(10_000);
                (0..300_000_000 / some.len()).for_each(|_| part.write_all(some.as_bytes()).unwrap());
                inventory(part.finish().unwrap(), 0)
            }
            "inventory-empty-gzip" => {
                inventory(GzEncoder::new(Vec::new(), Compression::best()).finish().unwrap().repeat(200_000), 0)
            }
            "inventory-long-json" => {
                inventory(GzEncoder::new(Vec::new(), Compression::best()).finish().unwrap(), (16 << 20) - 1024)
            }
            other => panic!("no manifest {other}"),
        }
    }

    fn put_inventory(&mut self, schema: &str, row: &dyn Fn(u64) -> String) {
        let mut listed = Vec::new();
        for first in (0..self.rows).step_by(PART_ROWS as usize) {
            let mut part = GzEncoder::new(Vec::new(), Compression::default());
            part.write_all(text(first..(first + PART_ROWS).min(self.rows), row).as_bytes()).unwrap();
            listed.push(self.put_part(&format!("part-{first:012}.csv.gz"), part.finish().unwrap()));
        }
        self.put_document(schema, &listed, 0);
    }

    /// Puts a part; what manifest.json says of it.
    fn put_part(&mut self, key: &str, part: Vec<u8>) -> String {
        let md5 = hex::encode(Md5::digest(&part));
        let listed = format!(r#"{{"key":"{key}","size":{},"md5Checksum":"{md5}"}}"#, part.len());
        self.files.insert(key.to_owned(), Bytes::from(part));
        listed
    }

    /// Puts a manifest.json, with so many bytes that mean nothing.
    fn put_document(&mut self, schema: &str, listed: &[String], padding: usize) {
        // An appid says that COS wrote it: `+` is a plus.
        let head = format!(r#""sourceAppid":"","fileFormat":"CSV","fileSchema":"{schema}""#);
        let (files, padding) = (listed.join(","), "0,".repeat(padding / 2));
        let json = format!(r#"{{{head},"more":[{padding}0],"files":[{files}]}}"#);
        self.files.insert("manifest.json".to_owned(), Bytes::from(json));
    }

    fn file(&self, key: &ObjectKey) -> &Bytes {
        &self.files[key.as_str()]
    }

    /// Microseconds of CPU time to read the rows with the csv crate, to decode their keys, and to do
    /// nothing with them.
    pub(crate) fn read_bare(&self) -> f64 {
        let before = cpu::used_us();
        let mut read = 0;
        for (name, file) in self.files.iter().filter(|(name, _)| !name.ends_with(".json")) {
            let text: Box<dyn Read> = match name.ends_with(".gz") {
                true => Box::new(MultiGzDecoder::new(file.clone().reader())),
                false => Box::new(file.clone().reader()),
            };
            let mut rows = csv::ReaderBuilder::new().has_headers(false).buffer_capacity(PIECE_BYTES).from_reader(text);
            let mut row = csv::ByteRecord::new();
            while rows.read_byte_record(&mut row).unwrap() {
                let key = percent_decode(&row[self.key_column]).decode_utf8().unwrap();
                std::hint::black_box(&key);
                read += 1;
            }
        }
        assert_eq!(read, self.rows);
        cpu::used_us() - before
    }
}

fn text(numbers: std::ops::Range<u64>, row: &dyn Fn(u64) -> String) -> String {
    numbers.map(row).collect()
}

struct Pieces(Bytes);

#[async_trait]
impl ByteStream for Pieces {
    async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        let length = self.0.len().min(PIECE_BYTES);
        (length > 0).then(|| Ok(self.0.split_to(length)))
    }
}
