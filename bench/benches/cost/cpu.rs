//! The CPU time of this process, finer than `/proc` tells it.

use rustix::time::{ClockId, clock_gettime};

/// CPU time of this thread, in nanoseconds.
pub(crate) fn used_by_thread_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// CPU time of all threads, in microseconds.
pub(crate) fn used_us() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}
