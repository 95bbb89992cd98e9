//! A future that may be absent, as a branch of a select.

use futures::future;

/// Resolves with the future and takes it away; never, when there is none.
pub(super) async fn or_never<F: Future + Unpin>(slot: &mut Option<F>) -> F::Output {
    match slot {
        Some(future) => {
            let output = future.await;
            *slot = None;
            output
        }
        None => future::pending().await,
    }
}
