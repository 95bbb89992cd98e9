//! Signed requests of the S3 Control dialect: a method, a path, a query and headers, each on a line. No input makes
//! the verifier panic, and none passes for a secret that did not sign it; what is let in is as it was sent.

use brigade_model::Timestamp;
use brigade_wire::s3control_signature::{PRESIGNED_SECONDS_MAX, RequestParts, parse, verify};

/// When the requests of the corpus were signed, and by what.
const NOW: i64 = 1_795_947_600;
const SECRET: &[u8] = b"photos-secret";

pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.lines();
    let mut line = || lines.next().unwrap_or_default();
    let (method, path, query) = (line(), line(), line());
    let headers: Vec<(&str, &[u8])> =
        lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name, value.as_bytes())).collect();
    let now = Timestamp::from_second(NOW).expect("a time of this century");
    let parts = RequestParts { method, path, query, headers: &headers };
    let Ok(claim) = parse(parts) else { return };
    let judged = |parts, secret| verify(&claim, parts, secret, now, PRESIGNED_SECONDS_MAX);
    assert!(judged(parts, b"a secret that no corpus knows").is_err(), "a stranger's request passes");
    if judged(parts, SECRET).is_ok() {
        let other = format!("{path}x");
        assert!(judged(RequestParts { path: &other, ..parts }, SECRET).is_err(), "another path passes");
        let longer = format!("{query}&x=y");
        assert!(judged(RequestParts { query: &longer, ..parts }, SECRET).is_err(), "another query passes");
    }
}
