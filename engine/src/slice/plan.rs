//! Where one slice ends and the next begins: a function of the slice's number alone, so that
//! the worker that takes a preparation over cuts the same slices out of the same bytes.

use brigade_model::JobId;
use brigade_model::limits::SLICE_TASKS_FIRST;
use brigade_model::ports::job_store::Fence;

/// How many tasks the slice of that number has, unless the manifest ends before: 64, doubling
/// up to the operation's cap.
#[must_use]
pub fn tasks_of(index: u32, cap: u32) -> u32 {
    // 64 << 26 is 2^32: beyond 2^25 any cap is reached.
    let doubled = if index > 25 { u32::MAX } else { SLICE_TASKS_FIRST << index };
    doubled.min(cap).max(1)
}

/// The name of a slice's file. The fence keeps the writers of two leases apart.
#[must_use]
pub fn spool_name(job: JobId, index: u32, fence: Fence) -> String {
    let Fence { epoch, token } = fence;
    format!("{job}/{index:08}-{epoch}-{}.slice", token.0.simple())
}

#[cfg(test)]
mod tests {
    use brigade_model::ports::job_store::LeaseToken;
    use brigade_model::ports::spool::check_name;

    use super::*;

    #[test]
    fn slices_double_from_64_to_the_cap() {
        let sizes: Vec<u32> = (0..9).map(|index| tasks_of(index, 8192)).collect();
        assert_eq!(sizes, [64, 128, 256, 512, 1024, 2048, 4096, 8192, 8192]);
        assert_eq!(tasks_of(5, 1024), 1024);
        assert_eq!(tasks_of(0, 10), 10);
        assert_eq!(tasks_of(u32::MAX, 8192), 8192);
    }

    #[test]
    fn a_small_job_spreads_and_a_large_one_has_few_rows() {
        let slices_of = |tasks: u64| {
            let mut left = tasks;
            (0..).take_while(move |index| {
                let is_needed = left > 0;
                left = left.saturating_sub(u64::from(tasks_of(*index, 8192)));
                is_needed
            })
        };
        assert_eq!(slices_of(1000).count(), 5);
        assert_eq!(slices_of(1_000_000_000).count(), 122_077);
    }

    #[test]
    fn file_names_are_what_a_spool_takes() {
        let fence = Fence { epoch: 3, token: LeaseToken(uuid::Uuid::from_u128(0xCD)) };
        let name = spool_name(JobId::from_u128(0xAB), 7, fence);
        assert_eq!(name, "00000000-0000-0000-0000-0000000000ab/00000007-3-000000000000000000000000000000cd.slice");
        assert!(check_name(&name).is_ok());
    }
}
