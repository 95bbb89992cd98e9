//! Bodies of CreateJob: a decoded request survives encoding and decoding.

use brigade_wire::cos::create_job::{decode_request, encode_request};

pub(crate) fn check(bytes: &[u8]) {
    let Ok(spec) = decode_request(bytes) else { return };
    let again = decode_request(&encode_request(&spec));
    assert_eq!(again.as_ref(), Ok(&spec), "what was understood is not what is written");
}
