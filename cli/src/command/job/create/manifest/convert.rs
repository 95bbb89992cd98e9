//! Makes CSV, as the service reads it, of the other forms of lists. A line at a time: no list is ever held as a whole.

use std::io::{BufRead, BufReader, Read, Write};

use brigade_config::UsageError;
use brigade_engine::manifest::cells::ROW_BYTES_MAX;
use brigade_model::BucketName;
use serde_json::Value;

use super::shape::{Refusal, Shape, member, not_utf8, told};
use crate::command::manifest::quoted;
use crate::s3_url::S3Url;

/// A refused line is shown this long, characters.
const SHOWN_CHARS: usize = 60;

/// A row.
struct NamedObject {
    bucket: String,
    key: String,
    version: Option<String>,
}

/// Writes the list as CSV into `out`.
///
/// # Errors
/// [`UsageError`] with the first line that is none of the form, and what was expected there.
pub(super) fn convert(
    name: &str,
    shape: Shape,
    input: impl Read,
    bucket: Option<&BucketName>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    match shape {
        Shape::Csv | Shape::Gzip | Shape::Inventory => copy_bytes(name, input, out),
        Shape::Separated(separator) => separate(name, separator, input, out),
        Shape::Urls => write_rows(name, input, "s3://bucket/key, as in the first line", out, |line| url(line, None)),
        Shape::JsonLines => {
            let expected = "an object with the texts bucket (or --bucket), key and perhaps versionId";
            write_rows(name, input, expected, out, |line| object(line, bucket))
        }
        Shape::Keys => {
            let bucket = bucket.map(BucketName::as_str).unwrap_or_default();
            let named =
                |line: &str| Some(NamedObject { bucket: bucket.to_owned(), key: line.to_owned(), version: None });
            write_rows(name, input, "a key", out, named)
        }
    }
}

fn copy_bytes(name: &str, mut input: impl Read, out: &mut impl Write) -> anyhow::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        // Of the two sides only the input is the user's to correct.
        let count = input.read(&mut buffer).map_err(|error| unreadable(name, &error))?;
        if count == 0 {
            return Ok(());
        }
        out.write_all(&buffer[..count])?;
    }
}

/// Puts commas where the separator stands.
fn separate(name: &str, separator: u8, input: impl Read, out: &mut impl Write) -> anyhow::Result<()> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(input);
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => {
                let cells: Vec<_> = record.iter().map(quoted).collect();
                writeln!(out, "{}", cells.join(","))?;
            }
            Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                let line = error.position().map_or(1, csv::Position::line);
                return Err(told(name, not_utf8(&format!("line {line}"))).into());
            }
            Err(error) => return Err(unreadable(name, &error).into()),
        }
    }
}

/// Writes a row for each line that is not blank.
fn write_rows(
    name: &str,
    input: impl Read,
    expected: &str,
    out: &mut impl Write,
    read: impl Fn(&str) -> Option<NamedObject>,
) -> anyhow::Result<()> {
    let mut lines = BufReader::new(input);
    let (mut has_versions, mut bytes) = (None, Vec::new());
    for number in 1_u64.. {
        bytes.clear();
        let whole = (&mut lines).take(ROW_BYTES_MAX as u64 + 1).read_until(b'\n', &mut bytes);
        if whole.map_err(|error| unreadable(name, &error))? == 0 {
            break;
        }
        let refused = |what: String, way_out: String| told(name, Refusal { what, way_out });
        if bytes.len() > ROW_BYTES_MAX {
            return Err(
                refused(format!("line {number} is longer than 1 MiB"), format!("expected is {expected}")).into()
            );
        }
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = std::str::from_utf8(line).map_err(|_| told(name, not_utf8(&format!("line {number}"))))?;
        let line = if number == 1 { line.trim_start_matches('\u{feff}') } else { line };
        if line.trim().is_empty() {
            continue;
        }
        let shown: String = line.chars().take(SHOWN_CHARS).collect();
        let row = read(line)
            .ok_or_else(|| refused(format!("line {number} is {shown:?}"), format!("expected is {expected}")))?;
        let with_version = match has_versions {
            Some(has) => has,
            None => {
                let has = row.version.is_some();
                writeln!(out, "{}", if has { "Bucket,Key,VersionId" } else { "Bucket,Key" })?;
                *has_versions.insert(has)
            }
        };
        if row.version.is_some() && !with_version {
            let what = format!("line {number} is {shown:?}: it names a version, and the first line does not");
            return Err(refused(what, String::new()).into());
        }
        write!(out, "{},{}", quoted(&row.bucket), quoted(&row.key))?;
        if with_version {
            write!(out, ",{}", quoted(row.version.as_deref().unwrap_or_default()))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn url(line: &str, version: Option<String>) -> Option<NamedObject> {
    let url: S3Url = line.parse().ok()?;
    let key = url.key().ok()?.as_str().to_owned();
    Some(NamedObject { bucket: url.bucket.as_str().to_owned(), key, version })
}

fn object(line: &str, bucket: Option<&BucketName>) -> Option<NamedObject> {
    let Ok(Value::Object(object)) = serde_json::from_str(line) else { return None };
    let text = |names: &[&str]| member(&object, names).and_then(Value::as_str).map(str::to_owned);
    let version = text(&["versionId", "version_id", "version"]);
    let key = text(&["key"]).filter(|key| !key.is_empty())?;
    if key.starts_with("s3://") {
        return url(&key, version);
    }
    let bucket = text(&["bucket"]).or_else(|| bucket.map(|bucket| bucket.as_str().to_owned()))?;
    Some(NamedObject { bucket, key, version })
}

fn unreadable(name: &str, error: &dyn std::fmt::Display) -> UsageError {
    UsageError(format!("manifest {name}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::in_lines;
    use super::*;

    fn csv(shape: Shape, text: &str) -> Result<String, String> {
        let (bucket, mut out) = ("photos".parse().unwrap(), Vec::new());
        let done = convert("m", shape, text.as_bytes(), Some(&bucket), &mut out);
        done.map(|()| String::from_utf8(out).unwrap()).map_err(|error| in_lines(&error))
    }

    #[test]
    fn each_form_becomes_rows_of_bucket_and_key() {
        assert_eq!(csv(Shape::Urls, "\u{feff}s3://b/a,b\r\n\ns3://c/d e").unwrap(), "Bucket,Key\nb,\"a,b\"\nc,d e\n");
        assert_eq!(csv(Shape::Keys, "a;b\n bucket,key\n").unwrap(), "Bucket,Key\nphotos,a;b\nphotos,\" bucket,key\"\n");
        assert_eq!(csv(Shape::Separated(b'\t'), "b\ta,b\tv\nb\t\"c\"\"\"\t\n").unwrap(), "b,\"a,b\",v\nb,\"c\"\"\",\n");
        assert_eq!(csv(Shape::Separated(b';'), "Key;Bucket\n\"k;1\";b\n").unwrap(), "Key,Bucket\nk;1,b\n");
        let lines = "{\"key\":\"a\",\"size\":1}\n{\"Bucket\":\"b\",\"Key\":\"k\\n\"}\n{\"key\":\"s3://c/d\"}\n";
        assert_eq!(csv(Shape::JsonLines, lines).unwrap(), "Bucket,Key\nphotos,a\nb,\"k\n\"\nc,d\n");
        let versions = "{\"key\":\"a\",\"versionId\":\"1\"}\n{\"key\":\"b\"}\n";
        assert_eq!(csv(Shape::JsonLines, versions).unwrap(), "Bucket,Key,VersionId\nphotos,a,1\nphotos,b,\n");
    }

    #[test]
    fn the_first_line_that_is_refused_is_shown_with_what_was_expected() {
        let told = csv(Shape::Urls, "s3://b/k\nb/k2\nx").unwrap_err();
        assert_eq!(told, "manifest m: line 2 is \"b/k2\"\nexpected is s3://bucket/key, as in the first line");
        assert!(csv(Shape::Urls, "s3://b/k\ns3://b/\n").unwrap_err().contains("line 2 is \"s3://b/\""));
        assert!(csv(Shape::JsonLines, "{\"key\":\"a\"}\n{\"key\":1}").unwrap_err().contains("line 2 is"));
        let told = csv(Shape::JsonLines, "{\"key\":\"a\"}\n{\"key\":\"b\",\"version\":\"1\"}").unwrap_err();
        assert!(told.contains("it names a version, and the first line does not"), "{told}");
        let long = csv(Shape::Keys, &"k".repeat(ROW_BYTES_MAX + 1)).unwrap_err();
        assert!(long.contains("line 1 is longer than 1 MiB"), "{long}");
        let mut out = Vec::new();
        let told = convert("m", Shape::Separated(b';'), &b"b;k\nb;\xfc\n"[..], None, &mut out).unwrap_err();
        assert!(told.to_string().contains("line 2 is not UTF-8"), "{told}");
    }
}
