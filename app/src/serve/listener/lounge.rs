//! The lounge: connections that wait for their peer's next request, so that under a flood the
//! one that has waited longest makes room for a newcomer.
//!
//! Somebody who opens ten thousand connections and says nothing keeps only their own waiting:
//! whoever comes with a request gets a place, and leaves the lounge when the request is read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Everybody who waits. Clones are one lounge.
#[derive(Debug, Clone, Default)]
pub(super) struct Lounge(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waiting: Mutex<Waiting>,
    /// Somebody sat down.
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    /// Those who wait, longest first.
    by_arrival: BTreeMap<u64, Arc<Notify>>,
}

impl Lounge {
    /// A seat for a connection that begins to wait.
    pub(super) fn enter(&self) -> Seat {
        let seat = Seat { lounge: self.clone(), state: Mutex::default(), dismissed: Arc::default() };
        seat.sit();
        seat
    }

    /// Dismisses the one that has waited longest, as soon as somebody waits.
    pub(super) async fn dismiss_longest(&self) {
        loop {
            let arrived = self.0.arrived.notified();
            if let Some((_, dismissed)) = self.waiting().by_arrival.pop_first() {
                dismissed.notify_one();
                return;
            }
            arrived.await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection; leaves the lounge when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    lounge: Lounge,
    state: Mutex<State>,
    dismissed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    /// Its place among those who wait.
    number: Option<u64>,
    is_busy: bool,
    /// It was dismissed in the moment in which its request came: it goes when that is answered.
    must_go: bool,
}

impl Seat {
    /// The connection waits from now on.
    pub(super) fn sit(&self) {
        let mut state = self.state();
        state.is_busy = false;
        if state.must_go {
            self.dismissed.notify_one();
            return;
        }
        let mut waiting = self.lounge.waiting();
        let number = waiting.next;
        waiting.next += 1;
        waiting.by_arrival.insert(number, Arc::clone(&self.dismissed));
        state.number = Some(number);
        self.lounge.0.arrived.notify_one();
    }

    /// The connection has a request to answer.
    pub(super) fn rise(&self) {
        let mut state = self.state();
        state.is_busy = true;
        if let Some(number) = state.number.take() {
            self.lounge.waiting().by_arrival.remove(&number);
        }
    }

    /// Done once the connection must go; never while it has a request to answer.
    pub(super) async fn dismissed(&self) {
        loop {
            self.dismissed.notified().await;
            let mut state = self.state();
            if !state.is_busy {
                return;
            }
            state.must_go = true;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.rise();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn who_has_waited_longest_goes_first_and_who_works_stays() {
        let lounge = Lounge::default();
        let seats = [lounge.enter(), lounge.enter(), lounge.enter()];
        seats[0].rise();
        lounge.dismiss_longest().await;
        let gone = || seats.each_ref().map(|seat| seat.dismissed().now_or_never().is_some());
        assert_eq!(gone(), [false, true, false]);
        seats[0].sit();
        lounge.dismiss_longest().await;
        lounge.dismiss_longest().await;
        assert_eq!(gone(), [true, false, true]);
        assert!(lounge.dismiss_longest().now_or_never().is_none(), "nobody waits any more");
    }

    #[tokio::test]
    async fn who_left_is_not_dismissed_and_who_comes_next_is() {
        let lounge = Lounge::default();
        drop(lounge.enter());
        let mut dismissing = Box::pin(lounge.dismiss_longest());
        assert!((&mut dismissing).now_or_never().is_none());
        let seat = lounge.enter();
        dismissing.await;
        seat.dismissed().await;
    }

    #[tokio::test]
    async fn who_is_dismissed_in_the_moment_of_its_request_goes_when_that_is_answered() {
        let lounge = Lounge::default();
        let seat = lounge.enter();
        lounge.dismiss_longest().await;
        seat.rise();
        assert!(seat.dismissed().now_or_never().is_none(), "its request is being answered");
        seat.sit();
        seat.dismissed().await;
    }
}
