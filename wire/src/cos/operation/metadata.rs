//! `NewObjectMetadata`: what becomes headers of the copies.
//!
//! Every text here ends in an HTTP header, so what no header carries is refused (a store may be proved to take
//! user metadata beyond ASCII), and a user metadata key must be a header's name. The prefixes `x-cos-meta-`
//! and `x-amz-meta-` of such a key are dropped; `HttpExpiresDate` is kept as RFC 1123, whatever form it came in.

use brigade_model::header;
use brigade_model::limits::USER_METADATA_BYTES_MAX;
use brigade_model::operation::NewMetadata;

use crate::cos::fields::Fields;
use crate::cos::{CosError, times};
use crate::xml::Writer;

/// A header's value, bytes: what common servers take for all headers together. ours
const HEADER_BYTES_MAX: usize = 8 * 1024;

/// Reads the element's children; `None` when they say nothing.
pub(super) fn read(mut metadata: Fields<'_>) -> Result<Option<NewMetadata>, CosError> {
    let read = NewMetadata {
        cache_control: header_value(&mut metadata, "CacheControl", HEADER_BYTES_MAX)?,
        content_disposition: header_value(&mut metadata, "ContentDisposition", HEADER_BYTES_MAX)?,
        content_encoding: header_value(&mut metadata, "ContentEncoding", HEADER_BYTES_MAX)?,
        content_language: None,
        content_type: header_value(&mut metadata, "ContentType", HEADER_BYTES_MAX)?,
        expires: metadata.time("HttpExpiresDate")?.and_then(times::rfc_1123),
        sse_aes256: metadata.choice("SSEAlgorithm", [("AES256", ())])?.is_some(),
        user: metadata.container("UserMetadata")?.map(read_user).transpose()?.unwrap_or_default(),
    };
    metadata.finish()?;
    Ok(Some(read).filter(|read| *read != NewMetadata::default()))
}

/// A header's value; an empty one counts as absent.
fn header_value(fields: &mut Fields<'_>, name: &'static str, bytes_max: usize) -> Result<Option<String>, CosError> {
    let text = fields.bounded(name, bytes_max)?.filter(|text| !text.is_empty());
    check_header(fields, name, text.as_deref().unwrap_or_default())?;
    Ok(text)
}

/// Jobs of earlier versions may have any text: a client reads them all the same.
fn check_header(fields: &Fields<'_>, name: &str, text: &str) -> Result<(), CosError> {
    let is_sendable = !fields.is_strict() || header::is_value(text);
    if is_sendable { Ok(()) } else { Err(fields.invalid(name, header::VALUE_RULE)) }
}

/// A text on one line; an empty one counts as absent.
pub(super) fn one_line(
    fields: &mut Fields<'_>,
    name: &'static str,
    bytes_max: usize,
) -> Result<Option<String>, CosError> {
    let text = fields.bounded(name, bytes_max)?.filter(|text| !text.is_empty());
    if text.as_ref().is_some_and(|text| text.chars().any(char::is_control)) {
        return Err(fields.invalid(name, "must not hold control characters"));
    }
    Ok(text)
}

fn read_user(mut user: Fields<'_>) -> Result<Vec<(String, String)>, CosError> {
    let mut read: Vec<(String, String)> = Vec::new();
    for member in user.each("member")? {
        let (key, value) = read_member(member)?;
        if read.iter().any(|(earlier, _)| earlier.eq_ignore_ascii_case(&key)) {
            return Err(user.invalid("member", "has a Key that another has already"));
        }
        read.push((key, value));
    }
    if read.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > USER_METADATA_BYTES_MAX {
        return Err(user.invalid("member", format!("must not be longer than {USER_METADATA_BYTES_MAX} bytes in all")));
    }
    user.finish()?;
    Ok(read)
}

fn read_member(mut member: Fields<'_>) -> Result<(String, String), CosError> {
    let key = member.filled("Key")?;
    let key = without_prefix(member.required("Key", key)?);
    if key.is_empty() || !key.bytes().all(is_token) {
        return Err(member.invalid("Key", "must be a header's name: letters, digits and !#$%&'*+-.^_`|~"));
    }
    let value = member.text("Value")?;
    let value = member.required("Value", value)?;
    if member.is_strict() && !header::is_text(value) {
        return Err(member.invalid("Value", header::TEXT_RULE));
    }
    member.finish()?;
    Ok((key.to_owned(), value.to_owned()))
}

fn without_prefix(key: &str) -> &str {
    let prefix = key.get(.."x-cos-meta-".len()).unwrap_or_default();
    let is_prefixed = ["x-cos-meta-", "x-amz-meta-"].iter().any(|known| known.eq_ignore_ascii_case(prefix));
    if is_prefixed { &key[prefix.len()..] } else { key }
}

/// A character of a header's name (RFC 9110, token).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Writes the element.
pub(super) fn write(writer: &mut Writer, metadata: &NewMetadata) {
    writer.within("NewObjectMetadata", |w| {
        w.leaf_if("CacheControl", metadata.cache_control.as_ref());
        w.leaf_if("ContentDisposition", metadata.content_disposition.as_ref());
        w.leaf_if("ContentEncoding", metadata.content_encoding.as_ref());
        w.leaf_if("ContentType", metadata.content_type.as_ref());
        w.leaf_if("HttpExpiresDate", metadata.expires.as_ref());
        w.leaf_if("SSEAlgorithm", metadata.sse_aes256.then_some("AES256"));
        if !metadata.user.is_empty() {
            w.within("UserMetadata", |w| metadata.user.iter().for_each(|(key, value)| write_member(w, key, value)));
        }
    });
}

fn write_member(writer: &mut Writer, key: &str, value: &str) {
    writer.within("member", |w| {
        w.leaf("Key", key);
        w.leaf("Value", value);
    });
}
