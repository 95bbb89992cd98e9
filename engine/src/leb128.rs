//! Numbers in few bytes (LEB128), as the files of slices and the parts of outcomes hold them.

use std::io::{self, Read};

/// Writes a number: seven bits a byte, the lowest first, the highest bit of a byte saying that
/// another follows.
pub(crate) fn put_number(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

/// Reads a number that fits into `N`.
pub(crate) fn take_number<N: TryFrom<u64>>(from: &mut impl Read) -> io::Result<N> {
    let mut number: u64 = 0;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(from)?;
        let bits = u64::from(byte & 0x7F);
        if bits << shift >> shift != bits {
            break;
        }
        number |= bits << shift;
        if byte < 0x80 {
            return N::try_from(number).map_err(|_| too_large());
        }
    }
    Err(too_large())
}

/// Reads a byte.
pub(crate) fn take_byte(from: &mut impl Read) -> io::Result<u8> {
    let mut byte = [0];
    from.read_exact(&mut byte)?;
    Ok(byte[0])
}

/// Writes a text: its length and its bytes.
pub(crate) fn put_text(into: &mut Vec<u8>, text: &[u8]) {
    put_number(into, text.len() as u64);
    into.extend_from_slice(text);
}

/// Reads a text of at most `bytes_max` bytes.
pub(crate) fn take_text(from: &mut impl Read, bytes_max: usize) -> io::Result<String> {
    let length: usize = take_number(from)?;
    if length > bytes_max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a text is longer than it can be"));
    }
    let mut text = vec![0; length];
    from.read_exact(&mut text)?;
    String::from_utf8(text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a number is larger than it can be")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_back_and_too_large_ones_are_errors() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            assert_eq!(take_number::<u64>(&mut &bytes[..]).unwrap(), number);
        }
        let mut large = Vec::new();
        put_number(&mut large, 1 << 32);
        assert!(take_number::<u32>(&mut &large[..]).is_err());
        assert!(take_number::<u64>(&mut &[0xFF; 10][..]).is_err());
        assert!(take_number::<u64>(&mut &[0x80][..]).is_err());
    }
}
