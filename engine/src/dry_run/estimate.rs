//! Estimates how long a job would take, from its requests and bytes and the limits in force now.
//!
//! ```text
//! seconds = max( requests x 0.05 s / in flight,  requests / (requests a second),
//!                objects / (objects a second),  bytes / (bytes a second) )
//! ```
//!
//! The lowest of each limit counts: the engine's own slices and tasks, the endpoint's, the job's.
//! That a request takes 50 ms is an assumption: metadata calls on a store nearby are faster, copies
//! of large objects slower, and the endpoint's other load is not known. Where a rate is set, it
//! mostly decides.

use brigade_model::LoadLimits;

/// What a request is assumed to take, in milliseconds.
const REQUEST_MS: u64 = 50;

/// What there is to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Requests in all.
    pub requests: u64,
    /// Objects that they are about.
    pub objects: u64,
    /// Bytes that they move.
    pub bytes: u64,
}

/// How long the load takes under all these limits, in seconds, rounded up.
#[must_use]
pub fn estimate(load: Load, speeds: &[LoadLimits]) -> u64 {
    let in_flight = speeds.iter().filter_map(|speed| speed.requests_in_flight).min().map_or(1, u64::from).max(1);
    let requests_per_second = speeds.iter().filter_map(|speed| speed.requests_per_second).min().map(u64::from);
    let objects_per_second = speeds.iter().filter_map(|speed| speed.objects_per_second).min().map(u64::from);
    let bytes_per_second = speeds.iter().filter_map(|speed| speed.bytes_per_second).min();
    let paced = |units: u64, per_second: Option<u64>| per_second.map_or(0, |rate| units.div_ceil(rate.max(1)));
    load.requests
        .saturating_mul(REQUEST_MS)
        .div_ceil(in_flight.saturating_mul(1000))
        .max(paced(load.requests, requests_per_second))
        .max(paced(load.objects, objects_per_second))
        .max(paced(load.bytes, bytes_per_second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_limit_decides() {
        let load = Load { requests: 100_000, objects: 200_000, bytes: 5_000_000_000 };
        let engine = LoadLimits { requests_in_flight: Some(256), ..LoadLimits::default() };
        let endpoint = LoadLimits { requests_in_flight: Some(32), ..LoadLimits::default() };
        let slow = LoadLimits { requests_per_second: Some(100), ..LoadLimits::default() };
        let narrow = LoadLimits { bytes_per_second: Some(1_000_000), ..LoadLimits::default() };
        assert_eq!(estimate(load, &[engine]), 20, "100,000 x 50 ms / 256");
        assert_eq!(estimate(load, &[engine, endpoint]), 157, "100,000 x 50 ms / 32");
        assert_eq!(estimate(load, &[engine, endpoint, slow]), 1000);
        let few = LoadLimits { objects_per_second: Some(100), ..LoadLimits::default() };
        assert_eq!(estimate(load, &[engine, endpoint, slow, few]), 2000);
        assert_eq!(estimate(load, &[engine, endpoint, slow, few, narrow]), 5000);
        assert_eq!(estimate(Load::default(), &[engine, slow, narrow]), 0);
        assert_eq!(estimate(Load { requests: 1, ..Load::default() }, &[]), 1);
    }
}
