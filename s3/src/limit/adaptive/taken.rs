//! Counts what a store accepted in the last two seconds.

use std::time::Duration;

use brigade_model::ports::clock::Monotonic;

/// Objects that the store said yes to in the last two seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken {
    /// Each of a tenth of a second, in a ring.
    slots: [u64; Taken::SLOTS as usize],
    /// The tenth of a second that was noted last.
    last: u64,
    /// When the first was noted.
    began: Option<Monotonic>,
}

impl Taken {
    const SLOTS: u64 = 20;
    const SLOT: Duration = Duration::from_millis(100);

    fn turn_to(&mut self, now: Monotonic) {
        // A process does not run for 2^64 tenths of a second.
        let slot = (now.since(Monotonic::default()).as_millis() / Self::SLOT.as_millis()) as u64;
        for passed in (self.last + 1..=slot).rev().take(Self::SLOTS as usize) {
            self.slots[(passed % Self::SLOTS) as usize] = 0;
        }
        self.last = self.last.max(slot);
    }

    pub(super) fn note(&mut self, now: Monotonic, units: u32) {
        self.turn_to(now);
        self.began.get_or_insert(now);
        self.slots[(self.last % Self::SLOTS) as usize] += u64::from(units);
    }

    /// In the better of the last two seconds: a store that counts each second by itself takes what it
    /// takes at its begin, and says no until its end.
    pub(super) fn per_second(&mut self, now: Monotonic) -> f64 {
        self.turn_to(now);
        let taken = self.within(0).max(self.within(Self::SLOTS / 2)) as f64;
        let noted_for = self.began.map_or(Duration::ZERO, |began| now.since(began));
        taken / noted_for.clamp(Self::SLOT, Duration::from_secs(1)).as_secs_f64()
    }

    pub(super) fn in_last_second(&mut self, now: Monotonic) -> u64 {
        self.turn_to(now);
        self.within(0)
    }

    /// In the second that ended so many slots ago.
    fn within(&self, ended: u64) -> u64 {
        let slot = |ago: u64| self.slots[((self.last + Self::SLOTS - ago) % Self::SLOTS) as usize];
        (ended..ended + Self::SLOTS / 2).map(slot).sum()
    }
}
