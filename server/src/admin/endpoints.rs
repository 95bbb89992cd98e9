//! What the actions on endpoints share: how one is shown.

use std::sync::Arc;

use brigade_config::value::Action;
use brigade_config::window::Window;
use brigade_model::ports::Monotonic;
use brigade_model::{Standing, Timestamp};
use brigade_s3::limit::{AdaptiveUsage, Caps};
use brigade_service::{Caller, ServiceError};
use brigade_wire::admin::{EndpointState, HardCaps, LaneState, ProtectionState, StoppedSince, WaitState, WindowState};

use crate::api::Api;
use crate::roles::endpoint::ActiveEndpoint;
use crate::roles::protection::ProtectionNow;

impl Api {
    /// Every endpoint of the configuration.
    pub(super) fn endpoints(&self) -> Vec<EndpointState> {
        self.roles.endpoints().map(|(name, endpoint)| self.endpoint_state(name, endpoint, true)).collect()
    }

    /// One endpoint, to that caller. The names of buckets are told only to who may list endpoints.
    pub(super) fn endpoint(&self, caller: &Caller, name: &str) -> Result<EndpointState, ServiceError> {
        let (name, endpoint) = self.roles.endpoint(name).ok_or(ServiceError::NoSuchEndpoint)?;
        let may_see_buckets = self.keys.may(caller, Action::ListEndpoints);
        Ok(self.endpoint_state(name, endpoint, may_see_buckets))
    }

    fn endpoint_state(
        &self,
        name: &brigade_model::EndpointName,
        endpoint: &Arc<ActiveEndpoint>,
        may_see_buckets: bool,
    ) -> EndpointState {
        let (usage, settings, now) = (endpoint.usage(), endpoint.settings(), self.clock.monotonic());
        let Caps { requests, is_adaptive, requests_per_second, objects_per_second, bytes, bytes_per_second } =
            endpoint.configured();
        let capabilities = endpoint.capabilities();
        let stopped = settings
            .stopped
            .map(|stopped| StoppedSince { since: format!("{:.0}", stopped.since), reason: stopped.reason });
        EndpointState {
            endpoint: name.to_string(),
            stopped,
            is_up: self.roles.is_up(name),
            waiting: self.roles.waiting(name).as_ref().map(WaitState::from),
            configured: HardCaps {
                requests_in_flight: requests,
                adaptive: is_adaptive,
                requests_per_second,
                objects_per_second,
                bytes_in_flight: bytes,
                bytes_per_second,
            },
            limits: settings.limits.into(),
            windows: endpoint.windows_now().iter().map(|window| window_state(window, self.clock.now())).collect(),
            protection: endpoint.protection_now().map(|protection| protection_state(protection, may_see_buckets)),
            requests_in_flight_now: usage.requests,
            calls_waiting_now: usage.waiting as u64,
            lanes: usage.adaptive.into_iter().filter(|_| may_see_buckets).map(|lane| lane_state(lane, now)).collect(),
            probed: settings.probe.map(|probe| format!("{:.0}", probe.at)),
            proved: capabilities.names(Standing::Proved),
            lacks: capabilities.names(Standing::Lacking),
            unproven: capabilities.names(Standing::Unproven),
        }
    }
}

fn protection_state(protection: ProtectionNow, may_see_buckets: bool) -> ProtectionState {
    ProtectionState {
        protect_latency_ms: protection.latency.as_secs_f64() * 1e3,
        bucket: may_see_buckets.then(|| protection.bucket.to_string()),
        probe_p50_ms: protection.probe_p50.map(|p50| p50.as_secs_f64() * 1e3),
        requests_in_flight: protection.share,
    }
}

fn window_state(window: &Window, now: Timestamp) -> WindowState {
    WindowState {
        from: window.from.to_string(),
        to: window.to.to_string(),
        time_zone: window.time_zone.name().to_owned(),
        until: window.holds_until(now).map(|until| format!("{until:.0}")),
        limits: window.limits().into(),
    }
}

fn lane_state(lane: AdaptiveUsage, now: Monotonic) -> LaneState {
    LaneState {
        bucket: lane.bucket.map(String::from),
        class: lane.class.word().to_owned(),
        limit: lane.limit,
        requests_in_flight_now: lane.requests,
        calls_waiting_now: lane.waiting as u64,
        objects_per_second: lane.answered.per_second(now),
        pace: lane.pace,
        latency_p50_ms: lane.latency_p50.as_secs_f64() * 1e3,
        latency_p99_ms: lane.latency_p99.as_secs_f64() * 1e3,
        moved_because: lane.reason.name().to_owned(),
    }
}
