//! The fault schedule: decides which fault hits a call of the job store, and which stores are down,
//! slow or full now.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use brigade_model::ports::Monotonic;
use brigade_model::ports::object_store::CallKind;
use brigade_s3::faults::FaultPlan;

use crate::chance::Chance;
use crate::run_plan::FaultRates;

/// A fault of a call of the job store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The process dies before the call is carried out.
    DiesBefore,
    /// The process dies after it, before it has the answer.
    DiesAfter,
    /// It fails, and nothing has happened.
    FailsBefore,
    /// It fails, and it has happened: the acknowledgement is lost.
    FailsAfter,
    /// It is carried out late.
    LateBefore,
    /// It is answered late.
    LateAfter,
    /// The process freezes while it sends the call, and sends it after the thaw.
    FreezesBefore,
    /// The process freezes before it reads the answer.
    FreezesAfter,
}

const FATES: [(u64, Fate); 8] = [
    (2, Fate::DiesBefore),
    (2, Fate::DiesAfter),
    (4, Fate::FailsBefore),
    (4, Fate::FailsAfter),
    (2, Fate::LateBefore),
    (2, Fate::LateAfter),
    (2, Fate::FreezesBefore),
    (1, Fate::FreezesAfter),
];

/// A slice that was revoked ten times fails its job, so a run has fewer crashes than that.
const CRASHES_MAX: u32 = 8;
/// A call of the job store takes up to this, each way.
const STORE_LATENCY: Duration = Duration::from_millis(2);
/// A call to the objects takes up to this, each way.
const OBJECT_LATENCY: Duration = Duration::from_millis(15);
/// A part of a large object takes up to this: a multipart copy is in flight long enough for faults to
/// hit it.
const PART_LATENCY: Duration = Duration::from_secs(2);
/// A late call of the job store up to this.
const STORE_LATE: Duration = Duration::from_secs(20);
/// A process that wakes because of what another does, wakes within this.
const WAKES_AFTER: Duration = Duration::from_secs(1);
/// How long a process is frozen, in seconds, from and to.
const FROZEN_S: [(u64, (u64, u64)); 4] = [(3, (1, 5)), (2, (10, 40)), (4, (65, 110)), (2, (1205, 1300))];

/// The fault schedule of a run.
pub(crate) struct FaultSchedule {
    fault_rates: FaultRates,
    chance: Chance,
    is_over: AtomicBool,
    crashes: AtomicU32,
    moods: Mutex<Moods>,
}

/// Faults that last for a while. Times are the executor's.
#[derive(Default)]
struct Moods {
    /// Until when each node cannot reach the job store.
    store_away: Vec<Duration>,
    slow_until: Duration,
    full_until: Duration,
    spool_fails_until: Duration,
    endpoint_away: Vec<(Monotonic, Monotonic)>,
    account_disabled_until: Duration,
}

impl FaultSchedule {
    pub(crate) fn new(fault_rates: FaultRates, nodes: usize, seed: u64) -> Self {
        let moods = Mutex::new(Moods { store_away: vec![Duration::ZERO; nodes], ..Moods::default() });
        let chance = Chance::new(seed, "weather");
        Self { fault_rates, chance, is_over: AtomicBool::new(false), crashes: AtomicU32::new(0), moods }
    }

    fn moods(&self) -> std::sync::MutexGuard<'_, Moods> {
        self.moods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all faults.
    pub(crate) fn calm(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        let nodes = self.moods().store_away.len();
        *self.moods() = Moods { store_away: vec![Duration::ZERO; nodes], ..Moods::default() };
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// The fault of this call, if any: less often of reads, which are many, and more often of a worker's
    /// writes about its slice.
    pub(crate) fn fate(&self, call: &str, is_read: bool) -> Option<Fate> {
        let ppm = match call {
            "record_part" | "record_upload" | "renew_slice" | "release_slice" => self.fault_rates.store_ppm * 4,
            _ if is_read => self.fault_rates.store_ppm / 10,
            _ => self.fault_rates.store_ppm,
        };
        if self.is_over() || !self.chance.strikes(ppm) {
            return None;
        }
        let fate = self.chance.weighted(&FATES);
        let dies = matches!(fate, Fate::DiesBefore | Fate::DiesAfter);
        (!dies || self.may_crash()).then_some(fate)
    }

    /// Whether one more crash is allowed; counts it.
    pub(crate) fn may_crash(&self) -> bool {
        self.crashes.fetch_add(1, Ordering::SeqCst) < CRASHES_MAX
    }

    /// The latency of a call of the job store.
    pub(crate) fn store_pause(&self, now: Duration) -> Duration {
        let is_slow = now < self.moods().slow_until;
        self.chance.up_to(if is_slow { STORE_LATENCY * 1000 } else { STORE_LATENCY })
    }

    /// The latency of a call to the objects.
    pub(crate) fn object_pause(&self, kind: CallKind) -> Duration {
        let is_part = kind == CallKind::UploadPartCopy;
        self.chance.up_to(if is_part { PART_LATENCY } else { OBJECT_LATENCY })
    }

    /// How long after its slice went to another a frozen process wakes, if it does so early.
    pub(crate) fn wakes_after(&self) -> Option<Duration> {
        (self.chance.below(3) > 0).then(|| self.chance.up_to(WAKES_AFTER))
    }

    /// How long a process is frozen: leases run out meanwhile, or not.
    pub(crate) fn frozen_for(&self) -> Duration {
        let (least, most) = self.chance.weighted(&FROZEN_S);
        Duration::from_secs(self.chance.between(least, most))
    }

    /// The delay of a late call of the job store.
    pub(crate) fn late_pause(&self) -> Duration {
        self.chance.up_to(STORE_LATE)
    }

    pub(crate) fn send_store_away(&self, node: usize, until: Duration) {
        self.moods().store_away[node] = until;
    }

    pub(crate) fn is_store_away(&self, node: usize, now: Duration) -> bool {
        now < self.moods().store_away[node]
    }

    pub(crate) fn slow_the_store(&self, until: Duration) {
        self.moods().slow_until = until;
    }

    pub(crate) fn fill_the_disk(&self, until: Duration) {
        self.moods().full_until = until;
    }

    pub(crate) fn is_disk_full(&self, now: Duration) -> bool {
        now < self.moods().full_until
    }

    pub(crate) fn break_the_spool(&self, until: Duration) {
        self.moods().spool_fails_until = until;
    }

    pub(crate) fn does_spool_fail(&self, now: Duration) -> bool {
        now < self.moods().spool_fails_until && self.chance.below(2) == 0
    }

    pub(crate) fn send_endpoint_away(&self, from: Duration, until: Duration) {
        self.moods().endpoint_away.push((Monotonic(from), Monotonic(until)));
    }

    pub(crate) fn disable_the_account(&self, until: Duration) {
        self.moods().account_disabled_until = until;
    }

    pub(crate) fn is_account_disabled(&self, now: Duration) -> bool {
        now < self.moods().account_disabled_until
    }

    /// The faults of calls to the objects.
    pub(crate) fn object_faults(&self) -> FaultPlan {
        if self.is_over() {
            return FaultPlan::default();
        }
        FaultPlan { away: self.moods().endpoint_away.clone(), ..self.fault_rates.objects.clone() }
    }
}
