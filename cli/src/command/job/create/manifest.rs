//! Checks the manifest of a job to be created, and uploads it when it is a local file.
//!
//! It reads a local manifest once, as a stream and as the service will read it, for its columns, its
//! count and its MD5; the ETag after the upload pins the bytes. The ETag (and the version) of a HEAD
//! pins a manifest in the store.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, anyhow};
use brigade_config::UsageError;
use brigade_engine::manifest::cells::{CellError, CellReader, Step};
use brigade_model::manifest::Field;
use brigade_model::names::{ETag, VersionId};
use brigade_model::options::{Header, JobOptions, Separator};
use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::{At, CancelToken, GetObject, HeadObject, send};
use md5::{Digest, Md5};

use crate::s3_url::S3Url;

/// Columns of a manifest.
pub type Fields = Vec<Field>;

/// Where a manifest lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In a file here.
    Local(PathBuf),
    /// In the store.
    Stored(S3Url),
}

impl FromStr for Source {
    type Err = crate::s3_url::NotAnS3Url;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("s3://") { text.parse().map(Self::Stored) } else { Ok(Self::Local(PathBuf::from(text))) }
    }
}

/// What a manifest here holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// The file.
    pub path: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its rows, without a header.
    pub rows: u64,
    /// Its columns.
    pub fields: Fields,
    /// The MD5 of its bytes, in hexadecimal.
    pub md5: String,
}

/// A manifest in the store, pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// Where.
    pub at: At,
    /// Which bytes.
    pub etag: ETag,
    /// Which version, in a bucket that has them.
    pub version: Option<VersionId>,
}

/// Reads `--fields`: names of columns, separated by commas.
///
/// # Errors
/// A text that says what is wrong.
pub fn parse_fields(text: &str) -> Result<Fields, String> {
    let fields = text.split(',').map(|name| field(name).ok_or(name)).collect::<Result<Fields, _>>();
    let fields = fields.map_err(|name| format!("{name:?} is none of Bucket, Key, VersionId, Ignore"))?;
    if are_fields_usable(&fields) { Ok(fields) } else { Err("must name Bucket and Key once each".to_owned()) }
}

fn field(name: &str) -> Option<Field> {
    Field::ALL.into_iter().find(|(_, known)| known.eq_ignore_ascii_case(name.trim())).map(|(field, _)| field)
}

/// Whether a bucket and a key stand among the fields once each.
fn are_fields_usable(fields: &[Field]) -> bool {
    let count = |wanted| fields.iter().filter(|field| **field == wanted).count();
    count(Field::Bucket) == 1 && count(Field::Key) == 1 && count(Field::VersionId) <= 1
}

/// What a first row says about the columns.
#[derive(Debug, PartialEq, Eq)]
enum FirstRow {
    /// It names them.
    Header(Fields),
    /// It names columns that a manifest has not.
    StrangeHeader,
    /// The job says that it is a header of that many cells; what they mean is not said.
    Skipped(usize),
    /// It is a row of that many cells.
    Row(usize),
}

fn read_first_row(cells: &[&str], header: Header) -> FirstRow {
    let known: Vec<_> = cells.iter().map(|cell| field(cell)).collect();
    let named = known.iter().copied().collect::<Option<Fields>>().filter(|fields| are_fields_usable(fields));
    match (header, named) {
        (Header::No, _) => FirstRow::Row(cells.len()),
        (Header::Yes | Header::Auto, Some(fields)) => FirstRow::Header(fields),
        (Header::Yes, None) => FirstRow::Skipped(cells.len()),
        (Header::Auto, None) if [Field::Bucket, Field::Key].iter().all(|field| known.contains(&Some(*field))) => {
            FirstRow::StrangeHeader
        }
        (Header::Auto, None) => FirstRow::Row(cells.len()),
    }
}

/// The columns: those that were given, else those of the header, else bucket and key of rows
/// of two cells. A third cell may mean anything, and a version that is none would have a delete
/// succeed on nothing: so it is never guessed.
fn decide_fields(given: Option<&Fields>, first: &FirstRow, manifest: &str) -> Result<Fields, UsageError> {
    let mistake = |text: String| Err(UsageError(format!("manifest {manifest}: {text}")));
    match (given, first) {
        (Some(fields), FirstRow::Header(header)) if fields != header => {
            mistake("its header names other columns than --fields: correct one of them".to_owned())
        }
        (_, FirstRow::StrangeHeader) => mistake(
            "its header names columns unknown here: say --header yes and --fields, with Ignore for them".to_owned(),
        ),
        (Some(fields), FirstRow::Row(cells) | FirstRow::Skipped(cells)) if fields.len() != *cells => {
            mistake(format!("--fields names {} columns and its first row has {cells}", fields.len()))
        }
        (Some(fields), _) => Ok(fields.clone()),
        (None, FirstRow::Header(header)) => Ok(header.clone()),
        (None, FirstRow::Row(2) | FirstRow::Skipped(2)) => Ok(vec![Field::Bucket, Field::Key]),
        (None, FirstRow::Row(cells) | FirstRow::Skipped(cells)) => mistake(format!(
            "its first row has {cells} cells and no known header: say what they are, such as --fields Bucket,Key,VersionId"
        )),
    }
}

/// Looks at a manifest here.
///
/// # Errors
/// [`UsageError`] when it cannot be read, is empty, or its columns are unclear.
pub fn look_here(path: &Path, given: Option<&Fields>, options: &JobOptions) -> Result<Local, UsageError> {
    /// Bytes read at once.
    const PIECE_BYTES: usize = 64 * 1024;
    let name = path.display().to_string();
    let unreadable = |error: &dyn std::fmt::Display| UsageError(format!("manifest {name}: {error}"));
    let mut file = File::open(path).map_err(|error| unreadable(&error))?;
    let (mut rows, mut md5, mut bytes) = (Rows::new(options), Md5::new(), 0);
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        let count = file.read(&mut buffer).map_err(|error| unreadable(&error))?;
        let piece = &buffer[..count];
        md5.update(piece);
        bytes += count as u64;
        rows.read(piece).map_err(|error| unreadable(&error))?;
        if count == 0 {
            break;
        }
    }
    let Some(first) = rows.first else {
        return Err(UsageError(format!("manifest {name}: is empty: each row names a bucket and a key")));
    };
    let fields = decide_fields(given, &first, &name)?;
    let headers = u64::from(!matches!(first, FirstRow::Row(_)));
    Ok(Local { path: path.to_owned(), bytes, rows: rows.count - headers, fields, md5: hex::encode(md5.finalize()) })
}

/// Looks at an object in the store, which pins it; says how long it is too.
async fn pin(store: &dyn ObjectStore, place: &S3Url) -> anyhow::Result<(Pinned, u64)> {
    let key = place.key().map_err(|error| UsageError(format!("--manifest {place}: {error}")))?;
    let at = At { bucket: place.bucket.clone(), key };
    let unreadable = || format!("manifest {place}");
    let request = HeadObject { at: at.clone(), version: None };
    let head = send(store, &CancelToken::unbounded(), request).await.with_context(unreadable)?;
    let etag = head.etag.ok_or_else(|| anyhow!("the store gave no ETag")).with_context(unreadable)?;
    let version = head.version.filter(|version| version.as_str() != "null");
    Ok((Pinned { at, etag, version }, head.size))
}

/// Looks at the manifest.json of an inventory, which says its columns itself.
///
/// # Errors
/// [`UsageError`] when it is empty or columns are given, another error when the store does not answer.
pub async fn look_at_inventory(
    store: &dyn ObjectStore,
    place: &S3Url,
    given: Option<&Fields>,
) -> anyhow::Result<Pinned> {
    if given.is_some() {
        return Err(UsageError(format!("--fields: the inventory {place} says itself what its columns are")).into());
    }
    match pin(store, place).await? {
        (_, 0) => Err(UsageError(format!("manifest {place}: is empty")).into()),
        (pinned, _) => Ok(pinned),
    }
}

/// Looks at a CSV manifest in the store.
///
/// # Errors
/// [`UsageError`] when its columns are unclear, another error when the store does not answer.
pub async fn look_there(
    store: &dyn ObjectStore,
    place: &S3Url,
    given: Option<&Fields>,
    options: &JobOptions,
) -> anyhow::Result<(Pinned, Fields)> {
    /// The first row is within this, or it is no manifest: two names of 1,024 bytes, quoted.
    const FIRST_BYTES: u64 = 16 * 1024;
    let unreadable = || format!("manifest {place}");
    let (pinned, size) = pin(store, place).await?;
    if size == 0 {
        return Err(UsageError(format!("manifest {place}: is empty: each row names a bucket and a key")).into());
    }
    let range = Some((0, size.min(FIRST_BYTES) - 1));
    let (at, version, if_match) = (pinned.at.clone(), pinned.version.clone(), Some(pinned.etag.clone()));
    let get = GetObject { at, version, range, if_match };
    let mut got = send(store, &CancelToken::unbounded(), get).await.with_context(unreadable)?;
    let mut bytes = Vec::new();
    while let Some(piece) = got.body.next().await {
        bytes.extend_from_slice(&piece.with_context(unreadable)?);
    }
    let mut rows = Rows::new(options);
    rows.read(&bytes)
        .and_then(|()| if rows.first.is_none() { rows.read(&[]) } else { Ok(()) })
        .with_context(unreadable)?;
    let Some(first) = rows.first else {
        return Err(UsageError(format!("manifest {place}: begins with nothing but blank rows")).into());
    };
    let fields = decide_fields(given, &first, &place.to_string())?;
    Ok((pinned, fields))
}

/// The rows of a manifest, read as the service does.
struct Rows {
    cells: CellReader,
    separator: Separator,
    header: Header,
    first: Option<FirstRow>,
    count: u64,
}

/// Bytes that are no rows.
#[derive(Debug, thiserror::Error)]
#[error("row {row}: {problem}")]
struct NoRows {
    row: u64,
    problem: CellError,
}

impl Rows {
    fn new(options: &JobOptions) -> Self {
        let (separator, header) = (options.separator.unwrap_or_default(), options.header.unwrap_or_default());
        Self { cells: CellReader::new(options.separator), separator, header, first: None, count: 0 }
    }

    /// Reads a piece; an empty one is the end.
    fn read(&mut self, mut piece: &[u8]) -> Result<(), NoRows> {
        let is_end = piece.is_empty();
        loop {
            let step = if is_end { self.cells.finish() } else { self.cells.read(&mut piece) };
            match step.map_err(|problem| NoRows { row: self.cells.row(), problem })? {
                Step::More => return Ok(()),
                Step::Row => self.count_row(),
            }
            if is_end {
                return Ok(());
            }
        }
    }

    fn count_row(&mut self) {
        self.count += 1;
        if self.first.is_none() {
            let cells = (0..self.cells.count()).filter_map(|place| self.cells.cell(place, self.separator));
            let cells: Vec<_> = cells.map(String::from_utf8_lossy).collect();
            let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
            self.first = Some(read_first_row(&cells, self.header));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn look(text: &str, fields: Option<&str>) -> Result<(Vec<&'static str>, u64), String> {
        look_with(text, fields, None)
    }

    fn look_with(text: &str, fields: Option<&str>, header: Option<Header>) -> Result<(Vec<&'static str>, u64), String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let given = fields.map(|fields| parse_fields(fields).unwrap());
        let told = |UsageError(text)| text.split_once(": ").map(|(_, told)| told.to_owned()).unwrap();
        let options = JobOptions { header, ..JobOptions::default() };
        let local = look_here(file.path(), given.as_ref(), &options).map_err(told)?;
        assert_eq!(local.bytes, text.len() as u64);
        assert_eq!(local.md5, hex::encode(Md5::digest(text)));
        Ok((local.fields.into_iter().map(Field::name).collect(), local.rows))
    }

    #[test]
    fn columns_come_from_the_header_or_from_rows_of_two_cells() {
        assert_eq!(look("b,k1\nb,\"k,\n2\"\n", None), Ok((vec!["Bucket", "Key"], 2)));
        assert_eq!(look("Key, bucket,versionid\nk,b,v", None), Ok((vec!["Key", "Bucket", "VersionId"], 1)));
        assert_eq!(look("b,k,123\n", Some("Bucket,Key,Ignore")), Ok((vec!["Bucket", "Key", "Ignore"], 1)));
        assert_eq!(look("b, \"k,1\"\n  \nb, k2\n", None), Ok((vec!["Bucket", "Key"], 2)), "as the service reads it");
    }

    #[test]
    fn a_first_row_is_what_the_job_says_it_is() {
        let strange = "bucket_name,key\nb,k\n";
        assert_eq!(look(strange, None), Ok((vec!["Bucket", "Key"], 2)), "the service asks whether it is a bucket");
        assert_eq!(look_with(strange, None, Some(Header::Yes)), Ok((vec!["Bucket", "Key"], 1)));
        assert_eq!(look_with("Key,Bucket\nk,b\n", None, Some(Header::Yes)), Ok((vec!["Key", "Bucket"], 1)));
        assert_eq!(look_with("Bucket,Key\nb,k\n", None, Some(Header::No)), Ok((vec!["Bucket", "Key"], 2)));
        let sized = look_with("Bucket,Key,Size\nb,k,7\n", Some("Bucket,Key,Ignore"), Some(Header::Yes));
        assert_eq!(sized, Ok((vec!["Bucket", "Key", "Ignore"], 1)));
        assert!(look_with("x,y,z\n", None, Some(Header::Yes)).unwrap_err().contains("say what they are"));
    }

    #[test]
    fn what_the_service_could_not_read_is_told_before_it_is_uploaded() {
        assert_eq!(look("b,k\nb,\"k\n", None).unwrap_err(), "row 2: a quoted cell has no closing quote");
    }

    #[test]
    fn a_third_column_is_never_guessed() {
        let told = look("b,k,123\n", None).unwrap_err();
        assert!(told.contains("3 cells and no known header: say what they are"), "{told}");
    }

    #[test]
    fn a_header_that_says_something_else_is_told() {
        assert!(look("Bucket,Key,Size\n", None).unwrap_err().contains("columns unknown here"));
        assert!(look("Key,Bucket\n", Some("Bucket,Key")).unwrap_err().contains("other columns than --fields"));
        assert!(look("b,k\n", Some("Bucket,Key,VersionId")).unwrap_err().contains("first row has 2"));
        assert!(look("", None).unwrap_err().contains("is empty"));
    }

    #[test]
    fn a_place_in_the_store_is_told_from_a_file() {
        assert!(matches!("s3://b/k".parse(), Ok(Source::Stored(_))));
        assert_eq!("dir/m.csv".parse(), Ok(Source::Local("dir/m.csv".into())));
        assert!("s3://".parse::<Source>().is_err());
    }
}
