//! Checks the manifest of a job to be created: a file here, standard input, a listing, or an object in the store.
//!
//! What is here is recognised by its bytes ([`shape`]) and made the CSV that the service reads ([`convert`]), in a temporary
//! file, unless it is that already. That CSV is read once, as a stream and as the service will read it, for its columns, its
//! count and its MD5; the ETag after the upload pins the bytes. The ETag (and the version) of a HEAD pins a manifest in the
//! store, which is only looked at.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Cursor, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, anyhow};
use brigade_config::{Explained, UsageError};
use brigade_engine::manifest::cells::{CellError, CellReader, Step};
use brigade_model::manifest::{Field, ManifestFormat};
use brigade_model::names::{ETag, VersionId};
use brigade_model::options::{Header, JobOptions, KeyEncoding, Separator};
use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::{At, CancelToken, GetObject, HeadObject, send};
use brigade_model::{BucketName, ObjectKey};
use flate2::read::MultiGzDecoder;
use md5::{Digest, Md5};

use crate::s3_url::S3Url;

mod convert;
mod shape;

use shape::{FIRST_BYTES, Refusal, Shape, not_utf8};

/// Columns of a manifest.
pub type Fields = Vec<Field>;

/// Bytes read at once.
const PIECE_BYTES: usize = 64 * 1024;
/// A refused row is shown this long, bytes.
const SHOWN_BYTES: usize = 60;
/// What a list must have.
const EACH_ROW: &str = "each row names a bucket and a key";
/// What standard input is called.
const STDIN: &str = "standard input";

/// Where a manifest lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In a file here.
    Local(PathBuf),
    /// On standard input.
    Stdin,
    /// In the store.
    Stored(S3Url),
}

impl FromStr for Source {
    type Err = crate::s3_url::NotAnS3Url;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "-" => Ok(Self::Stdin),
            _ if text.starts_with("s3://") => text.parse().map(Self::Stored),
            _ => Ok(Self::Local(PathBuf::from(text))),
        }
    }
}

/// What the flags say of a manifest.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// Its columns.
    pub fields: Option<&'a Fields>,
    /// The bucket of keys that stand alone.
    pub bucket: Option<&'a BucketName>,
    /// How rows are written.
    pub options: &'a JobOptions,
}

/// A manifest here, as it will be uploaded.
#[derive(Debug)]
pub struct Local {
    /// What the user calls it.
    pub name: String,
    /// What its object is named after.
    pub stem: String,
    /// The CSV.
    pub file: File,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its rows, without a header.
    pub rows: u64,
    /// How its rows are read.
    pub reading: Reading,
    /// The MD5 of its bytes, in hexadecimal.
    pub md5: String,
}

/// How the rows of a manifest are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// How it is written.
    pub format: ManifestFormat,
    /// Its columns; an inventory says them itself.
    pub fields: Fields,
    /// What its bytes show of rows, beyond what the flags say.
    pub options: JobOptions,
    /// The buckets of its rows, as far as they were read.
    pub buckets: BucketsNamed,
}

/// The buckets that rows name: a few by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketsNamed {
    names: BTreeSet<BucketName>,
    are_more: bool,
}

impl BucketsNamed {
    /// More are not told one by one.
    const TOLD_MAX: usize = 4;

    /// A row names this bucket.
    pub fn note(&mut self, name: BucketName) {
        if self.names.len() < Self::TOLD_MAX {
            self.names.insert(name);
        } else {
            self.are_more |= !self.names.contains(&name);
        }
    }

    /// ` of bucket photos`, ` of the buckets logs, photos and others`; nothing where no row was read.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut names: Vec<&str> = self.names.iter().map(BucketName::as_str).collect();
        if self.are_more {
            names.push("others");
        }
        match names.split_last() {
            None => String::new(),
            Some((only, [])) => format!(" of bucket {only}"),
            Some((last, before)) => format!(" of the buckets {} and {last}", before.join(", ")),
        }
    }
}

impl Reading {
    fn of_inventory() -> Self {
        Self {
            format: ManifestFormat::Inventory,
            fields: Vec::new(),
            options: JobOptions::default(),
            buckets: BucketsNamed::default(),
        }
    }

    /// The same of a CSV of our own: it has a header, and commas.
    fn converted(self) -> Self {
        let options =
            JobOptions { header: Some(Header::Yes), separator: Some(Separator::Comma), ..JobOptions::default() };
        Self { options, ..self }
    }
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

/// `Bucket,Key`.
fn names(fields: &[Field]) -> String {
    fields.iter().map(|field| field.name()).collect::<Vec<_>>().join(",")
}

/// What a first row says about the columns.
#[derive(Debug, PartialEq, Eq)]
enum FirstRow {
    /// It names them.
    Header(Fields),
    /// It names columns that a manifest has not; the others are these.
    StrangeHeader(Fields),
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
            FirstRow::StrangeHeader(known.into_iter().map(|field| field.unwrap_or(Field::Ignore)).collect())
        }
        (Header::Auto, None) => FirstRow::Row(cells.len()),
    }
}

/// The columns: those that were given, else those of the header, else bucket and key of rows
/// of two cells. A third cell may mean anything, and a version that is none would have a delete
/// succeed on nothing: so it is never guessed.
fn decide_fields(given: Option<&Fields>, first: &FirstRow, shown: &str) -> Result<Fields, Refusal> {
    let mistake = |what: String, way_out: &str| Err(Refusal::new(what, way_out));
    match (given, first) {
        (Some(fields), FirstRow::Header(header)) if fields != header => {
            let (header, fields) = (names(header), names(fields));
            mistake(format!("its header names {header} and --fields {fields}"), "correct one of them")
        }
        (_, FirstRow::StrangeHeader(fields)) => mistake(
            format!("its header {shown} names columns unknown here"),
            &format!("say --header yes --fields {}", names(fields)),
        ),
        (Some(fields), FirstRow::Row(cells) | FirstRow::Skipped(cells)) if fields.len() != *cells => {
            let (count, fields) = (fields.len(), names(fields));
            mistake(format!("its first row {shown} has {cells} cells, and --fields names {count}: {fields}"), "")
        }
        (Some(fields), _) => Ok(fields.clone()),
        (None, FirstRow::Header(header)) => Ok(header.clone()),
        (None, FirstRow::Row(2) | FirstRow::Skipped(2)) => Ok(vec![Field::Bucket, Field::Key]),
        (None, FirstRow::Row(1) | FirstRow::Skipped(1)) => mistake(
            format!("its first row {shown} is one cell"),
            "expected is bucket,key; of keys alone say --bucket NAME",
        ),
        (None, FirstRow::Row(cells) | FirstRow::Skipped(cells)) => {
            let ignored = ",Ignore".repeat(cells - 2);
            let way_out = format!("say what they are, such as --fields Bucket,Key{ignored}");
            mistake(format!("its first row {shown} has {cells} cells"), &way_out)
        }
    }
}

/// What the user reads of a list that is refused.
fn told(name: &str, Refusal { what, way_out }: Refusal) -> Explained {
    let file = if name == STDIN { "FILE" } else { name };
    let below = (!way_out.is_empty()).then(|| way_out.replace("FILE", file));
    Explained::new(UsageError(format!("manifest {name}: {what}")), below)
}

/// Looks at a manifest in a file here.
///
/// # Errors
/// [`UsageError`] when it cannot be read, is empty, or is no list that can be taken.
pub fn look_here(path: &Path, said: Said<'_>) -> anyhow::Result<Local> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| unreadable(&name, &error))?;
    let stem = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = stem.split('.').find(|part| !part.is_empty()).unwrap_or("manifest").to_owned();
    // What is no regular file, such as a pipe, cannot be read twice.
    let is_regular = file.metadata().map_err(|error| unreadable(&name, &error))?.is_file();
    let again = is_regular.then(|| file.try_clone()).transpose().map_err(|error| unreadable(&name, &error))?;
    look(name, stem, file, again, said)
}

/// Looks at a manifest on standard input.
///
/// # Errors
/// As [`look_here`].
pub fn look_at_stdin(said: Said<'_>) -> anyhow::Result<Local> {
    look(STDIN.to_owned(), "stdin".to_owned(), std::io::stdin().lock(), None, said)
}

/// Looks at the listing of a place, which is in a file here.
///
/// # Errors
/// As [`look_here`].
pub fn look_at_listing(place: &S3Url, file: File, said: Said<'_>) -> Result<Local, Explained> {
    let said = Said { options: &JobOptions::default(), ..said };
    let local = scan(place.to_string(), place.bucket.as_str().to_owned(), file, said)?;
    Ok(Local { reading: local.reading.converted(), ..local })
}

/// A file that has no name and is gone with its last handle: on a disk, as it may be as large as a manifest.
///
/// # Errors
/// When none can be made.
pub fn temporary_file() -> anyhow::Result<File> {
    let folder = std::env::var_os("TMPDIR").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from);
    tempfile::tempfile_in(&folder).with_context(|| format!("cannot make a temporary file in {}", folder.display()))
}

/// Looks at a list; `again` is its file, if that can be read twice.
fn look(name: String, stem: String, input: impl Read, again: Option<File>, said: Said<'_>) -> anyhow::Result<Local> {
    let (mut shape, input) = begin(&name, input, said.bucket)?;
    if let (Shape::Csv, Some(file)) = (shape, again) {
        return Ok(scan(name, stem, file, said)?);
    }
    let mut input: Box<dyn Read + '_> = Box::new(input);
    if shape == Shape::Gzip {
        let (inside, decompressed) = begin(&name, MultiGzDecoder::new(input), said.bucket)?;
        shape = inside;
        input = Box::new(decompressed);
    }
    let mut file = temporary_file()?;
    let mut out = BufWriter::new(&mut file);
    match shape {
        Shape::Gzip => return Err(told(&name, Refusal::new("is compressed twice", "")).into()),
        Shape::Inventory => {
            let way_out = "it is read where it lies: --manifest s3://BUCKET/.../manifest.json";
            return Err(told(&name, Refusal::new("is the manifest.json of an inventory", way_out)).into());
        }
        _ => convert::convert(&name, shape, input, said.bucket, &mut out)?,
    }
    out.flush()?;
    drop(out);
    if matches!(shape, Shape::Csv | Shape::Separated(_)) {
        return Ok(scan(name, stem, file, said)?);
    }
    if said.fields.is_some() {
        return Err(UsageError(format!("--fields: the lines of {name} say themselves what they are")).into());
    }
    let local = scan(name, stem, file, Said { options: &JobOptions::default(), ..said })?;
    Ok(Local { reading: local.reading.converted(), ..local })
}

/// A list with its beginning.
type Begun<R> = std::io::Chain<Cursor<Vec<u8>>, R>;

/// The form of a list, and the list with its beginning.
fn begin<R: Read>(name: &str, mut input: R, bucket: Option<&BucketName>) -> Result<(Shape, Begun<R>), Explained> {
    let mut first = Vec::with_capacity(FIRST_BYTES);
    (&mut input).take(FIRST_BYTES as u64).read_to_end(&mut first).map_err(|error| unreadable(name, &error))?;
    let shape = shape::recognise(&first, bucket).map_err(|refusal| told(name, refusal))?;
    Ok((shape, Cursor::new(first).chain(input)))
}

/// Reads a CSV as the service will.
fn scan(name: String, stem: String, mut file: File, said: Said<'_>) -> Result<Local, Explained> {
    file.rewind().map_err(|error| unreadable(&name, &error))?;
    let (mut rows, mut md5, mut bytes) = (Rows::new(&name, said), Md5::new(), 0);
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        let count = file.read(&mut buffer).map_err(|error| unreadable(&name, &error))?;
        let piece = &buffer[..count];
        md5.update(piece);
        bytes += count as u64;
        rows.read(piece)?;
        if count == 0 {
            break;
        }
    }
    let (count, reading) = rows.finish()?;
    Ok(Local { name, stem, file, bytes, rows: count, reading, md5: hex::encode(md5.finalize()) })
}

fn unreadable(name: &str, error: &dyn std::fmt::Display) -> Explained {
    told(name, Refusal::new(error.to_string(), ""))
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

/// Looks at the beginning of a manifest in the store, which is a CSV or the manifest.json of an inventory; `format` is what the
/// flags say it is.
///
/// # Errors
/// [`UsageError`] when it is neither or its columns are unclear, another error when the store does not answer.
pub async fn look_there(
    store: &dyn ObjectStore,
    place: &S3Url,
    format: Option<ManifestFormat>,
    said: Said<'_>,
) -> anyhow::Result<(Pinned, Reading)> {
    let unreadable = || format!("manifest {place}");
    let name = place.to_string();
    let refused = |what: &str, way_out: &str| Err(told(&name, Refusal::new(what, way_out)).into());
    let (pinned, size) = pin(store, place).await?;
    if size == 0 {
        return refused("is empty", EACH_ROW);
    }
    let range = Some((0, size.min(FIRST_BYTES as u64) - 1));
    let (at, version, if_match) = (pinned.at.clone(), pinned.version.clone(), Some(pinned.etag.clone()));
    let get = GetObject { at, version, range, if_match };
    let mut got = send(store, &CancelToken::unbounded(), get).await.with_context(unreadable)?;
    let mut bytes = Vec::new();
    while let Some(piece) = got.body.next().await {
        bytes.extend_from_slice(&piece.with_context(unreadable)?);
    }
    let from_here = format!("aws s3 cp {place} - |");
    let shape = shape::recognise(&bytes, said.bucket).map_err(|Refusal { what, way_out }| {
        let piped = way_out.contains(" FILE |").then(|| format!("{from_here} {}", way_out.replace(" FILE |", " |")));
        told(&name, Refusal { what, way_out: piped.unwrap_or(way_out) })
    })?;
    match (shape, format) {
        (Shape::Inventory, Some(ManifestFormat::Csv)) => {
            refused("is the manifest.json of an inventory", "leave out --manifest-format csv")
        }
        (Shape::Inventory, _) if said.fields.is_some() => {
            Err(UsageError(format!("--fields: the inventory {place} says itself what its columns are")).into())
        }
        (Shape::Inventory, _) => Ok((pinned, Reading::of_inventory())),
        (Shape::Csv, Some(ManifestFormat::Inventory)) => {
            refused("is a list and no manifest.json of an inventory", "leave out --manifest-format inventory")
        }
        (Shape::Csv, _) => {
            let mut rows = Rows::new(&name, said);
            rows.read(&bytes)?;
            if size <= bytes.len() as u64 {
                rows.read(&[])?;
                return Ok((pinned, rows.finish()?.1));
            }
            Ok((pinned, rows.reading()?))
        }
        (Shape::Separated(_) | Shape::Urls | Shape::Keys | Shape::JsonLines | Shape::Gzip, _) => refused(
            "is no CSV of buckets and keys, which is all that the service reads by itself",
            &format!("{from_here} brigade job create ... --manifest -"),
        ),
    }
}

/// The rows of a manifest, read as the service does.
struct Rows<'a> {
    name: &'a str,
    said: Said<'a>,
    cells: CellReader,
    separator: Separator,
    fields: Option<Fields>,
    has_header: bool,
    is_own_report: bool,
    buckets: BucketsNamed,
    count: u64,
}

impl<'a> Rows<'a> {
    fn new(name: &'a str, said: Said<'a>) -> Self {
        let options = said.options;
        Self {
            name,
            said,
            cells: CellReader::new(options.separator),
            separator: options.separator.unwrap_or_default(),
            fields: None,
            has_header: false,
            is_own_report: false,
            buckets: BucketsNamed::default(),
            count: 0,
        }
    }

    /// Reads a piece; an empty one is the end.
    fn read(&mut self, mut piece: &[u8]) -> Result<(), Explained> {
        let is_end = piece.is_empty();
        loop {
            let step = if is_end { self.cells.finish() } else { self.cells.read(&mut piece) };
            match step.map_err(|problem| self.unreadable(problem))? {
                Step::More => return Ok(()),
                Step::Row => self.take_row()?,
            }
            if is_end {
                return Ok(());
            }
        }
    }

    fn unreadable(&self, problem: CellError) -> Explained {
        told(self.name, Refusal::new(format!("row {}: {problem}", self.cells.row()), ""))
    }

    fn take_row(&mut self) -> Result<(), Explained> {
        if self.fields.is_none() {
            self.take_first_row()?;
            if self.has_header {
                return Ok(());
            }
        }
        self.count += 1;
        self.check_row()
    }

    fn take_first_row(&mut self) -> Result<(), Explained> {
        let cells = (0..self.cells.count()).filter_map(|place| self.cells.cell(place, self.separator));
        let cells: Vec<_> = cells.map(String::from_utf8_lossy).collect();
        let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
        let first = read_first_row(&cells, self.said.options.header.unwrap_or_default());
        let fields = decide_fields(self.said.fields, &first, &self.shown());
        let fields = fields.map_err(|refusal| told(self.name, refusal))?;
        self.has_header = !matches!(first, FirstRow::Row(_));
        // As the service has it: keys of our own reports are percent-encoded.
        self.is_own_report = cells.len() == 7 && ["succeeded", "failed", "dry-run"].contains(&cells[3]);
        self.fields = Some(fields);
        Ok(())
    }

    /// Refuses a row that the service could make no task of.
    fn check_row(&mut self) -> Result<(), Explained> {
        let fields = self.fields.as_deref().unwrap_or_default();
        let mut bucket = None;
        let refused = |why: &str, way_out: &str| {
            let what = format!("row {} is {}: {why}", self.cells.row(), self.shown());
            told(self.name, Refusal::new(what, way_out))
        };
        if self.cells.count() != fields.len() {
            let (found, expected) = (self.cells.count(), names(fields));
            let quotes = if found > fields.len() { "; a cell with a comma stands in quotes" } else { "" };
            return Err(refused(&format!("{found} cells"), &format!("expected is {expected}{quotes}")));
        }
        for (place, field) in fields.iter().enumerate().filter(|(_, field)| **field != Field::Ignore) {
            let text = std::str::from_utf8(self.cells.cell(place, self.separator).unwrap_or_default());
            let text = text.map_err(|_| told(self.name, not_utf8(&format!("row {}", self.cells.row()))))?;
            let name = match field {
                Field::Bucket => BucketName::new(text.trim_start_matches(' ')).map(|name| bucket = Some(name)),
                // Encoded, a key may be longer than any key.
                Field::Key if self.are_keys_encoded() && !text.is_empty() => Ok(()),
                Field::Key => ObjectKey::new(text).map(drop),
                Field::VersionId | Field::Ignore => Ok(()),
            };
            name.map_err(|error| refused(&error.to_string(), ""))?;
        }
        if let Some(bucket) = bucket {
            self.buckets.note(bucket);
        }
        Ok(())
    }

    fn are_keys_encoded(&self) -> bool {
        let given = self.said.options.key_encoding;
        given.map_or(self.is_own_report, |encoding| encoding != KeyEncoding::Raw)
    }

    /// The complete row, for people.
    fn shown(&self) -> String {
        format!("\"{}\"", self.cells.shown(SHOWN_BYTES))
    }

    fn finish(self) -> Result<(u64, Reading), Explained> {
        let reading = self.reading()?;
        if self.count == 0 {
            return Err(told(self.name, Refusal::new("has a header and no rows", EACH_ROW)));
        }
        Ok((self.count, reading))
    }

    fn reading(&self) -> Result<Reading, Explained> {
        let empty = || told(self.name, Refusal::new("is empty", EACH_ROW));
        let fields = self.fields.clone().ok_or_else(empty)?;
        let key_encoding = self.is_own_report.then_some(KeyEncoding::Url);
        let options = JobOptions { key_encoding, ..JobOptions::default() };
        Ok(Reading { format: ManifestFormat::Csv, fields, options, buckets: self.buckets.clone() })
    }
}

#[cfg(test)]
mod tests;
