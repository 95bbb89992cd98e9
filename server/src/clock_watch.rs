//! Notices when the time of day is set: compares it with monotonic time at intervals.
//!
//! The service measures by its own clock (`brigade_model::service_clock`), but dates in answers and
//! reports, and the validity of signatures, follow the time of day: an operator must know.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brigade_model::ports::{Clock, Monotonic};

/// What is less may be a slow look, or a clock that is put right.
const JUMP_MS: i64 = 60_000;
/// A look that took longer, since the process stood still, compares nothing.
const LOOK_MAX: Duration = Duration::from_secs(1);
/// How long a jump is told after it was noticed.
const TOLD_FOR: Duration = Duration::from_secs(24 * 3600);

/// Watches a clock.
pub(crate) struct ClockWatch {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    /// The time of day less the monotonic one, when last looked.
    offset_ms: Option<i64>,
    /// The last jump, and when it was noticed.
    jump: Option<(String, Monotonic)>,
}

impl ClockWatch {
    /// A watch that begins now. While no process ran, the time of day moved by `missed_ms` beyond what
    /// the service clock counts of it.
    #[must_use]
    pub(crate) fn new(clock: Arc<dyn Clock>, missed_ms: i64) -> Self {
        let watch = Self { clock, state: Mutex::new(State { offset_ms: None, jump: None }) };
        let since = "the service ran last";
        if missed_ms < -JUMP_MS {
            watch.tell(format!("the time of day went back by {} s since {since}", -missed_ms / 1000));
        } else if missed_ms > JUMP_MS {
            watch.tell(format!(
                "the time of day moved by {} s more than the day that counts since {since}",
                missed_ms / 1000
            ));
        }
        watch.look();
        watch
    }

    /// Looks; says what the last jump was, unless that is long ago.
    pub(crate) fn look(&self) -> Option<String> {
        let before = self.clock.monotonic();
        let wall_ms = self.clock.now().as_millisecond();
        let now = self.clock.monotonic();
        if now.since(before) < LOOK_MAX {
            let offset_ms = wall_ms.saturating_sub(i64::try_from(now.0.as_millis()).unwrap_or(i64::MAX));
            let jumped_ms = self.state().offset_ms.replace(offset_ms).map_or(0, |last| offset_ms.saturating_sub(last));
            if jumped_ms.abs() > JUMP_MS {
                let direction = if jumped_ms > 0 { "forward" } else { "back" };
                self.tell(format!("the time of day was set {direction} by {} s", jumped_ms.abs() / 1000));
            }
        }
        let state = self.state();
        let jump = state.jump.as_ref().filter(|(_, noticed)| now.since(*noticed) < TOLD_FOR);
        jump.map(|(what, _)| what.clone())
    }

    fn tell(&self, what: String) {
        let now = self.clock.now();
        tracing::warn!(jump = what, "system clock jumped; deadlines and retention unaffected");
        self.state().jump = Some((format!("{what}, noticed at {now:.0}"), self.clock.monotonic()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use brigade_runtime::SimulatedClock;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_time_of_day_that_is_set_by_more_than_a_minute_is_told_for_a_day() {
        let clock = Arc::new(SimulatedClock::new());
        let watch = ClockWatch::new(Arc::clone(&clock) as _, 0);
        for set_ms in [0, 59_000, -59_000] {
            clock.jump(set_ms);
            clock.sleep(Duration::from_secs(5)).await;
            assert_eq!(watch.look(), None, "{set_ms}");
        }
        for (set_ms, told) in [(3_600_000, "set forward by 3600 s"), (-90_000, "set back by 90 s")] {
            clock.jump(set_ms);
            let told_now = watch.look().unwrap();
            assert!(told_now.contains(told), "{told_now}");
            clock.sleep(Duration::from_secs(23 * 3600)).await;
            assert_eq!(watch.look(), Some(told_now));
        }
        clock.sleep(Duration::from_secs(3600)).await;
        assert_eq!(watch.look(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_of_day_that_moved_while_no_process_ran_is_told() {
        let clock: Arc<dyn Clock> = Arc::new(SimulatedClock::new());
        for (missed_ms, told) in [
            (60_000, None),
            (-60_000, None),
            (-3_600_000, Some("went back by 3600 s since the service ran last")),
            (86_400_000, Some("moved by 86400 s more than the day that counts since the service ran last")),
        ] {
            let note = ClockWatch::new(Arc::clone(&clock), missed_ms).look();
            assert_eq!(note.is_some(), told.is_some(), "{missed_ms}");
            assert!(note.unwrap_or_default().contains(told.unwrap_or_default()), "{missed_ms}");
        }
    }
}
