//! The ids that answers carry, in the shapes that programs written for COS know.
//!
//! A request id is base64 of four groups of hex digits joined by `_`, the first of them the
//! Unix second of the request (COS common response headers). A trace id is opaque and longer.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The id of a request that came at `second`, made unique by random bytes.
#[must_use]
pub fn request_id(second: i64, random: &[u8; 10]) -> String {
    let [a, b, c, d, e, f, g, h, i, j] = *random;
    let text = format!(
        "{second:08x}_{:08x}_{:04x}_{:08x}",
        u32::from_be_bytes([a, b, c, d]),
        u16::from_be_bytes([e, f]),
        u32::from_be_bytes([g, h, i, j])
    );
    STANDARD.encode(text)
}

/// The trace id of an error: 72 hex digits, in base64.
#[must_use]
pub fn trace_id(random: &[u8; 36]) -> String {
    let mut text = String::with_capacity(72);
    for byte in random {
        write!(text, "{byte:02x}").expect("a String takes all that is written");
    }
    STANDARD.encode(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_begins_with_the_second_of_the_request() {
        let id = request_id(0x5dfb_babd, &[0x25, 0xb2, 0x58, 0x64, 0x6b, 0x3a, 0, 0x10, 0x16, 0xff]);
        assert!(id.starts_with("NWRmYmJhYmRfMjViMjU4NjRfNmIzYV8"), "{id}");
        assert_eq!(STANDARD.decode(id).unwrap(), b"5dfbbabd_25b25864_6b3a_001016ff");
    }

    #[test]
    fn a_trace_id_is_longer_than_a_request_id() {
        assert_eq!(trace_id(&[7; 36]).len(), 96);
        assert!(trace_id(&[0; 36]).len() > request_id(i64::MAX, &[255; 10]).len());
    }
}
