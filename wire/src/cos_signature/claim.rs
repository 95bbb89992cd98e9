//! What a request claims about its signature, from the header or from the query.
//!
//! The seven fields are required, each once; in the header nothing else may stand beside them. In the
//! query each is a parameter, or all are the value of `sign`, as they would stand in the header. All
//! lengths and numbers are bounded before anything is decoded: the client is not yet authenticated.

use std::borrow::Cow;
use std::fmt;

use super::{RequestParts, SignatureError};
use crate::cos::headers::{SECURITY_TOKEN, WHOLE_SIGNATURE};
use crate::query::pairs_named;

/// The fields of a signature.
pub(super) const FIELDS: [&str; 7] =
    ["q-sign-algorithm", "q-ak", "q-sign-time", "q-key-time", "q-header-list", "q-url-param-list", "q-signature"];
/// The path, bytes: that of a job's id of 64 characters, each of 4 bytes, encoded, and the rest. ours
const PATH_BYTES_MAX: usize = 1024;
/// The query, bytes: a token, a signature whose lists are half full, a reason. ours
const QUERY_BYTES_MAX: usize = 16 * 1024;
/// Parameters of the query: those that a list can name, the signature's own, the token. ours
const PARAMETERS_MAX: usize = LISTED_MAX + FIELDS.len() + 1;
/// `Authorization`, bytes; a hundred names of 40 bytes and the rest. ours
const AUTHORIZATION_BYTES_MAX: usize = 8 * 1024;
/// Names in a list. ours
const LISTED_MAX: usize = 100;
/// A key's id, bytes. ours
const KEY_ID_BYTES_MAX: usize = 128;
/// A token of temporary credentials, bytes. ours
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Where the claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// In the `Authorization` header.
    Header,
    /// In the query.
    Query,
}

/// The seconds for which a signature is valid, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTime {
    /// As it was written: it is signed so.
    pub(super) text: String,
    /// The first second.
    pub start: i64,
    /// The last second.
    pub end: i64,
}

impl KeyTime {
    pub(super) fn new(start: i64, end: i64) -> Self {
        Self { text: format!("{start};{end}"), start, end }
    }
}

/// What a request claims: nothing of it is true until `verify` says so. Shows neither its token nor
/// its signature: with them a reader could repeat the request.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    /// The id of the key that signed.
    pub key_id: String,
    /// The token of temporary credentials, from the header or the query.
    pub token: Option<String>,
    /// When the signature is valid.
    pub sign_time: KeyTime,
    /// When the signing key is valid.
    pub key_time: KeyTime,
    pub(super) form: Form,
    pub(super) header_list: Vec<String>,
    pub(super) parameter_list: Vec<String>,
    pub(super) signature: Vec<u8>,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key_id, key_time, header_list, parameter_list, .. } = self;
        let mut shown = f.debug_struct("Claim");
        shown.field("key_id", key_id).field("key_time", key_time);
        shown.field("header_list", header_list).field("parameter_list", parameter_list).finish_non_exhaustive()
    }
}

impl Claim {
    /// Whether the signature covers the header of that name, upper or lower case.
    #[must_use]
    pub fn signs_header(&self, name: &str) -> bool {
        self.header_list.iter().any(|listed| listed.eq_ignore_ascii_case(name))
    }
}

fn malformed(field: &'static str, problem: &'static str) -> SignatureError {
    SignatureError::Malformed { field, problem }
}

/// Reads what a request claims.
///
/// # Errors
/// [`SignatureError::TooLarge`] when a part of it is larger than any that is signed,
/// [`SignatureError::Unsigned`] when it claims nothing, [`SignatureError::Malformed`] with the
/// field that cannot be read.
pub fn parse(parts: RequestParts<'_>) -> Result<Claim, SignatureError> {
    check_sizes(parts)?;
    let query = query_fields(parts.query)?;
    let (form, fields) = match (header_value(parts, "authorization")?, query.is_empty()) {
        (None, true) => return Err(SignatureError::Unsigned),
        (Some(_), false) => return Err(malformed("authorization", "stands in the header and in the query")),
        (Some(text), true) => (Form::Header, header_fields(text)?),
        (None, false) => (Form::Query, query),
    };
    let field = |name| one(&fields, name);
    if field("q-sign-algorithm")? != "sha1" {
        return Err(malformed("q-sign-algorithm", "must be sha1"));
    }
    Ok(Claim {
        key_id: read_key_id(field("q-ak")?)?,
        token: read_token(parts)?,
        sign_time: read_time("q-sign-time", field("q-sign-time")?)?,
        key_time: read_time("q-key-time", field("q-key-time")?)?,
        form,
        header_list: read_list("q-header-list", field("q-header-list")?)?,
        parameter_list: read_list("q-url-param-list", field("q-url-param-list")?)?,
        signature: read_signature(field("q-signature")?)?,
    })
}

/// Nothing is decoded of a request that is too large.
fn check_sizes(parts: RequestParts<'_>) -> Result<(), SignatureError> {
    let too_large = |part, max| Err(SignatureError::TooLarge { part, max });
    if parts.path.len() > PATH_BYTES_MAX {
        return too_large("path", "1024 bytes");
    }
    if parts.query.len() > QUERY_BYTES_MAX {
        return too_large("query", "16384 bytes");
    }
    if parts.query.split('&').filter(|pair| !pair.is_empty()).nth(PARAMETERS_MAX).is_some() {
        return too_large("query", "108 parameters");
    }
    Ok(())
}

/// The value of a header that may be given once.
fn header_value<'a>(parts: RequestParts<'a>, name: &'static str) -> Result<Option<&'a str>, SignatureError> {
    let mut values = parts.headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => std::str::from_utf8(value).map(Some).map_err(|_| malformed(name, "is not UTF-8")),
        (Some(_), Some(_)) => Err(malformed(name, "is given twice")),
    }
}

/// The fields of a signature with their values.
type Fields<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

fn header_fields(text: &str) -> Result<Fields<'_>, SignatureError> {
    if text.len() > AUTHORIZATION_BYTES_MAX {
        return Err(malformed("authorization", "is too long"));
    }
    let mut fields = Vec::with_capacity(FIELDS.len());
    for pair in text.trim().split('&') {
        let (name, value) = pair.split_once('=').ok_or(malformed("authorization", "is not a list of name=value"))?;
        if !FIELDS.contains(&name) {
            return Err(malformed("authorization", "holds a field that is not a signature's"));
        }
        fields.push((name.into(), value.into()));
    }
    Ok(fields)
}

fn query_fields(query: &str) -> Result<Fields<'static>, SignatureError> {
    let text = |bytes: Vec<u8>| Cow::Owned(String::from_utf8_lossy(&bytes).into_owned());
    let mut fields: Vec<_> = pairs_named(query, is_own).map(|(name, value)| (text(name), text(value))).collect();
    if !fields.iter().any(|(name, _)| name == WHOLE_SIGNATURE) {
        return Ok(fields);
    }
    match (fields.pop(), fields.is_empty()) {
        (Some((_, whole)), true) => {
            let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
            Ok(header_fields(&whole)?.into_iter().map(|(name, value)| (owned(name), owned(value))).collect())
        }
        _ => Err(malformed(WHOLE_SIGNATURE, "stands beside another signature")),
    }
}

/// Whether a parameter is the signature's own: it does not sign itself.
pub(super) fn is_own(name: &[u8]) -> bool {
    FIELDS.iter().chain([&WHOLE_SIGNATURE]).any(|field| field.as_bytes() == name)
}

/// The value of a field that must be given once.
fn one<'a>(fields: &'a Fields<'_>, name: &'static str) -> Result<&'a str, SignatureError> {
    let mut values = fields.iter().filter(|(given, _)| given == name);
    match (values.next(), values.next()) {
        (None, _) => Err(malformed(name, "is missing")),
        (Some((_, value)), None) => Ok(value),
        (Some(_), Some(_)) => Err(malformed(name, "is given twice")),
    }
}

fn read_key_id(text: &str) -> Result<String, SignatureError> {
    let is_valid =
        !text.is_empty() && text.len() <= KEY_ID_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_valid { Ok(text.to_owned()) } else { Err(malformed("q-ak", "must be 1 to 128 visible characters")) }
}

/// `<start>;<end>`, in Unix seconds of at most 11 digits (the year 5138).
fn read_time(field: &'static str, text: &str) -> Result<KeyTime, SignatureError> {
    let second = |text: &str| {
        let is_number = (1..=11).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<i64>().ok()).flatten()
    };
    let ends = text.split_once(';').and_then(|(start, end)| Some((second(start)?, second(end)?)));
    match ends {
        Some((start, end)) if start <= end => Ok(KeyTime { text: text.to_owned(), start, end }),
        _ => Err(malformed(field, "must be START;END in Unix seconds")),
    }
}

/// Names, percent-encoded and joined by `;`.
fn read_list(field: &'static str, text: &str) -> Result<Vec<String>, SignatureError> {
    if text.len() > AUTHORIZATION_BYTES_MAX {
        return Err(malformed(field, "is too long"));
    }
    let is_name_char = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~%".contains(&byte);
    let names: Vec<String> = text.split(';').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    if names.len() > LISTED_MAX || !names.iter().all(|name| name.bytes().all(is_name_char)) {
        return Err(malformed(field, "must be at most 100 encoded names joined by ';'"));
    }
    Ok(names)
}

fn read_signature(text: &str) -> Result<Vec<u8>, SignatureError> {
    let bytes = hex::decode(text).ok().filter(|bytes| bytes.len() == 20);
    bytes.ok_or(malformed("q-signature", "must be 40 hex digits"))
}

fn read_token(parts: RequestParts<'_>) -> Result<Option<String>, SignatureError> {
    let header = header_value(parts, SECURITY_TOKEN)?;
    let mut query = pairs_named(parts.query, |name| name == SECURITY_TOKEN.as_bytes());
    let token = match (header, query.next(), query.next()) {
        (token, None, _) => token.map(str::to_owned),
        (None, Some((_, token)), None) => {
            Some(String::from_utf8(token).map_err(|_| malformed(SECURITY_TOKEN, "is not UTF-8"))?)
        }
        _ => return Err(malformed(SECURITY_TOKEN, "is given twice")),
    };
    if token.as_ref().is_some_and(|token| token.len() > TOKEN_BYTES_MAX) {
        return Err(malformed(SECURITY_TOKEN, "is too long"));
    }
    Ok(token)
}
