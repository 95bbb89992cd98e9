//! Sizes in bytes as people write them, in one form everywhere: `8MiB`, or the number itself.

/// Units, the largest first.
const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// What a size takes, as a mistake says it.
pub const TAKES: &str = "a size such as 4096, 256MiB or 1GiB";

/// Reads a size of a byte at least; `None` for anything else.
#[must_use]
pub fn parse(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" => 1,
        unit => UNITS.into_iter().find(|(name, _)| *name == unit)?.1,
    };
    number.parse::<u64>().ok()?.checked_mul(factor).filter(|bytes| *bytes > 0)
}

/// Writes a size so that it reads back the same: in the largest unit that holds it exactly, with at most a few digits,
/// else in bytes.
#[must_use]
pub fn to_text(bytes: u64) -> String {
    let exact = UNITS.into_iter().find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor));
    exact.map_or_else(|| bytes.to_string(), |(unit, factor)| format!("{}{unit}", bytes / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_as_it_is_written() {
        for (bytes, text) in [(1, "1"), (1000, "1000"), (1 << 20, "1MiB"), (1536 << 20, "1536MiB"), (1 << 40, "1TiB")] {
            assert_eq!((to_text(bytes).as_str(), parse(text)), (text, Some(bytes)));
        }
        assert_eq!((parse("8 MiB"), to_text(0)), (Some(8 << 20), "0".to_owned()));
        for text in ["", "0", "5MB", "-1", "8mib", "99999999999TiB"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
