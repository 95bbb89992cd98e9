//! A seed's random choices: numbers, moments, and rows of weighted tables.

use std::time::Duration;

use brigade_model::ports::Entropy;
use brigade_runtime::SeededEntropy;

/// A stream of choices. Each part of a simulation has its own, so that one more choice in one
/// part leaves the others as they were.
pub(crate) struct Chance(SeededEntropy);

impl Chance {
    /// The stream of that name.
    pub(crate) fn new(seed: u64, stream: &str) -> Self {
        let mixed = stream
            .bytes()
            .fold(seed ^ 0x5EED, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3));
        Self(SeededEntropy::new(mixed))
    }

    /// A number below `bound`.
    pub(crate) fn below(&self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    /// A number from `least` to `most`.
    pub(crate) fn between(&self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// Whether something that happens so often, in parts per million, happens now.
    pub(crate) fn strikes(&self, ppm: u64) -> bool {
        self.below(1_000_000) < ppm
    }

    /// A duration from zero to `most`.
    pub(crate) fn up_to(&self, most: Duration) -> Duration {
        let most_us = u64::try_from(most.as_micros()).unwrap_or(u64::MAX - 1);
        Duration::from_micros(self.below(most_us + 1))
    }

    /// One of them; `None` when there is none.
    pub(crate) fn pick<'a, T>(&self, items: &'a [T]) -> Option<&'a T> {
        items.get(usize::try_from(self.below(items.len() as u64)).unwrap_or(0))
    }

    /// A row of a table, as often as its weight says.
    pub(crate) fn weighted<T: Copy>(&self, table: &[(u64, T)]) -> T {
        let mut at = self.below(table.iter().map(|(weight, _)| weight).sum());
        for (weight, row) in table {
            match at.checked_sub(*weight) {
                None => return *row,
                Some(left) => at = left,
            }
        }
        table[table.len() - 1].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_comes_as_often_as_its_weight_says_and_one_of_none_never() {
        let chance = Chance::new(1, "test");
        let mut counts = [0; 3];
        (0..10_000).for_each(|_| counts[chance.weighted(&[(9, 0), (0, 1), (1, 2)])] += 1);
        assert!(counts[0] > 8_700 && counts[1] == 0 && counts[2] > 700, "{counts:?}");
    }

    #[test]
    fn streams_of_one_seed_differ() {
        let numbers = |stream| (0..4).map(|_| Chance::new(7, stream).below(1 << 40)).collect::<Vec<_>>();
        assert_ne!(numbers("users"), numbers("faults"));
    }
}
