//! Keeps long work from starving other tasks on its thread: it counts what it does without waiting,
//! and yields.

/// Bytes of work between two yields: a millisecond or so of reading rows, also in the least favourable
/// manifest. ours
pub(crate) const PACE_BYTES: usize = 64 * 1024;
/// What a row costs besides its bytes: short rows are more work than their bytes say.
pub(crate) const ROW_BYTES: usize = 32;
/// Work that cannot yield and has fewer bytes than this is short anyway.
const ASIDE_BYTES: usize = 256 * 1024;

/// Counts work since the last yield.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    worked: usize,
}

impl Pace {
    /// So many bytes were worked on.
    pub(crate) async fn work(&mut self, bytes: usize) {
        self.worked += bytes;
        if self.worked >= PACE_BYTES {
            self.worked = 0;
            tokio::task::yield_now().await;
        }
    }
}

/// How often a future is polled until it is ready.
#[cfg(test)]
pub(crate) async fn polls_of<T>(work: impl Future<Output = T>) -> (T, usize) {
    let (mut work, mut polls) = (std::pin::pin!(work), 0);
    let done = std::future::poll_fn(|context| {
        polls += 1;
        work.as_mut().poll(context)
    });
    (done.await, polls)
}

/// Does work on so many bytes that cannot yield: the thread's other work moves to another thread,
/// where the runtime has several.
pub(crate) fn aside<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    let has_others = || Handle::try_current().is_ok_and(|it| it.runtime_flavor() == RuntimeFlavor::MultiThread);
    if bytes >= ASIDE_BYTES && has_others() { tokio::task::block_in_place(work) } else { work() }
}
