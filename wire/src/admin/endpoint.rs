//! What an endpoint is, and how its calls go.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::limits::Limits;
use super::waiting::WaitState;

/// That an endpoint is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoppedSince {
    /// Since when.
    #[schema(format = DateTime)]
    pub since: String,
    /// Why, in the operator's words.
    pub reason: String,
}

/// What the configuration allows at most; no limit goes beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HardCaps {
    /// Requests in flight.
    pub requests_in_flight: u32,
    /// Whether requests in flight follow what the store takes.
    pub adaptive: bool,
    /// Requests a second.
    #[schema(required)]
    pub requests_per_second: Option<u32>,
    /// Objects a second that requests are about.
    #[schema(required)]
    pub objects_per_second: Option<u32>,
    /// Bytes of bodies in flight.
    #[schema(required)]
    pub bytes_in_flight: Option<u64>,
    /// Bytes of bodies a second.
    #[schema(required)]
    pub bytes_per_second: Option<u64>,
}

/// What is asked of a bucket by a class of calls, and what it takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LaneState {
    /// The bucket; null for all buckets beyond the number that is told apart.
    #[schema(required)]
    pub bucket: Option<String>,
    /// `read` or `write`.
    #[schema(example = "write")]
    pub class: String,
    /// Requests that may be in flight, as the store takes them.
    pub limit: u32,
    /// Requests in flight now.
    pub requests_in_flight_now: u32,
    /// Calls that wait for their turn now.
    pub calls_waiting_now: u64,
    /// Objects a second that were answered, over the last ten seconds.
    pub objects_per_second: f64,
    /// Objects a second that may begin, where the store asked to slow down.
    #[schema(required)]
    pub pace: Option<f64>,
    /// Half of the latest answers took no longer, in milliseconds.
    pub latency_p50_ms: f64,
    /// Of a hundred of the latest answers, 99 took no longer, in milliseconds.
    pub latency_p99_ms: f64,
    /// Why the limit last moved: `start`, `more answers`, `no more answers`, `slow down` or `failures`.
    #[schema(example = "more answers")]
    pub moved_because: String,
}

/// A window that holds now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WindowState {
    /// When it begins on its days.
    #[schema(example = "22:00")]
    pub from: String,
    /// When it ends.
    #[schema(example = "06:00")]
    pub to: String,
    /// Where a clock on the wall shows these times.
    #[schema(example = "Europe/Berlin")]
    pub time_zone: String,
    /// Until when it holds; null when it does not end.
    #[schema(required, format = DateTime)]
    pub until: Option<String>,
    /// What it allows at most.
    pub limits: Limits,
}

/// How the other users of an endpoint are protected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProtectionState {
    /// What others shall wait at most, in milliseconds.
    pub protect_latency_ms: f64,
    /// The bucket whose head is asked for; null for a key that may not list endpoints.
    #[schema(required)]
    pub bucket: Option<String>,
    /// The median of the latest probes, in milliseconds; null before there were any.
    #[schema(required)]
    pub probe_p50_ms: Option<f64>,
    /// Our requests in flight at most; null while nothing had to fall.
    #[schema(required)]
    pub requests_in_flight: Option<u32>,
}

/// An endpoint: what is set for it and what goes on there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EndpointState {
    /// Its name in the configuration.
    pub endpoint: String,
    /// Whether an operator stopped it.
    #[schema(required)]
    pub stopped: Option<StoppedSince>,
    /// Whether it answers, as far as the calls of jobs tell.
    pub is_up: bool,
    /// For what calls to it wait: an operator's start, or that it answers again; null while they do not.
    #[serde(default)]
    #[schema(required)]
    pub waiting: Option<WaitState>,
    /// What the configuration allows at most.
    pub configured: HardCaps,
    /// Limits that an operator set.
    pub limits: Limits,
    /// The windows of the configuration that hold now: the least of all counts.
    pub windows: Vec<WindowState>,
    /// How others are protected; null where that is not configured.
    #[schema(required)]
    pub protection: Option<ProtectionState>,
    /// Requests in flight now.
    pub requests_in_flight_now: u32,
    /// Calls that wait for their turn now.
    pub calls_waiting_now: u64,
    /// What is asked of each bucket by each class of calls; nothing, for a key that may not list endpoints.
    pub lanes: Vec<LaneState>,
    /// When it was last probed; null when never.
    #[schema(required, format = DateTime)]
    pub probed: Option<String>,
    /// What it can do, by names of capabilities: as probed, else as its kind is known.
    pub proved: Vec<String>,
    /// What it cannot do.
    pub lacks: Vec<String>,
    /// What nothing is known of: it is not relied on.
    pub unproven: Vec<String>,
}

/// All endpoints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EndpointList {
    /// By name.
    pub endpoints: Vec<EndpointState>,
}
