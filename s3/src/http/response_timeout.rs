//! Ends an attempt when no byte of its answer comes for the attempt's time.

use std::sync::Arc;
use std::time::Duration;

use brigade_model::ports::Clock;
use brigade_model::ports::clock::{Monotonic, Sleep};
use brigade_model::ports::object_store::Call;

use crate::timeouts::Timeouts;
use crate::unanswered::{InFlight, Listener};

/// The time of one attempt.
pub(crate) struct ResponseTimeout {
    clock: Arc<dyn Clock>,
    silence: Duration,
    /// When something of the answer came last; at first, when the attempt began.
    heard: Monotonic,
    /// It goes on no longer, whatever comes.
    ends: Monotonic,
    /// Most answers come at once, so it is set anew only when it has run out.
    timer: Sleep,
    /// Tells that the answer is awaited.
    in_flight: Option<InFlight>,
}

impl ResponseTimeout {
    /// The time of an attempt that begins now.
    pub(crate) fn begin(clock: &Arc<dyn Clock>, timeouts: &Timeouts, call: &Call, listener: Option<Listener>) -> Self {
        let in_flight = listener.map(|listener| listener.begin(timeouts, call));
        let (now, silence) = (clock.monotonic(), timeouts.of(call));
        let (ends, timer) = (now.after(timeouts.longest(call)), clock.sleep(silence));
        Self { clock: Arc::clone(clock), silence, heard: now, ends, timer, in_flight }
    }

    /// Something of the answer came.
    pub(crate) fn hear(&mut self) {
        self.heard = self.clock.monotonic();
        if let Some(in_flight) = &self.in_flight {
            in_flight.hear(self.heard);
        }
    }

    /// Who is told what the answer's body is awaited for, where it is streamed.
    pub(crate) fn listener(&self) -> Option<Listener> {
        self.in_flight.as_ref().map(InFlight::listener).cloned()
    }

    /// Done when the attempt is over.
    pub(crate) async fn over(&mut self) {
        loop {
            (&mut self.timer).await;
            let left = self.heard.after(self.silence).min(self.ends).since(self.clock.monotonic());
            if left.is_zero() {
                return;
            }
            self.timer = self.clock.sleep(left);
        }
    }
}
