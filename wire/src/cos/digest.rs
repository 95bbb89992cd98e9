//! `Content-MD5`: base64 of the 16 bytes of the body's MD5 (RFC 1864).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

use super::CosError;

/// The header's value for a body.
#[must_use]
pub fn content_md5(body: &[u8]) -> String {
    STANDARD.encode(Md5::digest(body))
}

/// Checks a body against the header's value.
///
/// # Errors
/// `InvalidDigest` when the value is not base64 of 16 bytes, `BadDigest` when the body differs.
pub fn check_content_md5(value: &[u8], body: &[u8]) -> Result<(), CosError> {
    let claimed = STANDARD.decode(value).ok().filter(|md5| md5.len() == 16).ok_or_else(CosError::invalid_digest)?;
    if claimed == Md5::digest(body).as_slice() { Ok(()) } else { Err(CosError::bad_digest()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_checked_against_its_digest() {
        assert_eq!(content_md5(b""), "1B2M2Y8AsgTpgAmY7PhCfg==");
        assert_eq!(check_content_md5(b"1B2M2Y8AsgTpgAmY7PhCfg==", b""), Ok(()));
        assert_eq!(check_content_md5(b"1B2M2Y8AsgTpgAmY7PhCfg==", b"x"), Err(CosError::bad_digest()));
        for value in ["", "nonsense", "1B2M2Y8AsgTpgAmY7PhC", "d41d8cd98f00b204e9800998ecf8427e"] {
            assert_eq!(check_content_md5(value.as_bytes(), b""), Err(CosError::invalid_digest()), "{value:?}");
        }
    }
}
