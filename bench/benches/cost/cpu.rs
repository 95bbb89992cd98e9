//! The CPU time of this process, finer than `/proc` tells it.

use std::sync::atomic::{AtomicU64, Ordering};

use rustix::time::{ClockId, clock_gettime};

/// CPU time of this thread, in nanoseconds.
pub(crate) fn used_by_thread_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// CPU time of all threads, in microseconds, without what was left out.
pub(crate) fn used_us() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3 - LEFT_OUT_NS.load(Ordering::Relaxed) as f64 / 1e3
}

static LEFT_OUT_NS: AtomicU64 = AtomicU64::new(0);

/// Runs the benchmark's own work, whose CPU time does not count.
pub(crate) fn left_out<T>(work: impl FnOnce() -> T) -> T {
    let before = used_by_thread_ns();
    let done = work();
    LEFT_OUT_NS.fetch_add(used_by_thread_ns() - before, Ordering::Relaxed);
    done
}
