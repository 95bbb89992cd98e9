//! Checks the manifest of a job to be created: a file here, standard input, a listing, or an object in the store.
//!
//! What is here is recognised by its bytes ([`shape`]) and made the CSV that the service reads ([`convert`]), in a temporary
//! file, unless it is that already. That CSV is read once, as a stream and as the service will read it ([`rows`]), for its
//! columns ([`columns`]), its count and its MD5; the ETag after the upload pins the bytes. The ETag (and the version) of a
//! HEAD pins a manifest in the store, which is only looked at.

use std::fs::File;
use std::io::{BufWriter, Cursor, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, anyhow};
use brigade_config::{Explained, UsageError};
use brigade_model::BucketName;
use brigade_model::manifest::ManifestFormat;
use brigade_model::names::{ETag, VersionId};
use brigade_model::options::JobOptions;
use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::{At, CancelToken, GetObject, HeadObject, send};
use flate2::read::MultiGzDecoder;
use md5::{Digest, Md5};

use crate::s3_url::S3Url;
use crate::store_path::{NotAStorePath, StorePath};

mod columns;
mod convert;
mod rows;
mod shape;

pub use columns::{Fields, parse_fields};
use rows::Rows;
pub use rows::{BucketsNamed, Reading, Said};
use shape::{EACH_ROW, FIRST_BYTES, Refusal, STDIN, Shape, told};

/// Bytes read at once.
const PIECE_BYTES: usize = 64 * 1024;
/// What a file that is not here may have been meant as.
const IN_A_STORE: &str = "give a file here, or an object in a store: s3://BUCKET/KEY or STORE:BUCKET/KEY";

/// Where a manifest lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In a file here.
    Local(PathBuf),
    /// On standard input.
    Stdin,
    /// In the store.
    Stored(StorePath),
}

impl FromStr for Source {
    type Err = NotAStorePath;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "-" => Ok(Self::Stdin),
            _ if StorePath::is_meant_by(text) => text.parse().map(Self::Stored),
            _ => Ok(Self::Local(PathBuf::from(text))),
        }
    }
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

/// Looks at a manifest in a file here.
///
/// # Errors
/// [`UsageError`] when it cannot be read, is empty, or is no list that can be taken.
pub fn look_here(path: &Path, said: Said<'_>) -> anyhow::Result<Local> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => told(&name, Refusal::new(error.to_string(), IN_A_STORE)),
        _ => unreadable(&name, &error),
    })?;
    let stem = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = stem.split('.').find(|part| !part.is_empty()).unwrap_or("manifest").to_owned();
    let metadata = file.metadata().map_err(|error| unreadable(&name, &error))?;
    if metadata.is_dir() {
        return Err(told(&name, Refusal::new("is a folder", IN_A_STORE)).into());
    }
    // What is no regular file, such as a pipe, cannot be read twice.
    let is_regular = metadata.is_file();
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

#[cfg(test)]
mod tests;
