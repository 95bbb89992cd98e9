//! What a list of objects is, by its first bytes: a form that is taken, or another with what to type instead.
//!
//! | what it begins with | is |
//! |---|---|
//! | gzip's mark | what it is once decompressed |
//! | `{` and a line that is an object with a key | JSON lines |
//! | `{` and an inventory's `files` | the manifest.json of an inventory |
//! | `s3://` | a URI a line |
//! | any other text, where `--bucket` is said | a key a line |
//! | a row with tabs or semicolons and no comma before them | CSV with that separator |
//! | any other text | CSV |
//!
//! Everything else is refused: other compressions, Parquet, UTF-16, Latin-1, other JSON.

use brigade_config::{Explained, UsageError};
use brigade_model::BucketName;
use serde_json::Value;

/// The bytes that the form is recognised by; a first row is within them, or it is none.
pub(super) const FIRST_BYTES: usize = 64 * 1024;
/// What a list must have.
pub(super) const EACH_ROW: &str = "each row names a bucket and a key";
/// What standard input is called.
pub(super) const STDIN: &str = "standard input";
/// How gzip begins.
const GZIP: &[u8] = &[0x1f, 0x8b];
const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// A form that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// As the service reads it.
    Csv,
    /// The same with another separator.
    Separated(u8),
    /// `s3://bucket/key`, one a line.
    Urls,
    /// Keys as they are, one a line.
    Keys,
    /// An object with `bucket`, `key` and perhaps `versionId`, one a line.
    JsonLines,
    /// Compressed.
    Gzip,
    /// The manifest.json of an inventory.
    Inventory,
}

/// Why something is no list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// What it is instead.
    pub(super) what: String,
    /// What to do; `FILE` stands in it for the list. Nothing when that is plain.
    pub(super) way_out: String,
}

impl Refusal {
    pub(super) fn new(what: impl Into<String>, way_out: impl Into<String>) -> Self {
        Self { what: what.into(), way_out: way_out.into() }
    }
}

/// What the user reads of a list that is refused.
pub(super) fn told(name: &str, Refusal { what, way_out }: Refusal) -> Explained {
    let file = if name == STDIN { "FILE" } else { name };
    let below = (!way_out.is_empty()).then(|| way_out.replace("FILE", file));
    Explained::new(UsageError(format!("manifest {name}: {what}")), below)
}

/// What begins alike in no text, what it is, and what makes a list of it.
const FOREIGN: [(&[u8], &str, &str); 6] = [
    (b"PAR1", "is Parquet", "give its inventory: --manifest s3://BUCKET/.../manifest.json"),
    (b"PK\x03\x04", "is a ZIP archive", "unzip -p FILE | brigade job create ... --manifest -"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "is compressed by zstd", "zstd -dc FILE | brigade job create ... --manifest -"),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "is compressed by xz", "xz -dc FILE | brigade job create ... --manifest -"),
    (&[0xff, 0xfe], "is UTF-16", "iconv -f UTF-16 -t UTF-8 FILE | brigade job create ... --manifest -"),
    (&[0xfe, 0xff], "is UTF-16", "iconv -f UTF-16 -t UTF-8 FILE | brigade job create ... --manifest -"),
];

/// The form of what begins so.
///
/// # Errors
/// What it is instead, and what to type.
pub(super) fn recognise(first: &[u8], bucket: Option<&BucketName>) -> Result<Shape, Refusal> {
    if first.starts_with(GZIP) {
        return Ok(Shape::Gzip);
    }
    if let Some((_, what, way_out)) = FOREIGN.iter().find(|(mark, ..)| first.starts_with(mark)) {
        return Err(Refusal::new(*what, *way_out));
    }
    match first {
        [0, second, ..] if *second != 0 => return Err(utf16("BE")),
        [begin, 0, ..] if *begin != 0 => return Err(utf16("LE")),
        _ if first.contains(&0) => return Err(Refusal::new("is no text", "a list has a bucket and a key in each row")),
        _ => {}
    }
    check_utf8(first)?;
    let text = first.strip_prefix(BYTE_ORDER_MARK).unwrap_or(first);
    let text = text.trim_ascii_start();
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
    match line.first() {
        Some(b'{') => recognise_object(text, line),
        Some(b'[') if serde_json::Deserializer::from_slice(text).into_iter::<Value>().next().is_some_and(is_whole) => {
            Err(Refusal::new("is one JSON array", "jq -c '.[]' FILE | brigade job create ... --manifest -"))
        }
        _ if line.starts_with(b"s3://") => Ok(Shape::Urls),
        _ => match bucket {
            Some(bucket) if begins_with_cell(line, bucket.as_str()) => {
                Err(Refusal::new(format!("its first row names the bucket {bucket} already"), "leave out --bucket"))
            }
            Some(_) => Ok(Shape::Keys),
            None => Ok(separator(line).map_or(Shape::Csv, Shape::Separated)),
        },
    }
}

/// An array that ends within the first bytes, or is longer than they are.
fn is_whole(read: serde_json::Result<Value>) -> bool {
    read.map_or_else(|error| error.is_eof(), |value| value.is_array())
}

fn utf16(order: &str) -> Refusal {
    Refusal::new("is UTF-16", format!("iconv -f UTF-16{order} -t UTF-8 FILE | brigade job create ... --manifest -"))
}

/// Refuses what is no UTF-8; a last character may be cut.
fn check_utf8(first: &[u8]) -> Result<(), Refusal> {
    match std::str::from_utf8(first) {
        Err(error) if error.error_len().is_some() => {
            let line = 1 + first[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            Err(not_utf8(&format!("line {line}")))
        }
        _ => Ok(()),
    }
}

/// What is said of a place that is no UTF-8.
pub(super) fn not_utf8(place: &str) -> Refusal {
    let way_out = "if it is Latin-1: iconv -f LATIN1 -t UTF-8 FILE | brigade job create ... --manifest -";
    Refusal::new(format!("{place} is not UTF-8"), way_out)
}

fn recognise_object(text: &[u8], line: &[u8]) -> Result<Shape, Refusal> {
    if let Ok(Value::Object(object)) = serde_json::from_slice(line)
        && member(&object, &["key"]).is_some()
    {
        return Ok(Shape::JsonLines);
    }
    let holds = |name: &str| text.windows(name.len()).any(|window| window == name.as_bytes());
    if holds("\"fileSchema\"") || (holds("\"files\"") && holds("\"sourceBucket\"")) {
        return Ok(Shape::Inventory);
    }
    for member in ["Contents", "Versions"] {
        if holds(&format!("\"{member}\"")) {
            let way_out = format!("jq -c '.{member}[]' FILE | brigade job create ... --manifest - --bucket BUCKET");
            return Err(Refusal::new("is the answer of a listing", way_out));
        }
    }
    let way_out = "it takes an object a line, such as {\"bucket\": \"photos\", \"key\": \"a.jpg\"}";
    Err(Refusal::new("is JSON without keys", way_out))
}

/// A member by one of its names, in any case.
pub(super) fn member<'a>(object: &'a serde_json::Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    let is_named = |given: &&String| names.iter().any(|name| given.eq_ignore_ascii_case(name));
    object.keys().find(is_named).and_then(|name| object.get(name))
}

fn begins_with_cell(line: &[u8], cell: &str) -> bool {
    line.strip_prefix(cell.as_bytes()).is_some_and(|rest| rest.first().is_some_and(|byte| b",\t;".contains(byte)))
}

/// The separator of a row that is no comma.
fn separator(line: &[u8]) -> Option<u8> {
    let before_comma = line.split(|byte| *byte == b',').next().unwrap_or_default();
    match before_comma {
        _ if before_comma.contains(&b'\t') => Some(b'\t'),
        _ if before_comma.len() == line.len() && line.contains(&b';') => Some(b';'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(first: &[u8]) -> Result<Shape, String> {
        recognise(first, None).map_err(|Refusal { what, way_out }| format!("{what}: {way_out}"))
    }

    #[test]
    fn a_list_is_recognised_by_its_bytes() {
        let table: [(&[u8], Shape); 12] = [
            (b"photos,a.jpg\n", Shape::Csv),
            (b"\xef\xbb\xbfBucket,Key\nphotos,a;b\n", Shape::Csv),
            (b"photos,a\tb\n", Shape::Csv),
            (b"photos\ta,b.jpg\n", Shape::Separated(b'\t')),
            (b"photos;a.jpg\n", Shape::Separated(b';')),
            (b"s3://photos/a,b.jpg\n", Shape::Urls),
            (b"\n\n  s3://photos/a\n", Shape::Urls),
            (b"{\"Key\": \"a\", \"bucket\": \"photos\"}\n", Shape::JsonLines),
            (b"{\n  \"sourceBucket\": \"photos\",\n  \"fileSchema\": \"Bucket, Key\",\n", Shape::Inventory),
            (b"{\"files\":[],\"sourceBucket\":\"b\"}", Shape::Inventory),
            (&[0x1f, 0x8b, 8, 0], Shape::Gzip),
            ("photos,é\u{1F600}".as_bytes().split_last().unwrap().1, Shape::Csv),
        ];
        for (first, shape) in table {
            assert_eq!(of(first), Ok(shape), "{:?}", String::from_utf8_lossy(first));
        }
    }

    #[test]
    fn what_is_no_list_is_refused_with_what_to_type() {
        let utf16 = |order: fn(u16) -> [u8; 2]| "photos,a".encode_utf16().flat_map(order).collect::<Vec<u8>>();
        let table: [(&[u8], &str); 11] = [
            (b"PAR1\x15\x04", "is Parquet: give its inventory"),
            (b"PK\x03\x04..", "unzip -p FILE |"),
            (&[0x28, 0xb5, 0x2f, 0xfd, 1], "zstd -dc FILE |"),
            (&[0xfd, b'7', b'z', b'X', b'Z', 0, 0], "xz -dc FILE |"),
            (b"\xff\xfep\0h\0", "iconv -f UTF-16 "),
            (&utf16(u16::to_le_bytes), "iconv -f UTF-16LE "),
            (&utf16(u16::to_be_bytes), "iconv -f UTF-16BE "),
            (b"photos,a\nphotos,b\nphotos,M\xfcnchen\n", "line 3 is not UTF-8: if it is Latin-1: iconv -f LATIN1"),
            (b"[{\"key\": \"a\"}]", "jq -c '.[]' FILE |"),
            (b"{\n \"Contents\": [\n {\"Key\"", "jq -c '.Contents[]' FILE |"),
            (b"{\"name\": 1}", "it takes an object a line"),
        ];
        for (first, told) in table {
            let said = of(first).unwrap_err();
            assert!(said.contains(told), "{said}");
        }
        assert!(of(b"photos,a\0b\n").unwrap_err().contains("is no text"));
    }

    #[test]
    fn with_a_bucket_each_line_is_a_key_whatever_it_holds() {
        let bucket: BucketName = "photos".parse().unwrap();
        for first in [&b"a,b;c\td.jpg\n"[..], b"[a].jpg\n", b"photos/a.jpg\n"] {
            assert_eq!(recognise(first, Some(&bucket)), Ok(Shape::Keys));
        }
        assert_eq!(recognise(b"{\"key\":\"a\"}", Some(&bucket)), Ok(Shape::JsonLines));
        assert_eq!(recognise(b"photos,a.jpg\n", Some(&bucket)).unwrap_err().way_out, "leave out --bucket");
    }
}
