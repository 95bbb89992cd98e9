//! How long an attempt may be silent, and how long it may take: `http` ends it then, and `retry` and
//! `limit` start no attempt that outlasts the caller's lease.
//!
//! | a call | may be silent for |
//! |---|---|
//! | a copy inside the store whose size is unknown, the completion of an upload | `copy` |
//! | any other | `attempt`, and `per_mib` for each MiB that it moves |
//!
//! Each byte of the answer restarts the time. `limit` ends an attempt with its lease, whatever time is
//! left here.

use std::time::Duration;

use brigade_model::limits::{ATTEMPT_TIME, ATTEMPT_TIME_PER_MIB, COPY_TIME, LEASE_LEFT};
use brigade_model::ports::object_store::{Call, CopyObject};

/// An answer that began and does not end is given up this long after the time in which it had to
/// begin. The longest that stores are known to take is some minutes, for the completion of a large
/// upload.
const ANSWERING_MAX: Duration = Duration::from_secs(3600);

/// Time-outs of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To resolve a name, open a connection and shake hands; part of the attempt's time.
    pub connect: Duration,
    /// Without a byte of the answer, of an attempt that moves no bytes and between the pieces of a
    /// streamed body.
    pub attempt: Duration,
    /// An attempt that moves bytes may be silent for this much longer for each MiB of them.
    pub per_mib: Duration,
    /// A copy inside the store of unknown size, and the completion of an upload, may be silent for
    /// this long, unless the others come to more.
    pub copy: Duration,
}

impl Default for Timeouts {
    /// 3 s to connect; 15 s without a word; 125 ms a MiB (8 MiB/s), so that a copy of 5 GiB has some
    /// 11 minutes; and two minutes for a copy of unknown size, which is 1 GiB at that pace. A larger
    /// one is looked for until the time of its size is over, and has that time when it is repeated.
    fn default() -> Self {
        Self { connect: Duration::from_secs(3), attempt: ATTEMPT_TIME, per_mib: ATTEMPT_TIME_PER_MIB, copy: COPY_TIME }
    }
}

impl Timeouts {
    /// How long one attempt of this call may be without a byte of its answer.
    #[must_use]
    pub fn of(&self, call: &Call) -> Duration {
        let told = self.besides_bytes(call).saturating_add(self.for_bytes(call));
        match call {
            Call::CopyObject(CopyObject { size: None, .. }) => told.max(self.copy),
            _ => told,
        }
    }

    /// How much of that is for the bytes that it is known to move.
    #[must_use]
    pub fn for_bytes(&self, call: &Call) -> Duration {
        let mib = u32::try_from(call.bytes_moved().div_ceil(1 << 20)).unwrap_or(u32::MAX);
        self.per_mib.saturating_mul(mib)
    }

    /// How much of that is not for the bytes that it moves. A completion moves none: its parts lie
    /// there already.
    #[must_use]
    pub fn besides_bytes(&self, call: &Call) -> Duration {
        match call {
            Call::CompleteMultipartUpload(_) => self.attempt.max(self.copy),
            _ => self.attempt,
        }
    }

    /// How long one attempt may go on, though bytes of its answer come again and again.
    #[must_use]
    pub fn longest(&self, call: &Call) -> Duration {
        self.of(call).saturating_add(ANSWERING_MAX)
    }

    /// What must be left of a lease for an attempt to start: its time, or what is left of every
    /// lease that is renewed, since the renewals go on meanwhile.
    #[must_use]
    pub fn to_start(&self, call: &Call) -> Duration {
        self.of(call).min(LEASE_LEFT)
    }
}

#[cfg(test)]
mod tests {
    use brigade_model::limits::{COPY_OBJECT_BYTES_MAX, LEASE_TTL, LEASE_TTL_BODY};
    use brigade_model::ports::object_store::Request;
    use brigade_model::ports::object_store::{At, CompleteMultipartUpload, HeadObject};

    use super::*;

    fn at() -> At {
        At { bucket: "b".parse().unwrap(), key: "k".parse().unwrap() }
    }

    fn copy_of(size: impl Into<Option<u64>>) -> Call {
        Call::CopyObject(CopyObject { size: size.into(), ..CopyObject::plain(at(), at()) })
    }

    #[test]
    fn the_time_out_grows_with_the_bytes_that_move_and_never_overflows() {
        let timeouts = Timeouts::default();
        assert_eq!(timeouts.of(&copy_of(0)), Duration::from_secs(15));
        assert_eq!(timeouts.of(&copy_of(8 << 20)), Duration::from_secs(16));
        assert_eq!(timeouts.of(&copy_of(5 << 30)), Duration::from_secs(655));
        assert!(timeouts.of(&copy_of(u64::MAX)) > Duration::from_secs(1 << 20));
        assert!(timeouts.longest(&copy_of(u64::MAX)) > timeouts.of(&copy_of(u64::MAX)));
    }

    #[test]
    fn a_copy_of_unknown_size_and_a_completion_have_the_time_of_a_copy_and_no_other_call_has() {
        let timeouts = Timeouts::default();
        let complete = CompleteMultipartUpload::new(at(), "u".into(), vec![]).into_call();
        let head = HeadObject { at: at(), version: None }.into_call();
        let minutes = Duration::from_secs(120);
        assert_eq!([copy_of(None), complete].map(|call| timeouts.of(&call)), [minutes; 2]);
        assert_eq!(timeouts.of(&head), Duration::from_secs(15));
        let patient = Timeouts { attempt: Duration::from_secs(300), ..timeouts };
        assert_eq!(patient.of(&copy_of(None)), Duration::from_secs(300), "never less than any other call");
    }

    #[test]
    fn every_lease_that_is_renewed_has_enough_left_for_any_attempt_to_start_and_that_of_copies_to_end() {
        let timeouts = Timeouts::default();
        for ttl in [LEASE_TTL, LEASE_TTL_BODY] {
            // It is renewed at a third.
            assert!(timeouts.to_start(&copy_of(u64::MAX)) <= ttl - ttl / 3);
        }
        assert!(timeouts.of(&copy_of(COPY_OBJECT_BYTES_MAX)) <= LEASE_TTL_BODY - LEASE_TTL_BODY / 3);
    }
}
