//! The COS request signature ("q-sign", version 1): made and checked over one canonical form.
//!
//! [`parse`] reads what a request claims (who, when, what was signed, the signature) from its
//! `Authorization` header or from its query; the caller finds the secret of that key;
//! [`verify`] computes the signature from the request that came and compares. [`sign`] makes
//! the header's value. Source: COS request signature (436/7778); both of its examples are
//! among the tests.
//!
//! - Only what the claim's two lists name is signed. A list names a header or parameter as often as
//!   the request holds it, so that no second value slips in beside a signed one. Under
//!   [`Strictness::Full`] the lists must name `host`, `x-cos-appid` and every parameter of the
//!   query: an attacker who repeats the request could change what is not signed.
//! - The work that an unauthenticated request causes is bounded: [`parse`] checks sizes and numbers
//!   before it decodes anything, and [`verify`] needs a claim, whose key the caller knows.
//! - Names of parameters are lower-cased, a `+` in the query is a space, the path is decoded.
//! - A `host` is accepted as it came and without its port: one client signs it so.
//! - A signature may begin to be valid up to 15 minutes ahead of our clock.
//! - Temporary credentials bring a token ([`Claim::token`]); whether it belongs to the key and
//!   is still valid is the caller's to say. Signing the token's header is optional.

use brigade_model::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};

use crate::cos::CosError;

mod canonical;
mod claim;

pub use crate::request_parts::RequestParts;
pub use claim::{Claim, KeyTime, parse};

/// How far ahead of our clock a signature may begin, seconds.
pub const SKEW_SECONDS_MAX: i64 = 15 * 60;

/// The longest key time, seconds: that of Tencent's Go client. Our own bound.
const KEY_TIME_SECONDS_STRICT: i64 = 3600;
/// The longest key time otherwise, seconds: a week, as S3 has it for signed URLs. Our own bound.
const KEY_TIME_SECONDS_MAX: i64 = 7 * 86_400;

/// How much of a request must be signed, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strictness {
    /// As [`Strictness::Full`], and the key time is one hour at most.
    Strict,
    /// `host`, `x-cos-appid` and every parameter of the query, where they are present.
    #[default]
    Full,
    /// Whatever the client chose to sign.
    AsListed,
}

impl Strictness {
    /// Whether the lists must name what is present.
    fn is_full(self) -> bool {
        match self {
            Strictness::Strict | Strictness::Full => true,
            Strictness::AsListed => false,
        }
    }

    fn key_time_seconds_max(self) -> i64 {
        match self {
            Strictness::Strict => KEY_TIME_SECONDS_STRICT,
            Strictness::Full | Strictness::AsListed => KEY_TIME_SECONDS_MAX,
        }
    }
}

/// Why a request is not taken for its signer's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The request names no key.
    #[error("the request is not signed")]
    Unsigned,
    /// The claim cannot be read.
    #[error("the signature's {field} {problem}")]
    Malformed {
        /// Which field of it.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A part of the request is larger than any that is signed.
    #[error("the {part} may have at most {max}")]
    TooLarge {
        /// Which part.
        part: &'static str,
        /// The bound with its unit.
        max: &'static str,
    },
    /// The signing key would be valid for too long.
    #[error("the signature's q-key-time may span at most {0} seconds")]
    LongLived(i64),
    /// Something that must be signed is not.
    #[error("{0} must be signed")]
    NotSigned(String),
    /// The validity has ended.
    #[error("the signature's validity has ended")]
    Expired,
    /// The validity begins too far ahead.
    #[error("the signature's validity begins too far ahead")]
    TooSkewed,
    /// It is another signature.
    #[error("the signature does not match")]
    Mismatch,
}

impl From<SignatureError> for CosError {
    fn from(error: SignatureError) -> Self {
        match error {
            SignatureError::TooLarge { .. } => CosError::invalid_request(error),
            SignatureError::Unsigned
            | SignatureError::Malformed { .. }
            | SignatureError::LongLived(_)
            | SignatureError::NotSigned(_) => CosError::access_denied(error),
            SignatureError::Expired => CosError::request_expired(),
            SignatureError::TooSkewed => CosError::request_time_too_skewed(),
            SignatureError::Mismatch => CosError::signature_does_not_match(),
        }
    }
}

/// Checks that the holder of `secret` signed this request, for a time that includes `now`.
///
/// # Errors
/// [`SignatureError`]; its conversion to [`CosError`] gives the 403 to answer. Times are judged
/// after the signature, so that a stranger learns nothing from them.
pub fn verify(
    claim: &Claim,
    parts: RequestParts<'_>,
    secret: &[u8],
    now: Timestamp,
    strictness: Strictness,
) -> Result<(), SignatureError> {
    let key_time_seconds_max = strictness.key_time_seconds_max();
    if claim.key_time.end - claim.key_time.start > key_time_seconds_max {
        return Err(SignatureError::LongLived(key_time_seconds_max));
    }
    let request = canonical::Request::claimed(parts, claim)?;
    if strictness.is_full()
        && let Some(name) = request.unlisted(&claim.parameter_list, &claim.header_list)
    {
        return Err(SignatureError::NotSigned(name.chars().take(64).collect()));
    }
    let key = signing_key(secret, &claim.key_time);
    let hosts = [canonical::Host::AsSent, canonical::Host::WithoutPort];
    let matches = |host| {
        let text = request.text(&claim.parameter_list, &claim.header_list, host)?;
        // In a time that tells nothing about where they differ.
        key.clone().chain_update(string_to_sign(&claim.key_time, &text)).verify_slice(&claim.signature).ok()
    };
    hosts.into_iter().find_map(matches).ok_or(SignatureError::Mismatch)?;
    check_time(&claim.sign_time, now)?;
    check_time(&claim.key_time, now)
}

fn check_time(time: &KeyTime, now: Timestamp) -> Result<(), SignatureError> {
    if time.start > now.as_second().saturating_add(SKEW_SECONDS_MAX) {
        return Err(SignatureError::TooSkewed);
    }
    if time.end < now.as_second() { Err(SignatureError::Expired) } else { Ok(()) }
}

/// The value of the `Authorization` header for a request: every header and parameter of
/// `parts` is signed, for the seconds from `start` to `end`.
#[must_use]
pub fn sign(parts: RequestParts<'_>, key_id: &str, secret: &[u8], start: Timestamp, end: Timestamp) -> String {
    let request = canonical::Request::of(parts, claim::Form::Header);
    let (parameters, headers) = request.lists();
    let time = KeyTime::new(start.as_second(), end.as_second());
    let text = request.text(&parameters, &headers, canonical::Host::AsSent).expect("the lists are the request's own");
    let tag = signing_key(secret, &time).chain_update(string_to_sign(&time, &text)).finalize().into_bytes();
    format!(
        "q-sign-algorithm=sha1&q-ak={key_id}&q-sign-time={time}&q-key-time={time}&q-header-list={}&q-url-param-list={}&q-signature={}",
        headers.join(";"),
        parameters.join(";"),
        hex::encode(tag),
        time = time.text,
    )
}

/// The key of the second HMAC: the hex *text* of the first.
fn signing_key(secret: &[u8], time: &KeyTime) -> Hmac<Sha1> {
    let first = keyed(secret).chain_update(&time.text).finalize().into_bytes();
    keyed(hex::encode(first).as_bytes())
}

fn keyed(key: &[u8]) -> Hmac<Sha1> {
    Hmac::new_from_slice(key).expect("a key may have any length")
}

fn string_to_sign(time: &KeyTime, http_string: &[u8]) -> String {
    format!("sha1\n{}\n{}\n", time.text, hex::encode(Sha1::digest(http_string)))
}

#[cfg(test)]
mod tests;
