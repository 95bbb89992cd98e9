//! What the actions on endpoints share: how their settings are changed, and how one is shown.

use std::sync::Arc;

use brigade_model::endpoint::{EndpointRow, EndpointSettings};
use brigade_model::ports::Monotonic;
use brigade_model::ports::job_store::SetEndpointError;
use brigade_model::{LoadLimits, Standing, Timestamp};
use brigade_s3::limit::{AdaptiveUsage, Caps};
use brigade_wire::cos::CosError;

use super::{Operator, errors};
use crate::api::Api;
use crate::api::answer::Refusal;
use crate::config::value::Action;
use crate::config::window::Window;
use crate::operator::{EndpointState, HardCaps, LaneState, ProtectionState, StoppedSince, WindowState};
use crate::proof;
use crate::roles::endpoint::ActiveEndpoint;
use crate::roles::protection::ProtectionNow;

impl Api {
    /// Every endpoint of the configuration.
    pub(super) fn endpoints(&self) -> Vec<EndpointState> {
        self.roles.endpoints().map(|(name, endpoint)| self.endpoint_state(name, endpoint, true)).collect()
    }

    /// Changes an endpoint's settings: read, change, compare and set, and take effect. The names of
    /// buckets are told only to who may list endpoints.
    pub(super) async fn set_endpoint(
        &self,
        operator: &Operator,
        name: &str,
        change: impl Fn(&mut EndpointSettings, Caps) -> Result<(), CosError> + Send + Sync,
    ) -> Result<EndpointState, Refusal> {
        let (name, endpoint) = self.roles.endpoint(name).ok_or_else(errors::no_such_endpoint)?;
        loop {
            let stored = self.jobs.endpoints().await.map_err(Refusal::store)?;
            let row = stored.into_iter().find(|row| row.endpoint == *name);
            let mut row = row.unwrap_or_else(|| EndpointRow::unset(name.clone()));
            change(&mut row.settings, endpoint.configured())?;
            match self.jobs.set_endpoint(&row).await {
                Ok(row) => endpoint.adopt(row),
                Err(SetEndpointError::Lost) => continue,
                Err(error @ SetEndpointError::Store(_)) => return Err(Refusal::store(error)),
            }
            self.engine.ring();
            let may_see_buckets = self.keys.may(&operator.caller, Action::ListEndpoints);
            return Ok(self.endpoint_state(name, endpoint, may_see_buckets));
        }
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
            configured: HardCaps {
                requests_in_flight: requests,
                adaptive: is_adaptive,
                requests_per_second,
                objects_per_second,
                bytes_in_flight: bytes,
                bytes_per_second,
            },
            limits: settings.limits.into(),
            windows: endpoint.windows_now().map(|window| window_state(window, self.clock.now())).collect(),
            protection: endpoint.protection_now().map(|protection| protection_state(protection, may_see_buckets)),
            requests_in_flight_now: usage.requests,
            calls_waiting_now: usage.waiting as u64,
            lanes: usage.adaptive.into_iter().filter(|_| may_see_buckets).map(|lane| lane_state(lane, now)).collect(),
            probed: settings.probe.map(|probe| format!("{:.0}", probe.at)),
            proved: proof::names(&capabilities, Standing::Proved),
            lacks: proof::names(&capabilities, Standing::Lacking),
            unproven: proof::names(&capabilities, Standing::Unproven),
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

/// Refuses limits beyond the configuration's.
pub(super) fn check_within(limits: LoadLimits, configured: Caps) -> Result<(), CosError> {
    let wanted = [
        ("requests_in_flight", limits.requests_in_flight.map(u64::from), Some(u64::from(configured.requests))),
        (
            "requests_per_second",
            limits.requests_per_second.map(u64::from),
            configured.requests_per_second.map(u64::from),
        ),
        ("objects_per_second", limits.objects_per_second.map(u64::from), configured.objects_per_second.map(u64::from)),
        ("bytes_per_second", limits.bytes_per_second, configured.bytes_per_second),
    ];
    for (name, wanted, cap) in wanted {
        if let (Some(wanted), Some(cap)) = (wanted, cap)
            && wanted > cap
        {
            return Err(errors::beyond_the_configuration(name, cap));
        }
    }
    Ok(())
}
