//! An inventory's manifest.json: which parts it has, where they lie, how they are written, and what
//! their columns mean. An inventory is a form of files, whichever dialect the job came by: the stores that write
//! it decide it.
//!
//! All published shapes are read: sizes as numbers or strings, buckets with or without their
//! `-<appid>` or as an `arn:`, three spellings of the MD5 member, columns in any order. What is
//! not needed is skipped.
//!
//! The writer of an inventory decides how its keys are encoded: all percent-encode, but AWS writes a
//! blank as `+`, and COS writes `+` for itself. Nothing in the rows tells the two apart. In Parquet, AWS
//! writes keys as they are. No release of Ceph writes inventories (see the tests); one that does as AWS, as its
//! configurations do, is read as one of AWS.

pub mod listed;
pub mod parquet;
mod parquet_parts;
mod part;
pub mod parts;
pub mod rows;
pub mod tasks;

use std::collections::BTreeSet;

use brigade_model::operation::OperationKind;
use brigade_model::options::KeyEncoding;
use brigade_model::{BucketName, ManifestLocation, NameError, ObjectKey, RowRules};
use serde::Deserialize;

use crate::manifest::inventory::listed::ListedRows;
use crate::manifest::inventory::rows::Columns;
use crate::manifest::{Located, Piece};
use crate::places::BucketRules;

/// The longest manifest.json, bytes: at 250 bytes a file 64,000 files, each of some million
/// rows. It is held in memory. ours
pub const DOCUMENT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Parts of an inventory: at a million rows each a hundred billion objects, in 25 MiB of memory. ours
pub const PARTS_MAX: usize = 100_000;

/// A manifest.json that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InventoryError {
    /// It is longer than [`DOCUMENT_BYTES_MAX`].
    #[error("has {0} bytes; the manifest.json of an inventory has at most {DOCUMENT_BYTES_MAX}")]
    TooLong(u64),
    /// It names more parts than [`PARTS_MAX`].
    #[error("names more than {PARTS_MAX} parts")]
    TooManyParts,
    /// It is no JSON, or lacks a member.
    #[error("is not the manifest.json of an inventory: {0}")]
    Document(String),
    /// Its parts are in another format.
    #[error("its fileFormat is {0:?}; only CSV and Parquet are read")]
    Format(String),
    /// Its columns do not name an object.
    #[error("its fileSchema must name the column {0} once")]
    Column(&'static str),
    /// One of its files has a name that is none.
    #[error("its file {number} has a bad name: {problem}")]
    Name {
        /// Which, from 1.
        number: usize,
        /// What is wrong.
        problem: NameError,
    },
    /// One of its files has a checksum that is none.
    #[error("the MD5 of its file {0} is not 32 hexadecimal digits")]
    Md5(usize),
    /// It names one of its files twice: its rows would be tasks twice.
    #[error("it names its file {0} twice")]
    Twice(ObjectKey),
    /// The bucket of its files has a name that is none.
    #[error("its destinationBucket: {0}")]
    Bucket(NameError),
    /// Nothing says how its keys are encoded.
    #[error(
        "what wrote this inventory is not known, and with it how keys are encoded: set the job option key-encoding"
    )]
    Writer,
}

/// How the parts are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileFormat {
    /// CSV in gzip, with these columns.
    Csv(Columns),
    /// Parquet; each part says which columns it has.
    Parquet,
}

/// What a manifest.json says.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// How its parts are written.
    pub format: FileFormat,
    /// Whose buckets are listed, when the rows do not say it.
    pub source_appid: Option<String>,
    /// How its writer encodes keys, when it is known who that is.
    pub encoding: Option<KeyEncoding>,
    /// Its parts, in order.
    pub parts: Vec<Part>,
}

/// One file of an inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it lies.
    pub located: Located,
    /// How long it must be.
    pub size: Option<u64>,
    /// The MD5 that its bytes must have.
    pub md5: Option<[u8; 16]>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    source_appid: Option<Scalar>,
    source_bucket: Option<String>,
    destination_appid: Option<Scalar>,
    destination_bucket: Option<String>,
    file_format: Option<String>,
    file_schema: String,
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    key: String,
    size: Option<Scalar>,
    #[serde(rename = "md5Checksum", alias = "MD5checksum", alias = "MD5Checksum")]
    md5: Option<String>,
}

/// A number, in one of the two ways in which it is published.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Number(u64),
    Text(String),
}

impl Scalar {
    fn text(self) -> String {
        match self {
            Scalar::Number(number) => number.to_string(),
            Scalar::Text(text) => text.trim().to_owned(),
        }
    }
}

impl Inventory {
    /// Reads a manifest.json that lies at `location`, on a store where buckets are called by
    /// `buckets`.
    ///
    /// # Errors
    /// [`InventoryError`].
    pub fn read(json: &[u8], location: &ManifestLocation, buckets: &BucketRules) -> Result<Self, InventoryError> {
        // Each part has one of its own, so none is read of a document that names too many.
        if json.iter().filter(|byte| **byte == b'{').count() > PARTS_MAX + 1 {
            return Err(InventoryError::TooManyParts);
        }
        let document: Document =
            serde_json::from_slice(json).map_err(|error| InventoryError::Document(error.to_string()))?;
        let format = match document.file_format.as_deref().map(str::trim) {
            Some(format) if format.eq_ignore_ascii_case("Parquet") => FileFormat::Parquet,
            Some(format) if !format.eq_ignore_ascii_case("CSV") => {
                return Err(InventoryError::Format(format.to_owned()));
            }
            Some(_) | None => FileFormat::Csv(Columns::of(&document.file_schema)?),
        };
        let encoding = encoding_of_writer(&document, &format);
        let appid = document.destination_appid.map(Scalar::text);
        let bucket = find_bucket(document.destination_bucket.as_deref(), appid.as_deref(), location, buckets)?;
        let parts = document.files.into_iter().zip(1..).map(|(file, number)| file.into_part(number, &bucket));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        let mut named = BTreeSet::new();
        if let Some(part) = parts.iter().find(|part| !named.insert(&part.located.key)) {
            return Err(InventoryError::Twice(part.located.key.clone()));
        }
        Ok(Self {
            format,
            encoding,
            source_appid: document.source_appid.map(Scalar::text).filter(|appid| !appid.is_empty()),
            parts,
        })
    }

    /// Its rows for this operation, by these rules.
    ///
    /// # Errors
    /// [`InventoryError::Writer`] when neither the inventory nor the rules say how its keys are
    /// encoded.
    pub fn listed_rows(&self, operation: OperationKind, rules: RowRules) -> Result<ListedRows, InventoryError> {
        let encoding = rules.key_encoding.or(self.encoding).ok_or(InventoryError::Writer)?;
        Ok(ListedRows::new(self.source_appid.as_deref(), encoding, operation, rules.empty_version))
    }
}

impl File {
    fn into_part(self, number: usize, bucket: &BucketName) -> Result<Part, InventoryError> {
        let key = ObjectKey::new(&self.key).map_err(|problem| InventoryError::Name { number, problem })?;
        let size = match self.size {
            None => None,
            Some(Scalar::Number(size)) => Some(size),
            Some(Scalar::Text(text)) => {
                let size = text.trim().parse();
                let wrong = |_| InventoryError::Document(format!("the size of file {number} is no number"));
                Some(size.map_err(wrong)?)
            }
        };
        let md5 = self.md5.filter(|md5| !md5.trim().is_empty()).map(|text| read_md5(&text, number)).transpose()?;
        Ok(Part { located: Located { what: Piece::InventoryPart, bucket: bucket.clone(), key }, size, md5 })
    }
}

fn read_md5(text: &str, number: usize) -> Result<[u8; 16], InventoryError> {
    let mut md5 = [0; 16];
    hex::decode_to_slice(text.trim(), &mut md5).map_err(|_| InventoryError::Md5(number))?;
    Ok(md5)
}

/// How keys are encoded by who wrote this: AWS, and what does as it does, names the destination by an `arn:`; COS
/// names appids, apart or, in its older form, at the end of both buckets. What COS does in Parquet is
/// not published.
fn encoding_of_writer(document: &Document, format: &FileFormat) -> Option<KeyEncoding> {
    let destination = document.destination_bucket.as_deref().unwrap_or_default();
    let has_arn = destination.trim().starts_with(ARN);
    let has_column = matches!(format, FileFormat::Csv(columns) if columns.has_appids());
    let has_appids = document.source_appid.is_some() || document.destination_appid.is_some() || has_column;
    let source = document.source_bucket.as_deref().unwrap_or_default();
    let is_older = appid_at_end(source).is_some() && appid_at_end(source) == appid_at_end(destination);
    match (has_arn, has_appids || is_older, format) {
        (true, false, FileFormat::Csv(_)) => Some(KeyEncoding::Form),
        (true, false, FileFormat::Parquet) => Some(KeyEncoding::Raw),
        (false, true, FileFormat::Csv(_)) => Some(KeyEncoding::Url),
        (false, true, FileFormat::Parquet) | (true, true, _) | (false, false, _) => None,
    }
}

/// How an `arn:` begins.
const ARN: &str = "arn:";

/// The appid at the end of a bucket's full name: ten digits behind a dash.
fn appid_at_end(bucket: &str) -> Option<&str> {
    let (_, appid) = bucket.trim().rsplit_once('-')?;
    (appid.len() == 10 && appid.bytes().all(|b| b.is_ascii_digit())).then_some(appid)
}

/// The bucket that an `arn:PARTITION:s3:REGION:ACCOUNT:NAME` names; any other name is its own.
fn strip_arn(named: &str) -> &str {
    let is_arn = named.starts_with(ARN) && named.split(':').nth(2) == Some("s3");
    named.splitn(6, ':').nth(5).filter(|_| is_arn).unwrap_or(named)
}

/// The bucket of the parts: the destination that the inventory names. Mostly it is the one in
/// which manifest.json lies, and then called as the job calls that.
fn find_bucket(
    named: Option<&str>,
    appid: Option<&str>,
    location: &ManifestLocation,
    buckets: &BucketRules,
) -> Result<BucketName, InventoryError> {
    let own = &location.object.bucket;
    let named = named.map(|named| strip_arn(named.trim()));
    let Some(named) = named.filter(|named| !named.is_empty() && *named != own.as_str()) else {
        return Ok(own.clone());
    };
    let mut name = named.to_owned();
    append_appid(&mut name, appid.unwrap_or_default());
    let named = BucketName::new(name).map_err(InventoryError::Bucket)?;
    let is_own = buckets.resolve(&named).is_some_and(|bucket| buckets.resolve(own) == Some(bucket));
    Ok(if is_own { own.clone() } else { named })
}

/// The full name of a bucket: current inventories leave the `-<appid>` off.
fn append_appid(bucket: &mut String, appid: &str) {
    let is_full = bucket.strip_suffix(appid).is_some_and(|name| name.ends_with('-'));
    if !appid.is_empty() && !is_full {
        bucket.push('-');
        bucket.push_str(appid);
    }
}

#[cfg(test)]
mod tests;
