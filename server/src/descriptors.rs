//! File descriptors: as many as the system allows, and ceilings that fit into them.
//!
//! Connections take nearly all of them: those of clients, those of requests to stores, and idle ones to
//! stores. Where not all fit, the idle ones give way first; then clients and requests have half each,
//! and either may use what the other does not need. So descriptors never run out, and the process can
//! still open files.

use brigade_config::Config;
use brigade_s3::http::IDLE_CONNECTIONS_MAX;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::listener::{HEALTH_PLACES, METRICS_CONNECTIONS_MAX};

/// For files, listeners, pipes and name servers: a service without connections has some 20, and each
/// of its threads may have files open.
const FILES: u64 = 64;
/// Those, and the connections that are not configured: for the metrics, and for health at either
/// listener.
const OTHERS: u64 = FILES + (METRICS_CONNECTIONS_MAX + 2 * HEALTH_PLACES) as u64;

/// Raises the soft limit to the hard one, and gives what then holds; `None` is no limit.
pub(crate) fn raise() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, current, maximum, "cannot raise file descriptor limit; keeping the soft limit");
            current
        }
    }
}

/// Lowers the ceilings of the configuration to what so many descriptors hold, and says so; gives how
/// many connections to stores may wait for their next request.
pub(crate) fn fit(config: &mut Config, limit: Option<u64>) -> usize {
    let Some(limit) = limit else { return IDLE_CONNECTIONS_MAX };
    let requests = config.endpoints.values().map(|endpoint| u64::from(endpoint.requests_in_flight)).sum();
    let share = share(limit, config.server.connections_max as u64, requests);
    let connections_max = config.server.connections_max;
    config.server.connections_max = usize::try_from(share.connections).unwrap_or(connections_max);
    if share.requests < requests {
        for endpoint in config.endpoints.values_mut() {
            let scaled = u64::from(endpoint.requests_in_flight) * share.requests / requests;
            endpoint.requests_in_flight = u32::try_from(scaled).unwrap_or(u32::MAX).max(1);
        }
    }
    if config.server.connections_max < connections_max || share.requests < requests {
        tracing::warn!(
            limit,
            connections_max = share.connections,
            requests_in_flight = share.requests,
            "file descriptor limit too low; connections_max and requests_in_flight lowered"
        );
    }
    usize::try_from(share.idle).unwrap_or(IDLE_CONNECTIONS_MAX)
}

/// How descriptors are shared.
#[derive(Debug, PartialEq, Eq)]
struct Share {
    /// Of clients.
    connections: u64,
    /// To all stores.
    requests: u64,
    /// Connections to stores that may wait for their next request.
    idle: u64,
}

fn share(limit: u64, connections: u64, requests: u64) -> Share {
    let usable = limit.saturating_sub(OTHERS).max(8);
    // An eighth at least, so that requests do not connect anew each time.
    let idle_min = (usable / 8).min(IDLE_CONNECTIONS_MAX as u64);
    let left = usable - idle_min;
    let half = |one: u64, other: u64| one.min((left / 2).max(left.saturating_sub(other))).max(1);
    let (connections, requests) = (half(connections, requests), half(requests, connections));
    let idle = usable.saturating_sub(connections + requests).clamp(1, IDLE_CONNECTIONS_MAX as u64);
    Share { connections, requests, idle }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_that_fit_stay_and_those_that_do_not_have_half_each_or_what_the_other_leaves() {
        let share = |limit, connections, requests| {
            let Share { connections, requests, idle } = share(OTHERS + limit, connections, requests);
            (connections, requests, idle)
        };
        assert_eq!(share(60_000, 1024, 64), (1024, 64, 512));
        assert_eq!(share(1024 + 64 + 200, 1024, 64), (1024, 64, 200), "idle connections give way first");
        assert_eq!(share(96, 1024, 32), (52, 32, 12));
        assert_eq!(share(96, 1024, 1024), (42, 42, 12));
        assert_eq!(share(96, 10, 1024), (10, 74, 12));
    }

    #[test]
    fn whatever_the_limit_is_the_ceilings_fit_and_none_is_zero() {
        for limit in OTHERS + 8..5000 {
            for (connections, requests) in [(1, 1), (1024, 32), (10_000, 1), (1, 10_000), (100, 100)] {
                let share = share(limit, connections, requests);
                assert!(share.connections + share.requests + share.idle + OTHERS <= limit, "{limit}: {share:?}");
                assert!(share.connections >= 1 && share.requests >= 1 && share.idle >= 1, "{limit}: {share:?}");
            }
        }
    }

    #[test]
    fn the_soft_limit_is_raised_to_the_hard_one() {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let half = Rlimit { current: maximum.map(|most| most / 2), maximum };
        setrlimit(Resource::Nofile, half).unwrap();
        assert_eq!(raise(), maximum);
        assert_eq!(getrlimit(Resource::Nofile).current, maximum);
        setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
    }
}
