//! AWS Signature Version 4, over requests whose path and query are encoded already.
//!
//! All signatures of one second and credentials share one derived key; a signature then costs one
//! HMAC and one hash of the canonical request. `aws-sigv4`, which derives the key for each request, is
//! the oracle of the tests.
//!
//! Source: the S3 API reference, "Authenticating Requests (AWS Signature Version 4)".

use std::sync::{Arc, Mutex, PoisonError};

use brigade_model::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use jiff::tz::Offset;
use ring::{digest, hmac};

use crate::credentials::Credentials;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
static DATE: HeaderName = HeaderName::from_static("x-amz-date");
static CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
static SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// What a signature covers, besides the headers.
pub(crate) struct Unsigned<'a> {
    pub(crate) method: &'a Method,
    /// Encoded, as sent.
    pub(crate) path: &'a str,
    /// Encoded and sorted, as sent.
    pub(crate) query: &'a str,
    /// SHA-256 of the body, in hex.
    pub(crate) body_sha256: &'a str,
}

/// Signs for one region.
pub(crate) struct Signer {
    region: String,
    kept: Mutex<Option<Arc<Shared>>>,
}

/// What the signatures of one second share.
struct Shared {
    credentials: Arc<Credentials>,
    /// Since the epoch.
    second: i64,
    /// `20261124T031500Z`
    time: String,
    /// `20261124/region/s3/aws4_request`
    scope: String,
    key: hmac::Key,
}

/// A secret that cannot stand in a header.
#[derive(Debug, thiserror::Error)]
#[error("the access key id or the session token holds characters that no HTTP header can carry")]
pub(crate) struct UnusableCredentials;

impl Signer {
    pub(crate) fn new(region: &str) -> Self {
        Self { region: region.to_owned(), kept: Mutex::new(None) }
    }

    /// Which.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Adds the date, the body's hash, the token and the signature. Every header that is there
    /// already is signed: all of them are ours, and none is one that a proxy rewrites.
    pub(crate) fn sign(
        &self,
        unsigned: &Unsigned<'_>,
        headers: &mut HeaderMap,
        credentials: &Arc<Credentials>,
        now: Timestamp,
    ) -> Result<(), UnusableCredentials> {
        let shared = self.shared(credentials, now);
        headers.insert(&DATE, header_value(&shared.time)?);
        headers.insert(&CONTENT_SHA256, header_value(unsigned.body_sha256)?);
        if let Some(token) = &credentials.token {
            let mut token = header_value(token)?;
            token.set_sensitive(true);
            headers.insert(&SECURITY_TOKEN, token);
        }
        let (canonical, signed_names) = canonical_request(unsigned, headers);
        let mut to_sign = String::with_capacity(256);
        to_sign.extend([ALGORITHM, "\n", &shared.time, "\n", &shared.scope, "\n"]);
        push_hex(&mut to_sign, digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let mut authorization = String::with_capacity(512);
        authorization.extend([ALGORITHM, " Credential=", &credentials.key_id, "/", &shared.scope]);
        authorization.extend([", SignedHeaders=", &signed_names, ", Signature="]);
        push_hex(&mut authorization, hmac::sign(&shared.key, to_sign.as_bytes()).as_ref());
        headers.insert(header::AUTHORIZATION, header_value(&authorization)?);
        Ok(())
    }

    fn shared(&self, credentials: &Arc<Credentials>, now: Timestamp) -> Arc<Shared> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some(shared) if shared.second == now.as_second() && is_same(&shared.credentials, credentials) => {
                Arc::clone(shared)
            }
            _ => {
                let shared = Arc::new(Shared::derive(credentials, now, &self.region));
                *kept = Some(Arc::clone(&shared));
                shared
            }
        }
    }
}

fn is_same(one: &Arc<Credentials>, other: &Arc<Credentials>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

impl Shared {
    fn derive(credentials: &Arc<Credentials>, now: Timestamp, region: &str) -> Self {
        let time = amz_time(now);
        let day = &time[..8];
        let first = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{}", credentials.secret).as_bytes());
        let key = [day, region, "s3", "aws4_request"]
            .into_iter()
            .fold(first, |key, part| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref()));
        let scope = format!("{day}/{region}/s3/aws4_request");
        Self { credentials: Arc::clone(credentials), second: now.as_second(), time, scope, key }
    }
}

/// The canonical request, and the signed headers' names.
fn canonical_request(unsigned: &Unsigned<'_>, headers: &HeaderMap) -> (String, String) {
    let mut sorted: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value)).collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    let (mut out, mut names) = (String::with_capacity(1024), String::with_capacity(256));
    out.extend([unsigned.method.as_str(), "\n", unsigned.path, "\n", unsigned.query, "\n"]);
    for (name, value) in sorted {
        if !names.is_empty() {
            names.push(';');
        }
        names.push_str(name);
        out.extend([name, ":"]);
        // Headers of a request draft are UTF-8, and so are ours.
        push_trimmed(&mut out, std::str::from_utf8(value.as_bytes()).unwrap_or_default());
        out.push('\n');
    }
    out.extend(["\n", &names, "\n", unsigned.body_sha256]);
    (out, names)
}

/// A header's value with each run of blanks as one.
fn push_trimmed(out: &mut String, value: &str) {
    let mut was_blank = false;
    for part in value.split_inclusive(' ') {
        if part == " " && was_blank {
            continue;
        }
        was_blank = part.ends_with(' ');
        out.push_str(part);
    }
}

/// A SHA-256 in lower-case hex. `hex::encode` collects one character after the other.
pub(crate) fn hex(sha256: &[u8]) -> String {
    let mut out = String::new();
    push_hex(&mut out, sha256);
    out
}

fn push_hex(out: &mut String, sha256: &[u8]) {
    let mut digits = [0; 2 * digest::SHA256_OUTPUT_LEN];
    hex::encode_to_slice(sha256, &mut digits).expect("a SHA-256 has its length");
    out.push_str(std::str::from_utf8(&digits).expect("hex is ASCII"));
}

/// `20261124T031500Z`
fn amz_time(now: Timestamp) -> String {
    let time = Offset::UTC.to_datetime(now);
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

fn header_value(text: &str) -> Result<HeaderValue, UnusableCredentials> {
    HeaderValue::from_str(text).map_err(|_| UnusableCredentials)
}

#[cfg(test)]
mod tests;
