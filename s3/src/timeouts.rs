//! How long an attempt may take: `http` ends it then, and `retry` and `limit` start none that
//! the caller's leash could not outlast.

use std::time::Duration;

use brigade_model::ports::object_store::Call;

/// Time-outs of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To resolve a name, open a connection and shake hands; part of the attempt's time.
    pub connect: Duration,
    /// One attempt that moves no bytes, and each piece of a streamed body.
    pub attempt: Duration,
    /// An attempt that moves bytes may take this much longer for each MiB of them.
    pub per_mib: Duration,
}

impl Default for Timeouts {
    /// 3 s to connect; 15 s an attempt, which fits into two thirds of a 30 s lease; and 125 ms
    /// a MiB (8 MiB/s), so that a copy of 5 GiB has some 11 minutes.
    fn default() -> Self {
        Self { connect: Duration::from_secs(3), attempt: Duration::from_secs(15), per_mib: Duration::from_millis(125) }
    }
}

impl Timeouts {
    /// How long one attempt of this call may take.
    #[must_use]
    pub fn of(&self, call: &Call) -> Duration {
        let mib = u32::try_from(call.bytes_moved().div_ceil(1 << 20)).unwrap_or(u32::MAX);
        self.attempt.saturating_add(self.per_mib.saturating_mul(mib))
    }
}

#[cfg(test)]
mod tests {
    use brigade_model::ports::object_store::{At, CopyObject};

    use super::*;

    fn copy_of(size: u64) -> Call {
        let at = At { bucket: "b".parse().unwrap(), key: "k".parse().unwrap() };
        Call::CopyObject(CopyObject { size: Some(size), ..CopyObject::plain(at.clone(), at) })
    }

    #[test]
    fn the_time_out_grows_with_the_bytes_that_move_and_never_overflows() {
        let timeouts = Timeouts::default();
        assert_eq!(timeouts.of(&copy_of(0)), Duration::from_secs(15));
        assert_eq!(timeouts.of(&copy_of(8 << 20)), Duration::from_secs(16));
        assert_eq!(timeouts.of(&copy_of(5 << 30)), Duration::from_secs(655));
        assert!(timeouts.of(&copy_of(u64::MAX)) > Duration::from_secs(1 << 20));
    }
}
