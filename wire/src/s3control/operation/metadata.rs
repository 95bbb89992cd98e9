//! `NewObjectMetadata`: what becomes headers of the copies.
//!
//! `ContentLength` and `ContentMD5` are refused by name: they say what the bytes are, and a copy has those of its
//! source. Every text here ends in an HTTP header, so what no header carries is refused (a store may be proved to take
//! user metadata beyond ASCII), and a key of user metadata must be a header's name; a prefix `x-amz-meta-` of it is
//! dropped. `HttpExpiresDate` is kept as RFC 1123, and written as the timestamp that SDKs read.

use brigade_model::header;
use brigade_model::limits::USER_METADATA_BYTES_MAX;
use brigade_model::operation::NewMetadata;

use crate::s3control::{Fields, S3ControlError};
use crate::times;
use crate::xml::Writer;

/// A header's value, bytes. S3
const HEADER_BYTES_MAX: usize = 1024;
/// The `SSEAlgorithm` of a key service.
pub(in crate::s3control) const KMS: &str = "KMS";
const USER_PREFIX: &str = "x-amz-meta-";

/// What the element says.
#[derive(Default)]
pub(super) struct GivenMetadata {
    /// `None` when it says nothing but how to encrypt with a key service.
    pub(super) metadata: Option<NewMetadata>,
    /// Whether it asks for encryption with a key of a key service.
    pub(super) asks_key_service: bool,
}

/// Reads the element's children.
pub(super) fn read(mut metadata: Fields<'_>) -> Result<GivenMetadata, S3ControlError> {
    metadata.refuse(&["ContentLength", "ContentMD5"])?;
    metadata.refuse_switches(&["RequesterCharged"])?;
    let algorithm = metadata.choice("SSEAlgorithm", ["AES256", KMS].map(|name| (name, name)))?;
    let read = NewMetadata {
        cache_control: header_value(&mut metadata, "CacheControl")?,
        content_disposition: header_value(&mut metadata, "ContentDisposition")?,
        content_encoding: header_value(&mut metadata, "ContentEncoding")?,
        content_language: header_value(&mut metadata, "ContentLanguage")?,
        content_type: header_value(&mut metadata, "ContentType")?,
        expires: metadata.time("HttpExpiresDate")?.and_then(times::rfc_1123),
        sse_aes256: algorithm == Some("AES256"),
        user: metadata.container("UserMetadata")?.map(read_user).transpose()?.unwrap_or_default(),
    };
    metadata.finish()?;
    let metadata = Some(read).filter(|read| *read != NewMetadata::default());
    Ok(GivenMetadata { metadata, asks_key_service: algorithm == Some(KMS) })
}

/// A header's value; an empty one counts as absent.
fn header_value(fields: &mut Fields<'_>, name: &'static str) -> Result<Option<String>, S3ControlError> {
    let text = fields.bounded(name, HEADER_BYTES_MAX)?.filter(|text| !text.is_empty());
    check_header(fields, name, text.as_deref().unwrap_or_default())?;
    Ok(text)
}

pub(super) fn check_header(fields: &Fields<'_>, name: &str, text: &str) -> Result<(), S3ControlError> {
    if header::is_value(text) { Ok(()) } else { Err(fields.invalid(name, header::VALUE_RULE)) }
}

fn read_user(mut user: Fields<'_>) -> Result<Vec<(String, String)>, S3ControlError> {
    let mut read: Vec<(String, String)> = Vec::new();
    for entry in user.each("entry")? {
        let (key, value) = read_entry(entry)?;
        if read.iter().any(|(earlier, _)| earlier.eq_ignore_ascii_case(&key)) {
            return Err(user.invalid("entry", "has a key that another has already"));
        }
        read.push((key, value));
    }
    if read.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > USER_METADATA_BYTES_MAX {
        let why = format_args!("must not be longer than {USER_METADATA_BYTES_MAX} bytes in all");
        return Err(user.invalid("entry", why));
    }
    user.finish()?;
    Ok(read)
}

fn read_entry(mut entry: Fields<'_>) -> Result<(String, String), S3ControlError> {
    let key = entry.filled("key")?;
    let key = without_prefix(entry.required("key", key)?);
    if key.is_empty() || !key.bytes().all(is_token) {
        return Err(entry.invalid("key", "must be a header's name: letters, digits and !#$%&'*+-.^_`|~"));
    }
    let value = entry.text("value")?.unwrap_or_default();
    if !header::is_text(value) {
        return Err(entry.invalid("value", header::TEXT_RULE));
    }
    entry.finish()?;
    Ok((key.to_owned(), value.to_owned()))
}

fn without_prefix(key: &str) -> &str {
    let prefix = key.get(..USER_PREFIX.len()).unwrap_or_default();
    if prefix.eq_ignore_ascii_case(USER_PREFIX) { &key[prefix.len()..] } else { key }
}

/// A character of a header's name (RFC 9110, token).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Writes the element, if it says anything.
pub(super) fn write(writer: &mut Writer, metadata: Option<&NewMetadata>, asks_key_service: bool) {
    if metadata.is_none() && !asks_key_service {
        return;
    }
    let nothing = NewMetadata::default();
    let metadata = metadata.unwrap_or(&nothing);
    let own_key = metadata.sse_aes256.then_some("AES256");
    writer.within("NewObjectMetadata", |w| {
        w.leaf_if("CacheControl", metadata.cache_control.as_ref());
        w.leaf_if("ContentDisposition", metadata.content_disposition.as_ref());
        w.leaf_if("ContentEncoding", metadata.content_encoding.as_ref());
        w.leaf_if("ContentLanguage", metadata.content_language.as_ref());
        if !metadata.user.is_empty() {
            w.within("UserMetadata", |w| metadata.user.iter().for_each(|(key, value)| write_entry(w, key, value)));
        }
        w.leaf_if("ContentType", metadata.content_type.as_ref());
        w.leaf_if("HttpExpiresDate", metadata.expires.as_deref().and_then(times::parse).map(times::iso));
        w.leaf_if("SSEAlgorithm", asks_key_service.then_some(KMS).or(own_key));
    });
}

fn write_entry(writer: &mut Writer, key: &str, value: &str) {
    writer.within("entry", |w| {
        w.leaf("key", key);
        w.leaf("value", value);
    });
}
