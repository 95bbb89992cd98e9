//! Signed requests: a method, a path, a query and headers, each on a line. No input makes the verifier
//! panic; it accepts a signature for the secret that signed and for no other.

use brigade_model::Timestamp;
use brigade_wire::cos_signature::{RequestParts, Strictness, parse, sign, verify};

const NOW: i64 = 1_800_000_000;

pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.lines();
    let mut line = || lines.next().unwrap_or_default();
    let (method, path, query) = (line(), line(), line());
    let mut headers: Vec<(&str, &[u8])> =
        lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name, value.as_bytes())).collect();

    let now = Timestamp::from_second(NOW).expect("a time of this century");
    let parts = RequestParts { method, path, query, headers: &headers };
    for strictness in [Strictness::Strict, Strictness::Full, Strictness::AsListed] {
        if let Ok(claim) = parse(parts) {
            let foreign = verify(&claim, parts, b"a secret that no corpus knows", now, strictness);
            assert!(foreign.is_err(), "a stranger's request passes");
        }
    }

    // Signed anew, as a client signs: names of headers are what HTTP calls a token.
    let is_token = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_own = |name: &str| name.eq_ignore_ascii_case("authorization") || name.contains("security-token");
    headers.retain(|(name, _)| is_token(name) && !is_own(name));
    // The lists of a signature have no place for a parameter without a name.
    let is_nameless = query.split('&').any(|pair| pair.starts_with('='));
    let is_too_large = bytes.len() > 16 * 1024;
    if is_nameless
        || is_too_large
        || query.contains("q-")
        || query.to_ascii_lowercase().contains("security-token")
        || query.contains('%')
    {
        return;
    }
    let parts = RequestParts { method, path, query, headers: &headers };
    let end = Timestamp::from_second(NOW + 60).expect("a time of this century");
    let authorization = sign(parts, "AKIDfuzz", b"secret", now, end);
    let mut sent = headers.clone();
    sent.push(("authorization", authorization.as_bytes()));
    let parts = RequestParts { method, path, query, headers: &sent };
    let Ok(claim) = parse(parts) else { return };
    assert_eq!(verify(&claim, parts, b"secret", now, Strictness::Full), Ok(()), "its own signature is refused");
    assert!(verify(&claim, parts, b"secreT", now, Strictness::Full).is_err(), "another secret passes");
}
