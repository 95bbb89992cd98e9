//! The canonical form: the text whose hash is signed.
//!
//! ```text
//! METHOD \n path \n name=value&... of parameters \n name:value\n... of headers \n names of headers \n hash of the body
//! ```
//!
//! The path stands as it was sent, encoded. Parameters are decoded, encoded again and sorted; of the headers only
//! those that the claim lists enter, in its order, the values of a repeated one joined by commas.

use percent_encoding::percent_encode;

use super::claim::{Claim, Form, SIGNATURE_PARAMETER};
use super::{RequestParts, SignatureError};
use crate::query::{RESERVED, split_query};

/// All signed headers, bytes: a token and as much again. ours
const SIGNED_HEADER_BYTES_MAX: usize = 16 * 1024;
/// Headers that must be signed where they are present begin so.
const SIGNED_PREFIXES: [&str; 2] = ["x-amz-", "x-brigade-"];

/// The text of a request that a claim is about.
pub(super) fn text(parts: RequestParts<'_>, claim: &Claim) -> Result<Vec<u8>, SignatureError> {
    let listed = |name: &str| claim.signed_headers.iter().any(|other| name.eq_ignore_ascii_case(other));
    if let Some((name, _)) = parts.headers.iter().find(|(name, _)| must_be_signed(name) && !listed(name)) {
        return Err(SignatureError::NotSigned(name.chars().take(64).collect()));
    }
    let bytes: usize = parts.headers.iter().filter(|(name, _)| listed(name)).map(|(_, value)| value.len()).sum();
    if bytes > SIGNED_HEADER_BYTES_MAX {
        return Err(SignatureError::TooLarge { part: "signed headers", max: "16384 bytes" });
    }
    let path = if parts.path.is_empty() { "/" } else { parts.path };
    let mut text = format!("{}\n{path}\n{}\n", parts.method, parameters(parts.query, claim.form)).into_bytes();
    for name in &claim.signed_headers {
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        let values = parts.headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name));
        let values: Vec<_> = values.map(|(_, value)| one_blank(value)).collect();
        if values.is_empty() {
            // A header that is listed and not there was taken away.
            return Err(SignatureError::Mismatch);
        }
        text.extend_from_slice(&values.join(&b','));
        text.push(b'\n');
    }
    text.push(b'\n');
    text.extend_from_slice(claim.signed_headers.join(";").as_bytes());
    text.push(b'\n');
    text.extend_from_slice(claim.body_text.as_bytes());
    Ok(text)
}

fn must_be_signed(name: &str) -> bool {
    let begins = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    name.eq_ignore_ascii_case("host") || SIGNED_PREFIXES.iter().any(|prefix| begins(prefix))
}

/// Every parameter, without the signature itself.
fn parameters(query: &str, form: Form) -> String {
    let encoded = |bytes: &[u8]| percent_encode(bytes, RESERVED).to_string();
    let own = |name: &[u8]| form == Form::Query && name == SIGNATURE_PARAMETER.as_bytes();
    let pairs = split_query(query).filter(|(name, _)| !own(name));
    let mut pairs: Vec<(String, String)> = pairs.map(|(name, value)| (encoded(&name), encoded(&value))).collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// The value without blanks at its ends, and with one where several stand together.
fn one_blank(value: &[u8]) -> Vec<u8> {
    let mut written: Vec<u8> = Vec::with_capacity(value.len());
    for byte in value.trim_ascii() {
        if !(*byte == b' ' && written.last() == Some(&b' ')) {
            written.push(*byte);
        }
    }
    written
}
