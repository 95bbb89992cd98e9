//! A sample of a job's rows: the first ones, and others that a hash of the job and of the row's
//! number chooses. A repeated preparation takes the same sample from the same rows, and its size
//! does not grow with them.

use std::collections::BTreeMap;

use brigade_model::JobId;

/// Rows from the beginning: the ones that people check.
pub(super) const FIRST_ROWS: usize = 20;
/// So many of all others. Of a reading that is wrong for one row in ten, a sample without any such
/// row has a chance of one in four thousand (0.9^80).
pub(super) const OTHER_ROWS: usize = 80;

/// The sample of what was offered so far.
#[derive(Debug)]
pub(super) struct Sample<T> {
    seed: u64,
    first: Vec<T>,
    /// Those with the least hashes, by hash and number.
    others: BTreeMap<(u64, u64), T>,
}

impl<T> Sample<T> {
    /// A sample of rows of that job, empty.
    pub(super) fn new(job: JobId) -> Self {
        let number = u128::from_be_bytes(*job.as_bytes());
        let [high, low] = [number >> 64, number].map(|half| half as u64);
        Self { seed: mix(mix(high) ^ low), first: Vec::new(), others: BTreeMap::new() }
    }

    /// Takes the row of that number in, if it is one of the sample. Rows come in order.
    pub(super) fn offer(&mut self, number: u64, row: impl FnOnce() -> T) {
        if self.first.len() < FIRST_ROWS {
            self.first.push(row());
            return;
        }
        let hash = mix(self.seed ^ mix(number));
        if self.others.len() == OTHER_ROWS {
            if self.others.last_key_value().is_some_and(|(greatest, _)| *greatest < (hash, number)) {
                return;
            }
            self.others.pop_last();
        }
        self.others.insert((hash, number), row());
    }

    /// The rows of the sample.
    pub(super) fn into_rows(self) -> impl Iterator<Item = T> {
        self.first.into_iter().chain(self.others.into_values())
    }
}

/// The finalizer of SplitMix64: each bit of the result depends on each of the number's. Not the
/// standard library's hasher, which another release may have otherwise.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(job: u128, rows: u64) -> Vec<u64> {
        let mut sample = Sample::new(JobId::from_u128(job));
        (0..rows).for_each(|number| sample.offer(number, || number));
        sample.into_rows().collect()
    }

    #[test]
    fn a_sample_is_the_first_rows_and_as_many_of_the_others_as_it_holds() {
        for rows in [0, 1, 20, 21, 100] {
            let mut all = sample(1, rows);
            all.sort_unstable();
            assert_eq!(all, (0..rows).collect::<Vec<_>>(), "a small job is looked at as a whole");
        }
        let large = sample(1, 1_000_000);
        assert_eq!(large.len(), 100);
        assert_eq!(large[..20], (0..20).collect::<Vec<_>>());
        let (low, high) = large[20..].iter().partition::<Vec<u64>, _>(|number| **number < 500_000);
        assert!(low.len() > 20 && high.len() > 20, "{large:?}");
    }

    #[test]
    fn a_job_has_the_same_sample_again_and_another_job_another() {
        assert_eq!(sample(7, 10_000), sample(7, 10_000));
        assert_ne!(sample(7, 10_000)[20..], sample(7 << 64, 10_000)[20..]);
        assert_ne!(sample(7, 10_000)[20..], sample(8, 10_000)[20..]);
        // As it is forever: the take-over of a preparation may be another release's.
        assert_eq!(mix(1), 0x910A_2DEC_8902_5CC1);
    }
}
