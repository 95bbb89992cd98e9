//! What a request claims about its signature, from the header or from the query.
//!
//! Every field is required once, and in the header nothing else may stand beside them. All lengths and numbers are
//! bounded before anything is decoded: the client is not yet authenticated.

use std::fmt;

use brigade_model::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::{ALGORITHM, PRESIGNED_SECONDS_MAX, RequestParts, SERVICE, SignatureError};
use crate::query::pairs_named;
use crate::s3control::S3ControlError;
use crate::s3control::headers::{CONTENT_SHA256, DATE, SECURITY_TOKEN};

/// The last part of a scope.
pub(super) const TERMINATOR: &str = "aws4_request";
/// The parameter that holds a presigned request's signature.
pub(super) const SIGNATURE_PARAMETER: &str = "X-Amz-Signature";
const UNSIGNED_BODY: &str = "UNSIGNED-PAYLOAD";
/// The fields of a presigned request, each a parameter.
const ALGORITHM_PARAMETER: &str = "X-Amz-Algorithm";
const CREDENTIAL_PARAMETER: &str = "X-Amz-Credential";
const DATE_PARAMETER: &str = "X-Amz-Date";
const EXPIRES_PARAMETER: &str = "X-Amz-Expires";
const HEADERS_PARAMETER: &str = "X-Amz-SignedHeaders";
const TOKEN_PARAMETER: &str = "X-Amz-Security-Token";
const BODY_PARAMETER: &str = "X-Amz-Content-Sha256";
/// What only a presigned request has.
const PRESIGNED: [&str; 4] = [ALGORITHM_PARAMETER, CREDENTIAL_PARAMETER, HEADERS_PARAMETER, SIGNATURE_PARAMETER];

/// The path, bytes: that of a job's id of 64 characters, each of 4 bytes, encoded, and the rest. ours
const PATH_BYTES_MAX: usize = 1024;
/// The query, bytes: a token, a signature, a reason. ours
const QUERY_BYTES_MAX: usize = 16 * 1024;
/// Parameters of the query: the signature's own and those of a list of statuses, with room. ours
const PARAMETERS_MAX: usize = 100;
/// `Authorization`, bytes; a hundred names of 40 bytes and the rest. ours
const AUTHORIZATION_BYTES_MAX: usize = 8 * 1024;
/// Names in the list of signed headers. ours
const LISTED_MAX: usize = 100;
/// A key's id, and a region, bytes. ours
const NAME_BYTES_MAX: usize = 128;
/// A token of temporary credentials, bytes. ours
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Where the claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// In the `Authorization` header.
    Header,
    /// In the query: the request is presigned.
    Query,
}

/// What a request claims: nothing of it is true until `verify` says so. Shows neither its token nor its signature:
/// with them a reader could repeat the request.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    /// The id of the key that signed.
    pub key_id: String,
    /// The token of temporary credentials, from the header or the query.
    pub token: Option<String>,
    /// The region of the scope.
    pub region: String,
    pub(super) time: Timestamp,
    /// As it was written: it is signed so.
    pub(super) time_text: String,
    /// How long a presigned request counts.
    pub(super) expires_seconds: Option<i64>,
    pub(super) form: Form,
    /// Lower case, in the order of the list.
    pub(super) signed_headers: Vec<String>,
    /// The hash of the body, or that it is not signed.
    pub(super) body_text: String,
    body_sha256: Option<[u8; 32]>,
    pub(super) signature: Vec<u8>,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key_id, region, time_text, signed_headers, .. } = self;
        let mut shown = f.debug_struct("Claim");
        shown.field("key_id", key_id).field("region", region).field("time", time_text);
        shown.field("signed_headers", signed_headers).finish_non_exhaustive()
    }
}

impl Claim {
    /// What a request of our own will claim: every header that it has is signed.
    pub(super) fn of_own(parts: RequestParts<'_>, key_id: &str, region: &str) -> Result<Self, SignatureError> {
        let time = header_value(parts, DATE)?.ok_or(malformed(DATE, "is missing"))?;
        let body = header_value(parts, CONTENT_SHA256)?.ok_or(malformed(CONTENT_SHA256, "is missing"))?;
        let mut names: Vec<String> = parts.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort_unstable();
        names.dedup();
        let fields = ClaimFields {
            form: Form::Header,
            credential: &format!("{key_id}/{}/{region}/{SERVICE}/{TERMINATOR}", time.get(..8).unwrap_or_default()),
            time: &time,
            expires_seconds: None,
            headers: &names.join(";"),
            body: &body,
            // It is not known yet.
            signature: &"0".repeat(64),
        };
        fields.read(None)
    }

    /// Whether the signature covers the body.
    #[must_use]
    pub fn signs_body(&self) -> bool {
        self.body_sha256.is_some()
    }

    /// Checks that the body is the one that was signed, where one was.
    ///
    /// # Errors
    /// `XAmzContentSHA256Mismatch`.
    pub fn check_body(&self, body: &[u8]) -> Result<(), S3ControlError> {
        let came = ring::digest::digest(&ring::digest::SHA256, body);
        match self.body_sha256 {
            Some(signed) if signed != came.as_ref() => Err(S3ControlError::body_differs()),
            _ => Ok(()),
        }
    }

    /// The day of the scope.
    pub(super) fn date(&self) -> &str {
        &self.time_text[..8]
    }

    /// `<date>/<region>/s3/aws4_request`.
    pub(super) fn scope(&self) -> String {
        format!("{}/{}/{SERVICE}/{TERMINATOR}", self.date(), self.region)
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
    let presigned = |name: &[u8]| PRESIGNED.iter().any(|own| own.as_bytes() == name);
    let is_presigned = pairs_named(parts.query, presigned).next().is_some();
    match (header_value(parts, "authorization")?, is_presigned) {
        (None, false) => Err(SignatureError::Unsigned),
        (Some(_), true) => Err(malformed("authorization", "stands in the header and in the query")),
        (Some(text), false) => of_header(parts, &text),
        (None, true) => of_query(parts),
    }
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
        return too_large("query", "100 parameters");
    }
    Ok(())
}

fn of_header(parts: RequestParts<'_>, text: &str) -> Result<Claim, SignatureError> {
    if text.len() > AUTHORIZATION_BYTES_MAX {
        return Err(malformed("authorization", "is too long"));
    }
    let fields = text.trim().strip_prefix(ALGORITHM).and_then(|rest| rest.strip_prefix(' '));
    let fields = fields.ok_or(malformed("authorization", "must begin with AWS4-HMAC-SHA256"))?;
    let [mut credential, mut headers, mut signature] = [None; 3];
    for field in fields.split(',') {
        let (name, value) =
            field.trim().split_once('=').ok_or(malformed("authorization", "is not a list of name=value"))?;
        let slot = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut headers,
            "Signature" => &mut signature,
            _ => return Err(malformed("authorization", "holds a field that is not a signature's")),
        };
        if slot.replace(value).is_some() {
            return Err(malformed("authorization", "holds a field twice"));
        }
    }
    let field = |field: Option<_>, name| field.ok_or(malformed(name, "is missing"));
    let time = header_value(parts, DATE)?.ok_or(malformed(DATE, "is missing"))?;
    let body = header_value(parts, CONTENT_SHA256)?.ok_or(malformed(CONTENT_SHA256, "is missing"))?;
    let token = header_value(parts, SECURITY_TOKEN)?;
    let fields = ClaimFields {
        form: Form::Header,
        credential: field(credential, "Credential")?,
        time: &time,
        expires_seconds: None,
        headers: field(headers, "SignedHeaders")?,
        body: &body,
        signature: field(signature, "Signature")?,
    };
    fields.read(token)
}

fn of_query(parts: RequestParts<'_>) -> Result<Claim, SignatureError> {
    let required = |name| parameter(parts, name)?.ok_or(malformed(name, "is missing"));
    if required(ALGORITHM_PARAMETER)? != ALGORITHM {
        return Err(malformed(ALGORITHM_PARAMETER, "must be AWS4-HMAC-SHA256"));
    }
    let expires = required(EXPIRES_PARAMETER)?;
    let is_number = (1..=6).contains(&expires.len()) && expires.bytes().all(|byte| byte.is_ascii_digit());
    let expires: Option<i64> = is_number.then(|| expires.parse().ok()).flatten();
    let expires = expires.filter(|seconds| (1..=PRESIGNED_SECONDS_MAX).contains(seconds));
    let expires = expires.ok_or(malformed(EXPIRES_PARAMETER, "must be 1 to 604800 seconds"))?;
    let (body, also_body) = (header_value(parts, CONTENT_SHA256)?, parameter(parts, BODY_PARAMETER)?);
    if body.is_some() && also_body.is_some() {
        return Err(malformed(CONTENT_SHA256, "stands in the header and in the query"));
    }
    let (token, also_token) = (header_value(parts, SECURITY_TOKEN)?, parameter(parts, TOKEN_PARAMETER)?);
    if token.is_some() && also_token.is_some() {
        return Err(malformed(SECURITY_TOKEN, "stands in the header and in the query"));
    }
    let body = body.or(also_body);
    let fields = ClaimFields {
        form: Form::Query,
        credential: &required(CREDENTIAL_PARAMETER)?,
        time: &required(DATE_PARAMETER)?,
        expires_seconds: Some(expires),
        headers: &required(HEADERS_PARAMETER)?,
        body: body.as_deref().unwrap_or(UNSIGNED_BODY),
        signature: &required(SIGNATURE_PARAMETER)?,
    };
    fields.read(token.or(also_token))
}

/// The texts of a claim, wherever they stood.
struct ClaimFields<'a> {
    form: Form,
    credential: &'a str,
    time: &'a str,
    expires_seconds: Option<i64>,
    headers: &'a str,
    body: &'a str,
    signature: &'a str,
}

impl ClaimFields<'_> {
    fn read(self, token: Option<String>) -> Result<Claim, SignatureError> {
        if token.as_ref().is_some_and(|token| token.len() > TOKEN_BYTES_MAX) {
            return Err(malformed(SECURITY_TOKEN, "is too long"));
        }
        let time = read_time(self.time)?;
        let (key_id, region) = read_credential(self.credential, self.time)?;
        let signed_headers = read_headers(self.headers, self.form)?;
        Ok(Claim {
            key_id,
            token,
            region,
            time,
            time_text: self.time.to_owned(),
            expires_seconds: self.expires_seconds,
            form: self.form,
            signed_headers,
            body_text: self.body.to_owned(),
            body_sha256: read_body(self.body)?,
            signature: read_signature(self.signature)?,
        })
    }
}

/// The value of a header that may be given once.
fn header_value(parts: RequestParts<'_>, name: &'static str) -> Result<Option<String>, SignatureError> {
    let mut values = parts.headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let text = std::str::from_utf8(value).map_err(|_| malformed(name, "is not UTF-8"))?;
            Ok(Some(text.to_owned()))
        }
        (Some(_), Some(_)) => Err(malformed(name, "is given twice")),
    }
}

/// The value of a parameter that may be given once.
fn parameter(parts: RequestParts<'_>, name: &'static str) -> Result<Option<String>, SignatureError> {
    let mut values = pairs_named(parts.query, |given| given == name.as_bytes()).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => String::from_utf8(value).map(Some).map_err(|_| malformed(name, "is not UTF-8")),
        (Some(_), Some(_)) => Err(malformed(name, "is given twice")),
    }
}

/// `20260101T000000Z`.
fn read_time(text: &str) -> Result<Timestamp, SignatureError> {
    let wrong = malformed("X-Amz-Date", "must have the form 20260101T000000Z");
    let is_formed = text.len() == 16
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    let time = is_formed.then(|| DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()).flatten();
    time.and_then(|time| Offset::UTC.to_timestamp(time).ok()).ok_or(wrong)
}

/// `<key id>/<date>/<region>/s3/aws4_request`; a key's id may hold slashes.
fn read_credential(text: &str, time: &str) -> Result<(String, String), SignatureError> {
    let wrong = |problem| malformed("Credential", problem);
    let mut parts = text.rsplitn(5, '/');
    let mut next = || parts.next().ok_or(wrong("must have the form KEY/DATE/REGION/s3/aws4_request"));
    let (terminator, service, region, date, key_id) = (next()?, next()?, next()?, next()?, next()?);
    if terminator != TERMINATOR || service != SERVICE {
        return Err(wrong("must end with s3/aws4_request"));
    }
    if time.get(..8) != Some(date) {
        return Err(wrong("has another date than X-Amz-Date"));
    }
    let is_name =
        |text: &str| (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_name(key_id) || !is_name(region) {
        return Err(wrong("has a key id or a region that is not 1 to 128 visible characters"));
    }
    Ok((key_id.to_owned(), region.to_owned()))
}

/// Names in lower case, sorted, joined by `;`. In the header the time and the body's hash must be among them.
fn read_headers(text: &str, form: Form) -> Result<Vec<String>, SignatureError> {
    let wrong = |problem| malformed("SignedHeaders", problem);
    let names: Vec<String> = text.split(';').map(str::to_owned).collect();
    let is_name_char =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if names.len() > LISTED_MAX || !names.iter().all(|name| !name.is_empty() && name.bytes().all(is_name_char)) {
        return Err(wrong("must be at most 100 names in lower case joined by ';'"));
    }
    if !names.is_sorted_by(|one, next| one < next) {
        return Err(wrong("must be sorted, each name once"));
    }
    let needed: &[&str] = if form == Form::Header { &["host", DATE, CONTENT_SHA256] } else { &["host"] };
    match needed.iter().find(|needed| !names.iter().any(|name| name == *needed)) {
        Some(missing) => Err(SignatureError::NotSigned((*missing).to_owned())),
        None => Ok(names),
    }
}

fn read_body(text: &str) -> Result<Option<[u8; 32]>, SignatureError> {
    if text == UNSIGNED_BODY {
        return Ok(None);
    }
    let mut hash = [0; 32];
    hex::decode_to_slice(text, &mut hash)
        .map(|()| Some(hash))
        .map_err(|_| malformed(CONTENT_SHA256, "must be 64 hex digits or UNSIGNED-PAYLOAD"))
}

fn read_signature(text: &str) -> Result<Vec<u8>, SignatureError> {
    let bytes = hex::decode(text).ok().filter(|bytes| bytes.len() == 32);
    bytes.ok_or(malformed("Signature", "must be 64 hex digits"))
}
