//! AWS Signature Version 4, over requests whose path and query are encoded already.
//!
//! The signing key is derived once a day and credentials; a signature then costs one HMAC and
//! one hash of the canonical request. `aws-sigv4` derives the key for each request and is the
//! oracle of the tests.
//!
//! Source: the S3 API reference, "Authenticating Requests (AWS Signature Version 4)".

use std::sync::{Arc, Mutex, PoisonError};

use brigade_model::Timestamp;
use http::{HeaderMap, HeaderValue, Method, header};
use jiff::tz::Offset;
use ring::{digest, hmac};

use crate::credentials::Credentials;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: &str = "x-amz-date";
const CONTENT_SHA256: &str = "x-amz-content-sha256";
const SECURITY_TOKEN: &str = "x-amz-security-token";

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
    key: Mutex<Option<Arc<DayKey>>>,
}

/// A signing key, and what it was derived from.
struct DayKey {
    credentials: Arc<Credentials>,
    /// `20261124`
    day: String,
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
        Self { region: region.to_owned(), key: Mutex::new(None) }
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
        let time = amz_time(now);
        headers.insert(DATE, header_value(&time)?);
        headers.insert(CONTENT_SHA256, header_value(unsigned.body_sha256)?);
        if let Some(token) = &credentials.token {
            let mut token = header_value(token)?;
            token.set_sensitive(true);
            headers.insert(SECURITY_TOKEN, token);
        }
        let key = self.day_key(credentials, &time[..8]);
        let (canonical, signed_names) = canonical_request(unsigned, headers);
        let mut to_sign = format!("{ALGORITHM}\n{time}\n{}\n", key.scope);
        to_sign.push_str(&hex::encode(digest::digest(&digest::SHA256, canonical.as_bytes())));
        let mut authorization = format!(
            "{ALGORITHM} Credential={}/{}, SignedHeaders={signed_names}, Signature=",
            credentials.key_id, key.scope
        );
        authorization.push_str(&hex::encode(hmac::sign(&key.key, to_sign.as_bytes())));
        headers.insert(header::AUTHORIZATION, header_value(&authorization)?);
        Ok(())
    }

    fn day_key(&self, credentials: &Arc<Credentials>, day: &str) -> Arc<DayKey> {
        let mut kept = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some(key) if key.day == day && is_same(&key.credentials, credentials) => Arc::clone(key),
            _ => {
                let key = Arc::new(derive(credentials, day, &self.region));
                *kept = Some(Arc::clone(&key));
                key
            }
        }
    }
}

fn is_same(one: &Arc<Credentials>, other: &Arc<Credentials>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

fn derive(credentials: &Arc<Credentials>, day: &str, region: &str) -> DayKey {
    let first = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{}", credentials.secret).as_bytes());
    let key = [day, region, "s3", "aws4_request"]
        .into_iter()
        .fold(first, |key, part| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref()));
    let scope = format!("{day}/{region}/s3/aws4_request");
    DayKey { credentials: Arc::clone(credentials), day: day.to_owned(), scope, key }
}

/// The canonical request, and the signed headers' names.
fn canonical_request(unsigned: &Unsigned<'_>, headers: &HeaderMap) -> (String, String) {
    let mut sorted: Vec<_> = headers.iter().collect();
    sorted.sort_unstable_by_key(|(name, _)| name.as_str());
    let names = sorted.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
    let mut out = String::with_capacity(1024);
    out.extend([unsigned.method.as_str(), "\n", unsigned.path, "\n", unsigned.query, "\n"]);
    for (name, value) in sorted {
        out.extend([name.as_str(), ":"]);
        // Headers of a draft are visible ASCII, and so are ours.
        push_trimmed(&mut out, value.to_str().unwrap_or_default());
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
